//! What must be undone if a command does not come to its end: `journal.json`.
//!
//! It is written before something is overwritten, and removed when the command has succeeded. A command that finds one
//! first undoes what it says: the other command failed, was interrupted, or was killed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use plan::{DatabaseId, ResourceId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::record::{DatabaseRecord, UndoRecord};
use crate::{Error, durable};

/// The version of the file.
const FORMAT: u32 = 2;

/// The journal of one command. Written through at each change.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    contents: Mutex<Contents>,
    /// Whether the load that goes on commits in stages, and all of them are to be undone when it fails.
    is_staged: AtomicBool,
}

/// What is to be undone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Contents {
    seedbed_journal: u32,
    /// The services that ran when the command began.
    pub running: BTreeSet<String>,
    /// Databases whose content is kept under [`UNDO`], or about to be, with what was recorded of them.
    pub protected: BTreeMap<String, DatabaseRecord>,
    /// Databases that are being made from nothing, and whose schema is not there yet; to be removed again.
    #[serde(default)]
    pub made: BTreeSet<String>,
    /// Resources that are being replaced, each with the object in the store that holds what it was.
    #[serde(default)]
    pub resources: BTreeMap<String, String>,
    /// What a load is about to commit to databases that are neither of the above, to be taken back from each that has it.
    #[serde(default)]
    pub loads: BTreeMap<String, LoadToUndo>,
    /// What the earlier stages of a load have done, in order; to be undone in reverse.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageToUndo>,
    /// What a command has put aside that has succeeded, as long as it is not under the names by which `undo` finds it. This
    /// is the one thing that is to be finished, not undone.
    #[serde(default)]
    pub succeeded: Option<UndoRecord>,
}

/// What a load does to the ledger of one database, by which it is seen whether it has committed there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadToUndo {
    /// The entry that it writes.
    pub written: Option<u64>,
    /// The entries that it removes.
    #[serde(default)]
    pub removed: Vec<u64>,
}

/// How much space taking a load back may need, in bytes.
const RESERVE: usize = 1 << 20;

/// What a stage of a load has done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StageToUndo {
    /// It has committed to these databases.
    Rows(BTreeMap<String, LoadToUndo>),
    /// A provider has made records, or changed some.
    Provided(ProvidedToUndo),
}

/// What a provider has made or changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProvidedToUndo {
    /// The database into which its records go, as `workspace/name`.
    pub database: String,
    /// The data type, as `SERVICE.TYPE`.
    pub data_type: String,
    /// The records that it was to create.
    pub created: Vec<ProvidedRecord>,
    /// Records that it was to change, with what their fields were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<ProvidedRecord>,
}

/// A record of a provider.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ProvidedRecord {
    /// Its name.
    pub name: String,
    /// Its natural key.
    pub key: Map<String, Value>,
    /// The fields to which it is to be brought.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
    /// What the provider said that it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Value>,
}

/// The name under which a database's content is kept while a command overwrites it.
pub const UNDO: &str = "undo";

