//! Manifests and facts become a model.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use manifest::{After, AfterTarget, BaseSource, Command, SchemaStep, Template, Workload, Workspace, WorkspaceTree};
use source::{Place, Problem, Problems};
use supervisor::{Condition, ConditionState, Gate, Probe, ProcessSpec, UnitId, Variables};

use crate::circle::{Graph, Why};
use crate::container;
use crate::key::KeyBuilder;
use crate::lives::{self, Lives};
use crate::scope::{Form, Scope};
use crate::secret;
use crate::step_id::{self, DatabaseStep};
use crate::{
    BaseModel, ContainerFacts, DatabaseId, DatabaseModel, Key, Model, ResourceId, ResourceModel, SchemaModel, ServerId,
    ServerModel, ServiceModel, TaskModel,
};

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
    /// How the contents of databases are digested: states of another way are others.
    pub fingerprint_version: u32,
    /// Each workspace's own directory in the environment.
    pub directories: BTreeMap<String, PathBuf>,
    /// Where files are that are made of templates.
    pub config_files: PathBuf,
    /// Where logs are written.
    pub logs: PathBuf,
    /// Tasks that are wanted although nothing needs them.
    pub wanted: BTreeSet<UnitId>,
    /// The environment variables that every process starts from.
    pub inherited: Arc<BTreeMap<String, String>>,
    /// The engine that runs containers; empty if none is declared.
    pub containers: ContainerFacts,
}

/// Resolves every reference of every workspace; all problems at once.
pub fn resolve(tree: &WorkspaceTree, facts: &Facts) -> Result<Model, Problems> {
    let manifests = || tree.iter().map(|(_, workspace)| &workspace.manifest);
    let has_data = |manifest: &manifest::Manifest| {
        !manifest.data.is_empty() || manifest.databases.values().any(|database| !database.data.is_empty())
    };
    let mut model = Model {
        root: tree.workspace(tree.root).manifest.name.to_string(),
        workspaces: Vec::new(),
        tasks: BTreeMap::new(),
        services: BTreeMap::new(),
        databases: BTreeMap::new(),
        servers: facts.servers.clone(),
        resources: BTreeMap::new(),
        has_data: manifests().any(has_data),
    };
    let mut graph = Graph::default();
    let mut problems = Problems::default();
    for (id, _) in tree.iter() {
        let resolver = Resolver { scope: Scope::new(tree, facts, id) };
        resolver.add_to(&mut model, &mut graph, &mut problems);
    }
    problems.extend(graph.circles());
    if problems.has_errors() {
        return Err(problems.sorted().into_iter().cloned().collect());
    }
    keep_needed_tasks(&mut model, &facts.wanted);
    Ok(model)
}

/// A process, the digest of what the manifest says of it, and the databases that it uses.
struct Resolved {
    process: ProcessSpec,
    words: Key,
    uses: BTreeSet<DatabaseId>,
    /// Files made of templates that it reads: by path, what is in them.
    config_files: BTreeMap<PathBuf, String>,
}

/// Puts one workspace into the model.
struct Resolver<'a> {
    scope: Scope<'a>,
}

impl<'a> Resolver<'a> {
    fn add_to(&self, model: &mut Model, graph: &mut Graph, problems: &mut Problems) {
        let manifest = &self.scope.workspace().manifest;
        for task in manifest.tasks.values() {
            match self.task(task) {
                Ok(resolved) => {
                    self.edges(graph, &resolved.id, &task.after);
                    Self::edges_of_use(graph, &resolved.id, &resolved.uses, &task.place, model.has_data);
                    model.tasks.insert(resolved.id.clone(), resolved);
                }
                Err(problem) => problems.push(problem),
            }
        }
        for service in manifest.services.values() {
            match self.service(service) {
                Ok(resolved) => {
                    self.edges(graph, &resolved.id, &service.after);
                    Self::edges_of_use(graph, &resolved.id, &resolved.uses, &service.place, model.has_data);
                    model.services.insert(resolved.id.clone(), resolved);
                }
                Err(problem) => problems.push(problem),
            }
        }
        for database in manifest.databases.values() {
            match self.database(database, graph) {
                Ok(resolved) => {
                    model.databases.insert(resolved.id.clone(), resolved);
                }
                Err(problem) => problems.push(problem),
            }
        }
        for resource in manifest.resources.values() {
            match self.resource(resource) {
                Ok(resolved) => {
                    model.resources.insert(resolved.id.clone(), resolved);
                }
                Err(problem) => problems.push(problem),
            }
        }
        model.workspaces.push(self.scope.model(problems));
    }

