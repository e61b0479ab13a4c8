//! A server of one's own: only this process uses it, and it ends with this process, however that ends.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use database::{
    Binaries, Database, DatabaseError, Durability, EngineKind, Location, Secret, ServerPlace, ServerProcess,
};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::facts::new_password;
use crate::place::Place;
use crate::ports::first_free;
use crate::session::Session;
use crate::supervisor_client::MOMENT;
use crate::{Error, Progress};

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

/// What such a server is for, which is also what its place is called; no server of an environment is called so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// It reads saved files of another server.
    Reading,
    /// It has clones for tests. Each process that makes some has servers of its own, which are counted.
    Cloning { process: u32, number: usize },
}

/// The beginning of the names of servers for clones.
const CLONING: &str = "clones-";

impl Use {
    /// All that a place has the lock of: those of killed commands may be among them.
    fn all(place: &Place) -> Result<Vec<Self>, Error> {
        let mut all = vec![Use::Reading];
        let directory = place.directory();
        for entry in fs::read_dir(directory).map_err(Error::io("list", directory))? {
            let name = entry.map_err(Error::io("list", directory))?.file_name();
            all.extend(name.to_str().and_then(Self::cloning));
        }
        Ok(all)
    }

    /// Reads the name of the log of a server for clones.
    fn cloning(log: &str) -> Option<Self> {
        let (process, number) = log.strip_prefix(CLONING)?.strip_suffix(".log")?.split_once('-')?;
        Some(Use::Cloning { process: process.parse().ok()?, number: number.parse().ok()? })
    }

    pub(crate) fn word(self) -> String {
        match self {
            Use::Reading => "private".to_owned(),
            Use::Cloning { process, number } => format!("{CLONING}{process}-{number}"),
        }
    }

    /// Its place, with nothing in it: it listens on its socket alone, of which the number is a part of the name; one for clones has
    /// a port for clients as well.
    pub(crate) fn place(self, session: &Session<'_>) -> Result<ServerPlace, Error> {
        let word = self.word();
        let (host, port) = match self {
            Use::Cloning { .. } => ("127.0.0.1".to_owned(), first_free(&session.target.name, &word, &BTreeSet::new())?),
            Use::Reading => (String::new(), 5432),
        };
        Ok(ServerPlace {
            directory: session.place.server(&word),
            socket_directory: session.place.server_sockets(&word),
            host,
            port,
            password: Secret::new(new_password()),
            durability: Durability::Relaxed,
            is_shared: false,
            templates: (self != Use::Reading).then(|| session.context.templates.clone()),
        })
    }
}

/// A server that runs; it lives as long as this.
pub(crate) struct Guarded {
    place: ServerPlace,
    /// Has the lock of the place.
    log: PathBuf,
    guard: Child,
    lifeline: Option<ChildStdin>,
}

/// Why a server does not take connections.
pub(crate) enum NotReady {
    /// It has ended, or said nothing for too long: what the connection said, and the last that the server did.
    Ended(DatabaseError, String),
    /// Something else went wrong.
    Failed(Error),
}

impl Guarded {
    /// Starts a server in a place that was [occupied](occupy); `signal` ends it.
    pub(crate) fn start(
        place: ServerPlace,
        process: &ServerProcess,
        signal: i32,
        (log, output): (PathBuf, File),
    ) -> Result<Self, Error> {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(GUARD).arg("guard").arg(signal.to_string());
        command.arg(&process.program).args(&process.arguments).envs(&process.env).current_dir(&process.directory);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(output);
        // Ctrl-C is for this process, which ends the server when it needs it no more.
        command.process_group(0);
        if let Some((user, group)) = process.user {
            command.uid(user).gid(group);
        }
        let mut guard = command.spawn().map_err(Error::io("start", &process.program))?;
        let lifeline = guard.stdin.take();
        Ok(Self { place, log, guard, lifeline })
    }

