//! What is declared, with all that it depends on: linked, locked, or fetched now.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use manifest::{Applied, Local, WorkspaceTree};
use repositories::{Cache, LockFile, Settings};
use source::{Problems, SourceFile};

use crate::context::Context;
use crate::dependency_finder::Finder;
use crate::{Error, Progress};

/// Everything that is declared, and where it lies.
pub(crate) struct Loaded {
    /// Nothing, when there are errors.
    pub(crate) tree: Option<WorkspaceTree>,
    pub(crate) problems: Problems,
    pub(crate) dependencies: Dependencies,
}

/// Where dependencies lie, and what they are pinned to.
#[derive(Debug, Default)]
pub(crate) struct Dependencies {
    root: PathBuf,
    /// What the lock says, if there is one.
    pub(crate) before: Option<LockFile>,
    /// What it should say.
    pub(crate) now: LockFile,
    /// Those that are had by git or by a link, by their directory.
    pub(crate) found: Vec<Found>,
    /// The names of all dependencies that were come upon.
    pub(crate) names: BTreeSet<String>,
}

/// A dependency that is had by git or by a link.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) directory: PathBuf,
    /// The repository, and the path in it; nothing for a link in place of a path.
    pub(crate) repository: Option<(String, String)>,
    pub(crate) way: Way,
}

/// How a dependency is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// At the commit that the lock says.
    Locked,
    /// From a checkout of the user's.
    Linked,
    /// It is the repository of the root workspace.
    Own,
}

/// Which pins are moved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Moving {
    /// None that is there.
    #[default]
    None,
    /// All, or those of these dependencies; a tag that was moved is an error unless that is said to be right.
    Some { names: Option<BTreeSet<String>>, moved_tags: bool },
}

impl Dependencies {
    /// What would have to be written: a line for each repository.
    pub(crate) fn changes(&self) -> Vec<String> {
        let empty = LockFile::default();
        let before = &self.before.as_ref().unwrap_or(&empty).repositories;
        let mut lines = Vec::new();
        for (identity, pinned) in &self.now.repositories {
            match before.get(identity) {
                Some(known) if known == pinned => {}
                Some(known) if known.commit == pinned.commit => lines.push(format!("{identity}: other paths of it")),
                Some(known) => lines.push(format!("{identity}: {} → {}", known.commit.short(), pinned.commit.short())),
                None => lines.push(format!("{identity}: {}", pinned.commit.short())),
            }
        }
        let gone = before.keys().filter(|identity| !self.now.repositories.contains_key(*identity));
        lines.extend(gone.map(|identity| format!("{identity}: not needed")));
        lines
    }

    /// Writes the lock, if it should say something else.
    pub(crate) fn write_lock(&self) -> Result<(), Error> {
        if self.changes().is_empty() {
            return Ok(());
        }
        let path = self.root.join(repositories::FILE_NAME);
        let temporary = self.root.join(format!(".{}.new-{}", repositories::FILE_NAME, std::process::id()));
        let written = fs::write(&temporary, self.now.to_text())
            .and_then(|()| fs::File::open(&temporary)?.sync_all())
            .and_then(|()| fs::rename(&temporary, &path));
        written.map_err(|error| {
            let _ = fs::remove_file(&temporary);
            Error::io("write", &path)(error)
        })
    }
}

/// Works with the cache of repositories.
pub(crate) fn with_cache<T>(context: &Context<'_>, work: impl FnOnce(&Cache<'_>) -> T) -> T {
    with_cache_while(context, &|| context.interrupt.is_raised(), work)
}

fn with_cache_while<T>(
    context: &Context<'_>,
    is_interrupted: &(dyn Fn() -> bool + Sync),
    work: impl FnOnce(&Cache<'_>) -> T,
) -> T {
    let progress = |what: &str| context.monitor.on(Progress::Fetching { what });
    let settings =
        Settings { variables: &context.variables, may_ask: context.may_ask, is_interrupted, progress: &progress };
    work(&Cache::new(context.repositories.clone(), settings))
}

/// Reads everything that is declared; nothing is written but the cache.
pub(crate) fn load(
    context: &Context<'_>,
    root: &Path,
    profile: Option<&str>,
    applied: &Applied,
) -> Result<Loaded, Error> {
    let loaded = load_moving(context, root, profile, applied, &Moving::None)?;
    let changes = loaded.dependencies.changes();
    if context.is_locked && !changes.is_empty() {
        return Err(Error::LockWouldChange(changes));
    }
    Ok(loaded)
}

/// Reads what is declared as far as it is here, for whoever cannot wait.
pub(crate) fn load_cached(context: &Context<'_>, root: &Path, profile: Option<&str>) -> Option<WorkspaceTree> {
    let mut problems = Problems::new();
    let before = read_lock(root).ok()?.unwrap_or_default();
    let local = Local::read(root, &mut problems);
    // What would have to be fetched counts as interrupted.
    with_cache_while(context, &|| true, |cache| {
        let mut finder = Finder::new(cache, context.monitor, root, &local, before, &Moving::None);
        let (tree, _) = manifest::load(root, profile, &context.variables, &local, &Applied::default(), &mut finder);
        tree.filter(|_| finder.finish().is_ok())
    })
}

/// Reads everything that is declared, with pins that move.
pub(crate) fn load_moving(
    context: &Context<'_>,
    root: &Path,
    profile: Option<&str>,
    applied: &Applied,
    moving: &Moving,
) -> Result<Loaded, Error> {
    let mut problems = Problems::new();
    let before = read_lock(root).map_err(Error::Problems)?;
    let local = Local::read(root, &mut problems);
    if problems.has_errors() {
        return Err(Error::Problems(problems));
    }
    with_cache(context, |cache| {
        let mut finder = Finder::new(cache, context.monitor, root, &local, before.clone().unwrap_or_default(), moving);
        let (tree, more) = manifest::load(root, profile, &context.variables, &local, applied, &mut finder);
        problems.extend(more);
        let finished = finder.finish()?;
        problems.extend(finished.problems);
        let tree = tree.filter(|_| !problems.has_errors());
        let dependencies = Dependencies {
            root: root.to_owned(),
            before,
            now: finished.lock,
            found: finished.found,
            names: finished.names,
        };
        Ok(Loaded { tree, problems, dependencies })
    })
}

/// The profile that this person makes environments with.
pub(crate) fn own_profile(root: &Path) -> Result<Option<String>, Error> {
    let mut problems = Problems::new();
    let local = Local::read(root, &mut problems);
    if problems.has_errors() { Err(Error::Problems(problems)) } else { Ok(local.profile) }
}

fn read_lock(root: &Path) -> Result<Option<LockFile>, Problems> {
    let path = root.join(repositories::FILE_NAME);
    if !path.exists() {
        return Ok(None);
    }
    let file = SourceFile::read(&path, repositories::FILE_NAME)?;
    LockFile::parse(&file).map(Some)
}