    fn task(&self, task: &'a manifest::Task) -> Result<TaskModel, Problem> {
        let id = self.scope.unit(&task.name);
        let mut plain = None;
        let (resolved, image) = match &task.run {
            Workload::Process(run) => {
                let directory = task.directory.as_deref();
                let process = |form| self.process(&self.scope, &id, run, &task.env, directory, form);
                plain = Some(process(Form::Symbol)?.words);
                (process(Form::Value)?, None)
            }
            Workload::Container(container) => {
                let facts = &self.scope.facts.containers;
                let in_network = facts.has_networks && container.network.is_of_its_own();
                let scope = if in_network { self.scope.in_network() } else { self.scope.clone() };
                let (name, limits) = (task.name.as_str(), &task.limits);
                let resolver =
                    container::Resolver { scope: &scope, facts, container, service: name, limits, port: None };
                (self.container(&resolver, &id, &task.env)?, Some(resolver.image()?))
            }
        };
        let Resolved { process, words, uses, config_files } = resolved;
        let handed = process.env.own.values().chain(&process.arguments).chain(config_files.values());
        let has_secret = handed.into_iter().any(|text| secret::has_secret(text));
        Ok(TaskModel {
            id,
            process,
            image,
            after: self.conditions(&task.after),
            uses,
            timeout: task.timeout,
            watch: task.watch.as_ref().map(|watch| lives::watch(watch, &self.scope)),
            has_inputs: !task.inputs.is_empty(),
            has_secret,
            config_files,
            // A container has names of its environment in any case.
            plain_words: plain.unwrap_or_else(|| Key::of("task of an environment").text(words.as_str()).end()),
            words,
        })
    }

    fn service(&self, service: &'a manifest::Service) -> Result<ServiceModel, Problem> {
        let id = self.scope.unit(&service.name);
        let scope = self.scope.inside(&service.name);
        let port = scope.port(&service.name);
        if service.port.is_some() && port.is_none() {
            return Err(Problem::error("plan::no-port", format!("no port was chosen for `{id}`"))
                .at(&service.place, "this service wants one"));
        }
        let behind = scope.port_behind(&service.name).filter(|_| service.lazy.is_some());
        let gate = port.zip(behind).map(|(port, to)| Gate { port, to });
        let own_port = behind.or(port);
        let mut image = None;
        let mut health = Probe::Started;
        let Resolved { process, words, uses, config_files } = match &service.run {
            Workload::Process(run) => {
                self.process(&scope, &id, run, &service.env, service.directory.as_deref(), Form::Value)?
            }
            Workload::Container(container) => {
                let facts = &self.scope.facts.containers;
                let is_inside = facts.has_networks && container.network.is_of_its_own();
                let scope = if is_inside { scope.in_network() } else { scope.clone() };
                let (name, limits) = (service.name.as_str(), &service.limits);
                let port = own_port;
                let own = container::Resolver { scope: &scope, facts, container, service: name, limits, port };
                image = Some(own.image()?);
                let resolved = self.container(&own, &id, &service.env)?;
                health = own.health(&resolved.process);
                resolved
            }
        };
        let lives =
            Lives { name: &service.name, scope: &scope, port: own_port, process: &process, health: &health, gate };
        let (ready, stop, life) = (lives.ready(&service.ready)?, lives.stop(&service.stop)?, lives.life(service)?);
        let after = self.conditions(&service.after);
        let mut key = Key::of("service");
        key.text(words.as_str());
        if image.is_none() {
            // The same words are another program in another checkout: after a link, or at another commit.
            key.text(&process.directory.to_string_lossy());
        }
        lives::add_to(&mut key, &ready, &stop, &life);
        let restarts_with = after.iter().filter(|condition| condition.restart).map(|condition| condition.unit.as_str());
        key.texts(restarts_with.collect::<BTreeSet<_>>());
        for woken in after.iter().filter(|condition| condition.wake) {
            key.text("wakes").text(woken.unit.as_str());
        }
        Ok(ServiceModel { id, process, image, ready, stop, life, after, uses, port, config_files, words: key.end() })
    }

