//! The keys of everything in a model: what each task, schema and declared state is made of.

use std::collections::{BTreeMap, BTreeSet};

use supervisor::UnitId;

use crate::key::KeyBuilder;
use crate::{DatabaseId, InputDigests, Key, Model, ServiceModel, TaskModel};

/// The keys of everything in a model.
#[derive(Debug)]
pub(crate) struct Keys {
    /// A task's words, inputs, and the keys of the tasks that it comes after.
    pub(crate) tasks: BTreeMap<UnitId, Key>,
    /// The words and inputs of a schema step. They name no place of this environment: the key is the same in all.
    pub(crate) schemas: BTreeMap<DatabaseId, Key>,
    /// The declared state of each database. Records refer to each other across databases, so the state of each depends
    /// on the schemas and the data of all.
    pub(crate) states: BTreeMap<DatabaseId, Key>,
}

impl Keys {
    pub(crate) fn new(model: &Model, inputs: &InputDigests) -> Self {
        let digest = |digest: Option<&String>| digest.map_or("", String::as_str).to_owned();
        let mut tasks = BTreeMap::new();
        for task in in_order(model) {
            let mut key = Key::of("task");
            key.text(task.words.as_str()).text(&digest(inputs.tasks.get(&task.id)));
            add_tasks(&mut key, task.after.iter().map(|condition| &condition.unit), &tasks);
            tasks.insert(task.id.clone(), key.end());
        }
        let mut schemas = BTreeMap::new();
        for database in model.databases.values() {
            let server = database.server.as_ref().map_or_else(|| "sqlite".to_owned(), ToString::to_string);
            let words = database.schema.as_ref().map_or("", |schema| schema.words.as_str());
            let inputs = digest(inputs.schemas.get(&database.id));
            schemas.insert(database.id.clone(), Key::of("schema").text(&server).text(words).text(&inputs).end());
        }
        let mut all = Key::of("states");
        for (id, key) in &schemas {
            all.text(&id.to_string()).text(key.as_str());
        }
        let all = all.text(&inputs.data).end();
        let state = |id: &DatabaseId| Key::of("state").text(&id.to_string()).text(all.as_str()).end();
        let states = schemas.keys().map(|id| (id.clone(), state(id))).collect();
        Self { tasks, schemas, states }
    }

    /// The identity of a running service: its own words, and the keys of the tasks that it comes after.
    pub(crate) fn service(&self, service: &ServiceModel) -> Key {
        let mut key = Key::of("service");
        key.text(service.words.as_str());
        add_tasks(&mut key, service.after.iter().map(|condition| &condition.unit), &self.tasks);
        key.end()
    }
}

/// Adds those of these units that are tasks, in the order of their names: that of the manifest has no meaning.
fn add_tasks<'a>(key: &mut KeyBuilder, units: impl Iterator<Item = &'a UnitId>, tasks: &BTreeMap<UnitId, Key>) {
    for unit in units.collect::<BTreeSet<_>>() {
        if let Some(task) = tasks.get(unit) {
            key.text(unit.as_str()).text(task.as_str());
        }
    }
}

/// The tasks, each after those that it comes after. Without recursion: a chain may be long.
fn in_order(model: &Model) -> Vec<&TaskModel> {
    let mut order = Vec::with_capacity(model.tasks.len());
    let mut seen = BTreeSet::new();
    for task in model.tasks.values() {
        let mut path = vec![(task, 0)];
        while let Some((task, followed)) = path.last_mut() {
            if *followed == 0 && !seen.insert(&task.id) {
                path.pop();
                continue;
            }
            let next = task.after.get(*followed);
            *followed += 1;
            if let Some(before) = next {
                let before = model.tasks.get(&before.unit).filter(|before| !seen.contains(&before.id));
                path.extend(before.map(|before| (before, 0)));
            } else {
                order.push(*task);
                path.pop();
            }
        }
    }
    order
}
