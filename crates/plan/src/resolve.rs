//! Manifests and facts become a model.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use manifest::{After, AfterTarget, Command, SchemaStep, Template, Workspace, WorkspaceTree};
use source::{Problem, Problems};
use supervisor::{Condition, ConditionState, Probe, ProcessSpec, ReadySpec, Signal, StopSpec, UnitId};

use crate::circle::Graph;
use crate::scope::{Form, Scope};
use crate::{DatabaseId, DatabaseModel, Key, Model, SchemaModel, ServerId, ServerModel, ServiceModel, TaskModel};

/// What the planner is told about this environment.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Name of the environment.
    pub environment: String,
    /// Port of each service that has one.
    pub ports: BTreeMap<UnitId, u16>,
    /// What `${databases.NAME.…}` gives, by database and property.
    pub databases: BTreeMap<DatabaseId, BTreeMap<String, String>>,
    /// How each server is run.
    pub servers: BTreeMap<ServerId, ServerModel>,
    /// Each workspace's own directory in the environment.
    pub directories: BTreeMap<String, PathBuf>,
    /// Where logs are written.
    pub logs: PathBuf,
    /// The environment variables that every process starts from.
    pub inherited: BTreeMap<String, String>,
}

/// Resolves every reference of every workspace; all problems at once.
pub fn resolve(tree: &WorkspaceTree, facts: &Facts) -> Result<Model, Problems> {
    let mut problems = Problems::default();
    let mut model = Model {
        root: tree.workspace(tree.root).manifest.name.to_string(),
        workspaces: Vec::new(),
        tasks: BTreeMap::new(),
        services: BTreeMap::new(),
        databases: BTreeMap::new(),
        servers: facts.servers.clone(),
        has_data: false,
    };
    let mut graph = Graph::default();
    for (id, _) in tree.iter() {
        let resolver = Resolver { scope: Scope::new(tree, facts, id) };
        if let Err(problem) = resolver.add_to(&mut model, &mut graph) {
            problems.push(problem);
        }
    }
    problems.extend(graph.circle());
    if problems.has_errors() {
        return Err(problems);
    }
    keep_needed_tasks(&mut model);
    Ok(model)
}

/// Name of the step that loads all data, and of its node in the graph of what waits for what.
pub(crate) const LOAD: &str = "load";

struct Resolver<'a> {
    scope: Scope<'a>,
}

