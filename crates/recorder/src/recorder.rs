//! The records of a workspace, their index, and what is in its places now.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::SystemTime;

use lineage::{Content, FORGET, Index, LineageError, Place, Present, Record, Source, Staleness, new_id};

use crate::bundles;
use crate::catalogue::Catalogue;
use crate::digest::Digester;
use crate::{RecorderError, open_steps, records};

/// The name, beside those of environments, of the directory with what is not for others.
pub const DIRECTORY: &str = "lineage";

/// The name of the file in the index that records are appended to.
const CURRENT: &str = "current";

/// Where an execution happens, and who asks for it.
#[derive(Clone)]
pub struct Surroundings {
    /// The wall clock.
    pub now: fn() -> SystemTime,
    /// The machine.
    pub host: String,
    /// The user.
    pub by: String,
    /// What executions run in, as texts by name.
    pub environment: BTreeMap<String, String>,
}

/// Says what a place that is no file holds, such as a database.
pub type Elsewhere<'a> = Box<dyn FnMut(&Place) -> Content + 'a>;

/// The records of a workspace.
pub struct Recorder<'a> {
    catalogue: Catalogue,
    surroundings: Surroundings,
    index: Index,
    digester: Digester,
    elsewhere: Elsewhere<'a>,
    notes: Vec<String>,
}

impl<'a> Recorder<'a> {
    /// Opens the records of a workspace, and reads what is new in them. Steps that were killed are recorded as aborted.
    pub fn open(
        catalogue: Catalogue,
        surroundings: Surroundings,
        elsewhere: Elsewhere<'a>,
    ) -> Result<Self, RecorderError> {
        let directory = local(&catalogue.root);
        fs::create_dir_all(&directory).map_err(RecorderError::io("create", &directory))?;
        let ignore = catalogue.root.join(".seedbed/.gitignore");
        if !ignore.exists() {
            fs::write(&ignore, "*\n").map_err(RecorderError::io("write", &ignore))?;
        }
        let index = open_index(&directory)?;
        let digester = Digester::new(&directory);
        let mut recorder = Self { catalogue, surroundings, index, digester, elsewhere, notes: Vec::new() };
        recorder.read()?;
        recorder.end_gone()?;
        Ok(recorder)
    }

    /// The resources of the workspace.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Others are there now.
    pub fn set_catalogue(&mut self, catalogue: Catalogue) {
        self.catalogue = catalogue;
    }

    /// Where and by whom.
    pub fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// What executions run in from now on.
    pub fn surroundings_mut(&mut self) -> &mut Surroundings {
        &mut self.surroundings
    }

