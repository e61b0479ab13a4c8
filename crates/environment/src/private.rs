//! A server of one's own on saved files of another: only this process uses it, and it ends with this process.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use database::{
    Database, DatabaseSettings, Durability, Engine, EngineKind, Location, Secret, ServerFound, ServerPlace,
};
use plan::DatabaseId;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use store::{Content, ObjectId, Store};
use tree::RestoreOptions;

use crate::Error;
use crate::facts::{kind_of, new_password};
use crate::place::Place;
use crate::session::Session;

/// What the place of such a server is called; no server of an environment is called so.
const PLACE: &str = "private";

/// How long the server may take to begin: the first start after a copy may have work to do. And how long one of a command that
/// was killed may take to end.
const PATIENCE: Duration = Duration::from_mins(2);

/// How often to look whether something has come about.
const PAUSE: Duration = Duration::from_millis(10);

/// Runs a server until it ends or until nobody holds the other end of the standard input, however that came about. The
/// arguments are the number of the signal that ends it, and the server's program with its arguments.
const GUARD: &str = r#"
    signal=$1; shift; exec 3<&0
    "$@" </dev/null & server=$!
    (cat <&3 >/dev/null; kill -"$signal" $server) 2>/dev/null & guard=$!
    exec 3<&-; wait $server; ended=$?; kill $guard 2>/dev/null; exit $ended
"#;

/// A server that runs on a copy of saved files.
pub(crate) struct Private {
    root: ObjectId,
    found: ServerFound,
    place: ServerPlace,
    log: PathBuf,
    guard: Child,
    /// The server lives as long as this is open.
    lifeline: Option<ChildStdin>,
}

/// The notes of a physical content that say what can read it.
pub(crate) const PRODUCT: &str = "product";
pub(crate) const VERSION: &str = "version";
pub(crate) const PLATFORM: &str = "platform";
/// The directory of the files that has the database alone.
pub(crate) const DIRECTORY: &str = "directory";
/// What the server calls the database.
const NAME: &str = "name";
/// Its number, where databases are numbers.
const NUMBER: &str = "number";

/// The platform of this program, and of the servers that it runs.
pub(crate) fn platform() -> String {
    format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}

impl Private {
    /// Starts a server on the files of a content.
    pub(crate) fn start(session: &Session<'_>, content: &Content, store: &Store) -> Result<Self, Error> {
        let kind = kind(content)?;
        let found = found(session, kind, content)?;
        let engine = session.engine(kind);
        let place = ServerPlace {
            directory: session.place.server(PLACE),
            socket_directory: session.place.server_sockets(PLACE),
            // It listens on its socket alone, of which the number is a part of the name.
            host: String::new(),
            port: 5432,
            password: Secret::new(new_password()),
            durability: Durability::Relaxed,
            is_shared: false,
            templates: None,
        };
        let (log, output) = occupy(session)?;
        remove_files(&session.place)?;
        let failed = |source| Error::Engine { database: id(content), engine: kind.to_string(), source };
        let files = engine.server_files(&place).ok_or_else(|| unreadable(content, "a server"))?;
        fs::create_dir_all(&place.directory).map_err(Error::io("create", &place.directory))?;
        // The server's user goes through here.
        set_mode(&place.directory, 0o711)?;
        let cache = place.directory.join("stat");
        let options = RestoreOptions { sync: false, ..RestoreOptions::default() };
        tree::restore(&content.root, &files.directory, &cache, store, &options, &|_| {}).map_err(Error::Tree)?;
        engine.adopt_files(&found, &place).map_err(failed)?;
        let process = engine.server_process(&found, &place).map_err(failed)?;
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(GUARD).arg("guard").arg(process.discard_signal.to_string());
        command.arg(&process.program).args(&process.arguments).envs(&process.env).current_dir(&process.directory);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(output);
        // Ctrl-C is for this process, which ends the server when it needs it no more.
        command.process_group(0);
        if let Some((user, group)) = process.user {
            command.uid(user).gid(group);
        }
        let mut guard = command.spawn().map_err(Error::io("start", &process.program))?;
        let lifeline = guard.stdin.take();
        let private = Self { root: content.root, found, place, log, guard, lifeline };
        private.wait(session, content)
    }

    /// Waits until the server takes connections.
    fn wait(mut self, session: &Session<'_>, content: &Content) -> Result<Self, Error> {
        let deadline = Instant::now() + PATIENCE;
        let mut probe = self.open(session.engine(kind(content)?), content)?;
        loop {
            match probe.exists() {
                Ok(true) => return Ok(self),
                Ok(false) => return Err(unreadable(content, "another database")),
                Err(source) => {
                    let ended = self.guard.try_wait().map_err(Error::io("wait for", &self.log))?;
                    if ended.is_some() || Instant::now() > deadline {
                        let said = fs::read_to_string(&self.log).unwrap_or_default();
                        let last: Vec<&str> = said.lines().rev().take(3).collect();
                        let needs = format!("a server that can start on it: {}", last.join("; "));
                        return Err(if last.is_empty() {
                            Error::database(&id(content))(source)
                        } else {
                            unreadable(content, &needs)
                        });
                    }
                    if session.context.interrupt.is_raised() {
                        return Err(Error::Interrupted);
                    }
                    std::thread::sleep(PAUSE);
                }
            }
        }
    }

