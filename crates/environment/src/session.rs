//! One command on one environment: what is declared, what is there, and the right to change it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use daemon::Client;
use database::{
    Database, DatabaseError, Engine, EngineKind, Location, Secret, ServerFound, ServerPlace, ServerRequest,
};
use dataset::LoadPlan;
use manifest::{SchemaStep, WorkspaceTree};
use plan::{DatabaseId, Facts, InputDigests, Model, Observed, RunningUnit, ServerId, ServerModel, TaskObserved};
use source::Problems;
use supervisor::{KindTag, Probe, ProcessSpec, ReadySpec, Signal, StopSpec, UnitId, UnitStatus, UserId, Variables};

use crate::data::{self, DeclaredData};
use crate::journal::Journal;
use crate::lock::Lock;
use crate::place::Place;
use crate::ports::{self, Wanted};
use crate::record::{DatabaseRecord, Record};
use crate::{Error, Interrupt, Monitor, Progress, inputs, tasks};

/// What an operation needs of the world around it; the program gives it, so that nothing below reads a clock, an
/// environment variable or a signal.
pub struct Context<'a> {
    /// The engines that there are.
    pub engines: &'a [Box<dyn Engine>],
    /// The program whose `supervise` is the supervisor.
    pub program: PathBuf,
    /// A directory for sockets, with a short path.
    pub runtime_directory: PathBuf,
    /// The environment variables that processes start from.
    pub variables: Arc<BTreeMap<String, String>>,
    /// Whether this process is root's.
    pub is_root: bool,
    /// The wall clock.
    pub now: fn() -> SystemTime,
    /// Listens to what goes on.
    pub monitor: &'a dyn Monitor,
    /// The user's wish to end.
    pub interrupt: Interrupt,
}

/// Which environment is meant.
#[derive(Debug, Clone)]
pub struct Target {
    /// The root of the workspace.
    pub root: PathBuf,
    /// The name of the environment.
    pub name: String,
}

impl Target {
    /// The environment `name` of the workspace that `directory` is in.
    pub fn find(directory: &Path, name: &str) -> Result<Self, Error> {
        let root = manifest::find_root(directory).ok_or_else(|| Error::NoManifest { from: directory.to_owned() })?;
        let fits = name.len() <= 40
            && name != tasks::TASKS
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !fits {
            return Err(Error::Name(name.to_owned()));
        }
        Ok(Self { root, name: name.to_owned() })
    }

    /// Where this environment keeps what it has.
    pub fn place(&self, context: &Context<'_>) -> Place {
        Place::new(&self.root, &self.name, &context.runtime_directory, context.is_root)
    }
}

/// Whether a command may make the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Makes it when it is not there, with this profile.
    Make(Option<String>),
    /// Looks and plans as `Make` would, but writes nothing.
    Look(Option<String>),
    /// It must be there.
    Existing,
}

/// One command on one environment.
pub struct Session<'a> {
    pub(crate) context: &'a Context<'a>,
    pub(crate) target: Target,
    pub(crate) place: Place,
    pub(crate) tree: WorkspaceTree,
    pub(crate) model: Model,
    pub(crate) observed: Observed,
    pub(crate) inputs: InputDigests,
    pub(crate) types: dataset::Registry,
    pub(crate) declared: LoadPlan,
    pub(crate) statuses: Vec<UnitStatus>,
    pub(crate) journal: Journal,
    pub(crate) began: Instant,
    locations: BTreeMap<DatabaseId, Location>,
    servers: BTreeMap<ServerId, (ServerFound, ServerPlace)>,
    record: Mutex<Record>,
    client: Mutex<Option<Client>>,
    /// Set when the supervisor is gone, and its servers with it: then nobody waits for them.
    pub(crate) is_abandoned: AtomicBool,
    _lock: Option<Lock>,
}

