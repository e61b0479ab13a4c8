//! `repositories`: what was fetched of dependencies and is kept for all workspaces of the user, and what of it goes.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use repositories::Limits;

use crate::Error;
use crate::context::Context;
use crate::dependencies::with_cache;

/// The files of a commit that are kept.
#[derive(Debug, PartialEq, Eq)]
pub struct CachedRepository {
    /// The address of the repository.
    pub address: String,
    /// The commit.
    pub commit: String,
    /// Where the files are.
    pub directory: PathBuf,
    /// How much space they take, in bytes.
    pub bytes: u64,
    /// For how long nobody has looked them up.
    pub unused: Duration,
    /// Whether a process works in them.
    pub is_in_use: bool,
}

/// What may stay when the cache is cleaned.
#[derive(Debug, Clone, Copy, Default)]
pub struct CacheLimits {
    /// What was looked up within this time.
    pub unused: Option<Duration>,
    /// So many bytes, of what was used last.
    pub bytes: Option<u64>,
}

/// Lists what was fetched, what was used last first.
pub fn cached_repositories(context: &Context<'_>) -> Result<Vec<CachedRepository>, Error> {
    let listed = with_cache(context, |cache| cache.list().map_err(failed))?;
    Ok(listed.into_iter().map(|cached| report(context, cached)).collect())
}

/// Removes what is beyond the limits and no process works in; gives what that was. It is fetched again when it is needed.
pub fn clean_repositories(context: &Context<'_>, limits: &CacheLimits) -> Result<Vec<CachedRepository>, Error> {
    let used_since = limits.unused.map(|unused| (context.now)().checked_sub(unused).unwrap_or(SystemTime::UNIX_EPOCH));
    let limits = Limits { used_since, bytes: limits.bytes };
    let gone = with_cache(context, |cache| cache.clean(&limits, &runtime::works_in)).map_err(failed)?;
    Ok(gone.into_iter().map(|cached| report(context, cached)).collect())
}

fn failed(source: repositories::RepositoryError) -> Error {
    Error::Repository { place: None, source }
}

fn report(context: &Context<'_>, cached: repositories::Cached) -> CachedRepository {
    CachedRepository {
        address: cached.address,
        commit: cached.commit.to_string(),
        bytes: cached.bytes,
        unused: (context.now)().duration_since(cached.used).unwrap_or_default(),
        is_in_use: runtime::works_in(&cached.directory),
        directory: cached.directory,
    }
}