    fn database(&self, database: &'a manifest::Database, graph: &mut Graph) -> Result<DatabaseModel, Problem> {
        let id = self.scope.database(&database.name);
        graph.edge(&step_id::load(), DatabaseStep::Schema.of(&id), &database.place, Why::Loads);
        let schema = match &database.schema {
            Some(schema) => Some(self.schema(&id, schema, graph, &database.place)?),
            None => None,
        };
        let server = ServerId::of(database);
        let version = server.as_ref().and_then(|server| self.scope.facts.servers.get(server));
        let mut settings = Key::of("settings");
        settings.text(&self.scope.facts.fingerprint_version.to_string());
        settings.text(version.map_or("", |server| &server.version));
        for setting in [&database.encoding, &database.locale] {
            settings.text(setting.as_deref().unwrap_or_default());
        }
        let sorted = |names: &'a [String]| names.iter().map(String::as_str).collect::<BTreeSet<_>>();
        let settings = settings.texts(sorted(&database.extensions)).texts(sorted(&database.roles)).end();
        let base = database.base.as_ref().map(|base| base_model(base, database));
        Ok(DatabaseModel { id, engine: database.engine, server, settings, base, schema })
    }

    fn resource(&self, resource: &'a manifest::Resource) -> Result<ResourceModel, Problem> {
        let workspace = self.scope.workspace();
        let path = self.scope.text(&resource.path, Form::Value)?;
        let services = workspace.manifest.services.values();
        Ok(ResourceModel {
            id: ResourceId { workspace: workspace.manifest.name.to_string(), name: resource.name.clone() },
            directory: join(&workspace.directory, &path),
            exclude: resource.exclude.iter().map(|glob| glob.pattern.clone()).collect(),
            users: services.map(|service| self.scope.unit(&service.name)).collect(),
        })
    }

    fn schema(
        &self,
        id: &DatabaseId,
        schema: &'a SchemaStep,
        graph: &mut Graph,
        place: &Place,
    ) -> Result<SchemaModel, Problem> {
        match schema {
            SchemaStep::Command { run, env, inputs, after, directory, timeout } => {
                let unit = DatabaseStep::Schema.of(id);
                let Resolved { mut process, words, mut uses, config_files } =
                    self.process(&self.scope, &unit, run, env, directory.as_deref(), Form::Symbol)?;
                uses.remove(id);
                let url = self.scope.facts.databases.get(id).and_then(|properties| properties.get("url"));
                if let (Some(url), false) = (url, env.contains_key("DATABASE_URL")) {
                    process.env.own.insert("DATABASE_URL".to_owned(), url.clone());
                }
                self.edges(graph, &unit, after);
                for other in &uses {
                    graph.edge(&unit, DatabaseStep::Schema.of(other), place, Why::Uses(other.clone()));
                }
                Ok(SchemaModel {
                    process: Some(process),
                    files: Vec::new(),
                    after: self.conditions(after),
                    uses,
                    timeout: *timeout,
                    has_inputs: !inputs.is_empty(),
                    config_files,
                    words,
                })
            }
            SchemaStep::Sql { files } => Ok(SchemaModel {
                process: None,
                files: files.iter().map(|file| join(&self.scope.workspace().directory, &file.path)).collect(),
                after: Vec::new(),
                uses: BTreeSet::new(),
                timeout: None,
                has_inputs: true,
                config_files: BTreeMap::new(),
                words: Key::of("sql").texts(files.iter().map(|file| file.path.as_str())).end(),
            }),
        }
    }