impl Journal {
    /// The journal of an environment, with what a command that did not end has left in it.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let path = directory.join("journal.json");
        let contents: Contents = durable::read_json(&path)?.unwrap_or_default();
        if !matches!(contents.seedbed_journal, 0 | FORMAT) {
            return Err(Error::RecordVersion { path, version: contents.seedbed_journal });
        }
        Ok(Self { path, contents: Mutex::new(contents), is_staged: AtomicBool::new(false) })
    }

    /// What there is to undo.
    pub fn contents(&self) -> Contents {
        self.contents.lock().expect("nothing panics while it holds this").clone()
    }

    /// Remembers which services to start again.
    pub fn set_running(&self, running: BTreeSet<String>) {
        self.contents.lock().expect("nothing panics while it holds this").running = running;
    }

    /// Says that the content of a database is kept, and is to be put back.
    pub fn protect(&self, id: &DatabaseId, record: DatabaseRecord) -> Result<(), Error> {
        self.change(|contents| {
            contents.protected.insert(id.to_string(), record);
        })
    }

    /// Says that a database is about to be made, and is to be removed unless it gets its schema.
    pub fn make(&self, id: &DatabaseId) -> Result<(), Error> {
        self.change(|contents| {
            contents.made.insert(id.to_string());
        })
    }

    /// Says that a resource is about to be replaced, and that this object in the store is what it was.
    pub fn replace_files(&self, id: &ResourceId, object: String) -> Result<(), Error> {
        self.change(|contents| {
            contents.resources.insert(id.to_string(), object);
        })
    }

    /// Says that all resources are what they were.
    pub fn settle_files(&self) -> Result<(), Error> {
        if self.contents().resources.is_empty() {
            return Ok(());
        }
        self.change(|contents| contents.resources.clear())
    }

    /// Says that a database has its schema.
    pub fn settle_made(&self, id: &DatabaseId) -> Result<(), Error> {
        if !self.contents().made.contains(&id.to_string()) {
            return Ok(());
        }
        self.change(|contents| {
            contents.made.remove(&id.to_string());
        })
    }

    /// Says what is about to be committed to several databases; what it removes or changes there is in [a file](Self::rows).
    pub fn load(&self, loads: BTreeMap<String, LoadToUndo>) -> Result<(), Error> {
        self.change(|contents| contents.loads = loads)
    }

    /// Says that what a load has committed is there to stay, or taken back.
    pub fn settle_load(&self) -> Result<(), Error> {
        self.change(|contents| contents.loads.clear())
    }

    /// Takes space on the disk, so that there is some to take a load back when a commit finds none.
    pub fn reserve(&self) -> Result<(), Error> {
        let path = self.reserved();
        let file = File::options().write(true).create(true).truncate(true).open(&path);
        let written = file.and_then(|mut file| file.write_all(&vec![0; RESERVE]).and_then(|()| file.sync_all()));
        written.map_err(|error| {
            let _ = fs::remove_file(&path);
            Error::io("write", &path)(error)
        })
    }

    /// Gives the space back.
    pub fn release(&self) -> Result<(), Error> {
        durable::remove(&self.reserved())
    }

    fn reserved(&self) -> PathBuf {
        self.path.with_file_name("journal-reserve")
    }

    /// The file of the rows that a load removes or changes, in the stage that goes on.
    pub fn rows(&self) -> PathBuf {
        self.rows_of(self.contents.lock().expect("nothing panics while it holds this").stages.len())
    }

    /// The same of a stage, by its number from 0.
    pub fn rows_of(&self, stage: usize) -> PathBuf {
        let name = if stage == 0 { "journal-rows.jsonl".to_owned() } else { format!("journal-rows-{stage}.jsonl") };
        self.path.with_file_name(name)
    }

    /// Says that a load commits in stages, all of which are to be undone when one fails.
    pub fn begin_stages(&self) {
        self.is_staged.store(true, Ordering::Relaxed);
    }

    /// Whether a load commits in stages.
    pub fn is_staged(&self) -> bool {
        self.is_staged.load(Ordering::Relaxed)
    }

    /// Says that what was about to be committed is one stage of several.
    pub fn stage_committed(&self) -> Result<(), Error> {
        self.change(|contents| {
            let loads = std::mem::take(&mut contents.loads);
            if !loads.is_empty() {
                contents.stages.push(StageToUndo::Rows(loads));
            }
        })
    }

    /// Says what a provider is about to do, as a stage of its own; or what came of it, in place of the last stage.
    pub fn provided(&self, stage: ProvidedToUndo, is_known: bool) -> Result<(), Error> {
        self.change(|contents| {
            if is_known {
                contents.stages.pop();
            }
            contents.stages.push(StageToUndo::Provided(stage));
        })
    }

    /// Whether what a load commits to a single database, too, may have to be undone when it has succeeded: with the other parts
    /// of a load, or with the command.
    pub fn keeps_undoable(&self) -> bool {
        self.is_staged() || !self.contents().protected.is_empty()
    }

    /// Says that the last stage is undone.
    pub fn stage_undone(&self) -> Result<(), Error> {
        self.change(|contents| drop(contents.stages.pop()))
    }

    /// Says that all stages are there to stay.
    pub fn settle_stages(&self) -> Result<(), Error> {
        self.is_staged.store(false, Ordering::Relaxed);
        self.change(|contents| contents.stages.clear())
    }

    /// Says that all went well with these databases, or that all is undone.
    pub fn settle(&self, databases: &BTreeSet<DatabaseId>) -> Result<(), Error> {
        self.change(|contents| contents.settle(databases))
    }

    /// Says that nothing can be undone of these databases any more: they are gone.
    pub fn forget(&self, databases: &BTreeSet<DatabaseId>) -> Result<(), Error> {
        self.change(|contents| {
            contents.settle_databases(databases);
            if let Some(aside) = &mut contents.succeeded {
                aside.databases.retain(|name, _| DatabaseId::parse(name).is_some_and(|id| !databases.contains(&id)));
            }
        })
    }

    /// Says that all went well with these databases, and what was put aside by that.
    pub fn succeed(&self, databases: &BTreeSet<DatabaseId>, aside: UndoRecord) -> Result<(), Error> {
        self.change(|contents| {
            contents.settle(databases);
            contents.succeeded = Some(aside);
        })
    }

    /// Says that `undo` finds what was put aside.
    pub fn settle_succeeded(&self) -> Result<(), Error> {
        self.change(|contents| contents.succeeded = None)
    }

    fn change(&self, change: impl FnOnce(&mut Contents)) -> Result<(), Error> {
        let mut contents = self.contents.lock().expect("nothing panics while it holds this");
        let stages = contents.stages.len();
        change(&mut contents);
        contents.seedbed_journal = FORMAT;
        if contents.is_empty() {
            durable::remove(&self.path)?;
        } else {
            durable::write_json(&self.path, &*contents)?;
        }
        // What no load needs any more goes after what says so.
        let left = contents.stages.len();
        if contents.loads.is_empty() {
            durable::remove(&self.rows_of(left))?;
            durable::remove(&self.reserved())?;
        }
        (left + 1..=stages).try_for_each(|stage| durable::remove(&self.rows_of(stage)))
    }
}

