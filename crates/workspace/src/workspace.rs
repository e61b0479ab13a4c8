//! A data workspace that is open: its metadata, its store, its repository.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use store::{CreateOptions, DirectoryBackend, Store};

use crate::lock::Lock;
use crate::metadata::Author;
use crate::{Context, Error, Git, Metadata, changes, find_root, journal, lock, moment, names};

/// What belongs to this machine alone; environments of a manifest live there, too.
const LOCAL: &str = ".seedbed";
/// Where a data workspace has its own, under a name that no environment can have.
const OWN: &str = "data_workspace";

/// A data workspace.
pub struct Workspace {
    root: PathBuf,
    metadata: Metadata,
    git: OnceCell<Option<Git>>,
    store: OnceCell<Store>,
    locked: OnceCell<Arc<File>>,
}

/// Where this copy of the workspace stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Current {
    /// The snapshot that was taken or restored last.
    #[serde(default)]
    pub snapshot: Option<String>,
    /// The branch that the next snapshot goes on.
    #[serde(default)]
    pub branch: Option<String>,
    /// Which of its named contents each resource holds.
    #[serde(default)]
    pub sets: BTreeMap<String, String>,
}

impl Workspace {
    /// The workspace that a directory is in.
    pub fn find(from: &Path) -> Result<Self, Error> {
        let root = find_root(from).ok_or_else(|| Error::NoWorkspace { from: from.to_owned() })?;
        let metadata = Metadata::open(&root)?;
        Ok(Self::with(root, metadata))
    }

    pub(crate) fn with(root: PathBuf, metadata: Metadata) -> Self {
        Self { root, metadata, git: OnceCell::new(), store: OnceCell::new(), locked: OnceCell::new() }
    }

    /// Its root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Its metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The repository of git that it is in.
    pub fn git(&self) -> Result<&Git, Error> {
        let none = || {
            let problem = format!("{} is in no repository of git", self.root.display());
            Error::refused(problem, "`git init` makes one; git carries the metadata")
        };
        if let Some(git) = self.git.get() {
            return git.as_ref().ok_or_else(none);
        }
        let git = Git::find(&self.root)?;
        self.git.get_or_init(|| git).as_ref().ok_or_else(none)
    }

    /// Begins to change it: waits for others, and finishes or undoes what a command that was killed has left.
    pub fn begin(&self, context: &Context<'_>) -> Result<Lock, Error> {
        self.create_own()?;
        let path = self.own().join("lock");
        if self.locked.get().is_none() {
            // Another one cannot have been faster: a workspace is of one thread.
            let _ = self.locked.set(lock::open(&path)?);
        }
        let file = self.locked.get().expect("it was just opened");
        let lock = Lock::take(file, &path, context)?;
        if let Some(git) = Git::find(&self.root)? {
            git.tidy();
            // Who commits is only known to who has a context.
            let _ = self.git.set(Some(self.working(git, context)));
        }
        journal::recover(self, context)?;
        Ok(lock)
    }

    /// A repository in which something is going to be changed: programs that are called there hold the lock as long as they run,
    /// also when this one is killed.
    pub(crate) fn working(&self, git: Git, context: &Context<'_>) -> Git {
        git.with_identity(&context.user, &context.host).holding(self.locked.get().cloned())
    }

    /// The store of contents; made when it is not there.
    pub fn store(&self, context: &Context<'_>) -> Result<&Store, Error> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        self.create_own()?;
        let backend = Arc::new(DirectoryBackend::new(self.local().join("store")));
        let cache = self.local().join("store-cache").join("local");
        let store = Store::open_or_create(backend, &cache, &context.identities, &CreateOptions::default())?;
        Ok(self.store.get_or_init(|| store))
    }

    fn local(&self) -> PathBuf {
        self.root.join(LOCAL)
    }

    pub(crate) fn own(&self) -> PathBuf {
        self.local().join(OWN)
    }

    /// Where it is remembered what others' stores have.
    pub(crate) fn remote_cache(&self) -> PathBuf {
        self.local().join("store-cache").join("contents")
    }

    fn create_own(&self) -> Result<(), Error> {
        let own = self.own();
        if !own.is_dir() {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&own);
            made.map_err(Error::io("create", &own))?;
        }
        let ignore = self.local().join(".gitignore");
        if ignore.exists() { Ok(()) } else { changes::write(&ignore, "*\n") }
    }

    /// Where it is remembered what the files of a resource contain, so that what has not changed is not read.
    pub(crate) fn stat_cache(&self, resource: &str) -> Result<PathBuf, Error> {
        let directory = self.own().join("stat");
        fs::create_dir_all(&directory).map_err(Error::io("create", &directory))?;
        Ok(directory.join(names::file_stem(resource)))
    }

    fn current_path(&self) -> PathBuf {
        self.own().join("current.json")
    }

    /// Where this copy stands.
    pub fn current(&self) -> Result<Current, Error> {
        let path = self.current_path();
        let Some(value) = changes::read_json(&path)? else { return Ok(Current::default()) };
        serde_json::from_value(value).map_err(|error| Error::Metadata { path, problem: error.to_string() })
    }

    pub(crate) fn set_current(&self, current: &Current) -> Result<(), Error> {
        let text = serde_json::to_string(current).expect("this type has string keys");
        changes::write(&self.current_path(), &text)
    }

    /// What this machine is called, in this workspace.
    pub fn host(&self, context: &Context<'_>) -> Result<String, Error> {
        let said = self.metadata.local_parameters()?;
        let said = said.get("hostname").and_then(serde_json::Value::as_str).map(str::to_owned);
        Ok(said.unwrap_or_else(|| context.host.clone()))
    }
}

impl Context<'_> {
    /// Who works here, now.
    pub(crate) fn author(&self) -> Author {
        Author { by: self.user.clone(), time: moment::utc((self.now)()) }
    }
}