    fn process(
        &self,
        scope: &Scope<'a>,
        id: &UnitId,
        run: &'a Command,
        env: &'a IndexMap<String, Template>,
        directory: Option<&str>,
        key_form: Form,
    ) -> Result<Resolved, Problem> {
        let root = &scope.workspace().directory;
        let mut key = Key::of("process");
        let words = command_words(scope, run, key_form)?;
        key.texts(words.iter().map(String::as_str)).text(directory.unwrap_or_default());
        let mut own = BTreeMap::new();
        // In the order of their names: that of the manifest has no meaning.
        let sorted: BTreeMap<_, _> = env.iter().collect();
        for (name, template) in sorted {
            own.insert(name.clone(), scope.text(template, Form::Value)?);
            key.text(name).text(&scope.text(template, key_form)?);
        }
        let directory = directory.map_or_else(|| root.clone(), |below| join(root, below));
        let (program, arguments) = program(command_words(scope, run, Form::Value)?, &directory);
        let log = self.scope.facts.logs.join(log_name(id));
        let texts = || env.values().chain(run.templates());
        let uses = scope.uses(texts());
        add_files(&mut key, &scope.files(texts(), key_form)?);
        let config_files = scope.files(texts(), Form::Value)?;
        let env = Variables { shared: Arc::clone(&self.scope.facts.inherited), own };
        let process = ProcessSpec { program, arguments, env, directory, user: None, log, container: None };
        Ok(Resolved { process, words: key.end(), uses, config_files })
    }

    /// A service that is a container; what is run stands in what the engine is asked for.
    fn container(
        &self,
        resolver: &container::Resolver<'a, '_>,
        id: &UnitId,
        env: &'a IndexMap<String, Template>,
    ) -> Result<Resolved, Problem> {
        let scope = resolver.scope;
        let mut own = BTreeMap::new();
        for (name, template) in env {
            own.insert(name.clone(), scope.text(template, Form::Value)?);
        }
        let spec = resolver.spec(&own)?;
        let mut key = Key::of("container");
        key.text(&format!("{spec:?}"));
        let texts = || env.values().chain(resolver.container.templates());
        let (uses, config_files) = (scope.uses(texts()), scope.files(texts(), Form::Value)?);
        add_files(&mut key, &config_files);
        let process = ProcessSpec {
            program: resolver.image()?.name,
            arguments: Vec::new(),
            env: Variables::default(),
            directory: scope.workspace().directory.clone(),
            user: None,
            log: self.scope.facts.logs.join(log_name(id)),
            container: Some(Arc::new(spec)),
        };
        Ok(Resolved { process, words: key.end(), uses, config_files })
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
                restart: after.restart,
                wake: after.wake,
            })
            .collect()
    }

    fn targets(&self, target: &AfterTarget) -> Vec<UnitId> {
        let dependency = |alias: &str| self.scope.tree.workspace(self.scope.workspace().dependencies[alias]);
        let in_dependency =
            |workspace: &Workspace, name: &str| UnitId::new(format!("{}/{name}", workspace.manifest.name.as_str()));
        match target {
            AfterTarget::Service(name) | AfterTarget::Task(name) => vec![self.scope.unit(name)],
            AfterTarget::Dependency(alias) => {
                let workspace = dependency(alias);
                workspace.manifest.services.keys().map(|name| in_dependency(workspace, name)).collect()
            }
            AfterTarget::DependencyService(alias, name) => vec![in_dependency(dependency(alias), name)],
        }
    }

    fn edges(&self, graph: &mut Graph, from: &UnitId, after: &[After]) {
        for after in after {
            for unit in self.targets(&after.target) {
                graph.edge(from, unit, &after.place, Why::After);
            }
        }
    }

    fn edges_of_use(graph: &mut Graph, from: &UnitId, uses: &BTreeSet<DatabaseId>, place: &Place, has_data: bool) {
        for database in uses {
            graph.edge(from, DatabaseStep::Schema.of(database), place, Why::Uses(database.clone()));
            if has_data {
                graph.edge(from, step_id::load(), place, Why::Uses(database.clone()));
            }
        }
    }
}

