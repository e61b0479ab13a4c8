//! `dws snapshot`, `restore`, `delete-snapshot` and `diff`

use std::collections::BTreeSet;

use workspace::{Manifest, RestoreOptions, Role, SnapshotOptions, Taking, Workspace};

use super::arguments::{DeleteSnapshotArguments, DiffArguments, RestoreArguments, SnapshotArguments};
use super::ask::{confirm, proceed};
use super::failure::{Stop, is_hash};
use super::{Face, complain, say};

/// What is known of a snapshot: its hash, and what was said when it was taken last.
struct Known {
    hash: String,
    taking: Option<Taking>,
    tags: Vec<String>,
}

fn find(workspace: &Workspace, wanted: &str) -> Result<Known, Stop> {
    let metadata = workspace.metadata();
    let hash = metadata.resolve(wanted)?;
    let taking = metadata.takings_of(&hash)?.into_iter().next();
    let tags = taking.as_ref().map(|taking| taking.tags.clone()).unwrap_or_default();
    Ok(Known { hash, taking, tags })
}

pub fn take(face: &Face<'_>, arguments: &SnapshotArguments) -> Result<(), Stop> {
    let workspace = face.workspace()?;
    let tag = arguments.tag.as_deref();
    if let Some(tag) = tag.filter(|tag| is_hash(tag)) {
        return Err(Stop::said(format!("Tag '{tag}' looks like a git hash. Please pick something else.")));
    }
    let mut moved = None;
    if let Some(tag) = tag
        && let Some(hash) = workspace.metadata().tagged(tag)?
    {
        let taken = workspace.metadata().takings_of(&hash)?.into_iter().next().map(|taking| taking.time);
        let text = format!("Tag '{tag}' already exists for snapshot {hash} taken {}", taken.unwrap_or_default());
        if face.is_batch {
            return Err(Stop::said(text));
        }
        if !confirm(&format!("{text}. Remove this tag so we can add it to the new snapshot?"))? {
            return Err(Stop::NotPositive);
        }
        moved = Some(hash);
    }
    for resource in workspace.metadata().resources()? {
        say(format!("[snapshot] Taking snapshot of resource {}", resource.name));
    }
    let message = message(face, &workspace, arguments)?;
    if let (Some(tag), Some(_)) = (tag, &moved) {
        workspace::untag(&face.context, &workspace, tag)?;
    }
    let options = SnapshotOptions { tag, message };
    let taken = workspace::snapshot(&face.context, &workspace, &options);
    if let (Err(_), Some(tag), Some(hash)) = (&taken, tag, &moved) {
        // Nothing was taken, so that nothing has moved.
        workspace::tag(&face.context, &workspace, hash, tag, false)?;
    }
    let taken = taken?;
    say("[shapshot] all resources snapshotted successfully.");
    let hash = &taken.taking.snapshot;
    if taken.known {
        say(format!("Snapshot {hash} already exists, updating metadata..."));
    }
    let tagged = tag.map_or_else(String::new, |tag| format!("tagged with '{tag}', "));
    say(format!("Have successfully taken snapshot of workspace, {tagged}hash is {hash}."));
    Ok(())
}

/// The message for the snapshot. Where the state is that of the last one, there must be something new to say, and what was said
/// before is only replaced when the user wants it.
fn message<'a>(face: &Face<'_>, workspace: &Workspace, arguments: &'a SnapshotArguments) -> Result<&'a str, Stop> {
    let said = arguments.message.as_str();
    if arguments.tag.is_some() && said.is_empty() {
        return Ok(said);
    }
    let status = workspace::status(&face.context, workspace)?;
    let Some(last) = status.since.as_ref().filter(|_| !status.is_changed()) else { return Ok(said) };
    if arguments.tag.is_none() && last.tags.is_empty() && last.message == said {
        return Err(Stop::said("No differences from previous snapshot, doing nothing."));
    }
    if said.is_empty() || last.message == said {
        return Ok(said);
    }
    if face.is_batch {
        return Ok("");
    }
    let question = format!(
        "A snapshot with this hash already exists. Do you want to update the message from '{}' to '{said}'?",
        last.message
    );
    Ok(if confirm(&question)? { said } else { "" })
}

