//! The keys of everything in a model: what each task, schema and declared state is made of.

use std::collections::{BTreeMap, BTreeSet};

use supervisor::UnitId;

use crate::key::KeyBuilder;
use crate::{ChainStep, DatabaseId, InputDigests, Key, Model, ServiceModel, TaskModel};

/// The keys of everything in a model.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    /// A task's words, inputs, and the keys of the tasks that it comes after.
    pub(crate) tasks: BTreeMap<UnitId, Key>,
    /// The same, in which what is of this environment stands as names: the keys are the same in all.
    pub(crate) plain_tasks: BTreeMap<UnitId, Key>,
    /// The words and inputs of a schema step. They name no place of this environment: the key is the same in all.
    pub(crate) schemas: BTreeMap<DatabaseId, Key>,
    /// The states that each database goes through.
    pub(crate) chains: BTreeMap<DatabaseId, Chain>,
    /// The keys of the tasks that run only when somebody asks for it: one that is watched has told the services after it
    /// already that it has run, if they want to hear of it.
    unwatched: BTreeMap<UnitId, Key>,
}

/// The states that a database goes through from nothing to what is declared, each with the key of everything that made it:
/// equal keys mean equal states, in every environment on every machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Empty, in a server of this engine and version, with these settings.
    pub create: Key,
    /// With the content of its base; `None` without one.
    pub base: Option<Key>,
    /// With its schema; `None` without a schema step.
    pub schema: Option<Key>,
    /// With the declared data; `None` if none of it is for this database.
    pub data: Option<Key>,
}

impl Chain {
    /// The key of the state before data is loaded.
    pub fn before_data(&self) -> &Key {
        self.schema.as_ref().or(self.base.as_ref()).unwrap_or(&self.create)
    }

    /// The key of the declared state.
    pub fn declared(&self) -> &Key {
        self.data.as_ref().unwrap_or_else(|| self.before_data())
    }

    /// The steps that this database has, in their order.
    pub fn steps(&self) -> impl Iterator<Item = (ChainStep, &Key)> {
        let create = Some((ChainStep::Create, &self.create));
        let base = self.base.as_ref().map(|key| (ChainStep::Base, key));
        let schema = self.schema.as_ref().map(|key| (ChainStep::Schema, key));
        let data = self.data.as_ref().map(|key| (ChainStep::Data, key));
        [create, base, schema, data].into_iter().flatten()
    }
}

/// The chains of all databases of a model.
pub fn chains(model: &Model, inputs: &InputDigests) -> BTreeMap<DatabaseId, Chain> {
    Keys::new(model, inputs).chains
}

/// The keys of all tasks of a model.
pub fn task_keys(model: &Model, inputs: &InputDigests) -> BTreeMap<UnitId, Key> {
    Keys::new(model, inputs).tasks
}

/// The keys of what those tasks make whose making says nothing of an environment and of no secret, by the task: equal keys mean
/// that whoever has the same inputs makes the same on such a machine.
pub fn output_keys(model: &Model, inputs: &InputDigests, machine: &str) -> BTreeMap<UnitId, Key> {
    let keys = Keys::new(model, inputs);
    let is_plain = |id: &UnitId| {
        let task = &model.tasks[id];
        task.has_inputs && !task.has_secret && keys.tasks[id] == keys.plain_tasks[id]
    };
    let of = |key: &Key| Key::of("outputs").text(key.as_str()).text(machine).end();
    keys.tasks.iter().filter(|(id, _)| is_plain(id)).map(|(id, key)| (id.clone(), of(key))).collect()
}

