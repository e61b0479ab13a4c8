//! A database of the environment beside the workspace: its fingerprint is the hash, and the store has its dump.

use std::collections::BTreeMap;

use serde_json::Value;
use store::{Content, ObjectId, ObjectReader, Record, RecordDetails, Snapshot, SnapshotId, Store, decode_node};

use crate::kind::{Draft, ResourceKind, State, Work};
use crate::status::Change;
use crate::{Error, contents};

/// The kind `database`.
pub struct Database;

/// The word for it.
pub const KIND: &str = "database";

/// Which database: `WORKSPACE/DATABASE`, or its own name where that means one.
const DATABASE: &str = "database";
/// Of which environment.
const ENVIRONMENT: &str = "environment";
/// Under these tags a state passes between the environment and us; one that a killed command left is replaced.
const SAVING: &str = "data-workspace-saving";
const PUTTING: &str = "data-workspace-putting";

impl ResourceKind for Database {
    fn name(&self) -> &'static str {
        KIND
    }

    fn about(&self) -> &'static str {
        "a database of the environment beside the workspace"
    }

    fn check(&self, work: &Work<'_>) -> Result<(), Error> {
        wanted(work).map(drop)
    }

    fn save(&self, work: &Work<'_>, draft: &Draft<'_>) -> Result<State, Error> {
        let name = wanted(work)?;
        if draft.only_looks {
            let problem = "whether it has changed is seen when a snapshot is taken";
            return Err(Error::Resource {
                resource: work.resource.name.clone(),
                problem: problem.to_owned(),
                help: None,
            });
        }
        let store = work.workspace.store(work.context)?;
        let environment = environment(work);
        let mut saved = draft.environments.borrow_mut();
        if !saved.contains_key(environment) {
            // All databases of an environment are saved at one moment.
            saved.insert(environment.to_owned(), save_environment(work, store, environment)?);
        }
        let content = find(work, &saved[environment], name)?.clone();
        let hash = content.fingerprint.clone();
        let details = RecordDetails { tag: SAVING.to_owned(), ..RecordDetails::default() };
        forget(store, SAVING)?;
        let alone = store.commit(store.writer()?, vec![content], details)?;
        // The writer of the draft keeps it until the snapshot does.
        forget(store, SAVING)?;
        Ok(State { hash: Some(hash), content: Some(alone.object), commit: None })
    }

    fn stage(&self, work: &Work<'_>, state: &State) -> Result<bool, Error> {
        contents::bring(work, state)
    }

    fn put(&self, work: &Work<'_>, state: &State) -> Result<(), Error> {
        let Some(object) = &state.content else { return Ok(()) };
        let store = work.workspace.store(work.context)?;
        let record = record_of(work, store, object)?;
        forget(store, PUTTING)?;
        store.put_record(&record, &store.writer()?.finish()?.session)?;
        let restored =
            work.context.world.restore_environment(work.workspace.root(), environment(work), PUTTING, &record.names);
        forget(store, PUTTING)?;
        restored.map_err(|source| failed(work, "cannot be restored", source))
    }

    fn changes(
        &self,
        _work: &Work<'_>,
        _before: &State,
        _after: &State,
        _reader: &dyn ObjectReader,
    ) -> Result<Option<Vec<Change>>, Error> {
        Ok(None)
    }
}

fn wanted<'a>(work: &'a Work<'_>) -> Result<&'a str, Error> {
    work.resource
        .text(DATABASE)
        .ok_or_else(|| Error::resource(&work.resource.name, "it names no `database`", "remove it, and add it again"))
}

fn environment<'a>(work: &'a Work<'_>) -> &'a str {
    work.resource.text(ENVIRONMENT).unwrap_or("default")
}

fn failed(work: &Work<'_>, what: &str, source: crate::Failure) -> Error {
    Error::World { resource: work.resource.name.clone(), problem: what.to_owned(), source }
}

/// Removes a record, if there is one.
fn forget(store: &Store, tag: &str) -> Result<(), Error> {
    if store.record(tag)?.is_some() {
        store.delete_record(tag)?;
    }
    Ok(())
}

/// Has the environment save all of its databases.
fn save_environment(work: &Work<'_>, store: &Store, environment: &str) -> Result<Snapshot, Error> {
    forget(store, SAVING)?;
    let saved = work.context.world.snapshot_environment(work.workspace.root(), environment, SAVING);
    saved.map_err(|source| failed(work, "cannot be saved", source))?;
    store.refresh()?;
    let record = store.find(SAVING)?;
    Ok(store.snapshot(&record)?)
}

/// What was saved of a database, by its whole name or the part behind the slash.
fn find<'a>(work: &Work<'_>, snapshot: &'a Snapshot, name: &str) -> Result<&'a Content, Error> {
    let is_meant =
        |content: &&Content| content.name == name || content.name.split_once('/').is_some_and(|(_, own)| own == name);
    let mut found = snapshot.contents.iter().filter(|content| content.form != "files").filter(is_meant);
    match (found.next(), found.next()) {
        (Some(content), None) => Ok(content),
        (None, _) => {
            let known: Vec<&str> = snapshot.contents.iter().map(|content| &*content.name).collect();
            let problem = format!("the environment has no database '{name}'");
            Err(Error::resource(&work.resource.name, problem, format!("it has {}", known.join(", "))))
        }
        _ => {
            let problem = format!("several workspaces have a database '{name}'");
            Err(Error::resource(&work.resource.name, problem, "name it as WORKSPACE/DATABASE"))
        }
    }
}

/// The record under which the environment finds what a node holds.
fn record_of(work: &Work<'_>, store: &Store, object: &ObjectId) -> Result<Record, Error> {
    let bytes = store.get(object)?;
    let read = || {
        let (_, payload) = decode_node(&bytes)?;
        let value: Value = serde_json::from_slice(payload).ok()?;
        let content = value["contents"].get(0)?;
        let text = |key: &str| content[key].as_str().map(str::to_owned);
        Some((text("name")?, text("kind")?, text("fingerprint")?, content["bytes"].as_u64()?))
    };
    let Some((name, kind, fingerprint, bytes)) = read() else {
        let problem = format!("the object {object} is no state of a database");
        return Err(Error::resource(&work.resource.name, problem, "`seedbed workspace verify` looks for more"));
    };
    let details = RecordDetails {
        tag: PUTTING.to_owned(),
        created: work.context.author().time,
        lineage: BTreeMap::new(),
        ..RecordDetails::default()
    };
    let snapshot = SnapshotId::of([(&*name, &*kind, &*fingerprint)]);
    Ok(Record { details, snapshot, object: *object, bytes, names: vec![name] })
}
