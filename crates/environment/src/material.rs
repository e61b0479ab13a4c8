//! What the steps of a plan work with, besides the plan.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Mutex;

use database::{Database, DatabaseFiles, is_comparable};
use dataset::LoadPlan;
use plan::{DatabaseId, ServerId};
use store::{Content, ObjectId, ObjectWriter, Record, RecordDetails, Snapshot, Store, Writer, Written};
use tree::Saved;

use crate::generation::Generation;
use crate::loader::{Loading, MakeCopy};
use crate::physical::PHYSICAL;
use crate::session::Session;
use crate::unload::Unloading;
use crate::{Error, physical, states};

/// What the steps of a plan work with, besides the plan.
#[derive(Default)]
pub(crate) struct Material<'a> {
    /// The command, for the record of what it replaced.
    pub(crate) command: &'static str,
    /// What `load` loads; the declared data when it is not given.
    pub(crate) load: Option<(&'a LoadPlan, &'a Loading)>,
    /// How copies of what `load` loads are made, where each load makes new records.
    pub(crate) make_copy: Option<&'a MakeCopy<'a>>,
    /// What `load` generates after that, or instead; the declared specs of our own form when neither is given.
    pub(crate) generations: &'a [Generation<'a>],
    /// What `unload` removes.
    pub(crate) unload: Option<&'a Unloading>,
    /// What `save` writes to.
    pub(crate) draft: Option<Draft<'a>>,
    /// What `restore` reads from.
    pub(crate) snapshot: Option<&'a Source<'a>>,
    /// Whether the engines' own checkers read what is restored.
    pub(crate) prove: bool,
    /// The databases that `recover` has put right.
    pub(crate) recovered: Mutex<BTreeSet<DatabaseId>>,
}

/// A snapshot that is being taken.
pub(crate) struct Draft<'a> {
    store: &'a Store,
    writer: Writer,
    /// Contents of earlier snapshots and of states, by name and fingerprint: what is stored need not be stored again.
    known: BTreeMap<(String, String), Content>,
    contents: Mutex<Vec<Content>>,
    holes: Mutex<Vec<String>>,
    /// Whether what cannot be read is named instead of being an error.
    pub(crate) allow_holes: bool,
    /// The databases that are saved as files of their server, and what is to be remembered of them.
    pub(crate) files: BTreeMap<DatabaseId, DatabaseFiles>,
    /// Contents of earlier snapshots that are files, the newest first.
    pub(crate) known_files: Vec<Content>,
    /// What was saved of servers; it is kept in the store until the snapshot names it.
    servers: Mutex<BTreeMap<ServerId, (Saved, Written)>>,
}

/// A snapshot that is restored.
pub(crate) struct Source<'a> {
    pub(crate) store: &'a Store,
    pub(crate) snapshot: Snapshot,
}

impl<'a> Material<'a> {
    /// Nothing but the name of a command.
    pub(crate) fn of(command: &'static str) -> Self {
        Self { command, ..Self::default() }
    }

    /// What was saved so far, if a snapshot is taken: names and fingerprints.
    pub(crate) fn saved(&self) -> Vec<(String, String)> {
        let Some(draft) = &self.draft else { return Vec::new() };
        let contents = draft.contents.lock().expect("nothing panics while it holds this");
        contents.iter().map(|content| (content.name.clone(), content.fingerprint.clone())).collect()
    }

    pub(crate) fn draft(&self) -> &Draft<'a> {
        self.draft.as_ref().expect("whoever plans a snapshot begins a draft")
    }

    pub(crate) fn source(&self) -> &Source<'a> {
        self.snapshot.expect("whoever plans a restore has opened a snapshot")
    }

    /// What the snapshot holds under this name.
    pub(crate) fn content(&self, name: &str) -> Result<&Content, Error> {
        let content = self.source().snapshot.contents.iter().find(|content| content.name == name);
        content.ok_or_else(|| Error::OtherDatabases { missing: vec![name.to_owned()] })
    }
}