impl<'a> Session<'a> {
    /// Reads what is declared, looks at what is there, and puts right what a command that did not end has left.
    pub fn open(context: &'a Context<'a>, target: &Target, mode: &Mode, command: &str) -> Result<Self, Error> {
        loop {
            let session = Self::look(context, target, mode, command)?;
            if session.left_to_undo().is_empty() || matches!(mode, Mode::Look(_)) {
                return Ok(session);
            }
            context
                .monitor
                .on(Progress::Note("an earlier command did not come to its end; undoing what it began".to_owned()));
            let wanted: BTreeSet<UnitId> =
                session.journal.contents().running.iter().map(|id| UnitId::new(id.clone())).collect();
            let was_running = !session.observed.running.is_empty() || !wanted.is_empty();
            session.recover(&wanted)?;
            session.rest(was_running)?;
            // The lock is given back and taken again: what is observed now is another thing.
        }
    }

    /// The databases on which an earlier command began something. One that is not declared any more, or is one of another
    /// engine now, is left until it is as it was.
    pub(crate) fn left_to_undo(&self) -> BTreeSet<DatabaseId> {
        let record = self.record();
        let contents = self.journal.contents();
        let engine = |id: &DatabaseId| {
            let before = contents.protected.get(&id.to_string()).or_else(|| record.databases.get(id));
            before.map(|before| before.engine.clone())
        };
        let is_here = |id: &DatabaseId| {
            let location = self.locations.get(id);
            location.is_some_and(|location| engine(id).is_none_or(|engine| engine == location.engine().word()))
        };
        contents.databases().into_iter().filter(is_here).collect()
    }

    fn look(context: &'a Context<'a>, target: &Target, mode: &Mode, command: &str) -> Result<Self, Error> {
        let began = Instant::now();
        let place = target.place(context);
        let existing = Record::read(place.directory())?;
        let wanted = match mode {
            Mode::Make(profile) | Mode::Look(profile) => profile.clone(),
            Mode::Existing if existing.is_none() => return Err(Error::NoEnvironment(target.name.clone())),
            Mode::Existing => None,
        };
        let profile = match (&existing, wanted) {
            (Some(record), Some(wanted)) if record.profile.as_ref() != Some(&wanted) => {
                let made_with = record.profile.clone();
                return Err(Error::Profile { name: target.name.clone(), made_with, wanted });
            }
            (Some(record), _) => record.profile.clone(),
            (None, wanted) => wanted,
        };
        // Everything that can be wrong in the files is said before anything is made.
        let Declared { tree, data, mut warnings } = read_declared(&target.root, profile.as_deref())?;
        let lock = if matches!(mode, Mode::Look(_)) { None } else { Some(Lock::take(&place, command, context)?) };
        // Whoever had the lock before may have changed this.
        let written = Record::read(place.directory())?;
        let mut record = match written.clone() {
            Some(record) if record.profile != profile => {
                drop(lock);
                return Self::look(context, target, mode, command);
            }
            Some(record) => record,
            None if *mode == Mode::Existing => return Err(Error::NoEnvironment(target.name.clone())),
            None => Record::new(place.directory(), profile),
        };
        let journal = Journal::open(place.directory())?;

        let mut client = match lock {
            // Whoever had it may have been killed: what it asked the supervisor for is taken back first.
            Some(_) => supervisor(&place)?,
            None => Client::connect(&place.socket()).map_err(Error::Supervisor)?,
        };
        if lock.is_some() && client.is_none() && !Record::exists(place.directory()) {
            // Its directory was removed by hand: nobody knows the passwords of the servers that are left.
            place.remove_servers()?;
        }
        let statuses = match &mut client {
            Some(client) => client.status().map_err(Error::Supervisor)?,
            None => Vec::new(),
        };
        let running = running_units(&statuses);

        let servers = server_ids(&tree);
        choose_ports(&tree, &target.name, &servers, &running, &mut record, context.monitor)?;
        for id in servers.keys() {
            record.passwords.entry(id.to_string()).or_insert_with(new_password);
        }
        if lock.is_some() && written.as_ref() != Some(&record) {
            record.write()?;
        }

        let mut maker = FactsMaker { context, place: &place, record: &record, tree: &tree, name: &target.name };
        let servers = maker.servers(&servers)?;
        let locations = maker.locations(&servers);
        let facts = maker.facts(&servers, &locations)?;
        let model = plan::resolve(&tree, &facts).map_err(Error::Problems)?;
        let inputs = digests(&tree, &model, data.digest)?;
        let declared = dataset::order(&data.types, data.specs, &data::options(false)).map_err(Error::Problems)?;
        warnings.extend(declared.warnings.iter().cloned());
        if !warnings.is_empty() {
            context.monitor.on(Progress::Warnings(&warnings));
        }
        let observed = Observed {
            tasks: observed_tasks(&tree, &model)?,
            databases: observed_databases(&record, &locations, &servers),
            running,
        };
        Ok(Self {
            context,
            target: target.clone(),
            place,
            tree,
            model,
            observed,
            inputs,
            types: data.types,
            declared,
            statuses,
            journal,
            began,
            locations,
            servers,
            record: Mutex::new(record),
            client: Mutex::new(client),
            is_abandoned: AtomicBool::new(false),
            _lock: lock,
        })
    }

