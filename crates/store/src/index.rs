//! The index of a store: its fragments, merged into a few sorted tables in a cache directory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::keys::StoreKeys;
use crate::pack::{PackContents, PackId};
use crate::random::random_name;
use crate::table::{self, Location, Table};
use crate::{Backend, ObjectId, StoreError, document, fragment};

/// A table is made of at most about so many objects at once, so that memory stays bounded.
const BATCH: usize = 250_000;
/// Tables are merged while the larger of two neighbours is not this many times the smaller.
const RATIO: u64 = 4;
const MANIFEST: &str = "manifest";

/// Which tables there are, and of which fragments each was made.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Manifest {
    tables: Vec<ManifestTable>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct ManifestTable {
    file: String,
    fragments: BTreeSet<String>,
}

/// What a look-up sees; replaced as a whole.
#[derive(Default)]
pub(crate) struct View {
    /// Those that cannot be read among them.
    fragments: BTreeSet<String>,
    /// Fragments that cannot be read, each with what is wrong.
    damaged: BTreeMap<String, String>,
    tables: Vec<Arc<Table>>,
}

impl View {
    /// The packs that fragments name, with their lengths.
    pub(crate) fn packs(&self) -> impl Iterator<Item = (PackId, u64)> {
        self.tables.iter().flat_map(|table| &table.packs).map(|pack| (pack.id, pack.length))
    }

    /// Calls with every object that is in one of some packs, and with that pack. Reads all tables that name such packs.
    pub(crate) fn each_in(
        &self,
        wanted: &dyn Fn(&PackId) -> bool,
        call: &mut dyn FnMut(&ObjectId, &PackId) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        for table in self.tables.iter().filter(|table| table.packs.iter().any(|pack| wanted(&pack.id))) {
            for record in table.records() {
                let record = record.map_err(StoreError::io("read", table.path()))?;
                let place = table.location(&record).map_err(StoreError::io("read", table.path()))?;
                if wanted(&place.pack) {
                    call(&record.id, &place.pack)?;
                }
            }
        }
        Ok(())
    }
}

/// Finds objects.
pub(crate) struct Index {
    backend: Arc<dyn Backend>,
    keys: Option<StoreKeys>,
    directory: PathBuf,
    view: RwLock<Arc<View>>,
}

impl Index {
    pub(crate) fn new(backend: Arc<dyn Backend>, keys: Option<StoreKeys>, directory: PathBuf) -> Self {
        Self { backend, keys, directory, view: RwLock::default() }
    }

    /// What is known now. Its tables can be read as long as it is held.
    pub(crate) fn view(&self) -> Arc<View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether fragments of others can be read.
    fn can_read(&self) -> bool {
        self.keys.as_ref().is_none_or(StoreKeys::can_read)
    }

    /// Takes in fragments that are new, and forgets those that are gone. Whether anything changed.
    pub(crate) fn refresh(&self) -> Result<bool, StoreError> {
        if !self.can_read() {
            return Ok(false);
        }
        let mut listed = BTreeSet::new();
        self.backend.list("index/", &mut |entry| {
            listed.insert(entry.name);
            Ok(())
        })?;
        if listed == self.view().fragments {
            return Ok(false);
        }
        self.update(&listed, &BTreeMap::new())?;
        Ok(true)
    }

    /// Takes in a fragment that was just written.
    pub(crate) fn absorb(&self, name: &str, packs: Vec<PackContents>) -> Result<(), StoreError> {
        let mut wanted = self.view().fragments.clone();
        wanted.insert(name.to_owned());
        self.update(&wanted, &BTreeMap::from([(name.to_owned(), packs)]))
    }

    /// A fragment that cannot be read, and what is wrong with it: what it names is not found.
    pub(crate) fn damage(&self) -> Option<(String, String)> {
        self.view().damaged.first_key_value().map(|(name, problem)| (name.clone(), problem.clone()))
    }

