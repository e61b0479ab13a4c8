//! All that a store has, from its place and not from a cache; and all that its references reach.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use crate::pack::{self, PackContents, PackId};
use crate::random::random_name;
use crate::session::SESSIONS;
use crate::store::{Inner, Store};
use crate::table::{self, Record, Table};
use crate::{ObjectId, Progress, StoreError, decode_node, fragment};

/// So many objects are sorted in memory at once.
const BATCH: usize = 250_000;

/// All objects, packs and fragments of a store.
pub(crate) struct Census {
    directory: PathBuf,
    /// All objects; `None` in an empty store.
    table: Option<Table>,
    /// Readable fragments with their packs.
    pub(crate) fragments: BTreeMap<String, FragmentFound>,
    /// Fragments that cannot be read, each with what is wrong.
    pub(crate) damaged: Vec<(String, String)>,
    /// Packs in the place, with their sizes.
    pub(crate) listed: BTreeMap<PackId, u64>,
    /// Sizes of packs as the fragments tell.
    pub(crate) indexed: BTreeMap<PackId, u64>,
}

/// A fragment that can be read.
pub(crate) struct FragmentFound {
    pub(crate) packs: Vec<PackId>,
    /// How many objects it names.
    pub(crate) objects: usize,
}

impl Drop for Census {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Census {
    pub(crate) fn take(inner: &Inner) -> Result<Self, StoreError> {
        loop {
            if let Some(census) = Self::try_take(inner)? {
                return Ok(census);
            }
        }
    }

    /// `None` when a fragment went away meanwhile: what it named stands in one that was not listed.
    fn try_take(inner: &Inner) -> Result<Option<Self>, StoreError> {
        if inner.keys.as_ref().is_some_and(|keys| !keys.can_read()) {
            return Err(StoreError::WriteOnly { place: inner.backend.describe() });
        }
        let directory = inner.index.directory().join(format!("census-{}", random_name()));
        fs::create_dir_all(&directory).map_err(StoreError::io("create", &directory))?;
        let mut census = Self {
            directory,
            table: None,
            fragments: BTreeMap::new(),
            damaged: Vec::new(),
            listed: BTreeMap::new(),
            indexed: BTreeMap::new(),
        };
        inner.backend.list("packs/", &mut |entry| {
            if let Some(id) = pack::parse_file_name(&entry.name) {
                census.listed.insert(id, entry.bytes);
            }
            Ok(())
        })?;
        let mut names = Vec::new();
        inner.backend.list("index/", &mut |entry| {
            names.push(entry.name);
            Ok(())
        })?;
        let (mut batch, mut tables, mut objects) = (Vec::new(), Vec::new(), 0);
        for name in names {
            let bytes = match inner.backend.read(&name) {
                Err(error) if error.is_not_found() => return Ok(None),
                other => other?,
            };
            match fragment::decode(&name, &bytes, inner.keys.as_ref()) {
                Ok(packs) => {
                    let count = packs.iter().flat_map(|pack| &pack.blocks).map(|block| block.objects.len()).sum();
                    objects += count;
                    census.indexed.extend(packs.iter().map(|pack| (pack.id, pack.length)));
                    let found = FragmentFound { packs: packs.iter().map(|pack| pack.id).collect(), objects: count };
                    census.fragments.insert(name, found);
                    batch.extend(packs);
                }
                Err(problem) => census.damaged.push((name, problem.to_owned())),
            }
            if objects >= BATCH {
                tables.push(census.write(&std::mem::take(&mut batch))?);
                objects = 0;
            }
        }
        if !batch.is_empty() {
            tables.push(census.write(&batch)?);
        }
        census.table = census.merge(tables)?;
        // Packs that came between the two listings.
        let later: Vec<PackId> =
            census.indexed.keys().filter(|pack| !census.listed.contains_key(pack)).copied().collect();
        for pack in later {
            inner.backend.list(&pack::file_name(&pack), &mut |entry| {
                census.listed.insert(pack, entry.bytes);
                Ok(())
            })?;
        }
        Ok(Some(census))
    }

    fn write(&self, packs: &[PackContents]) -> Result<Table, StoreError> {
        let path = self.directory.join(random_name());
        let (packs, records) = table::records(packs);
        table::write(&path, &packs, records.len() as u64, &mut records.into_iter().map(Ok))
            .and_then(|()| Table::open(&path))
            .map_err(StoreError::io("write", &path))
    }

    fn merge(&self, mut tables: Vec<Table>) -> Result<Option<Table>, StoreError> {
        if tables.len() > 1 {
            let path = self.directory.join(random_name());
            Table::merge(&tables.iter().collect::<Vec<_>>(), &path).map_err(StoreError::io("write", &path))?;
            return Table::open(&path).map(Some).map_err(StoreError::io("read", &path));
        }
        Ok(tables.pop())
    }

    /// How many objects there are, copies counted.
    pub(crate) fn count(&self) -> u64 {
        self.table.as_ref().map_or(0, |table| table.count)
    }