    /// What is remembered of the environment, at this moment.
    pub(crate) fn record(&self) -> Record {
        self.record.lock().expect("nothing panics while it holds this").clone()
    }

    /// Changes what is remembered of a database, and writes it down.
    pub(crate) fn remember(&self, id: &DatabaseId, change: impl FnOnce(&mut DatabaseRecord)) -> Result<(), Error> {
        let mut record = self.record.lock().expect("nothing panics while it holds this");
        let before = record.databases.get(id).cloned();
        change(record.databases.entry(id.clone()).or_default());
        // A full disk must not keep a database from getting back what it had.
        if before.as_ref() == record.databases.get(id) { Ok(()) } else { record.write() }
    }

    /// Forgets a database that is not there any more.
    pub(crate) fn forget(&self, id: &DatabaseId) -> Result<(), Error> {
        let mut record = self.record.lock().expect("nothing panics while it holds this");
        record.databases.remove(id);
        record.write()
    }

    /// The connection to the supervisor; one is started when there is none.
    pub(crate) fn client(&self) -> Result<Client, Error> {
        if let Some(client) = self.connected() {
            return Ok(client);
        }
        let socket = self.place.socket();
        if let Some(client) = supervisor(&self.place)? {
            return Ok(client);
        }
        let arguments = [
            "supervise".into(),
            "--directory".into(),
            self.place.directory().as_os_str().to_owned(),
            "--socket".into(),
            socket.as_os_str().to_owned(),
        ];
        Client::start(&self.context.program, &arguments, &socket, &self.place.supervisor_log())
            .map_err(Error::Supervisor)
    }

    /// The connection to the supervisor, if there is one that was not taken yet.
    pub(crate) fn connected(&self) -> Option<Client> {
        self.client.lock().expect("nothing panics while it holds this").take()
    }

    pub(crate) fn engine(&self, kind: EngineKind) -> &dyn Engine {
        engine(self.context.engines, kind)
    }

    pub(crate) fn location(&self, id: &DatabaseId) -> &Location {
        &self.locations[id]
    }

    pub(crate) fn server(&self, id: &ServerId) -> &(ServerFound, ServerPlace) {
        &self.servers[id]
    }