    /// All places of an object, in the order in which they are to be tried.
    pub(crate) fn find(&self, id: &ObjectId) -> Result<Vec<Location>, StoreError> {
        match find_in(&self.view(), id) {
            Err((path, error)) if error.kind() == io::ErrorKind::InvalidData => {
                // Damaged, or cut when the machine died: everything is made again.
                Table::remove(&path);
                let fragments = self.view().fragments.clone();
                *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::default();
                self.update(&fragments, &BTreeMap::new())?;
                find_in(&self.view(), id).map_err(|(path, error)| StoreError::io("read", &path)(error))
            }
            other => other.map_err(|(path, error)| StoreError::io("read", &path)(error)),
        }
    }

    fn update(&self, wanted: &BTreeSet<String>, known: &BTreeMap<String, Vec<PackContents>>) -> Result<(), StoreError> {
        match self.try_update(wanted, known) {
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::InvalidData => {
                // A table was damaged inside: none of them is trusted.
                let _ = fs::remove_file(self.directory.join(MANIFEST));
                self.try_update(wanted, known)
            }
            other => other,
        }
    }

    fn try_update(
        &self,
        wanted: &BTreeSet<String>,
        known: &BTreeMap<String, Vec<PackContents>>,
    ) -> Result<(), StoreError> {
        fs::create_dir_all(&self.directory).map_err(StoreError::io("create", &self.directory))?;
        let _lock = self.lock()?;
        let mut kept: Vec<(ManifestTable, Arc<Table>)> = Vec::new();
        let before = self.read_manifest();
        for entry in &before.tables {
            // A table of fragments that are gone points into packs that are gone.
            if entry.fragments.is_subset(wanted) {
                let path = self.directory.join(&entry.file);
                if let Ok(table) = Table::open(&path) {
                    kept.push((entry.clone(), Arc::new(table)));
                }
            }
        }
        let have: BTreeSet<&String> = kept.iter().flat_map(|(entry, _)| &entry.fragments).collect();
        let missing: Vec<String> = wanted.iter().filter(|name| !have.contains(name)).cloned().collect();

        let mut batch = Vec::new();
        let mut names = BTreeSet::new();
        let mut objects = 0;
        let mut damaged = BTreeMap::new();
        for name in &missing {
            let packs = match known.get(name) {
                Some(packs) => packs.clone(),
                None => match self.read_fragment(name, &mut damaged)? {
                    Some(packs) => packs,
                    None => continue,
                },
            };
            objects += packs.iter().flat_map(|pack| &pack.blocks).map(|block| block.objects.len()).sum::<usize>();
            batch.extend(packs);
            names.insert(name.clone());
            if objects >= BATCH {
                kept.push(self.write_batch(&std::mem::take(&mut batch), std::mem::take(&mut names))?);
                objects = 0;
            }
        }
        if !names.is_empty() {
            kept.push(self.write_batch(&batch, names)?);
        }
        self.merge(&mut kept)?;

        let manifest = Manifest { tables: kept.iter().map(|(entry, _)| entry.clone()).collect() };
        self.write_manifest(&manifest)?;
        self.remove_others(&manifest);
        let fragments = manifest.tables.iter().flat_map(|entry| entry.fragments.iter());
        let fragments = fragments.chain(damaged.keys()).cloned().collect();
        let view = View { fragments, damaged, tables: kept.into_iter().map(|(_, table)| table).collect() };
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
        Ok(())
    }

    fn write_batch(
        &self,
        packs: &[PackContents],
        fragments: BTreeSet<String>,
    ) -> Result<(ManifestTable, Arc<Table>), StoreError> {
        let (file, table) = self.write_table(|path| {
            let (packs, records) = table::records(packs);
            table::write(path, &packs, records.len() as u64, &mut records.into_iter().map(Ok))
        })?;
        Ok((ManifestTable { file, fragments }, table))
    }