impl<'a> Draft<'a> {
    /// Begins a snapshot. How many earlier ones are looked at for what need not be saved again.
    pub(crate) fn begin(store: &'a Store, allow_holes: bool) -> Result<Self, Error> {
        const LOOKED_AT: usize = 10;
        // First, so that collection leaves alone what is found now.
        let writer = store.writer()?;
        let (mut known, mut known_files) = (BTreeMap::new(), Vec::new());
        let mut add = |content: Content| match content.form.as_str() {
            _ if !is_comparable(&content.fingerprint) => {}
            LOGICAL => drop(known.insert((content.name.clone(), content.fingerprint.clone()), content)),
            PHYSICAL => known_files.push(content),
            _ => {}
        };
        let records = store.records(|_| true).unwrap_or_default();
        for record in records.iter().rev().take(LOOKED_AT) {
            // One that is damaged is of no use here, and no obstacle.
            store.snapshot(record).into_iter().flat_map(|snapshot| snapshot.contents).for_each(&mut add);
        }
        store.states().unwrap_or_default().into_iter().for_each(|state| add(state.content));
        let (contents, holes, servers, files) = (Mutex::default(), Mutex::default(), Mutex::default(), BTreeMap::new());
        Ok(Self { store, writer, known, contents, holes, allow_holes, files, known_files, servers })
    }

    pub(crate) fn writer(&self) -> &dyn ObjectWriter {
        &self.writer
    }

    pub(crate) fn add(&self, content: Content, holes: Vec<String>) {
        self.contents.lock().expect("nothing panics while it holds this").push(content);
        self.holes.lock().expect("nothing panics while it holds this").extend(holes);
    }

    pub(crate) fn add_server(&self, id: &ServerId, saved: Saved, written: Written) {
        self.servers.lock().expect("nothing panics while it holds this").insert(id.clone(), (saved, written));
    }

    /// What was saved of the server of a database.
    pub(crate) fn saved_root(&self, session: &Session<'_>, id: &DatabaseId) -> Option<ObjectId> {
        let server = session.model.databases[id].server.as_ref()?;
        let servers = self.servers.lock().expect("nothing panics while it holds this");
        servers.get(server).map(|(saved, _)| saved.root)
    }

    /// Saves a database: as it was saved with its server, or as a dump, unless the same content is in the store.
    pub(crate) fn save_database(
        &self,
        session: &Session<'_>,
        id: &DatabaseId,
        database: &mut dyn Database,
        fingerprint: String,
        notes: BTreeMap<String, String>,
    ) -> Result<(), Error> {
        if let Some(files) = self.files.get(id) {
            let root = self.saved_root(session, id).expect("it is planned after the step that saves the server");
            let bytes = database.size().map_err(Error::database(id))?;
            self.add(physical::content(session, id, root, files, bytes, fingerprint, notes), Vec::new());
            return Ok(());
        }
        let known = self.known.get(&(id.to_string(), fingerprint.clone()));
        if let Some(known) = known
            && self.writer.contains(&known.root)?
        {
            self.add(Content { notes, ..known.clone() }, Vec::new());
            return Ok(());
        }
        let content = dumped(session, id, database, fingerprint, notes, &self.writer)?;
        self.add(content, Vec::new());
        Ok(())
    }

    /// Makes the snapshot, durable and seen.
    pub(crate) fn commit(self, mut details: RecordDetails) -> Result<Record, Error> {
        details.holes = self.holes.into_inner().expect("nothing panics while it holds this");
        let mut contents = self.contents.into_inner().expect("nothing panics while it holds this");
        contents.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(self.store.commit(self.writer, contents, details)?)
    }
}

/// The form of a content that any server of the engine can read.
pub(crate) const LOGICAL: &str = "logical";

/// Writes a database into a store as a dump.
pub(crate) fn dumped(
    session: &Session<'_>,
    id: &DatabaseId,
    database: &mut dyn Database,
    fingerprint: String,
    notes: BTreeMap<String, String>,
    writer: &dyn ObjectWriter,
) -> Result<Content, Error> {
    let file = states::Scratch::new(session, "outgoing", id)?;
    session.heed_interrupt()?;
    database.dump(file.path()).map_err(Error::database(id))?;
    let saved = tree::save_file(file.path(), writer, &|_| session.context.interrupt.flow()).map_err(Error::tree)?;
    fs::remove_file(file.path()).map_err(Error::io("remove", file.path()))?;
    let kind = session.location(id).engine().word().to_owned();
    let (name, form) = (id.to_string(), LOGICAL.to_owned());
    Ok(Content { name, kind, form, fingerprint, root: saved.root, bytes: saved.bytes, notes })
}
