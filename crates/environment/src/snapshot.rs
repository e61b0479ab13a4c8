//! `snapshot`, `restore`, `snapshots`: the state of all databases at one moment, by name.

use std::collections::BTreeSet;
use std::sync::Mutex;

use plan::{DatabaseId, DatabaseWork};
use store::{CopyStore, Record, SnapshotStore};

use crate::context::{Context, Mode, Target};
use crate::execute::Material;
use crate::report::{millis, step_reports};
use crate::session::Session;
use crate::{Error, times};

/// Saves the state of all databases under a tag. Services that write are stopped meanwhile, so that it is the state of
/// one moment.
pub fn snapshot(context: &Context<'_>, target: &Target, tag: &str, message: &str) -> Result<(Record, u64), Error> {
    let session = Session::open(context, target, &Mode::Existing, "snapshot")?;
    let store = CopyStore::new(session.place.snapshots());
    let draft = store.draft(tag)?;
    let databases: BTreeSet<DatabaseId> = session.observed.databases.keys().cloned().collect();
    let material = Material { draft: Some(Mutex::new(draft)), ..Material::default() };
    run(&session, &databases, DatabaseWork::Snapshot, &material, "snapshot")?;
    let draft = material.draft.expect("it was put in above").into_inner().expect("nothing panics while it holds this");
    let record = draft.commit(message, &session.now())?;
    Ok((record, millis(session.began)))
}

/// Brings exactly that back. What is overwritten is kept until all databases are there.
pub fn restore(context: &Context<'_>, target: &Target, tag_or_id: &str) -> Result<(Record, u64), Error> {
    let session = Session::open(context, target, &Mode::Existing, "restore")?;
    let store = CopyStore::new(session.place.snapshots());
    let record = store.find(tag_or_id)?;
    // Every byte is compared before anything is touched.
    let snapshot = store.open(&record.id)?;
    let databases: BTreeSet<DatabaseId> = session.model.databases.keys().cloned().collect();
    let missing: Vec<String> = databases
        .iter()
        .map(ToString::to_string)
        .filter(|name| snapshot.contents.iter().all(|content| content.name != *name))
        .collect();
    if !missing.is_empty() {
        return Err(Error::OtherDatabases { missing });
    }
    let material = Material { snapshot: Some(&snapshot), ..Material::default() };
    run(&session, &databases, DatabaseWork::Restore, &material, "restore")?;
    Ok((record, millis(session.began)))
}

/// All snapshots of an environment, the oldest first.
pub fn snapshots(context: &Context<'_>, target: &Target) -> Result<Vec<Record>, Error> {
    let place = target.place(context);
    if crate::record::Record::read(place.directory())?.is_none() {
        return Err(Error::NoEnvironment(target.name.clone()));
    }
    Ok(CopyStore::new(place.snapshots()).records()?)
}

fn run(
    session: &Session<'_>,
    databases: &BTreeSet<DatabaseId>,
    work: DatabaseWork,
    material: &Material<'_>,
    command: &str,
) -> Result<(), Error> {
    let nothing_more = BTreeSet::new();
    let (model, observed, inputs) = (&session.model, &session.observed, &session.inputs);
    let plan = plan::around_databases(model, observed, inputs, databases, work, &nothing_more);
    let was_running = !session.observed.running.is_empty();
    let execution = session.execute(&plan, material);
    let rested = session.rest(was_running);
    times::append(session, command, millis(session.began), &step_reports(&plan, &execution?));
    rested
}
