//! What is remembered of an environment between commands: `environment.json`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

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
    /// The chosen port of each service and server.
    pub ports: BTreeMap<String, u16>,
    /// The passwords of its servers.
    pub passwords: BTreeMap<String, String>,
    /// What is known of its databases.
    pub databases: BTreeMap<DatabaseId, DatabaseRecord>,
}

/// What is known of a database that was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseRecord {
    /// Its engine; another one means another database.
    pub engine: String,
    /// Key of the schema step that last succeeded.
    pub schema: Option<String>,
    /// Key of the declared state that was last loaded.
    pub data: Option<String>,
    /// Key of the declared state that a kept copy holds.
    pub kept: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct File {
    seedbed_environment: u32,
    profile: Option<String>,
    ports: BTreeMap<String, u16>,
    passwords: BTreeMap<String, String>,
    databases: BTreeMap<String, DatabaseRecord>,
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
        let databases =
            file.databases.into_iter().filter_map(|(id, record)| Some((DatabaseId::parse(&id)?, record))).collect();
        Ok(Some(Self { path, profile: file.profile, ports: file.ports, passwords: file.passwords, databases }))
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
            ports: self.ports.clone(),
            passwords: self.passwords.clone(),
            databases: self.databases.iter().map(|(id, record)| (id.to_string(), record.clone())).collect(),
        };
        durable::write_json(&self.path, &file)
    }
}

impl DatabaseRecord {
    /// For the planner.
    pub fn observed(&self) -> plan::DatabaseObserved {
        let key = |text: &Option<String>| text.clone().map(Key::from_text);
        plan::DatabaseObserved { schema: key(&self.schema), data: key(&self.data), kept: key(&self.kept) }
    }
}