impl Contents {
    fn settle(&mut self, databases: &BTreeSet<DatabaseId>) {
        self.settle_databases(databases);
        self.resources.clear();
    }

    fn settle_databases(&mut self, databases: &BTreeSet<DatabaseId>) {
        let is_settled = |name: &str| DatabaseId::parse(name).is_none_or(|id| databases.contains(&id));
        self.protected.retain(|name, _| !is_settled(name));
        self.made.retain(|name| !is_settled(name));
        self.loads.retain(|name, _| !is_settled(name));
        for stage in &mut self.stages {
            if let StageToUndo::Rows(loads) = stage {
                loads.retain(|name, _| !is_settled(name));
            }
        }
        let is_left = |stage: &StageToUndo| match stage {
            StageToUndo::Rows(loads) => !loads.is_empty(),
            StageToUndo::Provided(provided) => !is_settled(&provided.database),
        };
        // The number of a stage names its file.
        if !self.stages.iter().any(is_left) {
            self.stages.clear();
        }
    }

    /// Whether there is nothing to undo and nothing to finish.
    pub fn is_empty(&self) -> bool {
        let has_databases = !(self.protected.is_empty() && self.made.is_empty() && self.loads.is_empty());
        !has_databases && self.stages.is_empty() && self.resources.is_empty() && self.succeeded.is_none()
    }

    /// The databases that are concerned.
    pub fn databases(&self) -> BTreeSet<DatabaseId> {
        let mut names: BTreeSet<&String> = self.protected.keys().chain(&self.made).chain(self.loads.keys()).collect();
        for stage in &self.stages {
            match stage {
                StageToUndo::Rows(loads) => names.extend(loads.keys()),
                StageToUndo::Provided(provided) => names.extend([&provided.database]),
            }
        }
        names.into_iter().filter_map(|name| DatabaseId::parse(name)).collect()
    }
}