impl<'a> Resolver<'a> {
    fn workspace(&self) -> &'a Workspace {
        self.scope.tree.workspace(self.scope.workspace)
    }

    fn name(&self) -> &'a str {
        self.workspace().manifest.name.as_str()
    }

    fn add_to(&self, model: &mut Model, graph: &mut Graph) -> Result<(), Problem> {
        let manifest = &self.workspace().manifest;
        for task in manifest.tasks.values() {
            let id = self.unit(&task.name);
            let (process, words, uses) =
                self.process(&self.scope, &id, &task.run, &task.env, task.directory.as_deref(), Form::Value)?;
            self.edges(graph, id.as_str(), &task.after, &uses, &task.place);
            let task = TaskModel {
                after: self.conditions(&task.after),
                process,
                uses,
                timeout: task.timeout,
                has_inputs: !task.inputs.is_empty(),
                words,
                id: id.clone(),
            };
            model.tasks.insert(id, task);
        }
        for service in manifest.services.values() {
            let id = self.unit(&service.name);
            let scope = self.scope.inside(&service.name);
            let (process, words, uses) =
                self.process(&scope, &id, &service.run, &service.env, service.directory.as_deref(), Form::Value)?;
            self.edges(graph, id.as_str(), &service.after, &uses, &service.place);
            let port = self.scope.facts.ports.get(&id).copied();
            let ready = self.ready(&scope, &service.ready, port, &process)?;
            let stop = StopSpec { signal: signal(service.stop.signal), timeout: service.stop.timeout };
            let mut key = Key::of("service");
            key.text(words.as_str()).text(&format!("{ready:?}")).text(&format!("{stop:?}"));
            let words = key.end();
            let after = self.conditions(&service.after);
            model.services.insert(id.clone(), ServiceModel { id, process, ready, stop, after, uses, port, words });
        }
        for database in manifest.databases.values() {
            let id = DatabaseId { workspace: self.name().to_owned(), name: database.name.to_string() };
            let server = ServerId::of(database.engine, database.version.as_deref());
            let schema = match &database.schema {
                Some(schema) => Some(self.schema(&id, schema, graph, &database.place)?),
                None => None,
            };
            graph.edge(LOAD, &schema_node(&id), &database.place, "comes after the schema of");
            model.has_data |= !database.data.is_empty();
            model.databases.insert(id.clone(), DatabaseModel { id, engine: database.engine, server, schema });
        }
        model.has_data |= !manifest.data.is_empty();
        model.workspaces.push(self.scope.model()?);
        Ok(())
    }

    fn schema(
        &self,
        id: &DatabaseId,
        schema: &SchemaStep,
        graph: &mut Graph,
        place: &source::Place,
    ) -> Result<SchemaModel, Problem> {
        let node = schema_node(id);
        match schema {
            SchemaStep::Command { run, env, inputs, after, directory, timeout } => {
                let unit = UnitId::new(node.clone());
                let (mut process, words, mut uses) =
                    self.process(&self.scope, &unit, run, env, directory.as_deref(), Form::Symbol)?;
                uses.remove(id);
                let url = self.scope.facts.databases.get(id).and_then(|properties| properties.get("url"));
                if let (Some(url), false) = (url, env.contains_key("DATABASE_URL")) {
                    process.env.insert("DATABASE_URL".to_owned(), url.clone());
                }
                for condition in self.conditions(after) {
                    graph.edge(&node, condition.unit.as_str(), place, "comes after");
                }
                for other in &uses {
                    graph.edge(&node, &schema_node(other), place, "uses");
                }
                Ok(SchemaModel {
                    process: Some(process),
                    files: Vec::new(),
                    after: self.conditions(after),
                    uses,
                    timeout: *timeout,
                    has_inputs: !inputs.is_empty(),
                    words,
                })
            }
            SchemaStep::Sql { files } => Ok(SchemaModel {
                process: None,
                files: files.iter().map(|file| self.workspace().directory.join(&file.path)).collect(),
                after: Vec::new(),
                uses: BTreeSet::new(),
                timeout: None,
                has_inputs: true,
                words: Key::of("sql").texts(files.iter().map(|file| file.path.as_str())).end(),
            }),
        }
    }

    fn unit(&self, name: &str) -> UnitId {
        UnitId::new(format!("{}/{name}", self.name()))
    }

    /// The process, the digest of what the manifest says of it, and the databases that it refers to.
    fn process(
        &self,
        scope: &Scope<'_>,
        id: &UnitId,
        run: &Command,
        env: &IndexMap<String, Template>,
        directory: Option<&str>,
        key_form: Form,
    ) -> Result<(ProcessSpec, Key, BTreeSet<DatabaseId>), Problem> {
        let root = &self.workspace().directory;
        let words = |form| command_words(scope, run, form);
        let mut variables = self.scope.facts.inherited.clone();
        let mut key = Key::of("process");
        key.texts(words(key_form)?.iter().map(String::as_str)).text(directory.unwrap_or_default());
        for (name, template) in env {
            variables.insert(name.clone(), scope.text(template, Form::Value)?);
            key.text(name).text(&scope.text(template, key_form)?);
        }
        let directory = directory.map_or_else(|| root.clone(), |below| join(root, below));
        let mut words = words(Form::Value)?.into_iter();
        let program = words.next().unwrap_or_default();
        let program = if program.contains('/') { join(&directory, &program).display().to_string() } else { program };
        let process = ProcessSpec {
            program,
            arguments: words.collect(),
            env: variables,
            directory,
            user: None,
            log: self.scope.facts.logs.join(log_name(id)),
        };
        Ok((process, key.end(), scope.uses(env.values().chain(run.templates()))))
    }

    fn ready(
        &self,
        scope: &Scope<'_>,
        ready: &manifest::Ready,
        own_port: Option<u16>,
        process: &ProcessSpec,
    ) -> Result<ReadySpec, Problem> {
        let host = || "127.0.0.1".to_owned();
        let probe = match &ready.probe {
            manifest::Probe::Started => Probe::Started,
            manifest::Probe::Http { path, status, port } => match port.or(own_port) {
                Some(port) => Probe::Http { host: host(), port, path: scope.text(path, Form::Value)?, status: *status },
                None => Probe::Started,
            },
            manifest::Probe::Tcp { port } => match port.or(own_port) {
                Some(port) => Probe::Tcp { host: host(), port },
                None => Probe::Started,
            },
            manifest::Probe::Command(command) => {
                let mut words = command_words(scope, command, Form::Value)?.into_iter();
                let program = words.next().unwrap_or_default();
                let program = if program.contains('/') {
                    join(&process.directory, &program).display().to_string()
                } else {
                    program
                };
                Probe::Command(ProcessSpec { program, arguments: words.collect(), ..process.clone() })
            }
            manifest::Probe::Log(pattern) => Probe::Log(scope.text(pattern, Form::Value)?),
        };
        Ok(ReadySpec { probe, timeout: ready.timeout, interval: ready.interval })
    }

    fn conditions(&self, after: &[After]) -> Vec<Condition> {
        after
            .iter()
            .flat_map(|after| self.targets(&after.target).into_iter().map(move |unit| (unit, after)))
            .map(|(unit, after)| Condition {
                unit,
                state: match after.condition {
                    manifest::Condition::Started => ConditionState::Started,
                    manifest::Condition::Ready => ConditionState::Ready,
                    manifest::Condition::Succeeded => ConditionState::Succeeded,
                    manifest::Condition::Completed => ConditionState::Completed,
                },
            })
            .collect()
    }

    fn targets(&self, target: &AfterTarget) -> Vec<UnitId> {
        let dependency = |alias: &str| self.scope.tree.workspace(self.workspace().dependencies[alias]);
        let in_dependency =
            |workspace: &Workspace, name: &str| UnitId::new(format!("{}/{name}", workspace.manifest.name.as_str()));
        match target {
            AfterTarget::Service(name) | AfterTarget::Task(name) => vec![self.unit(name)],
            AfterTarget::Dependency(alias) => {
                let workspace = dependency(alias);
                workspace.manifest.services.keys().map(|name| in_dependency(workspace, name)).collect()
            }
            AfterTarget::DependencyService(alias, name) => vec![in_dependency(dependency(alias), name)],
        }
    }

    fn edges(
        &self,
        graph: &mut Graph,
        from: &str,
        after: &[After],
        uses: &BTreeSet<DatabaseId>,
        place: &source::Place,
    ) {
        for after in after {
            for unit in self.targets(&after.target) {
                graph.edge(from, unit.as_str(), &after.place, "comes after");
            }
        }
        for database in uses {
            graph.edge(from, &schema_node(database), place, "uses");
            graph.edge(from, LOAD, place, "uses what is loaded by");
        }
    }
}

