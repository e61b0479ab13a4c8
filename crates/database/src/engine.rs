//! An engine: a kind of database, which finds and prepares its server (if it has one) and opens databases.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use crate::{Binaries, ContainerError, Database, DatabaseError, FileError, Inside, Location, Login, Secret};

/// Names a kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EngineKind {
    /// A file.
    Sqlite,
    /// A PostgreSQL server with many databases.
    Postgres,
    /// A MariaDB or `MySQL` server with many databases.
    Mysql,
    /// A Redis server with many numbered databases.
    Redis,
}

impl EngineKind {
    /// Every kind, in the order of declaration.
    pub const ALL: [EngineKind; 4] = [EngineKind::Sqlite, EngineKind::Postgres, EngineKind::Mysql, EngineKind::Redis];

    /// Gives the word by which manifests name this kind.
    pub fn word(self) -> &'static str {
        match self {
            EngineKind::Sqlite => "sqlite",
            EngineKind::Postgres => "postgres",
            EngineKind::Mysql => "mysql",
            EngineKind::Redis => "redis",
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
#[error("{0:?} is no engine; there are sqlite, postgres, mysql and redis")]
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

    /// Finds the programs of a server on this machine, or in the image that is asked for; `None` for an engine without a
    /// server.
    ///
    /// Pure discovery: no server is started and nothing is written. An image of which it is not known what is in it is
    /// asked, in a container that ends at once. The error says where it looked and what to install.
    fn find_server(&self, request: &ServerRequest) -> Result<Option<ServerFound>, EngineError>;

    /// Makes the server's data directory when it is missing and writes its configuration.
    ///
    /// The data directory is built beside its place and then renamed, so that a kill leaves nothing half-made.
    /// Repeating it is harmless. Two calls for one place must not run at the same time.
    fn prepare_server(&self, found: &ServerFound, place: &ServerPlace) -> Result<(), EngineError>;

    /// Makes the data directory of which those of new servers are copies, where the place says that there are such; one that is
    /// there is enough.
    fn prepare_template(&self, found: &ServerFound, place: &ServerPlace) -> Result<(), EngineError> {
        let _ = (found, place);
        Ok(())
    }

    /// Says how to run a server that is prepared; touches nothing.
    fn server_process(&self, found: &ServerFound, place: &ServerPlace) -> Result<ServerProcess, EngineError>;

    /// Opens a database, which need not exist yet; nothing is connected to before it is needed.
    fn open(&self, location: &Location, settings: &DatabaseSettings) -> Result<Box<dyn Database>, DatabaseError>;

    /// Says which file has the programs of such a server, for a machine where none is installed; `None` if there is none.
    fn package(&self, request: &ServerRequest) -> Option<ServerPackage> {
        let _ = request;
        None
    }

    /// Unpacks the programs of a package into a directory, which is complete when it appears; gives the directory of the
    /// programs. The digest of the file was checked.
    fn unpack(&self, file: &Path, to: &Path) -> Result<PathBuf, EngineError> {
        let _ = (file, to);
        Err(EngineError::NoServer(self.kind()))
    }

    /// Names the image that has the programs of such a server, for a machine where none is installed; `None` if there is
    /// none.
    fn image(&self, request: &ServerRequest) -> Option<String> {
        let _ = request;
        None
    }

    /// Says which files hold the state of a stopped server; `None` for an engine without a server.
    fn server_files(&self, place: &ServerPlace) -> Option<ServerFiles>;

    /// Says which files a copy needs of a server that has just been stopped; an error if it did not come to an orderly end.
    /// `None` for an engine whose databases are not saved as files.
    fn stopped_files(&self, found: &ServerFound, place: &ServerPlace) -> Result<Option<ServerFiles>, EngineError> {
        let _ = (found, place);
        Ok(None)
    }

    /// Makes files of a stopped server, of wherever they come from, the data of a server in this place: its owner, its
    /// configuration, its password. They are where [`server_files`](Engine::server_files) says.
    fn adopt_files(&self, found: &ServerFound, place: &ServerPlace) -> Result<(), EngineError> {
        let _ = (found, place);
        Err(EngineError::NoServer(self.kind()))
    }

    /// Whether environments can share a server, since the engine keeps the databases of one from those of another.
    fn can_be_shared(&self) -> bool {
        false
    }

    /// Whether an extension can be made by superusers alone; so it is if nothing is known of it.
    fn needs_superuser(&self, found: &ServerFound, extension: &str) -> bool {
        let _ = (found, extension);
        true
    }

    /// Says who Seedbed is in a server that environments share; `None` for an engine whose servers they cannot share, since it
    /// does not keep their databases apart.
    fn administrator(&self, place: &ServerPlace) -> Option<Login> {
        let _ = place;
        None
    }

    /// Lets an environment have databases in a running server that several share: it gets a role, which can enter no database
    /// of another one. Repeating it is harmless. Two calls for one server must not run at the same time.
    fn admit(&self, place: &ServerPlace, environment: &Login) -> Result<(), DatabaseError> {
        let _ = (place, environment);
        Err(DatabaseError::Unsupported { engine: self.kind(), action: "share a server" })
    }

    /// Removes the role of an environment from a running server that several share, and all databases that it owns.
    fn dismiss(&self, place: &ServerPlace, role: &str) -> Result<(), DatabaseError> {
        let _ = (place, role);
        Err(DatabaseError::Unsupported { engine: self.kind(), action: "share a server" })
    }

    /// Says how to open the engine's own interactive client on a database.
    fn shell(&self, location: &Location) -> Result<ShellCommand, EngineError>;
}

/// Says how a database is to be made wherever an empty one is made. What an engine does not know is
/// [`DatabaseError::Unsupported`] when the database is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseSettings {
    /// The encoding, such as `UTF8`; the server's if not given.
    pub encoding: Option<String>,
    /// The locale or collation, such as `C.UTF-8`; the server's if not given.
    pub locale: Option<String>,
    /// Extensions that are in it from the beginning.
    pub extensions: Vec<String>,
    /// Further roles of the server, without passwords of their own, that the schema or a dump names.
    pub roles: Vec<String>,
}

