//! A world without processes and databases, in which plans are carried out.
#![allow(dead_code, reason = "not every test that shares this needs all of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use plan::{
    Action, DatabaseId, DatabaseObserved, Facts, InputDigests, Key, Model, Observed, Parts, Plan, RunningUnit,
    ServerId, ServerModel, StateFound, StateSource, StateWork, Step, TaskObserved,
};
use source::Problems;
use supervisor::{Probe, ProcessSpec, ReadySpec, Signal, StopSpec, UnitId};

/// What there is, and what the files that steps declare as inputs hold.
#[derive(Debug, Clone, Default)]
pub struct World {
    pub observed: Observed,
    /// Contents of inputs, by `task ID`, `schema ID` or `data`; what is not here is as it was at first.
    pub inputs: BTreeMap<String, String>,
    /// The server that each database was made in: in another one it is not there.
    servers: BTreeMap<DatabaseId, Option<ServerId>>,
    /// The states that are kept in the engine.
    pub kept: BTreeMap<DatabaseId, BTreeSet<Key>>,
    /// States that can be had elsewhere, as far as they are not kept.
    pub elsewhere: BTreeMap<DatabaseId, BTreeMap<Key, StateFound>>,
}

/// What is to be planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    Up,
    Around(StateWork),
    /// A snapshot for which the files of all servers are saved.
    SaveServers,
    Load,
}

/// Reads and resolves the manifests of a workspace and all it depends on.
pub fn resolve(root: &Path, profile: Option<&str>) -> Result<Model, Problems> {
    resolve_with(root, profile, |_| {})
}

/// The same in a world of which some facts are others.
pub fn resolve_with(root: &Path, profile: Option<&str>, change: impl FnOnce(&mut Facts)) -> Result<Model, Problems> {
    let (local, mut locator) = (manifest::Local::default(), manifest::ByPath);
    let (tree, problems) =
        manifest::load(root, profile, &BTreeMap::new(), &local, &manifest::Applied::default(), &mut locator);
    let Some(mut tree) = tree else { return Err(problems) };
    // What is called `before` is `app` at an earlier time, in the same directory.
    for workspace in tree.workspaces.iter_mut().filter(|workspace| workspace.directory.ends_with("before")) {
        workspace.directory.set_file_name("app");
    }
    let mut facts = Facts {
        environment: "default".into(),
        logs: "/environment/logs".into(),
        inherited: BTreeMap::from([("PATH".into(), "/bin".into())]).into(),
        ..Facts::default()
    };
    let mut port = 20_000;
    for (_, workspace) in tree.iter() {
        let name = workspace.manifest.name.as_str();
        facts.directories.insert(name.into(), PathBuf::from("/environment").join(name));
        for service in workspace.manifest.services.values().filter(|service| service.port.is_some()) {
            port += 1;
            facts.ports.insert(UnitId::new(format!("{name}/{}", service.name)), port);
        }
        for database in workspace.manifest.databases.values() {
            let id = DatabaseId { workspace: name.into(), name: database.name.clone() };
            let properties = ["url", "name", "path", "host", "port", "user", "password"];
            let values = properties.map(|property| (property.to_owned(), format!("{property}-of-{id}")));
            facts.databases.insert(id, BTreeMap::from(values));
            if let Some(server) = ServerId::of(database) {
                facts.servers.insert(server.clone(), server_model(server));
            }
        }
    }
    change(&mut facts);
    plan::resolve(&tree, &facts)
}

fn server_model(id: ServerId) -> ServerModel {
    let process = ProcessSpec {
        program: "/usr/bin/server".into(),
        arguments: vec![],
        env: BTreeMap::new().into(),
        directory: "/environment".into(),
        user: None,
        log: "/environment/logs/server.log".into(),
        container: None,
    };
    let ready = ReadySpec::new(Probe::Started, Duration::from_secs(1));
    ServerModel {
        id,
        version: "Server 1".into(),
        is_shared: false,
        process,
        ready,
        stop: StopSpec { signal: Signal::Int, timeout: Duration::from_secs(1), ..StopSpec::default() },
    }
}

impl World {
    pub fn digests(&self, model: &Model) -> InputDigests {
        let content = |name: String| self.inputs.get(&name).cloned().unwrap_or_else(|| "at first".into());
        InputDigests {
            tasks: model.tasks.keys().map(|id| (id.clone(), content(format!("task {id}")))).collect(),
            schemas: model.databases.keys().map(|id| (id.clone(), content(format!("schema {id}")))).collect(),
            data: content("data".into()),
            bases: BTreeMap::new(),
            loaded: model.databases.keys().filter(|_| model.has_data).cloned().collect(),
        }
    }

    pub fn edit(&mut self, input: &str) {
        self.inputs.entry(input.into()).or_default().push_str("edited ");
    }

    /// What is to be seen of this model: no database that was made in another server.
    pub fn seen(&self, model: &Model) -> Observed {
        let mut observed = self.observed.clone();
        observed.databases.retain(|id, _| {
            model.databases.get(id).is_some_and(|database| self.servers.get(id) == Some(&database.server))
        });
        for (id, keys) in &self.kept {
            let found =
                keys.iter().map(|key| (key.clone(), StateFound { source: StateSource::Engine, ancestor: None }));
            observed.states.entry(id.clone()).or_default().extend(found);
        }
        for (id, states) in &self.elsewhere {
            let all = observed.states.entry(id.clone()).or_default();
            for (key, found) in states {
                all.entry(key.clone()).or_insert_with(|| found.clone());
            }
        }
        observed
    }