    /// Opens a database; a server that has just begun to accept may need a moment more.
    pub(crate) fn database(&self, id: &DatabaseId) -> Result<Box<dyn Database>, Error> {
        const PATIENCE: Duration = Duration::from_secs(30);
        const PAUSE: Duration = Duration::from_millis(20);
        let location = self.location(id);
        let mut database = self.engine(location.engine()).open(location).map_err(Error::database(id))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match database.exists() {
                Ok(_) => return Ok(database),
                Err(DatabaseError::Unreachable { .. })
                    if Instant::now() < deadline && !self.is_abandoned.load(Ordering::Relaxed) =>
                {
                    std::thread::sleep(PAUSE);
                }
                Err(error) => return Err(Error::database(id)(error)),
            }
        }
    }

    /// What is there now, after this command has changed something.
    pub(crate) fn observe_again(&self) -> Result<Observed, Error> {
        let statuses = match supervisor(&self.place)? {
            Some(mut client) => client.status().map_err(Error::Supervisor)?,
            None => Vec::new(),
        };
        let databases = observed_databases(&self.record(), &self.locations, &self.servers);
        Ok(Observed { running: running_units(&statuses), databases, tasks: self.observed.tasks.clone() })
    }

    /// The wall clock, in RFC 3339.
    pub(crate) fn now(&self) -> String {
        humantime::format_rfc3339_seconds((self.context.now)()).to_string()
    }

    /// Services that run now.
    pub(crate) fn running_services(&self) -> BTreeSet<UnitId> {
        self.model.services.keys().filter(|id| self.observed.running.contains_key(*id)).cloned().collect()
    }
}

/// The connection to the supervisor when it has nothing under way; `None` when there is none, or it was about to end.
pub(crate) fn supervisor(place: &Place) -> Result<Option<Client>, Error> {
    let client = Client::connect(&place.socket()).map_err(Error::Supervisor)?;
    client.map_or(Ok(None), Client::settled).map_err(Error::Supervisor)
}

struct Declared {
    tree: WorkspaceTree,
    data: DeclaredData,
    warnings: Problems,
}

fn read_declared(root: &Path, profile: Option<&str>) -> Result<Declared, Error> {
    let (tree, mut problems) = manifest::load(root, profile);
    let Some(tree) = tree else { return Err(Error::Problems(problems)) };
    let data = DeclaredData::read(&tree, &mut problems);
    if problems.has_errors() {
        return Err(Error::Problems(problems));
    }
    Ok(Declared { tree, data, warnings: problems })
}

fn engine(engines: &[Box<dyn Engine>], kind: EngineKind) -> &dyn Engine {
    let engine = engines.iter().find(|engine| engine.kind() == kind);
    &**engine.expect("the program lists every engine that a manifest can name")
}

fn kind_of(engine: manifest::Engine) -> EngineKind {
    match engine {
        manifest::Engine::Sqlite => EngineKind::Sqlite,
        manifest::Engine::Postgres => EngineKind::Postgres,
    }
}

fn running_units(statuses: &[UnitStatus]) -> BTreeMap<UnitId, RunningUnit> {
    let services = statuses.iter().filter(|status| status.kind == KindTag::Service && status.state.is_live());
    services
        .map(|status| {
            let ready = status.state == supervisor::UnitState::Ready;
            (status.id.clone(), RunningUnit { digest: status.digest.clone(), ready })
        })
        .collect()
}

/// The servers that the databases of these workspaces need, each with the first database that needs it.
fn server_ids(tree: &WorkspaceTree) -> BTreeMap<ServerId, DatabaseId> {
    let mut servers = BTreeMap::new();
    for (_, workspace) in tree.iter() {
        for database in workspace.manifest.databases.values() {
            if let Some(server) = ServerId::of(database.engine, database.version.as_deref()) {
                let id = DatabaseId { workspace: workspace.manifest.name.to_string(), name: database.name.clone() };
                servers.entry(server).or_insert(id);
            }
        }
    }
    servers
}

