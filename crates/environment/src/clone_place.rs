//! The place where clones for tests are: a server of one's own that never waits for the disk, or a directory.
//!
//! Making and dropping databases makes a server write all of them to the disk, and wait for that. Here nothing is worth that.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;

use database::Location;
use plan::{DatabaseId, ServerId};

use crate::Error;
use crate::databases::reachable;
use crate::facts::{kind_of, server_database_name};
use crate::guarded::{self, Guarded, NotReady, Use};
use crate::session::Session;

/// Where files are in memory, if there is such a place.
const MEMORY: &str = "/dev/shm";

/// How many bytes a server takes without databases, with its log.
const SERVER_BYTES: u64 = 320 << 20;

/// How many clones there may be at once, with those that tests have.
const CLONES: u64 = 24;

/// The part of the free memory that may be taken, as its denominator.
const SHARE: u64 = 4;

/// The places of one process, by server; databases that are files have one without.
#[derive(Default)]
pub(crate) struct ClonePlaces(BTreeMap<Option<ServerId>, Arc<ClonePlace>>);

/// A server or a directory, which is gone when this is dropped.
pub(crate) enum ClonePlace {
    Server(Guarded),
    Directory(CloneDirectory),
}

/// A directory for databases that are files.
pub(crate) struct CloneDirectory {
    path: PathBuf,
    log: PathBuf,
    /// Has the lock of the place.
    _held: File,
}

impl ClonePlaces {
    /// Gives the place for clones of a database; it is made when it is asked for first.
    pub(crate) fn of(&mut self, session: &Session<'_>, id: &DatabaseId) -> Result<Arc<ClonePlace>, Error> {
        let server = session.model.databases[id].server.clone();
        if let Some(place) = self.0.get(&server) {
            return Ok(Arc::clone(place));
        }
        let whose = Use::Cloning { process: process::id(), number: self.0.len() };
        let place = Arc::new(match &server {
            Some(server) => ClonePlace::Server(start(session, id, server, whose)?),
            None => ClonePlace::Directory(CloneDirectory::make(session, whose)?),
        });
        self.0.insert(server, Arc::clone(&place));
        Ok(place)
    }
}

impl ClonePlace {
    /// Where the database is here of which there are clones.
    pub(crate) fn location(&self, session: &Session<'_>, id: &DatabaseId) -> Location {
        let name = server_database_name(id);
        match self {
            ClonePlace::Server(running) => {
                let server = session.model.databases[id].server.as_ref().expect("this is a place of servers");
                let binaries = session.server(server).0.binaries.clone();
                let location = running.location(kind_of(server.engine), binaries, name, 1);
                location.expect("an engine with a server has some")
            }
            ClonePlace::Directory(directory) => Location::Sqlite {
                path: directory.path.join(format!("{name}.sqlite3")),
                kept: directory.path.join(name),
            },
        }
    }
}

/// Starts a server like that of a database.
fn start(session: &Session<'_>, id: &DatabaseId, server: &ServerId, whose: Use) -> Result<Guarded, Error> {
    let (found, _) = session.server(server);
    let kind = kind_of(server.engine);
    let engine = session.engine(kind);
    let failed = |source| Error::Engine { database: id.clone(), engine: server.to_string(), source };
    let place = whose.place(session)?;
    let occupied = guarded::occupy(session, whose)?;
    if found.binaries.image().is_none() && fits_into_memory(session, id)? {
        in_memory(&place.directory)?;
    }
    engine.prepare_server(found, &place).map_err(failed)?;
    let process = engine.server_process(found, &place).map_err(failed)?;
    let mut running = Guarded::start(place, &process, process.discard_signal, occupied)?;
    let location = running.location(kind, found.binaries.clone(), server_database_name(id), 1);
    let mut probe = session.open_at(id, &location.expect("an engine with a server has some"))?;
    match running.wait(session, &mut *probe) {
        Ok(_) => Ok(running),
        Err(NotReady::Failed(error)) => Err(error),
        Err(NotReady::Ended(source, _)) => Err(Error::database(id)(source)),
    }
}

/// Whether there is room in memory for as many clones as there ever are of a database, and for much else besides.
fn fits_into_memory(session: &Session<'_>, id: &DatabaseId) -> Result<bool, Error> {
    let size = reachable(session, id)?.size().map_err(Error::database(id))?;
    let needed = SERVER_BYTES + size.saturating_mul(CLONES);
    let space = rustix::fs::statvfs(MEMORY).map_or(0, |space| space.f_bavail.saturating_mul(space.f_frsize));
    let memory = runtime::available_memory().unwrap_or(0);
    Ok(needed < space.min(memory) / SHARE)
}

/// Makes the directory of a server a link to one in memory: there is nothing in it that anybody would miss.
fn in_memory(directory: &Path) -> Result<(), Error> {
    let digest = blake3::hash(directory.as_os_str().as_encoded_bytes()).to_hex();
    let target = Path::new(MEMORY).join(format!("seedbed-{}", &digest[..24]));
    // One that a killed process has left is this place's, of which this process has the lock; anybody else's is not taken.
    let is_left = fs::symlink_metadata(&target)
        .is_ok_and(|found| found.is_dir() && found.uid() == rustix::process::geteuid().as_raw());
    if is_left {
        fs::remove_dir_all(&target).map_err(Error::io("remove", &target))?;
    }
    // The server's user goes through here.
    let made = fs::DirBuilder::new().mode(0o711).create(&target);
    if made.is_err() {
        return Ok(());
    }
    let above = directory.parent().expect("it was made by joining a name");
    fs::create_dir_all(above).map_err(Error::io("create", above))?;
    symlink(&target, directory).map_err(Error::io("create", directory))
}

impl CloneDirectory {
    fn make(session: &Session<'_>, whose: Use) -> Result<Self, Error> {
        let (log, held) = guarded::occupy(session, whose)?;
        let path = session.place.server(&whose.word());
        fs::create_dir_all(&path).map_err(Error::io("create", &path))?;
        Ok(Self { path, log, _held: held })
    }
}

impl Drop for CloneDirectory {
    fn drop(&mut self) {
        // What stays is removed by the next command, which finds that nobody has the lock.
        let _ = fs::remove_dir_all(&self.path);
        let _ = fs::remove_file(&self.log);
    }
}