    pub fn plan(&self, model: &Model, command: Command, wanted: &BTreeSet<UnitId>) -> Plan {
        let (observed, inputs) = (self.seen(model), self.digests(model));
        let all: BTreeSet<DatabaseId> = model.databases.keys().cloned().collect();
        let there = observed.databases.keys().cloned().collect();
        let parts = |databases| Parts { databases, ..Parts::default() };
        match command {
            Command::Up => plan::up(model, &observed, &inputs),
            Command::Load => plan::load(model, &observed, &inputs, &there),
            Command::Around(work @ (StateWork::Reset | StateWork::Restore)) => {
                plan::around_state(model, &observed, &inputs, &parts(all), work, wanted)
            }
            Command::SaveServers => {
                let servers = there.iter().filter_map(|id| model.databases[id].server.clone()).collect();
                let parts = Parts { servers, ..parts(there) };
                plan::around_state(model, &observed, &inputs, &parts, StateWork::Snapshot, wanted)
            }
            Command::Around(work) => plan::around_state(model, &observed, &inputs, &parts(there), work, wanted),
        }
    }

    /// Carries out the first `count` steps, each of which must find what it waits for.
    pub fn carry_out(&mut self, model: &Model, plan: &Plan, count: usize) {
        for (unit, _) in &plan.stop {
            assert!(self.observed.running.remove(unit).is_some(), "{unit} is stopped, but does not run:\n{plan}");
        }
        // Whoever hands steps over forgets first what is about to run: it may fail.
        for step in plan.steps.iter().filter(|step| matches!(step.action, Action::RunTask { .. })) {
            self.observed.tasks.remove(&step.id);
        }
        let mut done = BTreeSet::new();
        for step in plan.steps.iter().take(count) {
            for condition in &step.after {
                let is_met = done.contains(&condition.unit) || self.observed.running.contains_key(&condition.unit);
                assert!(is_met, "{} does not find {}:\n{plan}", step.id, condition.unit);
            }
            self.step(model, step);
            done.insert(step.id.clone());
        }
    }

    fn step(&mut self, model: &Model, step: &Step) {
        match &step.action {
            Action::RunTask { key, words, .. } => {
                let task = TaskObserved { key: key.clone(), missing_output: None, changed_output: None };
                self.observed.tasks.insert(step.id.clone(), task);
                self.observed.watched.insert(step.id.clone(), words.to_string());
            }
            Action::WatchTask { words, .. } => {
                self.observed.watched.insert(step.id.clone(), words.to_string());
            }
            Action::StartService { digest, .. } => {
                let unit = RunningUnit { digest: digest.to_string(), ready: true, asleep: false };
                let before = self.observed.running.insert(step.id.clone(), unit);
                assert!(before.is_none(), "{} ran already", step.id);
            }
            Action::PullImage(id) | Action::BuildImage(id) => {
                let image = model.services[id].image.as_ref().expect("only a container has one");
                self.observed.images.insert(image.name.clone());
            }
            Action::ClearDatabase(id) => *self.database(id) = DatabaseObserved::default(),
            Action::RunSchema { database, key, .. } | Action::ExecuteSchema { database, key } => {
                self.database(database).schema = Some(key.clone());
            }
            Action::Load { keys } => {
                for (id, key) in keys {
                    self.database(id).data = Some(key.clone());
                }
            }
            Action::Keep { database, state, .. } => {
                self.database(database);
                self.kept.entry(database.clone()).or_default().insert(state.clone());
            }
            Action::Adopt { database, state, source, schema, data, .. } => {
                let is_kept = self.kept.get(database).is_some_and(|kept| kept.contains(state));
                assert!(*source != StateSource::Engine || is_kept, "what is put in place was kept");
                self.kept.entry(database.clone()).or_default().insert(state.clone());
                self.make(model, database);
                let database = self.database(database);
                (database.data, database.schema) = (data.clone(), schema.clone());
            }
            Action::ImportBase { database, state } => {
                self.kept.entry(database.clone()).or_default().insert(state.clone());
                self.make(model, database);
            }
            Action::Protect(id) | Action::Dump(id) | Action::Recover(id) | Action::SwapBack(id) => {
                self.database(id);
            }
            Action::CreateDatabase(id) | Action::Restore(id) => self.make(model, id),
            Action::SaveServer(id) => {
                let unit = model.servers[id].unit();
                assert!(!self.observed.running.contains_key(&unit), "{unit} changes its files");
            }
            Action::PrepareServer(_)
            | Action::Unload
            | Action::Fill(_)
            | Action::SaveFiles(_)
            | Action::RestoreFiles(_)
            | Action::SwapFilesBack(_) => {}
        }
    }

    fn make(&mut self, model: &Model, id: &DatabaseId) {
        self.servers.insert(id.clone(), model.databases[id].server.clone());
        self.observed.databases.insert(id.clone(), DatabaseObserved::default());
    }

    fn database(&mut self, id: &DatabaseId) -> &mut DatabaseObserved {
        self.observed.databases.get_mut(id).unwrap_or_else(|| panic!("{id} does not exist"))
    }

    /// Brings everything up.
    pub fn up(&mut self, model: &Model) {
        let plan = self.plan(model, Command::Up, &BTreeSet::new());
        self.carry_out(model, &plan, usize::MAX);
    }
}
