//! What is remembered of an environment between commands: `environment.json`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use manifest::Applied;
use plan::{DatabaseId, Key};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::durable;

/// The version of the file.
const FORMAT: u32 = 1;

/// What is remembered of an environment. Written whole, durable before it is relied on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    path: PathBuf,
    /// The profile that it was made with.
    pub profile: Option<String>,
    /// The configuration that was applied beside what the files say.
    pub config: Applied,
    /// The chosen port of each service and server.
    pub ports: BTreeMap<String, u16>,
    /// The passwords of its servers.
    pub passwords: BTreeMap<String, String>,
    /// The numbers of its databases, for engines where a database is a number.
    pub numbers: BTreeMap<String, u16>,
    /// What is known of its databases.
    pub databases: BTreeMap<DatabaseId, DatabaseRecord>,
    /// The states that are kept in the engines, by database and key. They outlive their database.
    pub kept: BTreeMap<DatabaseId, BTreeMap<String, KeptRecord>>,
    /// The servers that it shares with others, by the name that it has for each.
    pub shared: BTreeMap<String, SharedRecord>,
    /// What the last command put aside that replaced content.
    pub undo: Option<UndoRecord>,
}

/// A server that an environment shares with others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedRecord {
    /// The name that it has for all.
    pub server: String,
    /// Which of the servers of this name that have been there.
    pub birth: String,
}

/// What is known of a database that was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseRecord {
    /// Its engine; another one means another database.
    pub engine: String,
    /// Key of the schema step that last succeeded.
    pub schema: Option<String>,
    /// What its schema was made of, as far as it is known.
    #[serde(default)]
    pub made_of: MadeOf,
    /// Key of the declared state that was last loaded.
    pub data: Option<String>,
}

/// What is known of a state that is kept in an engine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptRecord {
    /// The engine.
    pub engine: String,
    /// The step of the chain that made it: `base`, `schema` or `data`.
    pub step: String,
    /// When it was last made or used, in RFC 3339.
    pub used: String,
    /// What it was made of, so that a state from which a schema step can go on is recognised.
    #[serde(default)]
    pub made_of: MadeOf,
}

/// What a state after a schema step was made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeOf {
    /// Key of the state before the step.
    #[serde(default)]
    pub before: String,
    /// Digest of the words of the step.
    #[serde(default)]
    pub words: String,
    /// The declared inputs of the step: digests of files by their names.
    #[serde(default)]
    pub inputs: BTreeMap<String, String>,
}

/// What the last command put aside that replaced content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoRecord {
    /// The command.
    pub command: String,
    /// When, in RFC 3339.
    pub at: String,
    /// By database, what was recorded of the content that was put aside.
    pub databases: BTreeMap<String, DatabaseRecord>,
    /// By resource, the object in the store that holds what it was.
    #[serde(default)]
    pub resources: BTreeMap<String, String>,
}

/// The configuration that was applied.
#[derive(Default, Serialize, Deserialize)]
struct ConfigDocument {
    profile: Option<String>,
    /// By `WORKSPACE.KEY`, as it would stand in a manifest.
    values: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct File {
    seedbed_environment: u32,
    profile: Option<String>,
    #[serde(default)]
    config: ConfigDocument,
    ports: BTreeMap<String, u16>,
    passwords: BTreeMap<String, String>,
    #[serde(default)]
    numbers: BTreeMap<String, u16>,
    databases: BTreeMap<String, DatabaseRecord>,
    #[serde(default)]
    kept: BTreeMap<String, BTreeMap<String, KeptRecord>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    shared: BTreeMap<String, SharedRecord>,
    #[serde(default)]
    undo: Option<UndoRecord>,
}

impl Record {
    /// Reads what is remembered; nothing, for an environment that was never made.
    pub fn read(directory: &Path) -> Result<Option<Self>, Error> {
        let path = directory.join("environment.json");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        let file: File =
            serde_json::from_slice(&bytes).map_err(|source| Error::Record { path: path.clone(), source })?;
        if file.seedbed_environment != FORMAT {
            return Err(Error::RecordVersion { path, version: file.seedbed_environment });
        }
        Ok(Some(Self {
            path,
            profile: file.profile,
            config: Applied { profile: file.config.profile, values: file.config.values },
            ports: file.ports,
            passwords: file.passwords,
            numbers: file.numbers,
            databases: by_id(file.databases),
            kept: by_id(file.kept),
            shared: file.shared,
            undo: file.undo,
        }))
    }

    /// Whether anything is remembered, be it readable or not.
    pub fn exists(directory: &Path) -> bool {
        directory.join("environment.json").exists()
    }

    /// An environment that is about to be made.
    pub fn new(directory: &Path, profile: Option<String>) -> Self {
        Self { path: directory.join("environment.json"), profile, ..Self::default() }
    }

    /// Writes it down, durably.
    pub fn write(&self) -> Result<(), Error> {
        let file = File {
            seedbed_environment: FORMAT,
            profile: self.profile.clone(),
            config: ConfigDocument { profile: self.config.profile.clone(), values: self.config.values.clone() },
            ports: self.ports.clone(),
            passwords: self.passwords.clone(),
            numbers: self.numbers.clone(),
            databases: by_name(&self.databases),
            kept: by_name(&self.kept),
            shared: self.shared.clone(),
            undo: self.undo.clone(),
        };
        durable::write_json(&self.path, &file)
    }
}

impl DatabaseRecord {
    /// For the planner.
    pub fn observed(&self) -> plan::DatabaseObserved {
        let key = |text: &Option<String>| text.clone().map(Key::from_text);
        plan::DatabaseObserved { schema: key(&self.schema), data: key(&self.data) }
    }
}

fn by_id<T>(named: BTreeMap<String, T>) -> BTreeMap<DatabaseId, T> {
    named.into_iter().filter_map(|(id, value)| Some((DatabaseId::parse(&id)?, value))).collect()
}

fn by_name<T: Clone>(map: &BTreeMap<DatabaseId, T>) -> BTreeMap<String, T> {
    map.iter().map(|(id, value)| (id.to_string(), value.clone())).collect()
}
