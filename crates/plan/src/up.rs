//! The plan of `up`: the least that turns what is observed into what is declared.

use std::collections::{BTreeMap, BTreeSet};

use supervisor::{Condition, ConditionState, UnitId, UnitKind};

use crate::resolve::{LOAD, schema_node};
use crate::{
    Action, DatabaseId, DatabaseModel, InputDigests, Key, Model, Observed, Plan, ServerId, ServiceModel, Step,
    TaskModel,
};

/// Plans `up`.
pub fn up(model: &Model, observed: &Observed, inputs: &InputDigests) -> Plan {
    let mut planner = Planner::new(model, observed, inputs);
    planner.tasks();
    planner.servers(model.databases.values().filter_map(|database| database.server.as_ref()));
    for database in model.databases.values() {
        planner.database(database);
    }
    planner.load();
    planner.keep();
    planner.services();
    planner.finish()
}

/// What is decided so far.
pub(crate) struct Planner<'a> {
    pub(crate) model: &'a Model,
    pub(crate) observed: &'a Observed,
    pub(crate) keys: Keys,
    pub(crate) plan: Plan,
    /// Why each task that runs does.
    running_tasks: BTreeMap<UnitId, String>,
    /// Databases whose schema step runs, and those that are made anew: services that use them wait, or start again.
    changed: BTreeSet<DatabaseId>,
    pub(crate) created: BTreeSet<DatabaseId>,
    started_servers: BTreeSet<ServerId>,
}

/// The keys of everything in the model.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) tasks: BTreeMap<UnitId, Key>,
    pub(crate) schemas: BTreeMap<DatabaseId, Key>,
    /// The declared state of each database: all schemas, and all data.
    pub(crate) states: BTreeMap<DatabaseId, Key>,
}

impl Keys {
    pub(crate) fn new(model: &Model, inputs: &InputDigests) -> Self {
        let digest = |digests: Option<&String>| digests.cloned().unwrap_or_default();
        let tasks = model
            .tasks
            .values()
            .map(|task| {
                let inputs = digest(inputs.tasks.get(&task.id));
                (task.id.clone(), Key::of("task").text(task.words.as_str()).text(&inputs).end())
            })
            .collect();
        let schemas: BTreeMap<DatabaseId, Key> = model
            .databases
            .values()
            .map(|database| {
                let words = database.schema.as_ref().map_or_else(String::new, |schema| schema.words.to_string());
                let server = database.server.as_ref().map_or_else(|| "sqlite".to_owned(), ToString::to_string);
                let inputs = digest(inputs.schemas.get(&database.id));
                (database.id.clone(), Key::of("schema").text(&server).text(&words).text(&inputs).end())
            })
            .collect();
        // Records refer to each other across databases, so the state of each depends on the schema of all.
        let mut all = Key::of("states");
        for (id, key) in &schemas {
            all.text(&id.to_string()).text(key.as_str());
        }
        let all = all.text(&inputs.data).end();
        let states = schemas
            .keys()
            .map(|id| (id.clone(), Key::of("state").text(&id.to_string()).text(all.as_str()).end()))
            .collect();
        Self { tasks, schemas, states }
    }
}

impl<'a> Planner<'a> {
    pub(crate) fn new(model: &'a Model, observed: &'a Observed, inputs: &InputDigests) -> Self {
        Self {
            model,
            observed,
            keys: Keys::new(model, inputs),
            plan: Plan::default(),
            running_tasks: BTreeMap::new(),
            changed: BTreeSet::new(),
            created: BTreeSet::new(),
            started_servers: BTreeSet::new(),
        }
    }

    /// Decides which tasks run.
    pub(crate) fn tasks(&mut self) {
        for task in tasks_in_order(self.model) {
            let Some(reason) = self.why_run(task) else {
                self.plan.unchanged.push((task.id.clone(), "its inputs are unchanged".to_owned()));
                continue;
            };
            self.running_tasks.insert(task.id.clone(), reason);
        }
    }

