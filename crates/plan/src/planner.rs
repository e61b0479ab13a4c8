//! A plan being made: what every kind of plan puts into it, and the order of its steps.

use std::collections::{BTreeMap, BTreeSet};

use manifest::PullPolicy;
use supervisor::{Condition, ConditionState, LifeSpec, UnitId, UnitKind};

use crate::due::Due;
use crate::keys::Keys;
use crate::origin::Origin;
use crate::step_id::{self, DatabaseStep};
use crate::{
    Action, ChainStep, DatabaseId, DatabaseModel, ImageModel, Key, Model, Observed, Plan, ServerId, ServiceModel,
    StateSource, Step, TaskModel,
};

/// What a running server is known by: which one it is, and whether it is only held.
fn digest_of(id: &ServerId, is_shared: bool) -> Key {
    Key::of(if is_shared { "held server" } else { "server" }).text(&id.to_string()).end()
}

/// A plan being made.
pub(crate) struct Planner<'a> {
    pub(crate) model: &'a Model,
    pub(crate) observed: &'a Observed,
    pub(crate) keys: Keys,
    pub(crate) due: Due<'a>,
    pub(crate) started_servers: BTreeSet<&'a ServerId>,
    /// Databases whose schema step has run on what they are made of.
    pub(crate) has_schema: BTreeSet<&'a DatabaseId>,
    /// The steps on resources.
    pub(crate) files_done: Vec<Condition>,
    pub(crate) plan: Plan,
    /// The last step so far on each database: whatever is next waits for it.
    pub(crate) last: BTreeMap<&'a DatabaseId, UnitId>,
}

impl<'a> Planner<'a> {
    pub(crate) fn new(model: &'a Model, observed: &'a Observed, keys: Keys, due: Due<'a>) -> Self {
        let (started_servers, has_schema) = (BTreeSet::new(), BTreeSet::new());
        let (files_done, plan, last) = (Vec::new(), Plan::default(), BTreeMap::new());
        Self { model, observed, keys, due, started_servers, has_schema, files_done, plan, last }
    }

    pub(crate) fn exists(&self, database: &DatabaseModel) -> bool {
        self.observed.databases.contains_key(&database.id)
    }

    pub(crate) fn runs(&self, unit: &UnitId) -> bool {
        self.observed.running.contains_key(unit)
    }

    /// Starts the servers of these databases that do not run.
    pub(crate) fn servers(&mut self, databases: impl IntoIterator<Item = &'a DatabaseId>) {
        let model = self.model;
        let needed: BTreeSet<&ServerId> =
            databases.into_iter().filter_map(|id| model.databases[id].server.as_ref()).collect();
        for id in needed {
            let unit = model.servers[id].unit();
            if self.started_servers.contains(id) {
                continue;
            }
            // One that runs may be of the other kind, if what is declared has changed before a database was made.
            let other = digest_of(id, !model.servers[id].is_shared).to_string();
            if self.observed.running.get(&unit).is_some_and(|running| running.digest != other) {
                self.plan.unchanged.push((unit, "it runs".to_owned()));
                continue;
            }
            if model.servers[id].is_shared {
                // Whoever needs it first makes it ready, and only that one knows who is first.
                self.start_server(id, "it is not held", Vec::new());
                continue;
            }
            let reason = "it does not run";
            let prepare = step_id::prepare(id);
            self.step(prepare.clone(), Action::PrepareServer(id.clone()), reason, Vec::new());
            self.start_server(id, reason, vec![succeeded(prepare)]);
        }
    }

    /// Starts a server when something else is done.
    pub(crate) fn start_server(&mut self, id: &'a ServerId, reason: &str, after: Vec<Condition>) {
        let server = &self.model.servers[id];
        let kind = UnitKind::Service {
            process: server.process.clone(),
            ready: server.ready.clone(),
            stop: server.stop.clone(),
            life: Box::default(),
        };
        let digest = digest_of(id, server.is_shared);
        self.step(server.unit(), Action::StartService { kind: Box::new(kind), digest }, reason, after);
        self.started_servers.insert(id);
    }

    /// Does something to a database, after what was done to it before and after `more`.
    pub(crate) fn on_database(
        &mut self,
        database: &'a DatabaseModel,
        step: DatabaseStep,
        action: Action,
        reason: &str,
        more: Vec<Condition>,
    ) {
        let id = step.of(&database.id);
        let mut after = self.in_place([&database.id]);
        after.extend(more);
        self.step(id.clone(), action, reason, after);
        self.last.insert(&database.id, id);
    }

