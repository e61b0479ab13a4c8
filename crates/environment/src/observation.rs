//! What is there: running units, databases, tasks that ran, and the digests of declared inputs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use database::{Location, ServerPlace};
use dataset::LoadPlan;
use manifest::{BaseSource, SchemaStep, WorkspaceTree};
use plan::{DatabaseId, InputDigests, Model, RunningUnit, ServerId, TaskObserved};
use supervisor::{KindTag, UnitId, UnitStatus};

use crate::facts::Servers;
use crate::place::Place;
use crate::record::Record;
use crate::{Error, inputs, tasks};

/// Services that have a living process, or will have one again by themselves.
pub(crate) fn running_units(statuses: &[UnitStatus]) -> BTreeMap<UnitId, RunningUnit> {
    let services = statuses.iter().filter(|status| status.kind == KindTag::Service && status.state.is_active());
    services
        .map(|status| {
            let (ready, asleep) = (status.state.is_good(), status.state == supervisor::UnitState::Asleep);
            (status.id.clone(), RunningUnit { digest: status.digest.clone(), ready, asleep })
        })
        .collect()
}

/// Tasks that the supervisor knows, by the key under which it was told of them.
pub(crate) fn watched_tasks(statuses: &[UnitStatus]) -> BTreeMap<UnitId, String> {
    let is_known =
        |status: &&UnitStatus| status.kind == KindTag::Task && status.state != supervisor::UnitState::Stopped;
    statuses.iter().filter(is_known).map(|status| (status.id.clone(), status.digest.clone())).collect()
}

/// The digests of what steps declare as their inputs.
pub(crate) fn digests(
    tree: &WorkspaceTree,
    model: &Model,
    data: String,
    declared: &LoadPlan,
) -> Result<(InputDigests, TaskInputs), Error> {
    let loaded = declared
        .batches
        .iter()
        .map(|batch| DatabaseId { workspace: batch.service.clone(), name: batch.database.clone() });
    let mut digests = InputDigests { data, loaded: loaded.collect(), ..InputDigests::default() };
    let of_tasks = task_inputs(tree, model)?;
    digests.tasks = of_tasks.iter().map(|(id, listed)| (id.clone(), inputs::digest_of(listed))).collect();
    for (_, workspace) in tree.iter() {
        let manifest = &workspace.manifest;
        for database in manifest.databases.values() {
            let id = DatabaseId { workspace: manifest.name.to_string(), name: database.name.clone() };
            let files = match &database.schema {
                None => continue,
                Some(SchemaStep::Command { inputs, .. }) => inputs,
                Some(SchemaStep::Sql { files }) => files,
            };
            let patterns = files.iter().map(|file| file.path.as_str());
            digests.schemas.insert(id, inputs::digest(&workspace.directory, patterns)?);
        }
    }
    digests.bases = bases(tree)?;
    Ok((digests, of_tasks))
}

/// By task: the digests of its inputs, by their names.
pub(crate) type TaskInputs = BTreeMap<UnitId, BTreeMap<String, String>>;

/// The digests of what tasks declare as their inputs. What a task makes that comes before is left out: the key of that one
/// stands for it, and is known before it has run.
pub(crate) fn task_inputs(tree: &WorkspaceTree, model: &Model) -> Result<TaskInputs, Error> {
    let mut declared = BTreeMap::new();
    for (_, workspace) in tree.iter() {
        for task in workspace.manifest.tasks.values() {
            let id = UnitId::new(format!("{}/{}", workspace.manifest.name, task.name));
            declared.insert(id, (&workspace.directory, task));
        }
    }
    let mut inputs_of = TaskInputs::new();
    for (id, (directory, task)) in declared.iter().filter(|(id, _)| model.tasks.contains_key(*id)) {
        let mut before = BTreeSet::new();
        let mut open: Vec<&UnitId> = model.tasks[id].after.iter().map(|condition| &condition.unit).collect();
        while let Some(unit) = open.pop() {
            if let Some(task) = model.tasks.get(unit).filter(|_| before.insert(unit)) {
                open.extend(task.after.iter().map(|condition| &condition.unit));
            }
        }
        let made: Vec<(&PathBuf, &str)> = before
            .into_iter()
            .filter_map(|unit| declared.get(unit))
            .flat_map(|(root, task)| task.outputs.iter().map(|file| (*root, file.path.as_str())))
            .collect();
        let is_made = |file: &Path| made.iter().any(|(root, pattern)| inputs::covers(root, pattern, file));
        let patterns = task.inputs.iter().map(|file| file.path.as_str());
        inputs_of.insert(id.clone(), inputs::listed(directory, patterns, &is_made)?);
    }
    Ok(inputs_of)
}