fn choose_ports(
    tree: &WorkspaceTree,
    name: &str,
    servers: &BTreeMap<ServerId, DatabaseId>,
    running: &BTreeMap<UnitId, RunningUnit>,
    record: &mut Record,
    monitor: &dyn Monitor,
) -> Result<(), Error> {
    let mut wanted: BTreeMap<String, Wanted> = servers.keys().map(|id| (id.to_string(), Wanted::Any)).collect();
    for (_, workspace) in tree.iter() {
        for service in workspace.manifest.services.values() {
            let port = match service.port {
                None => continue,
                Some(manifest::Port::Auto) => Wanted::Any,
                Some(manifest::Port::Fixed(port)) => Wanted::This(port),
            };
            wanted.insert(format!("{}/{}", workspace.manifest.name, service.name), port);
        }
    }
    let running = running.keys().map(ToString::to_string).collect();
    let environment = format!("{} {name}", tree.workspace(tree.root).directory.display());
    let chosen = ports::choose(&environment, &wanted, &record.ports, &running);
    let (ports, notes) = chosen.map_err(|error| with_place(error, tree))?;
    for note in notes {
        monitor.on(Progress::Note(note));
    }
    record.ports = ports;
    Ok(())
}

/// Says where the manifest asks for a port that is taken.
fn with_place(error: Error, tree: &WorkspaceTree) -> Error {
    let Error::PortTaken { service, port, holder, place: None } = error else { return error };
    let (workspace, name) = service.split_once('/').unwrap_or_default();
    let declared = tree.find(workspace).and_then(|id| tree.workspace(id).manifest.services.get(name));
    let place = declared.map(|service| format!("{}:{}", service.place.file().name(), service.place.line()));
    Error::PortTaken { service, port, holder, place }
}

/// A password for a server of this environment, from the system's source of randomness.
fn new_password() -> String {
    use std::fmt::Write;
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has a source of randomness");
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

type Servers = BTreeMap<ServerId, (ServerFound, ServerPlace)>;

struct FactsMaker<'a> {
    context: &'a Context<'a>,
    place: &'a Place,
    record: &'a Record,
    tree: &'a WorkspaceTree,
    name: &'a str,
}