    pub(crate) fn create(&mut self, database: &'a DatabaseModel, reason: &str) {
        let action = Action::CreateDatabase(database.id.clone());
        self.on_database(database, DatabaseStep::Create, action, reason, Vec::new());
    }

    /// Gives databases their first content, in place of what they have: of each, from its origin.
    pub(crate) fn begin(&mut self, origins: &BTreeMap<&'a DatabaseId, Origin<'_>>, why: &str) {
        for (&id, origin) in origins {
            let database = &self.model.databases[id];
            let is_declared = self.keys.chains[id].steps().count() > 1;
            let why = if is_declared || !self.exists(database) { why } else { "nothing is declared in it" };
            match origin {
                Origin::State { step, key, source, ancestor } => {
                    let reason = match (step, ancestor) {
                        (_, Some(ancestor)) => format!("{}; {ancestor}", had("its nearest state", source)),
                        (ChainStep::Data, None) => had("its declared state", source),
                        (ChainStep::Schema, None) => had("its schema", source),
                        (ChainStep::Base | ChainStep::Create, None) => had("its base", source),
                    };
                    let action = Action::Adopt {
                        database: id.clone(),
                        state: (*key).clone(),
                        step: *step,
                        source: (*source).clone(),
                        schema: origin.has_schema().then(|| self.keys.schemas[id].clone()),
                        data: origin.has_data().then(|| self.keys.declared(id).clone()),
                    };
                    self.on_database(database, DatabaseStep::Adopt, action, &reason, Vec::new());
                }
                Origin::Base => {
                    let state = self.keys.chains[id].base.clone().expect("an origin is a base where there is one");
                    let action = Action::ImportBase { database: id.clone(), state };
                    let base = database.base.as_ref().map_or("", |base| base.source.as_str());
                    self.on_database(database, DatabaseStep::Base, action, &format!("{why}; from {base}"), Vec::new());
                }
                Origin::Empty if self.exists(database) => {
                    let action = Action::ClearDatabase(id.clone());
                    self.on_database(database, DatabaseStep::Clear, action, why, Vec::new());
                }
                Origin::Empty => self.create(database, why),
            }
            if origin.has_schema() {
                self.has_schema.insert(id);
            }
        }
    }

    pub(crate) fn protect(&mut self, database: &'a DatabaseModel, reason: &str) {
        let action = Action::Protect(database.id.clone());
        self.on_database(database, DatabaseStep::Protect, action, reason, Vec::new());
    }

    /// Runs the schema steps of the databases that change.
    pub(crate) fn schemas(&mut self) {
        let model = self.model;
        let due = std::mem::take(&mut self.due.databases);
        let has_schema = self.has_schema.clone();
        let migrated =
            |id: &DatabaseId| due.contains_key(id) && !has_schema.contains(id) && model.databases[id].schema.is_some();
        // Each waits for what was done to the databases that it uses before any of them has its schema.
        let before = self.last.clone();
        for (&id, reason) in &due {
            let Some(schema) = model.databases[id].schema.as_ref().filter(|_| migrated(id)) else { continue };
            let mut more = schema.after.clone();
            for other in &schema.uses {
                let made = before.get(other).cloned();
                let step = if migrated(other) { Some(DatabaseStep::Schema.of(other)) } else { made };
                more.extend(step.map(succeeded));
                more.extend(self.server_ready(other));
            }
            let key = self.keys.schemas[id].clone();
            let action = match &schema.process {
                Some(process) => {
                    let (process, timeout) = (process.clone(), schema.timeout);
                    let kind = UnitKind::Task { process, timeout, watch: None, is_done: false };
                    Action::RunSchema { database: id.clone(), kind: Box::new(kind), key }
                }
                None => Action::ExecuteSchema { database: id.clone(), key },
            };
            self.on_database(&model.databases[id], DatabaseStep::Schema, action, reason, more);
        }
        self.due.databases = due;
    }

    /// Loads all declared data, when every database has its schema.
    pub(crate) fn load(&mut self, reason: &str) {
        let after = self.in_place(self.model.databases.keys());
        let keys = self.keys.loaded().map(|id| (id.clone(), self.keys.declared(id).clone())).collect();
        self.step(step_id::load(), Action::Load { keys }, reason, after);
        self.last.extend(self.model.databases.keys().map(|id| (id, step_id::load())));
    }

