//! An engine: a kind of database, which finds and prepares its server (if it has one) and opens databases.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::{Database, DatabaseError, FileError, Location, Secret};

/// Names a kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EngineKind {
    /// A file.
    Sqlite,
    /// A server with many databases.
    Postgres,
}

impl EngineKind {
    /// Every kind, in the order of declaration.
    pub const ALL: [EngineKind; 2] = [EngineKind::Sqlite, EngineKind::Postgres];

    /// Gives the word by which manifests name this kind.
    pub fn word(self) -> &'static str {
        match self {
            EngineKind::Sqlite => "sqlite",
            EngineKind::Postgres => "postgres",
        }
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

/// Says that a word names no engine.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no engine; there are sqlite and postgres")]
pub struct UnknownEngine(pub String);

impl FromStr for EngineKind {
    type Err = UnknownEngine;

    fn from_str(word: &str) -> Result<Self, UnknownEngine> {
        EngineKind::ALL.into_iter().find(|kind| kind.word() == word).ok_or_else(|| UnknownEngine(word.to_owned()))
    }
}

/// Finds and prepares its server (if it has one), and opens databases.
pub trait Engine: Send + Sync {
    /// Says which engine this is.
    fn kind(&self) -> EngineKind;

    /// Finds the programs of a server on this machine; `None` for an engine without a server.
    ///
    /// Pure discovery: nothing is started or written. The error says where it looked and what to install.
    fn find_server(&self, request: &ServerRequest) -> Result<Option<ServerFound>, EngineError>;

    /// Makes the server's data directory when it is missing and writes its configuration.
    ///
    /// The data directory is built beside its place and then renamed, so that a kill leaves nothing half-made.
    /// Repeating it is harmless. Two calls for one place must not run at the same time.
    fn prepare_server(&self, found: &ServerFound, place: &ServerPlace) -> Result<(), EngineError>;

    /// Says how to run a server that is prepared; touches nothing.
    fn server_process(&self, found: &ServerFound, place: &ServerPlace) -> Result<ServerProcess, EngineError>;

    /// Opens a database, which need not exist yet; nothing is connected to before it is needed.
    fn open(&self, location: &Location) -> Result<Box<dyn Database>, DatabaseError>;
}

/// Says which server is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerRequest {
    /// The major version, such as `15`; the newest found if not given.
    pub version: Option<String>,
    /// The directory of the server's programs; looked for if not given.
    pub binaries: Option<PathBuf>,
}

/// Says which server was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFound {
    /// The full version, such as `15.14`.
    pub version: String,
    /// The directory of its programs.
    pub binaries: PathBuf,
}

impl ServerFound {
    /// Gives the major version: `15` of `15.14`.
    pub fn major(&self) -> &str {
        self.version.split(|character: char| !character.is_ascii_digit()).next().unwrap_or_default()
    }
}

/// Says where a server lives and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPlace {
    /// Holds the data and the configuration; made if missing.
    pub directory: PathBuf,
    /// Holds the socket; its path must be short (the socket's path is limited to about 100 bytes). Made if missing.
    pub socket_directory: PathBuf,
    /// The address that it listens on.
    pub host: String,
    /// The port that it listens on.
    pub port: u16,
    /// The password of the role `seedbed`; must be the same whenever one place is prepared.
    pub password: Secret,
}

/// Says how to run a server in the foreground.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerProcess {
    /// The program, an absolute path.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Added to the environment that it inherits.
    pub env: BTreeMap<String, String>,
    /// The directory that it runs in.
    pub directory: PathBuf,
    /// User and group id to run as, when they must not be the caller's (no supplementary groups).
    pub user: Option<(u32, u32)>,
    /// The server takes connections once something listens here.
    pub ready_socket: PathBuf,
    /// The signal of a fast and clean shutdown.
    pub stop_signal: i32,
}

/// Says why a server could not be found or prepared.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No such server is installed.
    #[error("no {wanted} found; looked in {}. {install}", looked.join(", "))]
    NotFound {
        /// What was looked for, such as `PostgreSQL 16`.
        wanted: String,
        /// Where it looked, and what it found there.
        looked: Vec<String>,
        /// What to install.
        install: String,
    },
    /// The data directory belongs to another major version.
    #[error("the data in {} was made by version {made_by}, the server found is version {found}", directory.display())]
    OtherVersion {
        /// The data directory.
        directory: PathBuf,
        /// The version that made it.
        made_by: String,
        /// The version found.
        found: String,
    },
    /// The server refuses to run as root, and there is no other account for it.
    #[error("the server refuses to run as root, and there is no user {}", tried.join(" or "))]
    NoAccount {
        /// The accounts looked for.
        tried: Vec<String>,
    },
    /// The account that the server runs as cannot get through a directory.
    #[error("user {user} cannot enter {}, which is on the way to {}", directory.display(), wanted.display())]
    NotTraversable {
        /// The directory without the right to enter.
        directory: PathBuf,
        /// What lies below it.
        wanted: PathBuf,
        /// The account's name.
        user: String,
    },
    /// The path of the socket does not fit the operating system's limit.
    #[error("the socket path {} has {length} bytes, more than the {limit} that fit", path.display())]
    SocketPathTooLong {
        /// The path.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
        /// The most that fits.
        limit: usize,
    },
    /// A program of the server failed.
    #[error("{} failed ({status}): {output}", program.display())]
    Program {
        /// The program.
        program: PathBuf,
        /// How it ended.
        status: String,
        /// The end of what it said.
        output: String,
    },
    /// The engine has no server.
    #[error("{0} has no server")]
    NoServer(EngineKind),
    /// A file or a directory could not be used.
    #[error(transparent)]
    File(#[from] FileError),
}