    /// Whether there is such an object.
    pub(crate) fn has(&self, id: &ObjectId) -> Result<bool, StoreError> {
        let Some(table) = &self.table else { return Ok(false) };
        Ok(table.position(id).map_err(StoreError::io("read", table.path()))?.is_some())
    }

    /// Calls with all copies of each object: the number of the first, and for each the record and its pack.
    #[expect(clippy::type_complexity, reason = "a closure with its arguments")]
    pub(crate) fn each(
        &self,
        call: &mut dyn FnMut(u64, &[(Record, PackId)]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let Some(table) = &self.table else { return Ok(()) };
        let mut copies: Vec<(Record, PackId)> = Vec::new();
        let mut first = 0;
        for (number, record) in (0..).zip(table.records()) {
            let record = record.map_err(StoreError::io("read", table.path()))?;
            if copies.first().is_some_and(|(other, _)| other.id != record.id) {
                call(first, &copies)?;
                copies.clear();
            }
            if copies.is_empty() {
                first = number;
            }
            let location = table.location(&record).map_err(StoreError::io("read", table.path()))?;
            copies.push((record, location.pack));
        }
        if copies.is_empty() { Ok(()) } else { call(first, &copies) }
    }

    /// Marks what `roots` reach. `good` says whether a copy in this pack, in the block at this offset, can be used.
    pub(crate) fn mark(
        &self,
        inner: &Inner,
        roots: &[ObjectId],
        marks: &mut Marks,
        good: &dyn Fn(&PackId, u32) -> bool,
        progress: &dyn Fn(Progress),
    ) -> Result<(), StoreError> {
        let mut done = Progress::default();
        let mut waiting = roots.to_vec();
        while let Some(id) = waiting.pop() {
            let found = match &self.table {
                Some(table) => table.position(&id).map_err(StoreError::io("read", table.path()))?,
                None => None,
            };
            let (Some((number, record)), Some(table)) = (found, &self.table) else {
                marks.missing.insert(id);
                continue;
            };
            if marks.set(number) {
                continue;
            }
            done.objects += 1;
            done.bytes += u64::from(record.length());
            progress(done);
            let mut places = table.find(&id).map_err(StoreError::io("read", table.path()))?;
            places.retain(|place| good(&place.pack, place.block) && self.listed.contains_key(&place.pack));
            if places.is_empty() {
                marks.missing.insert(id);
            } else if record.is_node() {
                let mut node = None;
                for place in &places {
                    match inner.read_at(&id, place) {
                        Ok(bytes) => node = Some(bytes),
                        Err(StoreError::Backend(error)) if !error.is_not_found() => return Err(error.into()),
                        Err(_) => {}
                    }
                    if node.is_some() {
                        break;
                    }
                }
                match node.as_deref().and_then(decode_node) {
                    Some((children, _)) => waiting.extend(children),
                    None => {
                        marks.missing.insert(id);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Which objects are reached.
pub(crate) struct Marks {
    bits: Vec<u64>,
    /// Objects that are reached and cannot be had.
    pub(crate) missing: BTreeSet<ObjectId>,
}

impl Marks {
    pub(crate) fn new(count: u64) -> Self {
        let words = usize::try_from(count / 64 + 1).expect("a table has at most 2^32 records");
        Self { bits: vec![0; words], missing: BTreeSet::new() }
    }

    /// Marks an object; whether it was marked.
    fn set(&mut self, number: u64) -> bool {
        let was = self.is_set(number);
        if let Some(word) = usize::try_from(number / 64).ok().and_then(|word| self.bits.get_mut(word)) {
            *word |= 1 << (number % 64);
        }
        was
    }

    pub(crate) fn is_set(&self, number: u64) -> bool {
        let word = usize::try_from(number / 64).ok().and_then(|word| self.bits.get(word));
        word.is_some_and(|word| word & (1 << (number % 64)) != 0)
    }
}

/// What keeps objects alive.
pub(crate) struct Roots {
    /// References by name, with the objects that each names.
    pub(crate) roots: Vec<(String, Vec<ObjectId>)>,
    /// References that cannot be read.
    pub(crate) damaged: Vec<(String, StoreError)>,
}

impl Store {
    /// What every reference keeps alive.
    pub(crate) fn roots(&self) -> Result<Roots, StoreError> {
        let (mut roots, mut damaged) = (Vec::new(), Vec::new());
        for name in self.references("")? {
            match self.reference::<serde_json::Value>(&name) {
                Ok(Some(reference)) => roots.push((name, reference.objects)),
                Ok(None) => {}
                Err(error @ StoreError::Damaged { .. }) => damaged.push((name, error)),
                Err(error) => return Err(error),
            }
        }
        Ok(Roots { roots, damaged })
    }

    pub(crate) fn session_names(&self) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        self.inner.backend.list(SESSIONS, &mut |entry| {
            names.push(entry.name);
            Ok(())
        })?;
        Ok(names)
    }
}