    /// Keeps what the schema steps of these databases, which are made now, come to.
    pub(crate) fn keep_schemas(&mut self, origins: &BTreeMap<&'a DatabaseId, Origin<'_>>) {
        for (&id, origin) in origins {
            let database = &self.model.databases[id];
            if let Some(state) = self.keys.chains[id].schema.clone().filter(|_| !origin.has_schema()) {
                let action = Action::Keep { database: id.clone(), state, step: ChainStep::Schema };
                self.on_database(database, DatabaseStep::KeepSchema, action, "its schema is new", Vec::new());
            }
        }
    }

    /// Keeps what the load comes to, when every database that it concerns is made now. A copy of some beside others with a
    /// history would be of no use: rows refer to rows of other databases.
    pub(crate) fn keep_data(&mut self, origins: &BTreeMap<&'a DatabaseId, Origin<'_>>) {
        let loaded: Vec<DatabaseId> = self.keys.loaded().cloned().collect();
        if loaded.iter().any(|id| origins.get(id).is_none_or(Origin::has_data)) {
            return;
        }
        for id in loaded {
            let state = self.keys.declared(&id).clone();
            let database = &self.model.databases[&id];
            let action = Action::Keep { database: id, state, step: ChainStep::Data };
            self.on_database(database, DatabaseStep::Keep, action, "it is in its declared state", Vec::new());
        }
    }

    /// Starts a service when what it needs is there and `more` is so; one that runs is stopped first.
    pub(crate) fn start(&mut self, service: &ServiceModel, reason: &str, more: Vec<Condition>) {
        if self.runs(&service.id) {
            self.plan.stop.push((service.id.clone(), reason.to_owned()));
        }
        let mut after = service.after.clone();
        after.extend(self.in_place(&service.uses));
        after.extend(more);
        after.extend(self.image(&service.id, service.image.as_ref()));
        let kind = UnitKind::Service {
            process: service.process.clone(),
            ready: service.ready.clone(),
            stop: service.stop.clone(),
            life: Box::new(self.life(service)),
        };
        let digest = self.keys.service(service);
        self.step(service.id.clone(), Action::StartService { kind: Box::new(kind), digest }, reason, after);
    }

    /// The life of a service; one that is asked for does not begin with sleep.
    fn life(&self, service: &ServiceModel) -> LifeSpec {
        let mut life = service.life.clone();
        if let Some(lazy) = &mut life.lazy {
            lazy.awake = self.due.awake.contains(&service.id);
        }
        life
    }

    /// Brings or builds the image of a service or task that is a container, if that is to be done.
    fn image(&mut self, unit: &UnitId, image: Option<&ImageModel>) -> Option<Condition> {
        let image = image?;
        let is_there = self.observed.images.contains(&image.name);
        let (action, reason) = match image.pull {
            None if is_there => return None,
            None => (Action::BuildImage(unit.clone()), "it was not built of these files yet"),
            Some(PullPolicy::Always) => (Action::PullImage(unit.clone()), "it is pulled each time"),
            Some(PullPolicy::Missing) if !is_there => (Action::PullImage(unit.clone()), "it is not here"),
            Some(PullPolicy::Missing | PullPolicy::Never) => return None,
        };
        let id = step_id::image(unit);
        self.step(id.clone(), action, reason, Vec::new());
        Some(succeeded(id))
    }