impl FactsMaker<'_> {
    fn servers(&mut self, ids: &BTreeMap<ServerId, DatabaseId>) -> Result<Servers, Error> {
        let mut servers = BTreeMap::new();
        for (id, database) in ids {
            let request = ServerRequest { version: id.version.clone(), binaries: None };
            let found = engine(self.context.engines, kind_of(id.engine)).find_server(&request);
            let wrap = |source| Error::Engine { database: database.clone(), engine: id.to_string(), source };
            let Some(found) = found.map_err(wrap)? else { continue };
            let name = id.to_string();
            let place = ServerPlace {
                directory: self.place.server(&name),
                socket_directory: self.place.server_sockets(),
                host: "127.0.0.1".to_owned(),
                port: self.record.ports[&name],
                password: Secret::new(self.record.passwords[&name].clone()),
            };
            servers.insert(id.clone(), (found, place));
        }
        Ok(servers)
    }

    fn locations(&self, servers: &Servers) -> BTreeMap<DatabaseId, Location> {
        let mut locations = BTreeMap::new();
        for (_, workspace) in self.tree.iter() {
            for database in workspace.manifest.databases.values() {
                let id = DatabaseId { workspace: workspace.manifest.name.to_string(), name: database.name.clone() };
                let server =
                    ServerId::of(database.engine, database.version.as_deref()).and_then(|server| servers.get(&server));
                let location = match server {
                    None => Location::Sqlite { path: self.place.database_file(&id), kept: self.place.kept(&id) },
                    Some((found, place)) => Location::Postgres {
                        host: place.host.clone(),
                        port: place.port,
                        socket_directory: place.socket_directory.clone(),
                        user: "seedbed".to_owned(),
                        password: place.password.clone(),
                        name: server_database_name(&id),
                        binaries: found.binaries.clone(),
                    },
                };
                locations.insert(id, location);
            }
        }
        locations
    }

    fn facts(&self, servers: &Servers, locations: &BTreeMap<DatabaseId, Location>) -> Result<Facts, Error> {
        const PROPERTIES: [&str; 7] = ["url", "name", "path", "host", "port", "user", "password"];
        let properties = |location: &Location| {
            let property = |name: &&str| Some(((*name).to_owned(), location.property(name)?));
            PROPERTIES.iter().filter_map(property).collect()
        };
        let mut models = BTreeMap::new();
        for (id, (found, place)) in servers {
            models.insert(id.clone(), self.server_model(id, found, place)?);
        }
        let workspaces = self.tree.iter().map(|(_, workspace)| workspace.manifest.name.to_string());
        Ok(Facts {
            environment: self.name.to_owned(),
            ports: self.record.ports.iter().map(|(name, port)| (UnitId::new(name.clone()), *port)).collect(),
            databases: locations.iter().map(|(id, location)| (id.clone(), properties(location))).collect(),
            servers: models,
            directories: workspaces
                .map(|workspace| {
                    let directory = self.place.workspace_directory(&workspace);
                    (workspace, directory)
                })
                .collect(),
            logs: self.place.logs(),
            inherited: Arc::clone(&self.context.variables),
        })
    }

    fn server_model(&self, id: &ServerId, found: &ServerFound, place: &ServerPlace) -> Result<ServerModel, Error> {
        const PATIENCE: Duration = Duration::from_secs(60);
        let engine = engine(self.context.engines, kind_of(id.engine));
        let process = engine.server_process(found, place).map_err(|source| {
            let database = DatabaseId { workspace: self.name.to_owned(), name: id.to_string() };
            Error::Engine { database, engine: id.to_string(), source }
        })?;
        let env = Variables { shared: Arc::clone(&self.context.variables), own: process.env };
        Ok(ServerModel {
            id: id.clone(),
            process: ProcessSpec {
                program: process.program.display().to_string(),
                arguments: process.arguments,
                env,
                directory: process.directory,
                user: process.user.map(|(uid, gid)| UserId { uid, gid }),
                log: self.place.logs().join(format!("{id}.log")),
            },
            ready: ReadySpec { probe: Probe::Unix { path: process.ready_socket }, timeout: PATIENCE, interval: None },
            stop: StopSpec { signal: Signal::Int, timeout: PATIENCE },
        })
    }
}

/// The name of a database in a server: within the 63 bytes that PostgreSQL allows, and never the same for two.
fn server_database_name(id: &DatabaseId) -> String {
    let plain = format!("{}_{}", id.workspace, id.name).replace('-', "_");
    let exact = id.to_string();
    if plain.len() <= 40 && !exact.contains('-') {
        return plain;
    }
    let digest = blake3::hash(exact.as_bytes()).to_hex();
    format!("{}_{}", &plain[..plain.len().min(40)], &digest[..8])
}

fn digests(tree: &WorkspaceTree, model: &Model, data: String) -> Result<InputDigests, Error> {
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

fn observed_tasks(tree: &WorkspaceTree, model: &Model) -> Result<BTreeMap<UnitId, TaskObserved>, Error> {
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
fn observed_databases(
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

/// For each server that these workspaces need: what was found, or why nothing.
pub(crate) fn find_servers(
    context: &Context<'_>,
    tree: &WorkspaceTree,
) -> Vec<(String, Result<String, database::EngineError>)> {
    let find = |id: &ServerId| {
        let request = ServerRequest { version: id.version.clone(), binaries: None };
        let found = engine(context.engines, kind_of(id.engine)).find_server(&request)?;
        Ok(found.map_or_else(String::new, |found| format!("{} in {}", found.version, found.binaries.display())))
    };
    server_ids(tree).keys().map(|id| (id.to_string(), find(id))).collect()
}

impl Session<'_> {
    /// Ends the supervisor again when nothing ran before the command: it was only there for a server.
    pub(crate) fn rest(&self, was_running: bool) -> Result<(), Error> {
        if !was_running {
            crate::down::stop_all(self.context, &self.target)?;
        }
        Ok(())
    }
}