impl ServerId {
    /// The server that a database of this engine lives in; `None` for an engine without one.
    pub fn of(engine: manifest::Engine, version: Option<&str>) -> Option<Self> {
        match engine {
            manifest::Engine::Sqlite => None,
            manifest::Engine::Postgres => Some(Self { engine, version: version.map(str::to_owned) }),
        }
    }
}

/// The id of the step that brings a database to its schema.
pub(crate) fn schema_node(id: &DatabaseId) -> String {
    format!("{id} schema")
}

/// Name of a unit's log file.
fn log_name(id: &UnitId) -> String {
    format!("{}.log", id.as_str().replace('/', ".").replace(' ', "-"))
}

fn command_words(scope: &Scope<'_>, command: &Command, form: Form) -> Result<Vec<String>, Problem> {
    match command {
        Command::Words { words, .. } => words.iter().map(|word| scope.text(word, form)).collect(),
        Command::Shell { script, .. } => Ok(vec!["sh".to_owned(), "-c".to_owned(), scope.text(script, form)?]),
    }
}

fn signal(signal: manifest::StopSignal) -> Signal {
    match signal {
        manifest::StopSignal::Term => Signal::Term,
        manifest::StopSignal::Int => Signal::Int,
        manifest::StopSignal::Quit => Signal::Quit,
        manifest::StopSignal::Hup => Signal::Hup,
        manifest::StopSignal::Kill => Signal::Kill,
    }
}

/// Joins without leaving `..` or `.` in the middle, so that messages show the plain place.
fn join(root: &Path, below: &str) -> PathBuf {
    let mut path = root.to_owned();
    for part in Path::new(below).components() {
        match part {
            std::path::Component::ParentDir => {
                path.pop();
            }
            std::path::Component::CurDir => {}
            other => path.push(other),
        }
    }
    path
}

/// Leaves only tasks that a service, a schema step or another needed task comes after.
fn keep_needed_tasks(model: &mut Model) {
    let mut needed = BTreeSet::new();
    let schemas = model.databases.values().filter_map(|database| database.schema.as_ref());
    let mut wanted: Vec<UnitId> = schemas
        .flat_map(|schema| &schema.after)
        .chain(model.services.values().flat_map(|service| &service.after))
        .map(|condition| condition.unit.clone())
        .collect();
    while let Some(unit) = wanted.pop() {
        if let Some(task) = model.tasks.get(&unit)
            && needed.insert(unit)
        {
            wanted.extend(task.after.iter().map(|condition| condition.unit.clone()));
        }
    }
    model.tasks.retain(|id, _| needed.contains(id));
}
