//! What an operation is given: the world around it, and the environment that is meant.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use containers::Login as RegistryLogin;
use database::{Engine, EngineKind, ServerPackage};
use manifest::Applied;
use store::Backend;

use crate::place::Place;
use crate::{Error, Interrupt, Monitor, library, place, tasks};

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
    /// The way to other places.
    pub remotes: &'a dyn Remotes,
    /// Where the programs of servers are that were fetched because none is installed; their users can enter it.
    pub packages: PathBuf,
    /// Where data directories are of which those of new servers are copies.
    pub templates: PathBuf,
    /// Where what belongs to servers is that environments share.
    pub servers: PathBuf,
    /// Where repositories are that were fetched, for all workspaces of the user.
    pub repositories: PathBuf,
    /// Whether a person is there whom git may ask for a password.
    pub may_ask: bool,
    /// Whether what dependencies are pinned to must stay as it is.
    pub is_locked: bool,
    /// The keys that open encrypted stores.
    pub identities: Vec<store::Identity>,
    /// Who works here, for records.
    pub author: String,
    /// The wall clock.
    pub now: fn() -> SystemTime,
    /// By how many seconds clocks here were ahead of UTC at a moment.
    pub ahead_of_utc: fn(SystemTime) -> i64,
    /// Listens to what goes on.
    pub monitor: &'a dyn Monitor,
    /// The user's wish to end.
    pub interrupt: Interrupt,
}

/// The way to places where stores are shared, and from which files come.
pub trait Remotes: Sync {
    /// Opens the place at an address.
    fn open(&self, url: &str) -> Result<Arc<dyn Backend>, RemoteFailure>;

    /// Says that what was written to a place is complete, for those who can only read there.
    fn finish(&self, backend: &dyn Backend) -> Result<(), RemoteFailure>;

    /// Brings a package with the programs of a server; it is whole when it appears.
    fn fetch_package(&self, package: &ServerPackage, to: &Path, monitor: &dyn Monitor) -> Result<(), RemoteFailure>;

    /// Asks a service once. An error is that there was no answer.
    fn ask(&self, question: &Question) -> Result<Answered, RemoteFailure>;

    /// The registries of images of which there are credentials, by their hosts.
    fn registries(&self) -> Result<BTreeSet<String>, RemoteFailure>;

    /// Who a registry of images is asked as; `None`: nobody in particular.
    fn login(&self, registry: &str) -> Result<Option<RegistryLogin>, RemoteFailure>;

    /// Brings a file, which must have the digest if there is one; it is whole when it appears.
    fn fetch(
        &self,
        url: &str,
        digest: Option<&manifest::Digest>,
        to: &Path,
        monitor: &dyn Monitor,
    ) -> Result<(), RemoteFailure>;
}

/// A question to a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question {
    /// `GET`, `POST`, and so on.
    pub method: String,
    /// The whole address.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// A name and a password by which the service knows who asks.
    pub login: Option<(String, String)>,
    /// What is sent.
    pub body: Option<Vec<u8>>,
    /// How long it may take, all in all.
    pub timeout: Duration,
}

/// What a service answered, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The status of HTTP.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Why a place cannot be used.
pub type RemoteFailure = Box<dyn std::error::Error + Send + Sync>;

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
        Self::of_root(Self::root_of(directory)?, name)
    }

    /// The environment `name` of Compose files, in the directory of the first. They are written down there, so that all that works
    /// for the environment knows them, also without being told.
    pub fn of_compose_files(files: &[PathBuf], name: &str) -> Result<Self, Error> {
        let first = files.first().expect("who chooses files names one");
        let directory = first.parent().unwrap_or(Path::new("/"));
        let root = directory.canonicalize().map_err(Error::io("open", directory))?;
        if root.join(manifest::FILE_NAME).is_file() {
            return Err(Error::HasManifest { root });
        }
        let mut lines = String::new();
        for file in files {
            let file = file.canonicalize().map_err(Error::io("open", file))?;
            let shown = file.strip_prefix(&root).unwrap_or(&file);
            lines.extend([&*shown.to_string_lossy(), "\n"]);
        }
        let target = Self::of_root(root, name)?;
        let path = target.root.join(manifest::CHOSEN_FILES);
        if fs::read_to_string(&path).is_ok_and(|known| known == lines) {
            return Ok(target);
        }
        place::create_top(&target.root.join(place::DIRECTORY))?;
        fs::write(&path, lines).map_err(Error::io("write", &path))?;
        Ok(target)
    }

    fn root_of(directory: &Path) -> Result<PathBuf, Error> {
        manifest::find_root(directory).ok_or_else(|| Error::NoManifest {
            from: directory.to_owned(),
            importable: manifest::importable(directory),
        })
    }

    fn of_root(root: PathBuf, name: &str) -> Result<Self, Error> {
        let fits = name.len() <= 40
            && ![tasks::TASKS, library::STORE, library::STORE_CACHE, library::DOWNLOADS, recorder::DIRECTORY]
                .contains(&name)
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !fits {
            return Err(Error::Name(name.to_owned()));
        }
        Ok(Self { root, name: name.to_owned() })
    }

    /// Where this environment keeps what it has.
    #[must_use]
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
    /// Looks at what a run of these tasks would do, but writes nothing.
    LookAt(Vec<String>),
    /// Makes it when it is not there, for a run of these tasks.
    Run(Vec<String>),
    /// It must be there.
    Existing,
    /// It must be there, and gets this configuration.
    Configure(Applied),
    /// It must be there; looks and plans as `Configure` would, but writes nothing.
    Weigh(Applied),
}

impl Mode {
    /// Whether nothing is written.
    pub(crate) fn only_looks(&self) -> bool {
        matches!(self, Self::Look(_) | Self::LookAt(_) | Self::Weigh(_))
    }

    /// The configuration that it brings with it.
    pub(crate) fn configuration(&self) -> Option<&Applied> {
        match self {
            Self::Configure(applied) | Self::Weigh(applied) => Some(applied),
            _ => None,
        }
    }

    /// The profile that the environment is made with, if it is not there.
    pub(crate) fn profile(&self) -> Option<String> {
        match self {
            Self::Make(profile) | Self::Look(profile) => profile.clone(),
            _ => None,
        }
    }

    /// Whether it must be there.
    pub(crate) fn needs_environment(&self) -> bool {
        matches!(self, Self::Existing | Self::Configure(_) | Self::Weigh(_))
    }
}

impl Context<'_> {
    /// The engine of this kind.
    pub(crate) fn engine(&self, kind: EngineKind) -> &dyn Engine {
        let engine = self.engines.iter().find(|engine| engine.kind() == kind);
        &**engine.expect("the program lists every engine that a manifest can name")
    }
}