    /// The index of all records.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// What is to be told about the records.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// Asks something of the index and of what is in places now.
    pub fn ask<T>(
        &mut self,
        question: impl FnOnce(&Index, &mut Present<'_>) -> Result<T, LineageError>,
    ) -> Result<T, RecorderError> {
        let mut failure = None;
        let Self { catalogue, surroundings, index, digester, elsewhere, .. } = self;
        let mut present = Present::new(|place| {
            if is_moved(catalogue, place) {
                return Content::Unknown;
            }
            content(catalogue, digester, elsewhere, (surroundings.now)(), place).unwrap_or_else(|error| {
                failure.get_or_insert(error);
                Content::Unknown
            })
        });
        let answer = question(index, &mut present);
        drop(present);
        // A place that cannot be read is no place that has not changed.
        match failure {
            Some(error) => Err(error),
            None => Ok(answer?),
        }
    }

    /// What is at a place now.
    pub fn content(&mut self, place: &Place) -> Result<Content, RecorderError> {
        let now = (self.surroundings.now)();
        content(&self.catalogue, &mut self.digester, &mut self.elsewhere, now, place)
    }

    /// Why executions are stale, in sentences, by id.
    pub fn stale(&mut self) -> Result<HashMap<String, String>, RecorderError> {
        self.ask(|index, present| {
            let all = Staleness::new(index, present).all()?;
            Ok(all.into_iter().map(|stale| (stale.record.id.clone(), stale.reason.to_string())).collect())
        })
    }

    /// All current executions, makers first.
    pub fn current(&mut self) -> Result<Vec<Rc<Record>>, RecorderError> {
        self.ask(|index, present| Staleness::new(index, present).current())
    }

    /// A new record that begins now.
    pub fn begin(&self, step: &str, kind: &str) -> Record {
        let started = lineage::milliseconds((self.surroundings.now)()).unwrap_or(0);
        let mut record = Record::new(id(started), step, kind, started);
        record.host.clone_from(&self.surroundings.host);
        record.by.clone_from(&self.surroundings.by);
        record.environment.clone_from(&self.surroundings.environment);
        record
    }

    /// Writes a record down, after which it counts.
    pub fn write(&mut self, record: &Record) -> Result<(), RecorderError> {
        records::append(&self.current_file(), record)?;
        self.read()
    }

    /// Says that a step is no part of the work any more.
    pub fn forget(&mut self, step: &str) -> Result<String, RecorderError> {
        let record = self.begin(step, FORGET);
        self.write(&record)?;
        Ok(record.id)
    }

    /// Where records are appended.
    pub(crate) fn current_file(&self) -> PathBuf {
        current_file(&self.catalogue.root)
    }

    /// Where it is said which steps are under way.
    pub(crate) fn open_steps(&self) -> PathBuf {
        local(&self.catalogue.root).join("open")
    }

    /// Brings the index up to date with the files of records.
    pub fn read(&mut self) -> Result<(), RecorderError> {
        let known: HashMap<String, Source> =
            self.index.sources()?.into_iter().map(|source| (source.name.clone(), source)).collect();
        let mut there = Vec::new();
        // Bundles first: a record that has moved into one is never missing between.
        for (name, path) in bundles::files(&self.catalogue.root)? {
            if !known.contains_key(&name)
                && let Some(lines) = records::read(&path, &name, None)?
            {
                self.add(&name, lines)?;
            }
            there.push(name);
        }
        let current = records::read(&self.current_file(), CURRENT, known.get(CURRENT))?;
        if let Some(lines) = current {
            there.push(CURRENT.to_owned());
            if lines.is_other {
                self.index.remove(CURRENT)?;
            }
            if known.get(CURRENT).is_none_or(|known| known.bytes != lines.bytes || lines.is_other) {
                self.add(CURRENT, lines)?;
            }
        }
        for name in known.keys().filter(|name| !there.contains(name)) {
            self.index.remove(name)?;
        }
        Ok(())
    }

    fn add(&mut self, name: &str, lines: records::Lines) -> Result<(), RecorderError> {
        self.notes.extend(lines.notes);
        let source = Source { name: name.to_owned(), bytes: lines.bytes, mark: lines.mark };
        Ok(self.index.add(&source, &lines.records)?)
    }

    fn end_gone(&mut self) -> Result<(), RecorderError> {
        let (file, now) = (self.current_file(), lineage::milliseconds((self.surroundings.now)()).unwrap_or(0));
        let mut found = false;
        let notes = &mut self.notes;
        open_steps::gone(&local(&self.catalogue.root).join("open"), |mut record| {
            found = true;
            record.duration_ms = (now - record.started_ms).max(0);
            notes.push(format!("the step `{}` was killed; it is recorded as aborted", record.step));
            records::append(&file, &record)
        })?;
        if found { self.read() } else { Ok(()) }
    }
}

/// Where a workspace keeps of lineage what is not for others.
fn local(root: &Path) -> PathBuf {
    root.join(".seedbed").join(DIRECTORY)
}

/// Where the records of a workspace are appended: where its snapshots find them, if it has such.
fn current_file(root: &Path) -> PathBuf {
    if root.join(".dataworkspace").is_dir() {
        root.join(".dataworkspace/current_lineage/records.jsonl")
    } else {
        local(root).join("records.jsonl")
    }
}

/// Writes down records in the workspace of a directory, without looking at others. They are on the disk when the system likes: for what
/// is done often, and is not lost when a record of it is.
pub fn append(root: &Path, all: &[Record]) -> Result<(), RecorderError> {
    records::write(&current_file(root), all).map(drop)
}

/// The content of a file, as records have it; [`Content::Unknown`] if it cannot be read.
pub fn digest_of(path: &Path) -> Content {
    crate::digest::of_file(path)
}

/// A new id for a record that begins then.
pub fn id(started_ms: i64) -> String {
    let mut bytes = [0u8; 8];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    new_id(started_ms, u64::from_le_bytes(bytes))
}

fn open_index(directory: &Path) -> Result<Index, RecorderError> {
    let path = directory.join("index-1.sqlite");
    if let Ok(index) = Index::open(&path) {
        return Ok(index);
    }
    // It is a cache: one that is damaged is made anew.
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.clone().into_os_string();
        name.push(suffix);
        let _ = fs::remove_file(PathBuf::from(name));
    }
    Ok(Index::open(&path)?)
}

/// Whether it cannot be known what is at a place since snapshots move results: of what is gone, and of directories.
fn is_moved(catalogue: &Catalogue, place: &Place) -> bool {
    let is_of_results = catalogue.resources.get(&place.resource).is_some_and(|resource| resource.role == "results");
    is_of_results && catalogue.path_of(place).is_some_and(|path| !path.is_file())
}

fn content(
    catalogue: &Catalogue,
    digester: &mut Digester,
    elsewhere: &mut Elsewhere<'_>,
    now: SystemTime,
    place: &Place,
) -> Result<Content, RecorderError> {
    let Some(path) = catalogue.path_of(place) else { return Ok(elsewhere(place)) };
    let exclude = if place.path.is_empty() { catalogue.exclude(&place.resource) } else { Vec::new() };
    digester.content(&path, &exclude, now).map_err(|source| RecorderError::Digest { place: place.clone(), source })
}
