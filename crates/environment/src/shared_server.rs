//! Servers that environments share: where one is, who has databases in it, and whether it is still the one that they are in.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use daemon::{Client, ClientError};
use database::{Durability, Login, Secret, ServerFound, ServerPlace, Unsettled};
use manifest::WorkspaceTree;
use plan::ServerId;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::facts::{kind_of, new_password};
use crate::lock::is_at;
use crate::place::Place;
use crate::ports::{self, Wanted};
use crate::record::Record;
use crate::shared_choice::{self, Choice, Why};
use crate::{Error, Progress, durable, shared_hold};

/// The version of the file.
const FORMAT: u32 = 1;

/// What the server is called where its files and its socket are.
const SERVER: &str = "server";

/// How often to look whether somebody else has let go.
const PAUSE: Duration = Duration::from_millis(5);

/// What is remembered of a server that environments share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SharedFile {
    seedbed_server: u32,
    /// The word of the engine.
    pub(crate) engine: String,
    /// Where the programs are with which it was last made ready.
    pub(crate) programs: PathBuf,
    pub(crate) port: u16,
    /// Of the superuser.
    password: String,
    /// What distinguishes this server from one that was here before, and was lost with its databases.
    pub(crate) birth: String,
    /// Whether it has data, so that there is something that can be lost.
    pub(crate) is_made: bool,
    /// By role: the directory of the environment.
    pub(crate) environments: BTreeMap<String, PathBuf>,
    /// The roles that it has, each with the digest of its password.
    #[serde(default)]
    admitted: BTreeMap<String, String>,
}

impl SharedFile {
    /// Whether somebody can enter the server, so that it need not be asked.
    pub(crate) fn has_admitted(&self, login: &Login) -> bool {
        self.admitted.get(&login.user) == Some(&digest_of(login))
    }

    pub(crate) fn admitted(&mut self, login: &Login) {
        self.admitted.insert(login.user.clone(), digest_of(login));
    }

    pub(crate) fn dismissed(&mut self, role: &str) {
        self.environments.remove(role);
        self.admitted.remove(role);
    }
}

fn digest_of(login: &Login) -> String {
    blake3::hash(login.password.expose().as_bytes()).to_hex().to_string()
}

/// A server that environments share.
#[derive(Debug, Clone)]
pub(crate) struct SharedServer {
    /// Its name: engine, major version, and whether it is as durable as others.
    pub(crate) name: String,
    pub(crate) place: Place,
}

/// The place of an environment in a server that it shares.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    pub(crate) server: SharedServer,
    /// Which of the servers that have been there.
    pub(crate) birth: String,
    pub(crate) place: ServerPlace,
    /// Who Seedbed is there.
    pub(crate) administrator: Login,
    /// Who the services are.
    pub(crate) role: String,
}