    fn why_run(&self, task: &TaskModel) -> Option<String> {
        if let Some(before) = task.after.iter().find(|before| self.running_tasks.contains_key(&before.unit)) {
            return Some(format!("{} runs", before.unit));
        }
        if !task.has_inputs {
            return Some("it declares no inputs".to_owned());
        }
        match self.observed.tasks.get(&task.id) {
            None => Some("it has not run yet".to_owned()),
            Some(observed) if observed.key != self.keys.tasks[&task.id] => Some("its inputs changed".to_owned()),
            Some(observed) => observed.missing_output.as_ref().map(|output| format!("its output {output} is missing")),
        }
    }

    /// Starts the servers that are needed and do not run.
    pub(crate) fn servers<'s>(&mut self, needed: impl IntoIterator<Item = &'s ServerId>) {
        let needed: BTreeSet<&ServerId> = needed.into_iter().collect();
        for id in needed {
            let server = &self.model.servers[id];
            let unit = server.unit();
            if self.observed.running.contains_key(&unit) {
                self.plan.unchanged.push((unit, "it runs".to_owned()));
                continue;
            }
            let prepare = UnitId::new(format!("{id} prepare"));
            self.step(prepare.clone(), Action::PrepareServer(id.clone()), "it does not run", Vec::new());
            let kind = UnitKind::Service {
                process: server.process.clone(),
                ready: server.ready.clone(),
                stop: server.stop.clone(),
            };
            let digest = Key::of("server").text(&id.to_string()).end();
            let action = Action::StartService { kind: Box::new(kind), digest };
            self.step(unit, action, "it does not run", vec![succeeded(prepare)]);
            self.started_servers.insert(id.clone());
        }
    }

    /// Brings one database to its schema.
    fn database(&mut self, database: &DatabaseModel) {
        let id = &database.id;
        let Some(observed) = self.observed.databases.get(id) else {
            let create = UnitId::new(format!("{id} create"));
            let after = self.server_ready(database);
            self.step(create.clone(), Action::CreateDatabase(id.clone()), "it does not exist", after);
            self.schema(database, "the database is new", vec![succeeded(create)]);
            self.created.insert(id.clone());
            self.changed.insert(id.clone());
            return;
        };
        let Some(reason) = self.why_schema(database, observed.schema.as_ref()) else {
            return;
        };
        // What is there is put back when the step fails: a copy first, while nobody uses it.
        let protect = UnitId::new(format!("{id} protect"));
        let after = self.server_ready(database);
        self.step(protect.clone(), Action::Protect(id.clone()), &reason, after);
        self.schema(database, &reason, vec![succeeded(protect)]);
        self.changed.insert(id.clone());
    }

    fn why_schema(&self, database: &DatabaseModel, recorded: Option<&Key>) -> Option<String> {
        let schema = database.schema.as_ref()?;
        match recorded {
            None => Some("its schema step has not succeeded yet".to_owned()),
            Some(key) if *key != self.keys.schemas[&database.id] => Some("its schema step changed".to_owned()),
            Some(_) if schema.has_inputs => None,
            Some(_) => schema
                .after
                .iter()
                .find(|before| self.running_tasks.contains_key(&before.unit))
                .map(|before| format!("{} runs", before.unit)),
        }
    }

    /// The schema step of a database, if it has one.
    pub(crate) fn schema(&mut self, database: &DatabaseModel, reason: &str, mut after: Vec<Condition>) {
        let Some(schema) = &database.schema else { return };
        let id = UnitId::new(schema_node(&database.id));
        let key = self.keys.schemas[&database.id].clone();
        after.extend(self.server_ready(database));
        after.extend(schema.after.iter().filter(|condition| self.matters(condition)).cloned());
        let others = schema.uses.iter().map(|other| UnitId::new(schema_node(other)));
        after.extend(others.filter(|other| self.plan.has(other) || self.will_have_schema(other)).map(succeeded));
        let action = match &schema.process {
            Some(process) => {
                let kind = UnitKind::Task { process: process.clone(), timeout: schema.timeout };
                Action::RunSchema { database: database.id.clone(), kind: Box::new(kind), key }
            }
            None => Action::ExecuteSchema { database: database.id.clone(), key },
        };
        self.step(id, action, reason, after);
    }

    /// Whether the database of this schema step, which may come later in the list, is going to be migrated.
    fn will_have_schema(&self, step: &UnitId) -> bool {
        self.model.databases.values().filter(|database| schema_node(&database.id) == step.as_str()).any(|database| {
            match self.observed.databases.get(&database.id) {
                None => database.schema.is_some(),
                Some(observed) => self.why_schema(database, observed.schema.as_ref()).is_some(),
            }
        })
    }

    /// Loads the declared data when a database does not have what is declared now.
    pub(crate) fn load(&mut self) {
        if !self.model.has_data {
            return;
        }
        let behind = self.keys.states.iter().find(|(id, key)| {
            let observed = self.observed.databases.get(id);
            self.created.contains(*id) || observed.and_then(|observed| observed.data.as_ref()) != Some(*key)
        });
        let Some((id, _)) = behind else { return };
        let reason = if self.created.contains(id) {
            format!("database {id} is new")
        } else {
            "the declared data or a schema changed".to_owned()
        };
        let after = self.databases_at(Stage::Schema, self.model.databases.keys());
        let keys = self.keys.states.iter().map(|(id, key)| (id.clone(), key.clone())).collect();
        self.step(UnitId::new(LOAD), Action::Load { keys }, &reason, after);
    }

    /// Keeps what was made from nothing: it is the declared state, and `reset` comes back to it.
    pub(crate) fn keep(&mut self) {
        for id in self.created.clone() {
            let key = self.keys.states[&id].clone();
            let after = self.databases_at(Stage::Data, [&id]);
            let reason = "it is in its declared state".to_owned();
            self.step(UnitId::new(format!("{id} keep")), Action::Keep { database: id, key }, &reason, after);
        }
    }

    fn services(&mut self) {
        let mut unchanged = Vec::new();
        for service in self.model.services.values() {
            match self.why_start(service) {
                Some(reason) => self.start(service, &reason),
                None => unchanged.push((service.id.clone(), "it runs".to_owned())),
            }
        }
        self.plan.unchanged.extend(unchanged);
        for id in self.observed.running.keys() {
            let known = self.model.services.contains_key(id) || self.is_server(id);
            if !known {
                self.plan.stop.push((id.clone(), "it is no longer declared".to_owned()));
            }
        }
    }

    fn why_start(&self, service: &ServiceModel) -> Option<String> {
        let Some(running) = self.observed.running.get(&service.id) else {
            return Some("it does not run".to_owned());
        };
        if let Some(before) = service.after.iter().find(|before| self.running_tasks.contains_key(&before.unit)) {
            return Some(format!("{} runs", before.unit));
        }
        if let Some(database) = service.uses.iter().find(|id| self.changed.contains(*id)) {
            return Some(format!("the schema of {database} changes"));
        }
        let server = service.uses.iter().filter_map(|id| self.model.databases[id].server.as_ref());
        if let Some(server) = server.into_iter().find(|id| self.started_servers.contains(*id)) {
            return Some(format!("{server} starts"));
        }
        if running.digest != self.service_digest(service).as_str() {
            return Some("its definition changed".to_owned());
        }
        (!running.ready).then(|| "it is not ready".to_owned())
    }

    /// What a running service is compared by: its own words, and the keys of the tasks that it comes after.
    pub(crate) fn service_digest(&self, service: &ServiceModel) -> Key {
        let mut key = Key::of("service");
        key.text(service.words.as_str());
        for condition in &service.after {
            if let Some(task) = self.keys.tasks.get(&condition.unit) {
                key.text(condition.unit.as_str()).text(task.as_str());
            }
        }
        key.end()
    }

    /// Starts a service when what it needs is there; one that runs is stopped first.
    pub(crate) fn start(&mut self, service: &ServiceModel, reason: &str) {
        if self.observed.running.contains_key(&service.id) {
            self.plan.stop.push((service.id.clone(), reason.to_owned()));
        }
        let mut after: Vec<Condition> =
            service.after.iter().filter(|condition| self.matters(condition)).cloned().collect();
        after.extend(self.databases_at(Stage::Kept, &service.uses));
        let kind = UnitKind::Service {
            process: service.process.clone(),
            ready: service.ready.clone(),
            stop: service.stop.clone(),
        };
        let digest = self.service_digest(service);
        self.step(service.id.clone(), Action::StartService { kind: Box::new(kind), digest }, reason, after);
    }

    /// Puts in the tasks that run, and ends.
    pub(crate) fn finish(mut self) -> Plan {
        for (id, reason) in std::mem::take(&mut self.running_tasks) {
            let task = &self.model.tasks[&id];
            let mut after = task.after.clone();
            after.extend(self.databases_at(Stage::Kept, &task.uses));
            let kind = UnitKind::Task { process: task.process.clone(), timeout: task.timeout };
            let action = Action::RunTask { kind: Box::new(kind), key: self.keys.tasks[&id].clone() };
            self.plan.steps.insert(0, Step { id, action, reason, after });
        }
        // What is skipped is as good as succeeded: nobody waits for it.
        let present: BTreeSet<UnitId> = self.plan.steps.iter().map(|step| step.id.clone()).collect();
        for step in &mut self.plan.steps {
            step.after.retain(|condition| {
                present.contains(&condition.unit) || self.observed.running.contains_key(&condition.unit)
            });
        }
        self.plan
    }

    /// Whether there is anything to wait for: a task that is skipped has succeeded already.
    fn matters(&self, condition: &Condition) -> bool {
        self.running_tasks.contains_key(&condition.unit)
            || self.model.services.contains_key(&condition.unit)
            || self.plan.has(&condition.unit)
    }

    fn is_server(&self, id: &UnitId) -> bool {
        self.model.servers.values().any(|server| server.unit() == *id)
    }

    pub(crate) fn server_ready(&self, database: &DatabaseModel) -> Vec<Condition> {
        let unit = database.server.as_ref().map(|id| self.model.servers[id].unit());
        unit.into_iter().map(|unit| Condition { unit, state: ConditionState::Ready }).collect()
    }

    /// The conditions under which these databases have come as far as this plan takes them.
    pub(crate) fn databases_at<'d>(
        &self,
        stage: Stage,
        databases: impl IntoIterator<Item = &'d DatabaseId>,
    ) -> Vec<Condition> {
        let mut conditions = Vec::new();
        for id in databases {
            let steps = [
                (Stage::Kept, format!("{id} keep")),
                (Stage::Kept, format!("{id} reset")),
                (Stage::Kept, format!("{id} save")),
                (Stage::Kept, format!("{id} restore")),
                (Stage::Kept, format!("{id} recover")),
                (Stage::Data, LOAD.to_owned()),
                (Stage::Schema, schema_node(id)),
                (Stage::Schema, format!("{id} create")),
                (Stage::Schema, format!("{id} clear")),
            ];
            let last = steps
                .into_iter()
                .filter(|(reached, _)| *reached <= stage)
                .map(|(_, name)| UnitId::new(name))
                .find(|name| self.plan.has(name));
            conditions.extend(last.map(succeeded));
            conditions.extend(self.server_ready(&self.model.databases[id]));
        }
        conditions.sort_by(|a, b| a.unit.cmp(&b.unit));
        conditions.dedup();
        conditions
    }

    pub(crate) fn step(&mut self, id: UnitId, action: Action, reason: &str, after: Vec<Condition>) {
        self.plan.steps.push(Step { id, action, reason: reason.to_owned(), after });
    }
}

/// How far a database has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Schema,
    Data,
    Kept,
}

pub(crate) fn succeeded(unit: UnitId) -> Condition {
    Condition { unit, state: ConditionState::Succeeded }
}

/// The tasks, each after those that it comes after. The model has no circles.
fn tasks_in_order(model: &Model) -> Vec<&TaskModel> {
    fn visit<'m>(model: &'m Model, id: &UnitId, seen: &mut BTreeSet<UnitId>, order: &mut Vec<&'m TaskModel>) {
        let Some(task) = model.tasks.get(id) else { return };
        if seen.insert(id.clone()) {
            for before in &task.after {
                visit(model, &before.unit, seen, order);
            }
            order.push(task);
        }
    }
    let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
    for id in model.tasks.keys() {
        visit(model, id, &mut seen, &mut order);
    }
    order
}