impl Keys {
    pub(crate) fn new(model: &Model, inputs: &InputDigests) -> Self {
        let digest = |digest: Option<&String>| digest.map_or("", String::as_str).to_owned();
        let (mut tasks, mut plain_tasks) = (BTreeMap::new(), BTreeMap::new());
        for task in in_order(model) {
            for (keys, words) in [(&mut tasks, &task.words), (&mut plain_tasks, &task.plain_words)] {
                let mut key = Key::of("task");
                key.text(words.as_str()).text(&digest(inputs.tasks.get(&task.id)));
                add_tasks(&mut key, task.after.iter().map(|condition| &condition.unit), keys);
                keys.insert(task.id.clone(), key.end());
            }
        }
        let mut schemas = BTreeMap::new();
        for database in model.databases.values() {
            let server = database.server.as_ref().map_or_else(|| "sqlite".to_owned(), ToString::to_string);
            let words = database.schema.as_ref().map_or("", |schema| schema.words.as_str());
            let inputs = digest(inputs.schemas.get(&database.id));
            schemas.insert(database.id.clone(), Key::of("schema").text(&server).text(words).text(&inputs).end());
        }
        let chains = chains_of(model, inputs, &plain_tasks, &schemas);
        let is_unwatched = |id: &UnitId| model.tasks.get(id).is_none_or(|task| task.watch.is_none());
        let unwatched = tasks.iter().filter(|(id, _)| is_unwatched(id));
        let unwatched = unwatched.map(|(id, key)| (id.clone(), key.clone())).collect();
        Self { tasks, plain_tasks, schemas, chains, unwatched }
    }

    /// The declared state of a database.
    pub(crate) fn declared(&self, id: &DatabaseId) -> &Key {
        self.chains[id].declared()
    }

    /// The databases that declared data is loaded into.
    pub(crate) fn loaded(&self) -> impl Iterator<Item = &DatabaseId> {
        self.chains.iter().filter(|(_, chain)| chain.data.is_some()).map(|(id, _)| id)
    }

    /// The identity of a running service: its own words, and the keys of the tasks that it comes after and that are not
    /// watched.
    pub(crate) fn service(&self, service: &ServiceModel) -> Key {
        let mut key = Key::of("service");
        key.text(service.words.as_str());
        add_tasks(&mut key, service.after.iter().map(|condition| &condition.unit), &self.unwatched);
        key.end()
    }
}

fn chains_of(
    model: &Model,
    inputs: &InputDigests,
    tasks: &BTreeMap<UnitId, Key>,
    own: &BTreeMap<DatabaseId, Key>,
) -> BTreeMap<DatabaseId, Chain> {
    let mut chains = BTreeMap::new();
    for database in model.databases.values() {
        let create = Key::of("create").text(database.engine.as_str()).text(database.settings.as_str()).end();
        let base = database.base.as_ref().map(|base| {
            let content = inputs.bases.get(&database.id).map_or("", String::as_str);
            Key::of("base").text(create.as_str()).text(base.words.as_str()).text(content).end()
        });
        chains.insert(database.id.clone(), Chain { create, base, schema: None, data: None });
    }
    for id in in_order_of_use(model) {
        let Some(schema) = &model.databases[id].schema else { continue };
        let mut key = Key::of("chain schema");
        key.text(chains[id].before_data().as_str()).text(own[id].as_str());
        for other in &schema.uses {
            key.text(&other.to_string()).text(chains[other].before_data().as_str());
        }
        if !schema.has_inputs {
            // Nothing else says what the command reads.
            add_tasks(&mut key, schema.after.iter().map(|condition| &condition.unit), tasks);
        }
        let key = key.end();
        chains.get_mut(id).expect("each database has a chain").schema = Some(key);
    }
    let loaded: Vec<&DatabaseId> = inputs.loaded.iter().filter(|id| chains.contains_key(*id)).collect();
    let mut all = Key::of("data");
    for id in &loaded {
        all.text(&id.to_string()).text(chains[*id].before_data().as_str());
    }
    let all = all.text(&inputs.data).end();
    for id in loaded {
        let key = Key::of("state").text(&id.to_string()).text(all.as_str()).end();
        chains.get_mut(id).expect("it was looked for").data = Some(key);
    }
    chains
}

/// The databases, each after those that its schema step uses; a model has no circles.
fn in_order_of_use(model: &Model) -> Vec<&DatabaseId> {
    let mut order = Vec::with_capacity(model.databases.len());
    let mut seen = BTreeSet::new();
    for id in model.databases.keys() {
        let mut open = vec![(id, false)];
        while let Some((id, is_done)) = open.pop() {
            if is_done {
                order.push(id);
            } else if seen.insert(id) {
                open.push((id, true));
                let schema = model.databases.get(id).and_then(|database| database.schema.as_ref());
                open.extend(schema.into_iter().flat_map(|schema| &schema.uses).map(|other| (other, false)));
            }
        }
    }
    order
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
