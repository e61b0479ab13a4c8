//! Tags, and snapshots that are forgotten.

use std::collections::BTreeSet;
use std::fs;

use crate::snapshot::check_new_tag;
use crate::{Changes, Context, Error, Role, Workspace, contents};

/// Gives a snapshot another tag beside those that it has. `moving`: also one that names another snapshot.
pub fn tag(
    context: &Context<'_>,
    workspace: &Workspace,
    snapshot: &str,
    tag: &str,
    moving: bool,
) -> Result<String, Error> {
    let _lock = workspace.begin(context)?;
    let metadata = workspace.metadata();
    let hash = metadata.resolve(snapshot)?;
    let mut changes = Changes::new(workspace.root());
    match metadata.tagged(tag)? {
        Some(other) if other == hash => return Ok(hash),
        Some(other) if moving => metadata.remove_tag(&mut changes, tag, &other)?,
        _ => check_new_tag(metadata, tag)?,
    }
    metadata.put_tag(&mut changes, tag, &hash, &context.author())?;
    workspace.change_with(context, &format!("Tag {tag}"), &changes, Vec::new(), None)?;
    Ok(hash)
}

/// Takes a tag away; the snapshot stays. Returns its hash.
pub fn untag(context: &Context<'_>, workspace: &Workspace, tag: &str) -> Result<String, Error> {
    let _lock = workspace.begin(context)?;
    let metadata = workspace.metadata();
    let Some(hash) = metadata.tagged(tag)? else {
        let known = metadata.tags()?.into_keys().collect();
        return Err(Error::Unknown { what: "tag", wanted: tag.to_owned(), known });
    };
    let mut changes = Changes::new(workspace.root());
    metadata.remove_tag(&mut changes, tag, &hash)?;
    workspace.change_with(context, &format!("Remove the tag {tag}"), &changes, Vec::new(), None)?;
    Ok(hash)
}

/// Forgets snapshots; `results`: also the directories to which their results were moved. Returns their hashes. What they kept in
/// the store is freed by its next collection.
pub fn delete_snapshots(
    context: &Context<'_>,
    workspace: &Workspace,
    snapshots: &[String],
    results: bool,
) -> Result<Vec<String>, Error> {
    let _lock = workspace.begin(context)?;
    let metadata = workspace.metadata();
    let hashes = snapshots.iter().map(|name| metadata.resolve(name)).collect::<Result<BTreeSet<_>, _>>()?;
    for (branch, hash) in metadata.branches()? {
        if hashes.contains(&hash) {
            let problem = format!("the branch '{branch}' leads to the snapshot {hash}");
            return Err(Error::refused(problem, format!("`seedbed branch --delete {branch}` removes the branch")));
        }
    }
    let mut changes = Changes::new(workspace.root());
    let mut directories = BTreeSet::new();
    for hash in &hashes {
        let takings = metadata.takings_of(hash)?;
        directories.extend(takings.into_iter().filter_map(|taking| taking.results));
        metadata.remove_snapshot(&mut changes, hash)?;
    }
    let mut paths = Vec::new();
    if results {
        for resource in metadata.resources()?.iter().filter(|resource| resource.role == Role::Results) {
            let Some(directory) = resource.directory(workspace.root()) else { continue };
            for place in directories.iter().filter(|place| !place.is_empty()) {
                let place = directory.join(place);
                if place.is_dir() {
                    fs::remove_dir_all(&place).map_err(Error::io("remove", &place))?;
                }
            }
            if resource.kind == crate::git_subdirectory::KIND {
                paths.extend(resource.text(crate::resource::PATH).map(str::to_owned));
            }
        }
    }
    let current = workspace.current()?;
    let is_gone = current.snapshot.as_ref().is_some_and(|snapshot| hashes.contains(snapshot));
    let current = is_gone.then_some(crate::workspace::Current { snapshot: None, ..current });
    let command = format!("Delete {}", snapshots.join(", "));
    workspace.change_with(context, &command, &changes, paths, current)?;
    let store = workspace.store(context)?;
    for hash in &hashes {
        store.delete_reference(&contents::reference(hash))?;
    }
    Ok(hashes.into_iter().collect())
}