/// The digests of bases that are files of the workspaces, and of the scripts that make them harmless. A base that is
/// declared with its digest, or by a name, stands in the words of the manifest.
fn bases(tree: &WorkspaceTree) -> Result<BTreeMap<DatabaseId, String>, Error> {
    let mut bases = BTreeMap::new();
    for (_, workspace) in tree.iter() {
        for database in workspace.manifest.databases.values() {
            let Some(base) = &database.base else { continue };
            let cold = database.cold.iter().flat_map(|cold| &cold.sql);
            let file = match &base.source {
                BaseSource::File(file) => Some(file),
                _ => None,
            };
            let patterns = file.into_iter().chain(cold).map(|file| file.path.as_str());
            let id = DatabaseId { workspace: workspace.manifest.name.to_string(), name: database.name.clone() };
            bases.insert(id, inputs::remembered_digest(&workspace.directory, patterns)?);
        }
    }
    Ok(bases)
}

pub(crate) fn observed_tasks(
    place: &Place,
    tree: &WorkspaceTree,
    model: &Model,
) -> Result<BTreeMap<UnitId, TaskObserved>, Error> {
    let mut observed = BTreeMap::new();
    for (_, workspace) in tree.iter() {
        for task in workspace.manifest.tasks.values() {
            let id = UnitId::new(format!("{}/{}", workspace.manifest.name, task.name));
            let Some(resolved) = model.tasks.get(&id) else { continue };
            if let Some(record) = tasks::last(&tasks::records(place, workspace, resolved), &task.name)? {
                let outputs = task.outputs.iter().map(|file| file.path.as_str());
                let missing = inputs::first_missing(&workspace.directory, outputs)?;
                let changed = record.first_changed(&workspace.directory);
                let gone = changed.clone().filter(|(_, is_gone)| *is_gone).map(|(name, _)| name);
                let changed_output = changed.filter(|(_, is_gone)| !is_gone).map(|(name, _)| name);
                let (key, missing_output) = (plan::Key::from_text(record.key), missing.or(gone));
                observed.insert(id, TaskObserved { key, missing_output, changed_output });
            }
        }
    }
    Ok(observed)
}

/// Databases that were made and are still there, as far as can be seen without their server.
pub(crate) fn observed_databases(
    record: &Record,
    locations: &BTreeMap<DatabaseId, Location>,
    servers: &Servers,
) -> BTreeMap<DatabaseId, plan::DatabaseObserved> {
    record
        .databases
        .iter()
        .filter(|(id, database)| match locations.get(id) {
            Some(Location::Sqlite { path, .. }) if !path.exists() => false,
            Some(location) => is_there(location, &database.engine, servers),
            None => false,
        })
        .map(|(id, database)| (id.clone(), database.observed()))
        .collect()
}

/// Whether what an engine holds of a database, itself or kept states of it, can still be there.
pub(crate) fn is_there(location: &Location, engine: &str, servers: &Servers) -> bool {
    if let Location::Sqlite { kept, path } = location {
        return engine == "sqlite" && (path.exists() || kept.exists());
    }
    let place = server_of(location, servers).map(|server| &servers[server].1);
    engine == location.engine().word() && place.is_some_and(|place| place.directory.exists())
}

/// The server that a location is in.
pub(crate) fn server_of<'s>(location: &Location, servers: &'s Servers) -> Option<&'s ServerId> {
    let (socket_directory, port) = match location {
        Location::Sqlite { .. } => return None,
        Location::Postgres { socket_directory, port, .. }
        | Location::Mysql { socket_directory, port, .. }
        | Location::Redis { socket_directory, port, .. } => (socket_directory, *port),
    };
    let is_here = |place: &ServerPlace| place.socket_directory == *socket_directory && place.port == port;
    servers.iter().find(|(_, (_, place))| is_here(place)).map(|(id, _)| id)
}