/// The words of a base: where it comes from, and what is done to it. What a file holds is among the inputs.
fn base_model(base: &manifest::Base, database: &manifest::Database) -> BaseModel {
    let of = |remote: &Option<String>| remote.as_ref().map_or_else(String::new, |remote| format!(" of {remote}"));
    let source = match &base.source {
        BaseSource::File(file) => file.path.clone(),
        BaseSource::Url { url, .. } => url.clone(),
        BaseSource::Snapshot { tag, remote } => format!("snapshot {tag}{}", of(remote)),
        BaseSource::Published { name, remote } => format!("base {name}{}", of(remote)),
    };
    let mut words = Key::of("base words");
    match &base.source {
        // A file that is renamed is the same base; so is one that is fetched from elsewhere.
        BaseSource::File(_) => words.text("file"),
        BaseSource::Url { digest, .. } => words.text(&format!("{digest:?}")),
        BaseSource::Snapshot { .. } | BaseSource::Published { .. } => words.text(&source),
    };
    words.text(base.database.as_deref().unwrap_or_default());
    let cold = database.cold.iter().flat_map(|cold| &cold.sql).map(|file| file.path.as_str());
    BaseModel { words: words.texts(cold).end(), source }
}

impl ServerId {
    /// The server that a database lives in; `None` for an engine without one.
    pub fn of(database: &manifest::Database) -> Option<Self> {
        match database.engine {
            manifest::Engine::Sqlite => None,
            engine @ (manifest::Engine::Postgres | manifest::Engine::Mysql | manifest::Engine::Redis) => {
                Some(Self { engine, version: database.version.clone(), image: database.image.clone() })
            }
        }
    }
}

/// Adds what is in files to a key. Where they lie is another place in each environment.
fn add_files(key: &mut KeyBuilder, files: &BTreeMap<PathBuf, String>) {
    for content in files.values() {
        key.text(content);
    }
}

/// Name of a unit's log file.
fn log_name(id: &UnitId) -> String {
    format!("{}.log", id.as_str().replace('/', ".").replace(' ', "-"))
}

pub(crate) fn command_words<'a>(scope: &Scope<'a>, command: &'a Command, form: Form) -> Result<Vec<String>, Problem> {
    match command {
        Command::Words { words, .. } => words.iter().map(|word| scope.text(word, form)).collect(),
        Command::Shell { script, .. } => Ok(vec!["sh".to_owned(), "-c".to_owned(), scope.text(script, form)?]),
    }
}

/// The program, found from the directory when it is a path, and the arguments.
pub(crate) fn program(words: Vec<String>, directory: &Path) -> (String, Vec<String>) {
    let mut words = words.into_iter();
    let program = words.next().unwrap_or_default();
    let program = if program.contains('/') { join(directory, &program).display().to_string() } else { program };
    (program, words.collect())
}

/// Joins without leaving `..` or `.` in the middle, so that messages show the plain place.
pub(crate) fn join(root: &Path, below: &str) -> PathBuf {
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

/// Leaves only tasks that are wanted, or that a service, a schema step or another needed task comes after.
fn keep_needed_tasks(model: &mut Model, also: &BTreeSet<UnitId>) {
    let mut needed = BTreeSet::new();
    let schemas = model.databases.values().filter_map(|database| database.schema.as_ref());
    let mut wanted: Vec<UnitId> = schemas
        .flat_map(|schema| &schema.after)
        .chain(model.services.values().flat_map(|service| &service.after))
        .map(|condition| condition.unit.clone())
        .chain(also.iter().cloned())
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