/// Says which files hold the state of a server. A copy of them, taken while the server was stopped, is the state of all of
/// its databases, for a server of the same major version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFiles {
    /// The directory.
    pub directory: PathBuf,
    /// Globs below it of what is no state: locks, logs, statistics.
    pub exclude: Vec<String>,
    /// Globs below it of files that consist of pages, each with the size of a page in bytes.
    pub pages: Vec<(String, u32)>,
}

/// Says how to run an engine's own client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShellCommand {
    /// The program, an absolute path or a word that is looked for in `PATH`.
    pub program: PathBuf,
    /// Its arguments; the password is not among them.
    pub arguments: Vec<String>,
    /// Added to the environment that it inherits.
    pub env: BTreeMap<String, String>,
}

impl ShellCommand {
    /// Makes it a command that runs the client in a container if it is in an image; it meets the socket of the server.
    #[must_use]
    pub fn of(self, binaries: &Binaries, socket_directory: &Path) -> Self {
        let Some(image) = binaries.image() else { return self };
        let mut plain = Command::new(&self.program);
        plain.args(&self.arguments).envs(&self.env);
        let mut inside = Inside::default();
        inside.share(socket_directory);
        let (program, arguments, env) = image.shell(&plain, &inside);
        ShellCommand { program, arguments, env }
    }
}

/// How much a server does for content to outlive a crash of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Durability {
    /// What was committed is on the disk.
    #[default]
    Full,
    /// The same, once [`settle`](crate::Database::settle) was called. A server that is made new is filled without waiting for the
    /// disk; until it is settled, a crash of the machine [loses it](crate::Unsettled).
    OnceSettled,
    /// Faster; a crash of the machine (not of the server) may lose everything in the server.
    Relaxed,
}

/// Says which server is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerRequest {
    /// The major version, such as `15`; the newest found if not given.
    pub version: Option<String>,
    /// The server's programs; looked for on this machine if not given.
    pub binaries: Option<Binaries>,
}

/// Says which server was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFound {
    /// The full version, such as `15.14`.
    pub version: String,
    /// Its programs.
    pub binaries: Binaries,
    /// What the server calls itself where engines have several makers: `MariaDB`, `MySQL`, `PostgreSQL`, `Redis`.
    pub product: String,
}

impl ServerFound {
    /// Gives the major version: `15` of `15.14`.
    pub fn major(&self) -> &str {
        self.version.split(|character: char| !character.is_ascii_digit()).next().unwrap_or_default()
    }
}

/// A file of the Python package index that has the programs of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerPackage {
    /// The package.
    pub package: &'static str,
    /// The version of the package.
    pub version: &'static str,
    /// The name of the file.
    pub file: &'static str,
    /// The SHA-256 of the file, in hexadecimal digits.
    pub sha256: &'static str,
    /// The major version of the server.
    pub major: &'static str,
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
    /// Whether commits wait for the disk.
    pub durability: Durability,
    /// Whether environments share it.
    pub is_shared: bool,
    /// Where data directories are that were made once for all servers of the machine; without, each is made anew.
    pub templates: Option<PathBuf>,
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
    /// The server takes connections once something listens here, and, if it greets, has said something.
    pub ready_socket: PathBuf,
    /// Whether it speaks first to whoever connects.
    pub greets: bool,
    /// The signal of a fast and clean shutdown.
    pub stop_signal: i32,
    /// Whether that signal is for one that is ready only: while it starts, it would hang.
    pub stops_once_ready: bool,
    /// The signal that ends it at once when its data is about to be removed, and leaves nothing elsewhere.
    pub discard_signal: i32,
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
    /// The server did not come to an orderly end, so that its files alone are not its state.
    #[error("the server of {} was not stopped in an orderly way: it is {state:?}", directory.display())]
    NotStopped {
        /// The data directory.
        directory: PathBuf,
        /// What the engine says of it.
        state: String,
    },
    /// The engine has no server.
    #[error("{0} has no server")]
    NoServer(EngineKind),
    /// The location belongs to another engine.
    #[error("database {database} is not of the engine {engine}")]
    OtherEngine {
        /// The database.
        database: String,
        /// The engine that was asked.
        engine: EngineKind,
    },
    /// A file or a directory could not be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// No container can be had for it.
    #[error(transparent)]
    Container(#[from] ContainerError),
}
