//! `link` and `unlink`: a checkout of the user's in place of a dependency, and the way back.

use std::fs;
use std::path::{Component, Path, PathBuf};

use manifest::{Applied, LOCAL_FILE_NAME, Local};
use repositories::WorkingCopy;
use source::{Problem, Problems};

use crate::Error;
use crate::context::{Context, Target};
use crate::dependencies::{Loaded, load, with_cache};
use crate::dependency_report::{DependencyReport, reports};

/// What is used now.
#[derive(Debug)]
pub struct LinkReport {
    /// Every dependency that is had by git or by a link.
    pub dependencies: Vec<DependencyReport>,
    /// Whether git would commit the file with the links.
    pub would_be_committed: bool,
}

/// Uses a directory in place of a dependency.
pub fn link(context: &Context<'_>, target: &Target, name: &str, directory: &Path) -> Result<LinkReport, Error> {
    let directory = directory.canonicalize().map_err(Error::io("open", directory))?;
    let Loaded { tree, problems, dependencies } = load(context, &target.root, None, &Applied::default())?;
    if !dependencies.names.contains(name) && (tree.is_some() || dependencies.names.is_empty()) {
        let known = dependencies.names.into_iter().collect();
        return Err(Error::NoDependency { wanted: name.to_owned(), known });
    }
    // A dependency that cannot be read may be the reason to link another one.
    drop(problems);
    let path = relative(&target.root, &directory);
    change(target, |text| manifest::with_link(text, name, &path))?;
    let linked = load(context, &target.root, None, &Applied::default()).and_then(|loaded| match &loaded.tree {
        Some(_) => Ok(loaded),
        None => Err(Error::Problems(loaded.problems)),
    });
    match linked {
        Ok(loaded) => report(context, target, loaded),
        Err(error) => {
            // Nobody wants to be left with a link that does not work.
            change(target, |text| manifest::without_link(text, name))?;
            Err(error)
        }
    }
}

/// Uses a dependency as it is pinned.
pub fn unlink(context: &Context<'_>, target: &Target, name: &str) -> Result<LinkReport, Error> {
    let mut problems = Problems::new();
    let local = Local::read(&target.root, &mut problems);
    if problems.has_errors() {
        return Err(Error::Problems(problems));
    }
    if !local.link.contains_key(name) {
        let known = local.link.keys().cloned().collect();
        return Err(Error::NoDependency { wanted: name.to_owned(), known });
    }
    change(target, |text| manifest::without_link(text, name))?;
    let loaded = load(context, &target.root, None, &Applied::default())?;
    report(context, target, loaded)
}

fn report(context: &Context<'_>, target: &Target, loaded: Loaded) -> Result<LinkReport, Error> {
    let tree = loaded.tree.ok_or(Error::Problems(loaded.problems))?;
    let dependencies = reports(context, &tree, &loaded.dependencies)?;
    let would_be_committed = target.root.join(LOCAL_FILE_NAME).exists()
        && with_cache(context, |cache| WorkingCopy::new(cache.settings(), &target.root).would_commit(LOCAL_FILE_NAME))
            .map_err(|source| Error::Repository { place: None, source })?;
    Ok(LinkReport { dependencies, would_be_committed })
}

/// Changes the text of the user's own file; one that says nothing any more is removed.
fn change(target: &Target, change: impl FnOnce(&str) -> Result<String, Problem>) -> Result<(), Error> {
    let path = target.root.join(LOCAL_FILE_NAME);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Error::io("read", &path)(error)),
    };
    let changed = change(&text).map_err(|problem| Error::Problems(problem.into()))?;
    if changed.trim().is_empty() {
        return match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &path)(error)),
            _ => Ok(()),
        };
    }
    let temporary = target.root.join(format!(".{LOCAL_FILE_NAME}.new-{}", std::process::id()));
    let written = fs::write(&temporary, changed).and_then(|()| fs::rename(&temporary, &path));
    written.map_err(Error::io("write", &path))
}

/// A directory as it is seen from the workspace: what lies beside it stays beside it when both are moved.
fn relative(root: &Path, directory: &Path) -> String {
    let common = root.components().zip(directory.components()).take_while(|(one, other)| one == other).count();
    let up = root.components().count() - common;
    if common <= 1 || up > 2 {
        return directory.display().to_string();
    }
    let up = std::iter::repeat_n(Component::ParentDir, up);
    let path: PathBuf = up.chain(directory.components().skip(common)).collect();
    let path = path.display().to_string();
    if path.starts_with("..") { path } else { format!("./{path}") }
}
