//! Which dependency is in use, and how far it is from the lock.

use manifest::WorkspaceTree;
use repositories::{Distance, WorkingCopy};

use crate::Error;
use crate::context::Context;
use crate::dependencies::{Dependencies, Found, Way, with_cache};

/// A dependency that is had by git or by a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DependencyReport {
    /// The name of the workspace.
    pub name: String,
    /// Where it is used.
    pub directory: std::path::PathBuf,
    /// The address of its repository, with the path in it; nothing for a link in place of a path.
    pub repository: Option<String>,
    /// The branch, tag or commit that is wanted.
    pub reference: Option<String>,
    /// What the lock pins it to.
    pub locked: Option<String>,
    /// Whether a checkout of the user's is used: one that is linked, or the root workspace's own.
    pub is_linked: bool,
    /// How far that is from the lock; nothing for what is used as it is locked, and what is no checkout of git.
    pub distance: Option<Distance>,
}

impl DependencyReport {
    /// What is in use, in words.
    pub fn words(&self) -> String {
        let digits = |id: &str| id.chars().take(10).collect::<String>();
        let locked = self.locked.as_deref().map(digits);
        if !self.is_linked {
            return locked.map_or_else(|| "not locked".to_owned(), |locked| format!("locked at {locked}"));
        }
        let Some(distance) = &self.distance else { return "linked; not a checkout of git".to_owned() };
        let place = distance.branch.clone().unwrap_or_else(|| distance.commit.short().to_owned());
        let mut parts = vec![format!("linked, at {place}")];
        match (&locked, distance.counts) {
            (None, _) => {}
            (Some(_), Some((0, 0))) => parts.push("as locked".to_owned()),
            (Some(locked), Some((ahead, behind))) => {
                parts.extend((ahead > 0).then(|| format!("{ahead} ahead of {locked}")));
                parts.extend((behind > 0).then(|| format!("{behind} behind {locked}")));
            }
            (Some(locked), None) => parts.push(format!("without the locked {locked}")),
        }
        match distance.changed {
            0 => {}
            1 => parts.push("1 changed file".to_owned()),
            changed => parts.push(format!("{changed} changed files")),
        }
        parts.join(", ")
    }
}

/// All that are had by git or by a link, in the order of the tree.
pub(crate) fn reports(
    context: &Context<'_>,
    tree: &WorkspaceTree,
    dependencies: &Dependencies,
) -> Result<Vec<DependencyReport>, Error> {
    let mut reports = Vec::new();
    for (id, workspace) in tree.iter() {
        let found = dependencies.found.iter().find(|found| found.directory == workspace.directory);
        if let Some(found) = found.filter(|_| id != tree.root) {
            reports.push(report(context, workspace.manifest.name.as_str(), found, dependencies)?);
        }
    }
    Ok(reports)
}

fn report(
    context: &Context<'_>,
    name: &str,
    found: &Found,
    dependencies: &Dependencies,
) -> Result<DependencyReport, Error> {
    let pinned = found.repository.as_ref().and_then(|(identity, _)| dependencies.now.repositories.get(identity));
    let repository = found.repository.as_ref().map(|(identity, path)| {
        let address = pinned.map_or(identity.as_str(), |pinned| pinned.address.as_str());
        if path == "." { address.to_owned() } else { format!("{address} {path}") }
    });
    let is_linked = found.way != Way::Locked;
    let locked = pinned.map(|pinned| &pinned.commit);
    let distance = if is_linked {
        let look = with_cache(context, |cache| WorkingCopy::new(cache.settings(), &found.directory).distance(locked));
        look.map_err(|source| Error::Repository { place: None, source })?
    } else {
        None
    };
    Ok(DependencyReport {
        name: name.to_owned(),
        directory: found.directory.clone(),
        repository,
        reference: pinned.and_then(|pinned| pinned.reference.clone()),
        locked: locked.map(ToString::to_string),
        is_linked,
        distance,
    })
}
