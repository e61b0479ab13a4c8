//! `update`: what dependencies are pinned to moves, and what that changes is shown.

use std::collections::BTreeMap;

use repositories::{Cache, History, Pinned, RepositoryError};
use source::SourceFile;

use crate::Error;
use crate::context::{Context, Target};
use crate::dependencies::{Dependencies, Loaded, Moving, load_moving, with_cache};

/// What is moved.
#[derive(Debug, Clone, Default)]
pub struct UpdateOptions {
    /// These dependencies; all when none is named.
    pub names: Vec<String>,
    /// Also tags that were moved in their repository.
    pub moved_tags: bool,
    /// Nothing is written.
    pub is_dry: bool,
}

/// What was moved.
#[derive(Debug)]
pub struct UpdateReport {
    /// Repositories that are pinned to something else than before.
    pub changes: Vec<RepositoryChange>,
    /// How many repositories are pinned now.
    pub pinned: usize,
}

/// A repository that is pinned to something else.
#[derive(Debug)]
pub struct RepositoryChange {
    /// Its host and path.
    pub repository: String,
    /// What is wanted of it.
    pub reference: Option<String>,
    /// The commit before; nothing for one that is new.
    pub before: Option<String>,
    /// The commit now; nothing for one that is not needed any more.
    pub now: Option<String>,
    /// What lies between, if both are there.
    pub history: Option<History>,
    /// What is otherwise in its manifests.
    pub differences: Vec<String>,
}

/// Moves what dependencies are pinned to.
pub fn update(context: &Context<'_>, target: &Target, options: &UpdateOptions) -> Result<UpdateReport, Error> {
    let names = (!options.names.is_empty()).then(|| options.names.iter().cloned().collect());
    let moving = Moving::Some { names, moved_tags: options.moved_tags };
    let Loaded { tree, problems, dependencies } =
        load_moving(context, &target.root, None, &manifest::Applied::default(), &moving)?;
    for wanted in &options.names {
        let mut last = dependencies.now.repositories.keys().filter_map(|identity| identity.rsplit('/').next());
        if !dependencies.names.contains(wanted) && !last.any(|last| last == wanted) {
            let known = dependencies.names.iter().cloned().collect();
            return Err(Error::NoDependency { wanted: wanted.clone(), known });
        }
    }
    if tree.is_none() {
        return Err(Error::Problems(problems));
    }
    let changes = with_cache(context, |cache| changes(cache, &dependencies))
        .map_err(|source| Error::Repository { place: None, source })?;
    if !options.is_dry {
        dependencies.write_lock()?;
    }
    Ok(UpdateReport { changes, pinned: dependencies.now.repositories.len() })
}

fn changes(cache: &Cache<'_>, dependencies: &Dependencies) -> Result<Vec<RepositoryChange>, RepositoryError> {
    let nothing = BTreeMap::new();
    let before = dependencies.before.as_ref().map_or(&nothing, |lock| &lock.repositories);
    let now = &dependencies.now.repositories;
    let mut changes = Vec::new();
    for (identity, pinned) in now {
        let known = before.get(identity);
        if known.is_none_or(|known| known.commit != pinned.commit || known.reference != pinned.reference) {
            changes.push(change(cache, identity, known, pinned)?);
        }
    }
    for (identity, pinned) in before.iter().filter(|(identity, _)| !now.contains_key(*identity)) {
        changes.push(RepositoryChange {
            repository: identity.clone(),
            reference: pinned.reference.clone(),
            before: Some(pinned.commit.to_string()),
            now: None,
            history: None,
            differences: Vec::new(),
        });
    }
    Ok(changes)
}

fn change(
    cache: &Cache<'_>,
    identity: &str,
    before: Option<&Pinned>,
    now: &Pinned,
) -> Result<RepositoryChange, RepositoryError> {
    let mut change = RepositoryChange {
        repository: identity.to_owned(),
        reference: now.reference.clone(),
        before: before.map(|before| before.commit.to_string()),
        now: Some(now.commit.to_string()),
        history: None,
        differences: Vec::new(),
    };
    let Some(before) = before.filter(|before| before.commit != now.commit) else { return Ok(change) };
    let repository = cache.repository(&now.address);
    change.history = Some(repository.history(&before.commit, &now.commit)?);
    for path in now.digests.keys() {
        let file = if path == "." { manifest::FILE_NAME.to_owned() } else { format!("{path}/{}", manifest::FILE_NAME) };
        let read = |commit| match repository.read_file(commit, &file) {
            Ok(bytes) => Ok(bytes.map(|bytes| SourceFile::new(&*file, String::from_utf8_lossy(&bytes)))),
            // What was pinned may be gone.
            Err(RepositoryError::NoCommit { .. }) => Ok(None),
            Err(error) => Err(error),
        };
        let empty = || SourceFile::new(&*file, "");
        let (old, new) = (read(&before.commit)?, read(&now.commit)?);
        let lines = manifest::differences(&old.unwrap_or_else(empty), &new.unwrap_or_else(empty));
        let shown = |line: String| if path == "." { line } else { format!("{line} ({path})") };
        change.differences.extend(lines.into_iter().map(shown));
    }
    Ok(change)
}
