//! What can go wrong in an operation on an environment.

use std::io;
use std::path::{Path, PathBuf};

use plan::DatabaseId;
use source::Problems;
use store::StoreError;
use tree::TreeError;

use crate::loader_removal::InTheWay;
use crate::unusable::UnusableState;

/// Why an operation did not succeed. What was there before is still there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something in the user's files is wrong; each problem has its place.
    #[error("the files of this environment have problems: {}", .0.len())]
    Problems(Problems),
    /// Secrets cannot be had; each problem has its place.
    #[error("secrets cannot be had: {}", .0.len())]
    Secrets(Problems),
    /// No setting is called that.
    #[error("there is no setting '{wanted}'")]
    NoSetting {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: Vec<String>,
    },
    /// There is no such configuration in the history.
    #[error("{}", wanted.map_or_else(
        || "there is no configuration before this one".to_owned(),
        |wanted| format!("there is no configuration {wanted}"),
    ))]
    NoConfiguration {
        /// What was asked for; the one before the last when nothing was.
        wanted: Option<u64>,
        /// What there is.
        known: Vec<String>,
    },
    /// There is a manifest, which stays as it is.
    #[error("there is {} already; it is left as it is", .0.display())]
    ManifestThere(PathBuf),
    /// There is no manifest to start from.
    #[error("no seedbed.yaml in {} or above", from.display())]
    NoManifest {
        /// Where the search began.
        from: PathBuf,
        /// A file that is there, from which a manifest could take services, with the key that names it.
        importable: Option<(&'static str, &'static str)>,
    },
    /// The name of an environment has another form.
    #[error("'{0}' cannot be the name of an environment")]
    Name(String),
    /// The environment exists with another profile.
    #[error("environment '{name}' was made with {}, not with profile '{wanted}'", profile_words(made_with.as_ref()))]
    Profile {
        /// The environment.
        name: String,
        /// What it was made with.
        made_with: Option<String>,
        /// What was asked for.
        wanted: String,
    },
    /// Compose files are named, and the workspace has a manifest that says what there is.
    #[error("{} has a {}, which says what there is", root.display(), manifest::FILE_NAME)]
    HasManifest {
        /// The workspace.
        root: PathBuf,
    },
    /// There is no such environment.
    #[error("there is no environment '{0}' here")]
    NoEnvironment(String),
    /// A server that environments share cannot be had.
    #[error("the shared server {server}: {what}")]
    SharedServer {
        /// Its name.
        server: String,
        /// What is wrong.
        what: String,
    },
    /// Databases of a shared server are to be saved as its files.
    #[error("the databases of {0} cannot be saved as files: environments share it, and it would have to stop")]
    SharedFiles(String),
    /// The environment does not run, and this needs it to.
    #[error("environment '{0}' does not run")]
    NotRunning(String),
    /// A service does not run, and this needs it to.
    #[error("{0} does not run")]
    ServiceNotRunning(String),
    /// A service has no terminal to attach to.
    #[error("{0} has no terminal to attach to")]
    NoTerminal(String),
    /// No service of the environment is called that.
    #[error("there is no service '{wanted}'")]
    NoService {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: Vec<String>,
    },
    /// No task of the environment is called that.
    #[error("there is no task '{wanted}'")]
    NoTask {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Several services could be meant.
    #[error("which service? there are {}", known.join(", "))]
    WhichService {
        /// What there is.
        known: Vec<String>,
    },
    /// Services would need more memory than there is for them.
    #[error("{}", memory_words(*needed, *limit, needs))]
    Memory {
        /// How much they need together, in bytes.
        needed: u64,
        /// How much there is.
        limit: crate::MemoryLimit,
        /// What each needs, the largest first.
        needs: Vec<crate::Need>,
    },
    /// The system does not tell what processes use.
    #[error("this system does not tell what processes use")]
    NoUsage,
    /// What was waited for did not come.
    #[error("{0}")]
    Awaited(String),
    /// No workspace of the environment is called that.
    #[error("there is no service '{wanted}' in this environment that data could be loaded into")]
    NoWorkspace {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: Vec<String>,
    },
    /// No provider of the service is called that.
    #[error("there is no provider '{wanted}'")]
    NoProvider {
        /// What was asked for.
        wanted: String,
        /// What there is, of that service.
        known: Vec<String>,
    },
    /// A port that the manifest asks for is taken.
    #[error("port {port} of {service} is in use{}", holder.as_ref().map_or_else(String::new, |who| format!(" by {who}")))]
    PortTaken {
        /// The service.
        service: String,
        /// Its port.
        port: u16,
        /// Who has it, as far as can be seen.
        holder: Option<String>,
        /// File and line that ask for it.
        place: Option<String>,
    },
    /// No port is free.
    #[error("no free port between {0} and {1}")]
    NoPort(u16, u16),
    /// An engine has no server, or cannot prepare it.
    #[error("database {database} needs {engine}")]
    Engine {
        /// The first database that needs it.
        database: DatabaseId,
        /// The server.
        engine: String,
        /// Why there is none.
        source: database::EngineError,
    },
    /// The engine of containers does not do what a service needs.
    #[error("the container of {service}")]
    Containers {
        /// The service.
        service: String,
        /// Where it is declared.
        place: String,
        /// Why not.
        source: containers::EngineError,
    },
    /// A database refused.
    #[error("database {id}")]
    Database {
        /// Which.
        id: DatabaseId,
        /// What it said.
        source: database::DatabaseError,
    },
    /// A file of SQL that makes a schema failed.
    #[error("{}", file.display())]
    Script {
        /// The file.
        file: PathBuf,
        /// What the database said, with the line.
        source: database::DatabaseError,
    },
    /// A record could not be loaded.
    #[error("cannot load {record}")]
    Load {
        /// The record.
        record: String,
        /// The file and line that wants it.
        place: Option<String>,
        /// Whether it is a copy that violates a constraint: only its natural key is new.
        is_copy: bool,
        /// What the database said.
        source: database::DatabaseError,
    },
    /// Providers have removed records, and then something failed.
    #[error("{what}")]
    Unfinished {
        /// What is done, and what is not.
        what: &'static str,
        /// What failed.
        source: Box<Error>,
    },
    /// Nothing is there of loads of a spec.
    #[error("no load of {spec} has left anything in these databases")]
    NothingLoaded {
        /// What was asked for.
        spec: String,
        /// The specs of which something is there.
        known: Vec<String>,
    },
    /// Rows that no load made refer to some that were to be removed.
    #[error("rows that no load made refer to what would be removed: {}", joined(.0))]
    InTheWay(Vec<InTheWay>),
    /// A provider did not do what it was asked.
    #[error("{}provider {provider}", record.as_ref().map_or_else(String::new, |record| format!("cannot load {record}: ")))]
    Provider {
        /// The provider, as `SERVICE.NAME`.
        provider: String,
        /// The record, if one is concerned.
        record: Option<String>,
        /// The file and line that wants it.
        place: Option<String>,
        /// What it said.
        source: crate::ProviderFailure,
    },
    /// Steps of the plan failed.
    #[error("{} step(s) failed", .0.len())]
    Failed(Vec<StepFailure>),
    /// The environment was stopped while it was being changed.
    #[error("the environment was stopped meanwhile")]
    Stopped,
    /// Something failed, and nothing is left on the disk.
    #[error("no space is left on the disk of {}", directory.display())]
    DiskFull {
        /// The environment's directory.
        directory: PathBuf,
        /// What failed.
        source: Box<Error>,
    },
    /// There is neither a database nor a resource.
    #[error("there is nothing to save: no database and no resource is declared")]
    NothingToSave,
    /// The user asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// The supervisor could not be started or talked to.
    #[error("the supervisor of this environment")]
    Supervisor(#[source] daemon::ClientError),
    /// The store of snapshots refused.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// A snapshot holds another set of databases than this environment has.
    #[error("the snapshot has no state of {}", missing.join(", "))]
    OtherDatabases {
        /// What it lacks.
        missing: Vec<String>,
    },
    /// The content after a restore is not what was saved.
    #[error("database {0} is not what was saved, even after restoring it")]
    NotRestored(DatabaseId),
    /// The engine's own checker finds something wrong with what a snapshot holds.
    #[error("the engine's own checker refuses {database}: {}", findings.join("; "))]
    NotProved {
        /// The database.
        database: DatabaseId,
        /// What it says.
        findings: Vec<String>,
    },
    /// A snapshot holds a database of another engine.
    #[error("database {database} is of the engine {engine}, and what is to be restored is of {kind}")]
    OtherEngine {
        /// The database.
        database: DatabaseId,
        /// Its engine.
        engine: String,
        /// What the snapshot holds.
        kind: String,
    },
    /// A snapshot holds a database as files that no server here can read.
    #[error("the files of {database} need {needs}")]
    Unreadable {
        /// The database.
        database: String,
        /// What can read them.
        needs: String,
    },
    /// A state that was found cannot be had, or is not what it should be.
    #[error("{0} cannot be used")]
    UnusableState(UnusableState, #[source] Box<Error>),
    /// What a task makes was kept when it was looked for, and is not any more.
    #[error("what {task} makes is not kept any more under the key {key}")]
    OutputsGone {
        /// `WORKSPACE/TASK`.
        task: String,
        /// The key.
        key: String,
    },
    /// What is kept of a task has a file that the task does not make.
    #[error("{file} is none of the outputs of {task}")]
    ForeignOutput {
        /// `WORKSPACE/TASK`.
        task: String,
        /// Its path in the workspace.
        file: String,
    },
    /// A state was there when the plan was made, and is not any more.
    #[error("the state {key} of {database} is not there any more")]
    StateGone {
        /// The database.
        database: DatabaseId,
        /// The key of the state.
        key: String,
    },
    /// No command has put anything aside.
    #[error("there is nothing to undo")]
    NothingToUndo,
    /// No database or resource of the environment is called that.
    #[error("there is no database or resource '{wanted}'")]
    NoDatabase {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The engine does not keep this state of a database.
    #[error("{database}: {state} is not kept in the engine")]
    NotKept {
        /// The database.
        database: DatabaseId,
        /// What was asked for, in words.
        state: String,
    },
    /// The system gives no thread.
    #[error("no thread can be started")]
    Thread {
        /// Why.
        source: io::Error,
    },
    /// Several databases could be meant.
    #[error("which database? there are {}", known.join(", "))]
    WhichDatabase {
        /// What there is.
        known: Vec<String>,
    },
    /// No remote of the workspace is called that, or several could be meant.
    #[error("{}", wanted.as_ref().map_or_else(|| "which remote?".to_owned(), |wanted| format!("there is no remote '{wanted}'")))]
    NoRemote {
        /// What was asked for.
        wanted: Option<String>,
        /// What there is.
        known: Vec<String>,
    },
    /// A remote cannot be used.
    #[error("remote {name} ({url})")]
    Remote {
        /// Its name.
        name: String,
        /// Its address, as it is written in the manifest.
        url: String,
        /// Why not.
        source: crate::RemoteFailure,
    },
    /// A remote is to be encrypted, and the store in it is not.
    #[error("remote {name} ({url}) is to be encrypted, and the store that is there is not")]
    NotEncrypted {
        /// Its name.
        name: String,
        /// Its address, as it is written in the manifest.
        url: String,
    },
    /// A recipient of a remote is no key.
    #[error("'{0}' is not the public key of a recipient")]
    BadRecipient(String),
    /// A remote has another snapshot under this tag.
    #[error("{place} has another snapshot with the tag '{tag}'")]
    TagElsewhere {
        /// The tag.
        tag: String,
        /// The remote.
        place: String,
    },
    /// No base is published under this name.
    #[error("no base is published as '{wanted}'")]
    NoBase {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A file that a base comes from cannot be used.
    #[error("the base {}", file.display())]
    Base {
        /// The file.
        file: PathBuf,
        /// What the engine said.
        source: database::DatabaseError,
    },
    /// A base is compressed in a way that is not read.
    #[error("the base {} is compressed with {format}: write it anew with gzip, zstd or xz, which are read", file.display())]
    Compression {
        /// The file.
        file: PathBuf,
        /// The format.
        format: &'static str,
    },
    /// A repository that something depends on cannot be had.
    #[error("{source}")]
    Repository {
        /// The file and line that want it.
        place: Option<String>,
        /// Why not.
        source: repositories::RepositoryError,
    },
    /// The lock would have to be changed, and must not be.
    #[error("seedbed.lock does not pin what the manifests want: {}", .0.join(", "))]
    LockWouldChange(Vec<String>),
    /// No dependency is called that.
    #[error("there is no dependency '{wanted}'")]
    NoDependency {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A file could not be brought.
    #[error("cannot fetch {url}")]
    Fetch {
        /// Where it is.
        url: String,
        /// Why not.
        source: crate::RemoteFailure,
    },
    /// A rule that cleans a column failed.
    #[error("the rule at {place}")]
    Rule {
        /// File and line.
        place: String,
        /// What the engine said.
        source: database::DatabaseError,
    },
    /// Something that must not leave the machine would.
    #[error("{} finding(s) in what would leave this machine", .0.len())]
    Findings(Vec<crate::scan::Finding>),
    /// Something that looks personal would be written into a spec.
    #[error("{} column(s) that look personal and have no rule", .0.len())]
    Personal(Vec<crate::personal::Personal>),
    /// Files could not be saved or restored.
    #[error(transparent)]
    Tree(tree::TreeError),
    /// What is remembered of the environment cannot be read.
    #[error("cannot understand {}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Where it is wrong.
        source: serde_json::Error,
    },
    /// What is remembered of the environment was written by another version.
    #[error("{} has the format {version}, which this version of seedbed does not know", path.display())]
    RecordVersion {
        /// The file.
        path: PathBuf,
        /// Its format.
        version: u32,
    },
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn memory_words(needed: u64, limit: crate::MemoryLimit, needs: &[crate::Need]) -> String {
    let megabytes = |bytes: u64| format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10);
    let need = |need: &crate::Need| {
        let how = if need.is_declared { "declared" } else { "measured" };
        format!("{} {} ({how})", need.service, megabytes(need.memory))
    };
    let each = needs.iter().map(need).collect::<Vec<_>>().join(", ");
    let needed = megabytes(needed);
    match limit {
        crate::MemoryLimit::Budget(most) => {
            format!("all services need {needed} of memory, and the budget is {}: {each}", megabytes(most))
        }
        crate::MemoryLimit::Machine(most) => {
            format!(
                "the services to start need {needed} of memory, and the machine has {} left: {each}",
                megabytes(most)
            )
        }
    }
}

/// A step that failed, with what helps to see why.
#[derive(Debug, Clone)]
pub struct StepFailure {
    /// Its id.
    pub step: String,
    /// Whether the machine has no program, or no room, to start its process. What an engine says of a container is another matter.
    pub lacks_program: bool,
    /// The exit code of its process, if it has one and that ended by itself.
    pub exit_code: Option<i32>,
    /// A verb and what it was done to.
    pub title: String,
    /// Why it failed.
    pub reason: String,
    /// File and line that declare it.
    pub place: Option<String>,
    /// The last lines of its log.
    pub last_lines: Vec<String>,
    /// Its log.
    pub log: Option<PathBuf>,
    /// What to do about it.
    pub help: String,
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn file(error: database::FileError) -> Self {
        Self::Io { action: error.action, path: error.path, source: error.source }
    }

    pub(crate) fn database(id: &DatabaseId) -> impl Fn(database::DatabaseError) -> Self {
        let id = id.clone();
        move |source| Self::Database { id: id.clone(), source }
    }

    pub(crate) fn provider(name: &dataset::ProviderName, source: crate::ProviderFailure) -> Self {
        if source.is_interrupted {
            return Self::Interrupted;
        }
        Self::Provider { provider: name.to_string(), record: None, place: None, source }
    }

    /// An error of a tree, or that whoever watched it was interrupted.
    pub(crate) fn tree(source: TreeError) -> Self {
        match source {
            TreeError::Interrupted => Self::Interrupted,
            source => Self::Tree(source),
        }
    }

    /// What an error means when providers have removed something.
    pub(crate) fn unfinished(what: &'static str) -> impl Fn(Error) -> Error {
        move |source| match source {
            interrupted @ Self::Interrupted => interrupted,
            source => Self::Unfinished { what, source: Box::new(source) },
        }
    }

    /// Whether the reason is that a disk is full.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::DiskFull { .. } => true,
            Self::Database { source, .. } | Self::Load { source, .. } | Self::Script { source, .. } => {
                source.is_disk_full()
            }
            Self::Failed(failures) => failures.iter().any(|failure| failure.reason.contains("No space left on device")),
            other => has_full_disk(other),
        }
    }
}

impl Error {
    /// Whether something that a store should have is not there, or not as it was written.
    pub fn is_damage(&self) -> bool {
        let (Self::Store(error) | Self::Tree(TreeError::Store(error))) = self else { return false };
        match error {
            StoreError::Damaged { .. } | StoreError::NoObject { .. } | StoreError::NotANode { .. } => true,
            StoreError::Backend(error) => error.is_not_found(),
            _ => false,
        }
    }
}

/// Whether an error or one of its causes is the system's word that a disk is full.
fn has_full_disk(error: &(dyn std::error::Error + 'static)) -> bool {
    let is_full = error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::StorageFull);
    is_full || error.source().is_some_and(has_full_disk)
}

/// The error with its causes, on one line.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

/// Several things in one line.
fn joined(parts: &[InTheWay]) -> String {
    parts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn profile_words(profile: Option<&String>) -> String {
    profile.map_or_else(|| "no profile".to_owned(), |profile| format!("profile '{profile}'"))
}