/// Names with commas between.
pub fn names(said: Option<&str>) -> Option<Vec<String>> {
    said.map(|said| said.split(',').map(str::to_owned).collect())
}

pub fn restore(face: &Face<'_>, arguments: &RestoreArguments) -> Result<(), Stop> {
    if arguments.only.is_some() && arguments.leave.is_some() {
        return Err(face.refuse("Please specify either --only or --leave, but not both"));
    }
    let workspace = face.workspace()?;
    let known = find(&workspace, &arguments.snapshot)?;
    let chosen = choose(&workspace, &known, arguments)?;
    if chosen.is_empty() {
        say("No resources to restore.");
        return Ok(());
    }
    let tags = if known.tags.is_empty() { String::new() } else { format!(" ({})", known.tags.join(",")) };
    say(format!("Restoring snapshot {}{tags}", known.hash));
    let list = |names: &[String]| if names.is_empty() { "None".to_owned() } else { names.join(", ") };
    say(format!("  Resources to restore: {}", list(&chosen)));
    let all: BTreeSet<String> = workspace.metadata().resources()?.into_iter().map(|resource| resource.name).collect();
    let left: Vec<String> = all.into_iter().filter(|name| !chosen.contains(name)).collect();
    say(format!("  Resources to leave: {}", list(&left)));
    if !face.is_batch && !proceed("Should I perform this restore?")? {
        return Err(Stop::NotPositive);
    }
    let options = RestoreOptions { snapshot: &known.hash, only: &chosen, ..RestoreOptions::default() };
    workspace::restore(&face.context, &workspace, &options)?;
    Ok(())
}

/// Which resources are restored, in their order; says why the others are not.
fn choose(workspace: &Workspace, known: &Known, arguments: &RestoreArguments) -> Result<Vec<String>, Stop> {
    let metadata = workspace.metadata();
    let resources = metadata.resources()?;
    let manifest = metadata.manifest(&known.hash)?;
    let held: BTreeSet<String> = manifest.entries.iter().map(|entry| entry.name.clone()).collect();
    let current: BTreeSet<String> = resources.iter().map(|resource| resource.name.clone()).collect();
    let all: BTreeSet<String> = held.union(&current).cloned().collect();
    let is_strict = arguments.strict || arguments.only.is_some();
    let (only, leave) = (names(arguments.only.as_deref()), names(arguments.leave.as_deref()));
    let mut wanted: BTreeSet<String> = match (only, leave) {
        (Some(only), _) => only.into_iter().collect(),
        (_, Some(leave)) => all.iter().filter(|name| !leave.contains(name)).cloned().collect(),
        _ => all.clone(),
    };
    if let Some(name) = wanted.iter().find(|name| !all.contains(*name)) {
        return Err(Stop::said(format!("A resource by the name '{name}' does not exist in this workspace")));
    }
    let listed = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
    let results: BTreeSet<String> = resources
        .iter()
        .filter(|resource| resource.role == Role::Results && wanted.contains(&resource.name))
        .map(|resource| resource.name.clone())
        .collect();
    if !results.is_empty() {
        let results_named = listed(&results);
        if is_strict {
            return Err(Stop::said(format!(
                "Restore set contains result resources, which cannot be restored. The following are result resources: {results_named}"
            )));
        }
        say(format!(
            "Skipping the restore of the following result resources, which are left in their latest state: {results_named}"
        ));
        wanted.retain(|name| !results.contains(name));
    }
    let removed: BTreeSet<String> = wanted.difference(&current).cloned().collect();
    if !removed.is_empty() {
        if is_strict {
            return Err(Stop::said(format!(
                "Resources have been removed from workspace or have no restore hash and strict mode is enabled. Removed resources: {}",
                listed(&removed)
            )));
        }
        complain(format!(
            "Skipping restore of resources that have been removed from workspace or have no restore hash: {}",
            listed(&removed)
        ));
    }
    let added: BTreeSet<String> = wanted.difference(&held).cloned().collect();
    if !added.is_empty() {
        if is_strict {
            return Err(Stop::said(format!(
                "Resources have been added to workspace since restore, and strict mode enabled. Added resources: {}",
                listed(&added)
            )));
        }
        complain(format!(
            "Resources have been added to workspace since restore, will leave them as-is: {}",
            listed(&added)
        ));
    }
    let stays = |name: &String| wanted.contains(name) && held.contains(name);
    let chosen = resources.into_iter().map(|resource| resource.name).filter(stays).collect::<Vec<_>>();
    without_content(workspace, known, &manifest, chosen, is_strict)
}