    /// Waits until the server takes connections; says whether the database of the probe exists.
    pub(crate) fn wait(&mut self, session: &Session<'_>, probe: &mut dyn Database) -> Result<bool, NotReady> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let source = match probe.exists() {
                Ok(exists) => return Ok(exists),
                Err(source) => source,
            };
            let ended = self.guard.try_wait().map_err(Error::io("wait for", &self.log)).map_err(NotReady::Failed)?;
            if ended.is_some() || Instant::now() > deadline {
                let said = fs::read_to_string(&self.log).unwrap_or_default();
                let last: Vec<&str> = said.lines().rev().take(3).collect();
                return Err(NotReady::Ended(source, last.join("; ")));
            }
            if session.context.interrupt.is_raised() {
                return Err(NotReady::Failed(Error::Interrupted));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Where a database of it is.
    pub(crate) fn location(&self, kind: EngineKind, binaries: Binaries, name: String, number: u16) -> Option<Location> {
        let ServerPlace { host, port, socket_directory, password, .. } = self.place.clone();
        let user = "seedbed".to_owned();
        Some(match kind {
            EngineKind::Postgres => {
                let administrator = None;
                Location::Postgres { host, port, socket_directory, user, password, administrator, name, binaries }
            }
            EngineKind::Mysql => Location::Mysql { host, port, socket_directory, user, password, name, binaries },
            EngineKind::Redis => Location::Redis { host, port, socket_directory, password, name, number, binaries },
            EngineKind::Sqlite => return None,
        })
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        // A server that does not end now ends when its work is done; the next one of this place waits for no other.
        let _ = self.guard.wait();
        for directory in [&self.place.directory, &self.place.socket_directory] {
            let _ = remove_directory(directory);
        }
        let _ = fs::remove_file(&self.log);
    }
}

/// Takes the place of such a server, and empties it; gives the file of its log, which has the lock of the place.
///
/// The server inherits the file, and with it the lock: who has it knows that no server of a command that was killed is left
/// there. One that is about to end would remove the socket of its successor.
pub(crate) fn occupy(session: &Session<'_>, whose: Use) -> Result<(PathBuf, File), Error> {
    let path = lock(&session.place, whose);
    let (began, mut has_told) = (Instant::now(), false);
    loop {
        if let Some(file) = try_lock(&path)? {
            file.set_len(0).map_err(Error::io("write", &path))?;
            remove_files(&session.place, whose)?;
            return Ok((path, file));
        }
        if session.context.interrupt.is_raised() {
            return Err(Error::Interrupted);
        }
        if began.elapsed() > PATIENCE {
            return Err(Error::io("lock", &path)(ErrorKind::WouldBlock.into()));
        }
        if began.elapsed() > MOMENT && !std::mem::replace(&mut has_told, true) {
            let text =
                format!("waiting for the end of the server of an earlier command, whose log is {}", path.display());
            session.context.monitor.on(Progress::Note(text));
        }
        std::thread::sleep(PAUSE);
    }
}

fn lock(place: &Place, whose: Use) -> PathBuf {
    place.directory().join(format!("{}.log", whose.word()))
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
pub(crate) fn remove(place: &Place) -> Result<(), Error> {
    for whose in Use::all(place)? {
        let path = lock(place, whose);
        if !path.try_exists().map_err(Error::io("inspect", &path))? {
            continue;
        }
        let Some(_held) = try_lock(&path)? else { continue };
        remove_files(place, whose)?;
        fs::remove_file(&path).map_err(Error::io("remove", &path))?;
    }
    Ok(())
}

fn remove_files(place: &Place, whose: Use) -> Result<(), Error> {
    for directory in [place.server(&whose.word()), place.server_sockets(&whose.word())] {
        match remove_directory(&directory) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::io("remove", &directory)(error)),
            _ => {}
        }
    }
    Ok(())
}

/// Removes a directory, also where it is a link to one in memory.
fn remove_directory(directory: &Path) -> std::io::Result<()> {
    let Ok(target) = fs::read_link(directory) else { return fs::remove_dir_all(directory) };
    match fs::remove_dir_all(&target) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => fs::remove_file(directory),
    }
}