    fn read_fragment(
        &self,
        name: &str,
        damaged: &mut BTreeMap<String, String>,
    ) -> Result<Option<Vec<PackContents>>, StoreError> {
        if !self.can_read() {
            return Ok(None);
        }
        let bytes = match self.backend.read(name) {
            Ok(bytes) => bytes,
            // Collected since it was listed: what it named stands in another.
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match fragment::decode(name, &bytes, self.keys.as_ref()) {
            Ok(packs) => Ok(Some(packs)),
            // What the others name can be read.
            Err(problem) => {
                damaged.insert(name.to_owned(), problem.to_owned());
                Ok(None)
            }
        }
    }

    fn write_table(&self, write: impl FnOnce(&Path) -> io::Result<()>) -> Result<(String, Arc<Table>), StoreError> {
        let file = format!("table-{}", random_name());
        let path = self.directory.join(&file);
        write(&path).map_err(StoreError::io("write", &path))?;
        let table = Table::open(&path).map_err(StoreError::io("read", &path))?;
        Ok((file, Arc::new(table)))
    }

    /// Keeps the tables few, each several times as large as the next.
    fn merge(&self, tables: &mut Vec<(ManifestTable, Arc<Table>)>) -> Result<(), StoreError> {
        tables.sort_by_key(|(_, table)| std::cmp::Reverse(table.count));
        while let [.., larger, smaller] = tables.as_slice() {
            if larger.1.count > smaller.1.count.saturating_mul(RATIO) {
                break;
            }
            let (file, table) = self.write_table(|path| Table::merge(&[&larger.1, &smaller.1], path))?;
            let fragments = larger.0.fragments.union(&smaller.0.fragments).cloned().collect();
            tables.truncate(tables.len() - 2);
            tables.push((ManifestTable { file, fragments }, table));
            tables.sort_by_key(|(_, table)| std::cmp::Reverse(table.count));
        }
        Ok(())
    }

    /// Processes that share the cache change it one after the other.
    fn lock(&self) -> Result<File, StoreError> {
        let path = self.directory.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(StoreError::io("open", &path))?;
        rustix::io::retry_on_intr(|| flock(&file, FlockOperation::LockExclusive))
            .map_err(|error| StoreError::io("lock", &path)(error.into()))?;
        Ok(file)
    }

    /// An unreadable manifest is an empty one: it is only a cache.
    fn read_manifest(&self) -> Manifest {
        let Ok(bytes) = fs::read(self.directory.join(MANIFEST)) else { return Manifest::default() };
        let payload = document::decode(MANIFEST, &bytes).unwrap_or_default();
        serde_json::from_slice(payload).unwrap_or_default()
    }

    fn write_manifest(&self, manifest: &Manifest) -> Result<(), StoreError> {
        let payload = serde_json::to_vec(manifest).expect("the manifest has string keys");
        let (draft, path) = (self.directory.join("manifest.draft"), self.directory.join(MANIFEST));
        fs::write(&draft, document::encode(MANIFEST, &payload)).map_err(StoreError::io("write", &draft))?;
        fs::rename(&draft, &path).map_err(StoreError::io("write", &path))
    }

    fn remove_others(&self, manifest: &Manifest) {
        let Ok(entries) = fs::read_dir(&self.directory) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("table-") && manifest.tables.iter().all(|table| table.file != name) {
                Table::remove(&entry.path());
            }
        }
    }

    /// Where tables are.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Opens what an earlier process left in the cache, without asking the place of the store.
    pub(crate) fn load(&self) {
        let manifest = self.read_manifest();
        let mut view = View::default();
        for entry in manifest.tables {
            if let Ok(table) = Table::open(&self.directory.join(&entry.file)) {
                view.fragments.extend(entry.fragments);
                view.tables.push(Arc::new(table));
            }
        }
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
    }
}

fn find_in(view: &View, id: &ObjectId) -> Result<Vec<Location>, (PathBuf, io::Error)> {
    let mut places = Vec::new();
    for table in &view.tables {
        places.extend(table.find(id).map_err(|error| (table.path().to_owned(), error))?);
    }
    Ok(places)
}
