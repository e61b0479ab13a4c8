//! A server on saved files of another one, which makes dumps of them.

use std::fs;
use std::path::Path;

use database::{Database, DatabaseSettings, Engine, EngineKind, ServerFound};
use plan::DatabaseId;
use store::{Content, ObjectId, Store};
use tree::RestoreOptions;

use crate::Error;
use crate::facts::kind_of;
use crate::guarded::{self, Guarded, NotReady, Use};
use crate::session::Session;

/// A server that runs on a copy of saved files.
pub(crate) struct Private {
    root: ObjectId,
    found: ServerFound,
    server: Guarded,
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
        let place = Use::Reading.place(session)?;
        let occupied = guarded::occupy(session, Use::Reading)?;
        let failed = |source| Error::Engine { database: id(content), engine: kind.to_string(), source };
        let files = engine.server_files(&place).ok_or_else(|| unreadable(content, "a server"))?;
        fs::create_dir_all(&place.directory).map_err(Error::io("create", &place.directory))?;
        // The server's user goes through here.
        set_mode(&place.directory, 0o711)?;
        let cache = place.directory.join("stat");
        let options = RestoreOptions { sync: false, ..RestoreOptions::default() };
        let watch = |_| session.context.interrupt.flow();
        tree::restore(&content.root, &files.directory, &cache, store, &options, &watch).map_err(Error::tree)?;
        engine.adopt_files(&found, &place).map_err(failed)?;
        let process = engine.server_process(&found, &place).map_err(failed)?;
        let server = Guarded::start(place, &process, process.discard_signal, occupied)?;
        let mut private = Self { root: content.root, found, server };
        let mut probe = private.open(engine, content)?;
        match private.server.wait(session, &mut *probe) {
            Ok(true) => Ok(private),
            Ok(false) => Err(unreadable(content, "another database")),
            Err(NotReady::Ended(source, said)) if said.is_empty() => Err(Error::database(&id(content))(source)),
            Err(NotReady::Ended(_, said)) => {
                Err(unreadable(content, &format!("a server that can start on it: {said}")))
            }
            Err(NotReady::Failed(error)) => Err(error),
        }
    }

    /// Whether it runs on the files of this content.
    pub(crate) fn has(&self, content: &Content) -> bool {
        self.root == content.root
    }

    /// Opens the database of a content.
    pub(crate) fn open(&self, engine: &dyn Engine, content: &Content) -> Result<Box<dyn Database>, Error> {
        let (kind, name) = (engine.kind(), content.notes.get(NAME).cloned().unwrap_or_default());
        let number = content.notes.get(NUMBER).and_then(|number| number.parse().ok());
        if kind == EngineKind::Redis && number.is_none() {
            return Err(unreadable(content, "a newer version of seedbed"));
        }
        let location = self.server.location(kind, self.found.binaries.clone(), name, number.unwrap_or_default());
        let location = location.ok_or_else(|| unreadable(content, "a server of its engine"))?;
        engine.open(&location, &DatabaseSettings::default()).map_err(Error::database(&id(content)))
    }
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