/// Resources of which only digests were noted cannot come back: that is said, where dws said nothing.
fn without_content(
    workspace: &Workspace,
    known: &Known,
    manifest: &Manifest,
    chosen: Vec<String>,
    is_strict: bool,
) -> Result<Vec<String>, Stop> {
    let metadata = workspace.metadata();
    let mut kept = Vec::new();
    let mut missing = Vec::new();
    for name in chosen {
        let resource = metadata.resource(&name)?;
        let has_commit = known.taking.as_ref().is_some_and(|taking| matches!(taking.commits.get(&name), Some(Some(_))));
        let hash = manifest.entry(&name).and_then(|entry| entry.hash.clone());
        let has_content = hash.map(|hash| metadata.content(&hash)).transpose()?.flatten().is_some();
        if has_commit || has_content || resource.kind.starts_with("git") {
            kept.push(name);
        } else {
            missing.push(name);
        }
    }
    if missing.is_empty() {
        return Ok(kept);
    }
    if is_strict {
        return Err(Stop::said(format!("The snapshot has only digests of: {}", missing.join(", "))));
    }
    complain(format!(
        "The snapshot has only digests of these resources, and leaves them as they are: {}",
        missing.join(", ")
    ));
    Ok(kept)
}

pub fn delete(face: &Face<'_>, arguments: &DeleteSnapshotArguments) -> Result<(), Stop> {
    let workspace = face.workspace()?;
    let known = find(&workspace, &arguments.snapshot)?;
    let shown = format!("{} (Tagged as: {})", &known.hash[..7], known.tags.join(", "));
    if !face.is_batch && !confirm(&format!("Should I delete snapshot {shown}? This is not reversible."))? {
        return Err(Stop::NotPositive);
    }
    workspace::delete_snapshots(
        &face.context,
        &workspace,
        std::slice::from_ref(&known.hash),
        !arguments.no_include_resources,
    )?;
    say(format!("Successfully deleted snapshot {shown}."));
    Ok(())
}

pub fn diff(face: &Face<'_>, arguments: &DiffArguments) -> Result<(), Stop> {
    let workspace = face.workspace()?;
    let metadata = workspace.metadata();
    let (from, to) = (find(&workspace, &arguments.from)?, find(&workspace, &arguments.to)?);
    let (before, after) = (metadata.manifest(&from.hash)?, metadata.manifest(&to.hash)?);
    let shown = |known: &Known| match known.tags.as_slice() {
        [] => known.hash.clone(),
        tags => format!("{}, tags {}", known.hash, tags.join(",")),
    };
    say(format!("Comparing:\n    Snapshot {} to\n    Snapshot {}", shown(&from), shown(&to)));
    let (mut same, mut different, mut removed) = (Vec::new(), Vec::new(), Vec::new());
    for entry in &before.entries {
        match after.entry(&entry.name) {
            None => removed.push(&entry.name),
            Some(other) if other.hash == entry.hash => same.push(&entry.name),
            Some(_) => different.push(&entry.name),
        }
    }
    let added =
        after.entries.iter().filter(|entry| before.entry(&entry.name).is_none()).map(|entry| &entry.name).collect();
    for (title, names) in [
        ("Resources with the same value", same),
        ("Resources with different values", different),
        ("Added resources", added),
        ("Removed resources", removed),
    ] {
        if names.is_empty() {
            say(format!("  {title}: None"));
            continue;
        }
        say(format!("  {title}:"));
        for name in names {
            say(format!("    {name}"));
        }
    }
    Ok(())
}