/// The right to change what is remembered of a server, and to start it.
pub(crate) struct Turn(#[expect(dead_code, reason = "it is held")] File);

impl SharedServer {
    /// The server of this name.
    pub(crate) fn named(context: &Context<'_>, name: &str) -> Self {
        let place = Place::of_server(&context.servers, name, &context.runtime_directory, context.is_root);
        Self { name: name.to_owned(), place }
    }

    /// The server for databases of this engine, version and durability.
    fn of(context: &Context<'_>, id: &ServerId, found: &ServerFound, durability: Durability) -> Self {
        let relaxed = if durability == Durability::Relaxed { "-relaxed" } else { "" };
        Self::named(context, &format!("{}-{}{relaxed}", id.engine.as_str(), found.major()))
    }

    pub(crate) fn durability(&self) -> Durability {
        if self.name.ends_with("-relaxed") { Durability::Relaxed } else { Durability::OnceSettled }
    }

    pub(crate) fn server_place(&self, context: &Context<'_>, file: &SharedFile) -> ServerPlace {
        ServerPlace {
            directory: self.place.server(SERVER),
            socket_directory: self.place.server_sockets(SERVER),
            host: "127.0.0.1".to_owned(),
            port: file.port,
            password: Secret::new(file.password.clone()),
            durability: self.durability(),
            is_shared: true,
            templates: Some(context.templates.clone()),
        }
    }

    fn path(&self) -> PathBuf {
        self.place.directory().join("server.json")
    }

    pub(crate) fn read(&self) -> Result<Option<SharedFile>, Error> {
        let path = self.path();
        let file: Option<SharedFile> = durable::read_json(&path)?;
        match file {
            Some(file) if file.seedbed_server != FORMAT => {
                Err(Error::RecordVersion { path, version: file.seedbed_server })
            }
            file => Ok(file),
        }
    }

    pub(crate) fn write(&self, file: &SharedFile) -> Result<(), Error> {
        durable::write_json(&self.path(), file)
    }

    /// Waits for the right to change it.
    pub(crate) fn turn(&self, context: &Context<'_>) -> Result<Turn, Error> {
        let turn = self.lock(context, "lock")?;
        self.place.create()?;
        Ok(turn)
    }

    /// Waits for the right to work on its files while it runs: one that it needs not to start.
    pub(crate) fn tending_turn(&self, context: &Context<'_>) -> Result<Turn, Error> {
        self.lock(context, "tend.lock")
    }

    fn lock(&self, context: &Context<'_>, name: &str) -> Result<Turn, Error> {
        let path = self.place.directory().join(name);
        loop {
            self.place.create_directory()?;
            let file = match File::options().read(true).write(true).create(true).truncate(false).open(&path) {
                // The last environment has gone, and it is removed at this moment.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(Error::io("open", &path))?,
            };
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) if is_at(&file, &path) => return Ok(Turn(file)),
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) if context.interrupt.is_raised() => return Err(Error::Interrupted),
                Err(Errno::WOULDBLOCK) => std::thread::sleep(PAUSE),
                Err(error) => return Err(Error::io("lock", &path)(error.into())),
            }
        }
    }

    /// Whether somebody keeps it running; one of another version does, too.
    pub(crate) fn is_kept(&self) -> Result<bool, Error> {
        match Client::connect(&self.place.socket()) {
            Ok(client) => Ok(client.is_some()),
            Err(ClientError::Version { .. }) => Ok(true),
            Err(error) => Err(Error::Supervisor(error)),
        }
    }

    /// What is remembered of it, as far as it can be seen without changing anything; what would be, when it is not there.
    fn look(&self, id: &ServerId, found: &ServerFound) -> Result<SharedFile, Error> {
        self.read()?.map_or_else(|| self.new_file(id, found), Ok)
    }

    fn new_file(&self, id: &ServerId, found: &ServerFound) -> Result<SharedFile, Error> {
        Ok(SharedFile {
            seedbed_server: FORMAT,
            engine: id.engine.as_str().to_owned(),
            programs: found.binaries.directory().map(Path::to_owned).unwrap_or_default(),
            port: self.free_port()?,
            password: new_password(),
            birth: new_password(),
            is_made: false,
            environments: BTreeMap::new(),
            admitted: BTreeMap::new(),
        })
    }

    fn free_port(&self) -> Result<u16, Error> {
        let wanted = BTreeMap::from([(self.name.clone(), Wanted::Any)]);
        let environment = self.place.directory().display().to_string();
        let (ports, _) = ports::choose(&environment, &wanted, &BTreeMap::new(), &std::collections::BTreeSet::new())?;
        Ok(ports[&self.name])
    }

    /// Writes down that an environment is about to have databases in it; finds out whether what it held was lost.
    fn join(
        &self,
        context: &Context<'_>,
        id: &ServerId,
        found: &ServerFound,
        role: &str,
        environment: &Path,
    ) -> Result<SharedFile, Error> {
        let _turn = self.turn(context)?;
        let before = self.read()?;
        let mut file = before.clone().map_or_else(|| self.new_file(id, found), Ok)?;
        if !self.is_kept()? {
            let directory = self.place.server(SERVER);
            if Unsettled::of(&directory).is_lost() {
                let text = format!(
                    "{}: the machine went down before what it was filled with was on the disk; it is made again",
                    self.name
                );
                context.monitor.on(Progress::Note(text));
                fs::remove_dir_all(&directory).map_err(Error::io("remove", &directory))?;
            }
            if file.is_made && !directory.exists() {
                file = SharedFile { birth: new_password(), is_made: false, admitted: BTreeMap::new(), ..file };
            }
            if !ports::is_free(file.port) {
                file.port = self.free_port()?;
            }
            file.programs = found.binaries.directory().map(Path::to_owned).unwrap_or_default();
        }
        file.environments.insert(role.to_owned(), environment.to_owned());
        if before.as_ref() != Some(&file) {
            self.write(&file)?;
        }
        Ok(file)
    }
}

/// The role of an environment in the servers that it shares: never the same for two.
pub(crate) fn role_of(environment: &Path) -> String {
    let digest = blake3::hash(environment.as_os_str().as_encoded_bytes()).to_hex();
    format!("env_{}", &digest[..16])
}

/// Which servers an environment shares, and why it does not share the others.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    /// Its places in servers that environments share.
    pub(crate) taken: BTreeMap<ServerId, Seat>,
    /// Why it has a server of its own.
    pub(crate) own: BTreeMap<ServerId, Why>,
}

/// Finds which servers an environment shares, and its place in each. An environment keeps the servers that its databases were
/// made in, whatever the manifests say by now. What it has in one that was lost is for [`crate::lost`] to forget.
pub(crate) fn seats(
    context: &Context<'_>,
    place: &Place,
    tree: &WorkspaceTree,
    found: &BTreeMap<ServerId, ServerFound>,
    record: &mut Record,
    may_change: bool,
) -> Result<Seats, Error> {
    let mut seats = Seats::default();
    let role = role_of(place.directory());
    for (id, found) in found {
        let engine = context.engine(kind_of(id.engine));
        let name = id.to_string();
        let known = record.shared.get(&name).map(|known| SharedServer::named(context, &known.server));
        let server = match known {
            Some(known) if shared_choice::is_made(tree, id, record) => known,
            known => match shared_choice::choose(tree, id, engine, found, record) {
                Choice::Shared => {
                    known.unwrap_or_else(|| SharedServer::of(context, id, found, crate::facts::durability(tree, id)))
                }
                Choice::Own(why) => {
                    if let Some(known) = known.filter(|_| may_change) {
                        shared_hold::leave(context, known, &role)?;
                        record.shared.remove(&name);
                    }
                    seats.own.insert(id.clone(), why);
                    continue;
                }
            },
        };
        let file = if may_change {
            server.join(context, id, found, &role, place.directory())?
        } else {
            server.look(id, found)?
        };
        let place = server.server_place(context, &file);
        let administrator =
            engine.administrator(&place).expect("only such servers are shared as keep their users apart");
        let seat = Seat { server, birth: file.birth, place, administrator, role: role.clone() };
        seats.taken.insert(id.clone(), seat);
    }
    Ok(seats)
}
