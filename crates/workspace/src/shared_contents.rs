//! Contents go to the store where they are shared, and come from there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use store::{CreateOptions, Expect, ObjectId, Store};

use crate::contents::REMOTE;
use crate::{Context, Error, Workspace};

/// What keeps a content where it is shared, by the hash that resources have of it.
const SHARED: &str = "workspaces/contents/";

/// What was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SentContents {
    /// Where to.
    pub place: String,
    /// Contents that are there now and were not before.
    pub contents: usize,
    /// Bytes that the store there became larger by.
    pub bytes: u64,
}

/// Contents of all snapshots that are here: the hash and the root, by the resources that have them.
pub fn present(
    workspace: &Workspace,
    context: &Context<'_>,
    names: &BTreeSet<String>,
) -> Result<BTreeMap<String, BTreeMap<String, ObjectId>>, Error> {
    let metadata = workspace.metadata();
    let mut all: BTreeMap<String, BTreeMap<String, ObjectId>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for snapshot in metadata.snapshots()? {
        for entry in metadata.manifest(&snapshot)?.entries {
            let Some(hash) = entry.hash.filter(|_| names.contains(&entry.name)) else { continue };
            if !seen.insert((entry.name.clone(), hash.clone())) {
                continue;
            }
            // What another has taken and not sent yet is not here.
            if let Some(root) = metadata.content(&hash)?
                && workspace.store(context)?.contains(&root)?
            {
                all.entry(entry.name).or_default().insert(hash, root);
            }
        }
    }
    Ok(all)
}

/// The store where contents are shared; made when it is not there. `None` when no place is named.
pub fn open_or_create(workspace: &Workspace, context: &Context<'_>) -> Result<Option<Store>, Error> {
    let Some(address) = crate::contents::address(workspace)? else { return Ok(None) };
    let failed =
        |source| Error::World { resource: REMOTE.to_owned(), problem: format!("cannot use {address}"), source };
    let backend = context.world.open_remote(&address).map_err(failed)?;
    let cache = workspace.remote_cache();
    Ok(Some(Store::open_or_create(backend, &cache, &context.identities, &CreateOptions::default())?))
}

/// Sends contents that are not there yet.
pub fn send(
    workspace: &Workspace,
    context: &Context<'_>,
    there: &Store,
    contents: &BTreeMap<String, BTreeMap<String, ObjectId>>,
) -> Result<SentContents, Error> {
    let known: BTreeSet<String> = there.references(SHARED)?.into_iter().collect();
    let missing: BTreeMap<String, ObjectId> = contents
        .values()
        .flatten()
        .map(|(hash, root)| (format!("{SHARED}{hash}"), *root))
        .filter(|(name, _)| !known.contains(name))
        .collect();
    let mut sent = SentContents { place: there.place(), ..SentContents::default() };
    if missing.is_empty() {
        return Ok(sent);
    }
    let roots: Vec<ObjectId> = missing.values().copied().collect();
    let told = |progress: store::Progress| context.world.files("contents", progress.objects, progress.bytes);
    let transferred = store::transfer(workspace.store(context)?, there, &roots, &told)?;
    sent.bytes = transferred.stored_bytes;
    for (name, root) in missing {
        let value = json!({ "seedbed_workspace_content": 1 });
        match there.put_reference(&name, &[root], &value, &Expect::Absent, &transferred.session) {
            Ok(_) => sent.contents += 1,
            // Somebody else has sent the same at the same time.
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(sent)
}