    /// Whether it runs on the files of this content.
    pub(crate) fn has(&self, content: &Content) -> bool {
        self.root == content.root
    }

    /// Opens the database of a content.
    pub(crate) fn open(&self, engine: &dyn Engine, content: &Content) -> Result<Box<dyn Database>, Error> {
        let name = content.notes.get(NAME).cloned().unwrap_or_default();
        let (host, port, socket_directory) =
            (self.place.host.clone(), self.place.port, self.place.socket_directory.clone());
        let (password, binaries, user) =
            (self.place.password.clone(), self.found.binaries.clone(), "seedbed".to_owned());
        let location = match engine.kind() {
            EngineKind::Postgres => {
                let administrator = None;
                Location::Postgres { host, port, socket_directory, user, password, administrator, name, binaries }
            }
            EngineKind::Mysql => Location::Mysql { host, port, socket_directory, user, password, name, binaries },
            EngineKind::Redis => {
                let number = content.notes.get(NUMBER).and_then(|number| number.parse().ok());
                let number = number.ok_or_else(|| unreadable(content, "a newer version of seedbed"))?;
                Location::Redis { host, port, socket_directory, password, name, number, binaries }
            }
            EngineKind::Sqlite => return Err(unreadable(content, "a server of its engine")),
        };
        engine.open(&location, &DatabaseSettings::default()).map_err(Error::database(&id(content)))
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        // A server that does not end now ends when its work is done; the next one of this place waits for no other.
        let _ = self.guard.wait();
        for directory in [&self.place.directory, &self.place.socket_directory] {
            let _ = fs::remove_dir_all(directory);
        }
        let _ = fs::remove_file(&self.log);
    }
}

/// Takes the place of such a server; gives the file of its log, which has the lock of the place.
///
/// The server inherits the file, and with it the lock: who has it knows that no server of a command that was killed is left
/// there. One that is about to end would remove the socket of its successor.
fn occupy(session: &Session<'_>) -> Result<(PathBuf, File), Error> {
    let path = lock(&session.place);
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(file) = try_lock(&path)? {
            file.set_len(0).map_err(Error::io("write", &path))?;
            return Ok((path, file));
        }
        if session.context.interrupt.is_raised() {
            return Err(Error::Interrupted);
        }
        if Instant::now() > deadline {
            return Err(Error::io("lock", &path)(ErrorKind::WouldBlock.into()));
        }
        std::thread::sleep(PAUSE);
    }
}

fn lock(place: &Place) -> PathBuf {
    place.directory().join("private.log")
}

/// Takes the lock, if no server has it.
fn try_lock(path: &Path) -> Result<Option<File>, Error> {
    // A log may quote rows.
    let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = file.map_err(Error::io("open", path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(Error::io("lock", path)(error.into())),
    }
}

/// Removes what a command that was killed has left, unless its server is about to end and writes its last files.
/// Only who has the right to change the environment has such a server.
pub(crate) fn remove(place: &Place) -> Result<(), Error> {
    let path = lock(place);
    if !path.try_exists().map_err(Error::io("inspect", &path))? {
        return Ok(());
    }
    let Some(_held) = try_lock(&path)? else { return Ok(()) };
    remove_files(place)?;
    fs::remove_file(&path).map_err(Error::io("remove", &path))
}

fn remove_files(place: &Place) -> Result<(), Error> {
    for directory in [place.server(PLACE), place.server_sockets(PLACE)] {
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::io("remove", &directory)(error)),
            _ => {}
        }
    }
    Ok(())
}

fn set_mode(directory: &Path, mode: u32) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(directory, fs::Permissions::from_mode(mode)).map_err(Error::io("protect", directory))
}

fn kind(content: &Content) -> Result<EngineKind, Error> {
    content.kind.parse().map_err(|_| unreadable(content, "a newer version of seedbed"))
}

/// The database that a content is one of, which this environment need not have.
pub(crate) fn id(content: &Content) -> DatabaseId {
    let nameless = || DatabaseId { workspace: String::new(), name: content.name.clone() };
    DatabaseId::parse(&content.name).unwrap_or_else(nameless)
}

fn unreadable(content: &Content, needs: &str) -> Error {
    Error::Unreadable { database: content.name.clone(), needs: needs.to_owned() }
}

/// Finds a server that can read the files of a content: one of this environment, or any other of the machine.
fn found(session: &Session<'_>, kind: EngineKind, content: &Content) -> Result<ServerFound, Error> {
    let note = |name: &str| content.notes.get(name).map(String::as_str).unwrap_or_default();
    let (product, version, made_on) = (note(PRODUCT), note(VERSION), note(PLATFORM));
    let major = version.split('.').next().unwrap_or_default();
    let needs = || unreadable(content, &format!("{product} {major} on {made_on}"));
    if made_on != platform() {
        return Err(needs());
    }
    let fits = |found: &ServerFound| found.product == product && found.major() == major;
    let own = session.model.servers.keys().filter(|id| kind_of(id.engine) == kind).map(|id| &session.server(id).0);
    if let Some(found) = own.into_iter().find(|found| fits(found)) {
        return Ok(found.clone());
    }
    let request = database::ServerRequest { version: Some(major.to_owned()), binaries: None };
    session.engine(kind).find_server(&request).ok().flatten().filter(fits).ok_or_else(needs)
}
