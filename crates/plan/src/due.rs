//! Which tasks run and which databases change, each with its reason.

use std::collections::{BTreeMap, BTreeSet};

use supervisor::{Condition, UnitId};

use crate::keys::Keys;
use crate::{DatabaseId, DatabaseModel, InputDigests, Model, Observed, ServiceModel, TaskModel, TaskObserved};

/// Why a task runs whose key is another one.
pub const INPUTS_CHANGED: &str = "its inputs changed";

/// The tasks that `up` would run, each with its reason.
pub fn due_tasks(model: &Model, observed: &Observed, inputs: &InputDigests) -> BTreeMap<UnitId, String> {
    let due = Due::for_up(model, observed, &Keys::new(model, inputs));
    due.tasks.into_iter().map(|(id, reason)| (id.clone(), reason)).collect()
}

/// The tasks that run and the databases that are made, migrated or replaced, each with its reason.
#[derive(Debug, Default)]
pub(crate) struct Due<'a> {
    pub(crate) tasks: BTreeMap<&'a UnitId, String>,
    pub(crate) databases: BTreeMap<&'a DatabaseId, String>,
    /// The services that are to be started anew, since somebody asks for it.
    pub(crate) services: BTreeSet<UnitId>,
    /// The services that run although they are lazy, since somebody asks for it.
    pub(crate) awake: BTreeSet<UnitId>,
}

impl<'a> Due<'a> {
    /// What differs from what is declared, and what follows from that.
    pub(crate) fn for_up(model: &'a Model, observed: &Observed, keys: &Keys) -> Self {
        let databases = model.databases.values();
        let databases = databases.filter_map(|database| Some((&database.id, why_change(database, observed, keys)?)));
        let mut due = Self { databases: databases.collect(), ..Self::default() };
        due.add_tasks(model, observed, keys, |_| true);
        due
    }

    /// What follows when these databases are made anew or replaced; among tasks, only those that are needed for it.
    pub(crate) fn for_reset(
        model: &'a Model,
        observed: &Observed,
        keys: &Keys,
        databases: BTreeMap<&'a DatabaseId, String>,
        needed: &BTreeSet<&UnitId>,
    ) -> Self {
        let mut due = Self { databases, ..Self::default() };
        due.add_tasks(model, observed, keys, |id| needed.contains(id));
        due
    }

    fn add_tasks(&mut self, model: &'a Model, observed: &Observed, keys: &Keys, is_needed: impl Fn(&UnitId) -> bool) {
        let followers = Followers::of(model);
        let tasks = model.tasks.values().filter(|task| is_needed(&task.id));
        self.tasks = tasks.filter_map(|task| Some((&task.id, why_run(task, model, observed, keys)?))).collect();
        let mut changed: Vec<&'a DatabaseId> = self.databases.keys().copied().collect();
        let mut running: Vec<&'a UnitId> = self.tasks.keys().copied().collect();
        loop {
            let (tasks, reason) = if let Some(database) = changed.pop() {
                (followers.users.get(database), format!("database {database} changes"))
            } else if let Some(task) = running.pop() {
                let reason = format!("{task} runs");
                for &database in followers.schemas.get(task).into_iter().flatten() {
                    self.databases.entry(database).or_insert_with(|| {
                        changed.push(database);
                        reason.clone()
                    });
                }
                (followers.tasks.get(task), reason)
            } else {
                break;
            };
            for &task in tasks.into_iter().flatten().filter(|task| is_needed(task)) {
                self.tasks.entry(task).or_insert_with(|| {
                    running.push(task);
                    reason.clone()
                });
            }
        }
    }
}

/// The conditions of the model, read backwards.
#[derive(Default)]
struct Followers<'a> {
    /// By task: the tasks that come after it.
    tasks: BTreeMap<&'a UnitId, Vec<&'a UnitId>>,
    /// By task: databases whose schema step comes after it and declares no inputs, so that only this tells of a change.
    schemas: BTreeMap<&'a UnitId, Vec<&'a DatabaseId>>,
    /// By database: the tasks that use it.
    users: BTreeMap<&'a DatabaseId, Vec<&'a UnitId>>,
}

impl<'a> Followers<'a> {
    fn of(model: &'a Model) -> Self {
        let mut followers = Self::default();
        for task in model.tasks.values() {
            for before in &task.after {
                followers.tasks.entry(&before.unit).or_default().push(&task.id);
            }
            for database in &task.uses {
                followers.users.entry(database).or_default().push(&task.id);
            }
        }
        for database in model.databases.values() {
            let schema = database.schema.as_ref().filter(|schema| !schema.has_inputs);
            for before in schema.into_iter().flat_map(|schema| &schema.after) {
                followers.schemas.entry(&before.unit).or_default().push(&database.id);
            }
        }
        followers
    }
}

fn why_run(task: &TaskModel, model: &Model, observed: &Observed, keys: &Keys) -> Option<String> {
    if !task.has_inputs && task.image.is_some() {
        // What a container works on is not seen. It runs before whatever waits for it starts, as with Compose.
        let starts = |service: &&ServiceModel| {
            let running = observed.running.get(&service.id);
            running.is_none_or(|running| running.digest != keys.service(service).as_str())
        };
        let waiting = model.services.values().filter(|service| comes_after(&service.after, &task.id, model));
        return waiting.into_iter().find(starts).map(|service| format!("{} will start", service.id));
    }
    if !task.has_inputs {
        return Some("it declares no inputs".to_owned());
    }
    match observed.tasks.get(&task.id) {
        None => Some("it has not run yet".to_owned()),
        Some(observed) if observed.key != keys.tasks[&task.id] => Some(INPUTS_CHANGED.to_owned()),
        Some(TaskObserved { missing_output: Some(output), .. }) => Some(format!("its output {output} is missing")),
        Some(TaskObserved { changed_output: Some(output), .. }) => {
            Some(format!("its output {output} was changed since"))
        }
        Some(_) => None,
    }
}

/// Whether a task, or one that comes after it, is among these conditions.
fn comes_after(after: &[Condition], task: &UnitId, model: &Model) -> bool {
    after.iter().any(|before| {
        let between = model.tasks.get(&before.unit).filter(|_| before.unit != *task);
        before.unit == *task || between.is_some_and(|between| comes_after(&between.after, task, model))
    })
}

fn why_change(database: &DatabaseModel, observed: &Observed, keys: &Keys) -> Option<String> {
    let Some(observed) = observed.databases.get(&database.id) else { return Some("the database is new".to_owned()) };
    database.schema.as_ref()?;
    match &observed.schema {
        None => Some("its schema step has not succeeded yet".to_owned()),
        Some(key) if *key != keys.schemas[&database.id] => Some("its schema step changed".to_owned()),
        Some(_) => None,
    }
}
