//! Resources in snapshots: directories of files, saved and brought back.

use std::fs;
use std::path::PathBuf;

use plan::{ResourceId, ResourceModel};
use serde_json::json;
use store::{Content, Expect, ObjectId, ObjectWriter, Store, Written};
use tree::{RestoreOptions, Rules, Saved};

use crate::context::{Context, Target};
use crate::library::existing_store;
use crate::material::{Draft, Source};
use crate::session::Session;
use crate::{Error, Progress};

/// The kind of a content that is a directory of files.
pub(crate) const FILES: &str = "files";

/// Writes a resource to the snapshot being taken.
pub(crate) fn save(session: &Session<'_>, id: &ResourceId, draft: &Draft<'_>) -> Result<(), Error> {
    let resource = &session.model.resources[id];
    let saved = save_to(session, resource, draft.writer(), draft.allow_holes)?;
    let holes = saved.holes.iter().map(|hole| hole_in(id, hole)).collect();
    let kind = FILES.to_owned();
    let content = Content {
        name: id.to_string(),
        kind: kind.clone(),
        form: kind,
        fingerprint: saved.content,
        root: saved.root,
        bytes: saved.bytes,
        notes: std::collections::BTreeMap::new(),
    };
    draft.add(content, holes);
    Ok(())
}

/// What is not in a snapshot, and why, in words.
fn hole_in(id: &ResourceId, hole: &tree::Hole) -> String {
    let detail = if hole.detail.is_empty() { String::new() } else { format!(": {}", hole.detail) };
    format!("{id}: {} {}{detail}", hole.path.display(), hole.why.as_str())
}

/// Writes a resource as it is now to the store; nothing names it when the result is dropped.
pub(crate) fn save_present(session: &Session<'_>, id: &ResourceId) -> Result<(Saved, Written), Error> {
    let writer = session.store()?.writer()?;
    let saved = save_to(session, &session.model.resources[id], &writer, true)?;
    Ok((saved, writer.finish()?))
}

fn save_to(
    session: &Session<'_>,
    resource: &ResourceModel,
    writer: &dyn ObjectWriter,
    allow_holes: bool,
) -> Result<Saved, Error> {
    let directory = &resource.directory;
    fs::create_dir_all(directory).map_err(Error::io("create", directory))?;
    let rules = Rules { exclude: patterns(resource), allow_holes, ..Rules::default() };
    let monitor = session.context.monitor;
    let name = resource.id.to_string();
    let progress = |progress: tree::Progress| {
        monitor.on(Progress::Files { resource: &name, entries: progress.entries, bytes: progress.bytes });
        session.context.interrupt.flow()
    };
    tree::save(directory, &rules, &stat_cache(session, &resource.id)?, writer, &progress).map_err(Error::tree)
}

/// In a manifest a glob without a slash is for names at any depth.
fn patterns(resource: &ResourceModel) -> Vec<String> {
    let pattern =
        |glob: &String| if glob.contains('/') { vec![glob.clone()] } else { vec![glob.clone(), format!("**/{glob}")] };
    resource.exclude.iter().flat_map(pattern).collect()
}

/// Where it is remembered what the files of a resource contain, so that what has not changed is not read.
fn stat_cache(session: &Session<'_>, id: &ResourceId) -> Result<PathBuf, Error> {
    let directory = session.place.directory().join("stat").join(&id.workspace);
    fs::create_dir_all(&directory).map_err(Error::io("create", &directory))?;
    Ok(directory.join(&id.name))
}

/// Brings a resource back from a snapshot. What it is now goes to the store first.
pub(crate) fn restore(session: &Session<'_>, id: &ResourceId, source: &Source<'_>) -> Result<(), Error> {
    let name = id.to_string();
    let content = source.snapshot.contents.iter().find(|content| content.name == name && content.kind == FILES);
    let content = content.ok_or_else(|| Error::OtherDatabases { missing: vec![name] })?;
    put(session, id, &content.root, source.store)
}

/// The resource and what was put aside change places.
pub(crate) fn swap_back(session: &Session<'_>, id: &ResourceId) -> Result<(), Error> {
    let undo = session.record().undo;
    let object = undo.and_then(|undo| undo.resources.get(&id.to_string()).cloned());
    let object = object.and_then(|object| object.parse().ok());
    let object: ObjectId = object.expect("it is planned for resources of which something was put aside");
    put(session, id, &object, session.store()?)
}