    /// The conditions under which these databases have come as far as was planned until now.
    pub(crate) fn in_place<'d>(&self, databases: impl IntoIterator<Item = &'d DatabaseId>) -> Vec<Condition> {
        let mut conditions = Vec::new();
        for id in databases {
            conditions.extend(self.last.get(id).cloned().map(succeeded));
            conditions.extend(self.server_ready(id));
        }
        conditions
    }

    fn server_ready(&self, database: &DatabaseId) -> Option<Condition> {
        let server = self.model.databases[database].server.as_ref()?;
        Some(Condition::new(self.model.servers[server].unit(), ConditionState::Ready))
    }

    pub(crate) fn step(&mut self, id: UnitId, action: Action, reason: &str, after: Vec<Condition>) {
        self.plan.steps.push(Step { id, action, reason: reason.to_owned(), after });
    }

    /// Lets the supervisor watch the files of tasks that do not run now.
    pub(crate) fn watches(&mut self) {
        for (id, task) in &self.model.tasks {
            let words = task.identity();
            let is_known = self.observed.watched.get(id).is_some_and(|watched| watched == words.as_str());
            if task.watch.is_some() && !self.due.tasks.contains_key(id) && !is_known {
                let action = Action::WatchTask { kind: task_kind(task, true), words };
                self.step(id.clone(), action, "its inputs are unchanged", Vec::new());
            }
        }
    }

    /// Puts in the tasks that run, and ends.
    pub(crate) fn finish(mut self) -> Plan {
        for (id, reason) in std::mem::take(&mut self.due.tasks) {
            let task = &self.model.tasks[id];
            let mut after = task.after.clone();
            after.extend(self.in_place(&task.uses));
            after.extend(self.image(id, task.image.as_ref()));
            let (kind, words) = (task_kind(task, false), task.identity());
            let action = Action::RunTask { kind, key: self.keys.tasks[id].clone(), words };
            self.step(id.clone(), action, &reason, after);
        }
        let planned: BTreeSet<UnitId> = self.plan.steps.iter().map(|step| step.id.clone()).collect();
        for step in &mut self.plan.steps {
            // What is neither planned nor running was skipped, and that is as good as succeeded.
            let is_known = |unit: &UnitId| planned.contains(unit) || self.observed.running.contains_key(unit);
            step.after.retain(|condition| is_known(&condition.unit));
            step.after.sort_by(|a, b| (&a.unit, a.state as u8).cmp(&(&b.unit, b.state as u8)));
            step.after.dedup();
        }
        let servers = self.started_servers.iter().map(|id| self.model.servers[id].unit()).collect();
        self.plan.steps = in_order(self.plan.steps, &servers);
        self.plan.stop.sort();
        self.plan.unchanged.sort();
        self.plan
    }
}

/// The task as the supervisor sees it; one that is done runs only when its files change.
fn task_kind(task: &TaskModel, is_done: bool) -> Box<UnitKind> {
    let (process, watch) = (task.process.clone(), task.watch.clone());
    Box::new(UnitKind::Task { process, timeout: task.timeout, watch, is_done })
}

/// Says where a state can be had.
fn had(state: &str, source: &StateSource) -> String {
    match source {
        StateSource::Engine => format!("a copy of {state} is kept"),
        StateSource::Store => format!("{state} is in the store"),
        StateSource::Remote(name) => format!("{state} is in the remote {name}"),
    }
}

pub(crate) fn succeeded(unit: UnitId) -> Condition {
    Condition::new(unit, ConditionState::Succeeded)
}

/// The steps so that each comes after those that it waits for; among those that could be next, what is usual first.
fn in_order(steps: Vec<Step>, servers: &BTreeSet<UnitId>) -> Vec<Step> {
    let mut waits: BTreeMap<UnitId, usize> = BTreeMap::new();
    let mut followers: BTreeMap<UnitId, Vec<UnitId>> = BTreeMap::new();
    let mut steps: BTreeMap<UnitId, Step> = steps.into_iter().map(|step| (step.id.clone(), step)).collect();
    for step in steps.values() {
        let before: BTreeSet<&UnitId> =
            step.after.iter().map(|condition| &condition.unit).filter(|unit| steps.contains_key(*unit)).collect();
        waits.insert(step.id.clone(), before.len());
        for unit in before {
            followers.entry(unit.clone()).or_default().push(step.id.clone());
        }
    }
    let next = |steps: &BTreeMap<UnitId, Step>, id: &UnitId| {
        let rank = match &steps[id].action {
            Action::RunTask { .. } | Action::WatchTask { .. } | Action::PullImage(_) | Action::BuildImage(_) => 0,
            Action::PrepareServer(_) | Action::SaveServer(_) => 1,
            Action::StartService { .. } if servers.contains(id) => 1,
            Action::StartService { .. } => 5,
            Action::Load { .. } | Action::Unload => 3,
            Action::Keep { .. } => 4,
            _ => 2,
        };
        (rank, id.clone())
    };
    let free = waits.iter().filter(|(_, count)| **count == 0);
    let mut open: BTreeSet<(u8, UnitId)> = free.map(|(id, _)| next(&steps, id)).collect();
    let mut ordered = Vec::with_capacity(steps.len());
    while let Some((_, id)) = open.pop_first() {
        for follower in followers.remove(&id).into_iter().flatten() {
            let count = waits.get_mut(&follower).expect("every step was counted above");
            *count -= 1;
            if *count == 0 {
                open.insert(next(&steps, &follower));
            }
        }
        ordered.extend(steps.remove(&id));
    }
    assert!(steps.is_empty(), "a model has no circles, and a plan adds none: {:?}", steps.keys());
    ordered
}
