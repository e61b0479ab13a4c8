//! What is there: running units, databases, tasks that ran, and the digests of declared inputs.

use std::collections::BTreeMap;

use database::Location;
use manifest::{SchemaStep, WorkspaceTree};
use plan::{DatabaseId, InputDigests, Model, RunningUnit, TaskObserved};
use supervisor::{KindTag, UnitId, UnitStatus};

use crate::facts::Servers;
use crate::record::Record;
use crate::{Error, inputs, tasks};

/// Services that have a living process.
pub(crate) fn running_units(statuses: &[UnitStatus]) -> BTreeMap<UnitId, RunningUnit> {
    let services = statuses.iter().filter(|status| status.kind == KindTag::Service && status.state.is_live());
    services
        .map(|status| {
            let ready = status.state == supervisor::UnitState::Ready;
            (status.id.clone(), RunningUnit { digest: status.digest.clone(), ready })
        })
        .collect()
}

/// The digests of what steps declare as their inputs.
pub(crate) fn digests(tree: &WorkspaceTree, model: &Model, data: String) -> Result<InputDigests, Error> {
    let mut digests = InputDigests { data, ..InputDigests::default() };
    for (_, workspace) in tree.iter() {
        let manifest = &workspace.manifest;
        for task in manifest.tasks.values() {
            let id = UnitId::new(format!("{}/{}", manifest.name, task.name));
            if model.tasks.contains_key(&id) {
                let patterns = task.inputs.iter().map(|file| file.path.as_str());
                digests.tasks.insert(id, inputs::digest(&workspace.directory, patterns)?);
            }
        }
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
    Ok(digests)
}

pub(crate) fn observed_tasks(tree: &WorkspaceTree, model: &Model) -> Result<BTreeMap<UnitId, TaskObserved>, Error> {
    let mut observed = BTreeMap::new();
    for (_, workspace) in tree.iter() {
        for task in workspace.manifest.tasks.values() {
            let id = UnitId::new(format!("{}/{}", workspace.manifest.name, task.name));
            if !model.tasks.contains_key(&id) {
                continue;
            }
            if let Some(key) = tasks::last_key(&workspace.directory, &task.name)? {
                let outputs = task.outputs.iter().map(|file| file.path.as_str());
                let missing_output = inputs::first_missing(&workspace.directory, outputs)?;
                observed.insert(id, TaskObserved { key: plan::Key::from_text(key), missing_output });
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
    let is_there = |id: &DatabaseId, engine: &str| match locations.get(id) {
        Some(Location::Sqlite { path, .. }) => engine == "sqlite" && path.exists(),
        Some(Location::Postgres { socket_directory, port, .. }) => {
            let server =
                servers.values().find(|(_, place)| place.socket_directory == *socket_directory && place.port == *port);
            engine == "postgres" && server.is_some_and(|(_, place)| place.directory.exists())
        }
        None => false,
    };
    record
        .databases
        .iter()
        .filter(|(id, database)| is_there(id, &database.engine))
        .map(|(id, database)| (id.clone(), database.observed()))
        .collect()
}