fn put(session: &Session<'_>, id: &ResourceId, root: &ObjectId, store: &Store) -> Result<(), Error> {
    let resource = &session.model.resources[id];
    let own = session.store()?;
    let writer = own.writer()?;
    let saved = save_to(session, resource, &writer, false)?;
    let written = writer.finish()?;
    // What is about to be replaced is named, and beside it what `undo` would bring back if this command did not succeed.
    let name = reference(session, id);
    let before = own.reference::<serde_json::Value>(&name)?;
    let undo = session.record().undo.and_then(|undo| undo.resources.get(&id.to_string())?.parse().ok());
    let named: Vec<ObjectId> = undo.into_iter().chain([saved.root]).collect();
    let expect = before.as_ref().map_or(Expect::Absent, |before| Expect::Version(before.version.clone()));
    own.put_reference(&name, &named, &json!({ "seedbed_aside": 1 }), &expect, &written.session)?;
    drop(written);
    session.journal.replace_files(id, saved.root.to_string())?;
    bring(session, resource, root, store)
}

fn bring(session: &Session<'_>, resource: &ResourceModel, root: &ObjectId, store: &Store) -> Result<(), Error> {
    // What is written is on the disk when it is settled; whoever restores sees to that, without being waited for.
    let options = RestoreOptions {
        leave: patterns(resource),
        owners: session.context.is_root,
        sync: false,
        ..RestoreOptions::default()
    };
    let monitor = session.context.monitor;
    let name = resource.id.to_string();
    let progress = |progress: tree::Progress| {
        monitor.on(Progress::Files { resource: &name, entries: progress.entries, bytes: progress.bytes });
        session.context.interrupt.flow()
    };
    let cache = stat_cache(session, &resource.id)?;
    let restored = tree::restore(root, &resource.directory, &cache, store, &options, &progress).map_err(Error::tree)?;
    if let Some(first) = restored.refused.first() {
        let text = format!(
            "{name}: owners or attributes could not be set, of {first} and {} more",
            restored.refused.len() - 1
        );
        monitor.on(Progress::Note(text));
    }
    Ok(())
}

/// Sees to it that what restores have written is on the disk.
pub(crate) fn settle(session: &Session<'_>) -> Result<(), Error> {
    for resource in session.model.resources.values() {
        tree::settle(&resource.directory, &stat_cache(session, &resource.id)?).map_err(Error::tree)?;
    }
    Ok(())
}

/// Brings resources again of which the machine may have lost what was written: it ended before that was settled.
pub(crate) fn repeat_interrupted(session: &Session<'_>) -> Result<(), Error> {
    for resource in session.model.resources.values() {
        let cache = session.place.directory().join("stat").join(&resource.id.workspace).join(&resource.id.name);
        if let Some(root) = tree::interrupted(&cache) {
            let text =
                format!("the machine ended before the files of {} were on the disk; restoring them again", resource.id);
            session.context.monitor.on(Progress::Note(text));
            bring(session, resource, &root, session.store()?)?;
            tree::settle(&resource.directory, &cache).map_err(Error::tree)?;
        }
    }
    Ok(())
}

/// Brings resources back that a command had begun to replace.
pub(crate) fn recover(session: &Session<'_>) -> Result<(), Error> {
    for (name, object) in session.journal.contents().resources {
        let resource = session.model.resources.values().find(|resource| resource.id.to_string() == name);
        if let (Some(resource), Ok(object)) = (resource, object.parse()) {
            bring(session, resource, &object, session.store()?)?;
        }
    }
    settle(session)?;
    session.journal.settle_files()
}

/// Lets go of what was put aside of the resources of an environment.
pub(crate) fn forget_aside(context: &Context<'_>, target: &Target) -> Result<(), Error> {
    let Some(store) = existing_store(context, &target.root)? else { return Ok(()) };
    for name in store.references(&format!("aside/{}/", target.name))? {
        store.delete_reference(&name)?;
    }
    Ok(())
}

/// What keeps alive in the store what was put aside of a resource.
fn reference(session: &Session<'_>, id: &ResourceId) -> String {
    format!("aside/{}/{id}", session.target.name)
}
