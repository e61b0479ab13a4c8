//! Makes a damaged store whole again, as far as that goes, and says what stays lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::block::Decoder;
use crate::census::{Census, Marks, Roots};
use crate::check::{incomplete, prove, unreadable};
use crate::fence::Fence;
use crate::fragment::{self, Fragments};
use crate::pack::{self, PackContents, PackId};
use crate::session::{CollectState, STATE, Session, encode};
use crate::store::{Inner, Store};
use crate::transfer::fetch;
use crate::writer::Writer;
use crate::{Expect, Finding, ObjectId, ObjectWriter, Progress, StoreError, decode_node};

/// A lost generation was less than this above those that are known.
const GENERATIONS: u64 = 1 << 32;

/// What a repair did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Packs that the index did not know any more.
    pub reindexed_packs: u64,
    /// Objects that were taken from the other store.
    pub fetched_objects: u64,
    /// Blocks that could not be read, whole or in part, and were dropped.
    pub dropped_blocks: u64,
    /// References that cannot be read, or that reach what cannot be had any more.
    pub lost: Vec<Finding>,
}

/// Repairs a store: damaged documents of writers and of collection are replaced, the index is made anew from the packs
/// where it is damaged, damaged packs are dropped after what is sound in them was written anew, and objects that
/// references reach and that are missing are taken `from` another store. References are never removed: those that stay
/// incomplete are in [`Repaired::lost`], and saving the same content again completes them.
///
/// Runs beside writers. A [collection](crate::collect) at the same time is [`StoreError::Collecting`], for the later of
/// the two. Can be interrupted anywhere and repeated.
pub fn repair(store: &Store, from: Option<&Store>, progress: &dyn Fn(Progress)) -> Result<Repaired, StoreError> {
    let inner = &store.inner;
    if inner.keys.as_ref().is_some_and(|keys| !keys.can_read()) {
        return Err(StoreError::WriteOnly { place: store.place() });
    }
    repair_documents(store)?;
    let mut fence = Fence::raise(inner, false)?;
    let mut repair = Repair { store, from, progress, done: Progress::default(), report: Repaired::default() };
    let result = repair.run(&mut fence);
    let end = fence.release();
    result?;
    end.map(|()| repair.report)
}

/// Sessions and the state of collection. A writer whose session is gone is told so when it ends.
fn repair_documents(store: &Store) -> Result<(), StoreError> {
    let inner = &store.inner;
    let mut generation = 0;
    for name in store.session_names()? {
        match inner.read_session(&name) {
            Ok(Some((session, _))) => generation = generation.max(session.generation),
            Ok(None) => {}
            Err(StoreError::Damaged { .. }) => inner.backend.delete(&name)?,
            Err(error) => return Err(error),
        }
    }
    match inner.read_state() {
        Err(StoreError::Damaged { .. }) => {
            let Some((_, version)) = inner.backend.read_versioned(STATE)? else { return Ok(()) };
            // Above all that a writer can have read before: nothing that it relies on is swept.
            let state = CollectState { generation: generation + GENERATIONS, ..CollectState::default() };
            match inner.backend.write_if(STATE, &encode(STATE, &state), &Expect::Version(version)) {
                Err(error) if error.is_conflict() => Err(StoreError::Collecting { place: store.place() }),
                other => Ok(other.map(|_| ())?),
            }
        }
        other => other.map(|_| ()),
    }
}

struct Repair<'a> {
    store: &'a Store,
    from: Option<&'a Store>,
    progress: &'a dyn Fn(Progress),
    done: Progress,
    report: Repaired,
}

/// What reading every pack showed.
#[derive(Default)]
struct Packs {
    /// Not what was written, or not there.
    damaged: BTreeSet<PackId>,
    /// Sound, and in no fragment.
    unknown: BTreeSet<PackId>,
}

impl Repair<'_> {
    fn run(&mut self, fence: &mut Fence<'_>) -> Result<(), StoreError> {
        let inner = &self.store.inner;
        self.store.refresh()?;
        let census = Census::take(inner)?;
        let packs = self.read_packs(&census)?;
        if !packs.damaged.is_empty() {
            // Whoever begins to write from now on does not rely on them.
            let generation = fence.state.generation;
            fence.state.condemned.extend(packs.damaged.iter().map(|pack| (pack.to_string(), generation)));
            fence.publish()?;
            self.salvage(&census, &packs, &fence.state)?;
        }
        let mut changed = !packs.damaged.is_empty();
        if !packs.unknown.is_empty() && (!census.damaged.is_empty() || self.misses(&census, &packs)?) {
            self.reindex(&packs.unknown)?;
            changed = true;
        }
        fragment::rewrite(inner, &census, &packs.damaged)?;
        for (name, _) in &census.damaged {
            inner.backend.delete(name)?;
        }
        for pack in &packs.damaged {
            inner.backend.delete(&pack::file_name(pack))?;
            fence.state.condemned.remove(&pack.to_string());
        }
        drop(census);
        self.store.refresh()?;

        let Roots { damaged, .. } = self.store.roots()?;
        self.report.lost = damaged.into_iter().map(unreadable).collect();
        let census = self.complete(&fence.state, &mut changed)?;
        let Roots { roots, .. } = self.store.roots()?;
        let lost = incomplete(inner, &census, &roots, &|_, _| true)?;
        if changed || !lost.is_empty() {
            self.condemn_incomplete(&census, &mut fence.state)?;
        }
        self.report.lost.extend(lost);
        Ok(())
    }

    fn advance(&mut self, objects: u64, bytes: u64) {
        self.done.objects += objects;
        self.done.bytes += bytes;
        (self.progress)(self.done);
    }

    fn read_packs(&mut self, census: &Census) -> Result<Packs, StoreError> {
        let mut packs = Packs::default();
        for id in census.indexed.keys().filter(|id| !census.listed.contains_key(id)) {
            packs.damaged.insert(*id);
        }
        for id in census.listed.keys() {
            let indexed = census.indexed.contains_key(id);
            match self.read_pack(id)? {
                Some(bytes) => {
                    // What is read wrong once may be the fault of the way here.
                    let whole = is_whole(id, &bytes) || self.read_pack(id)?.is_some_and(|bytes| is_whole(id, &bytes));
                    if !whole {
                        packs.damaged.insert(*id);
                    } else if !indexed {
                        packs.unknown.insert(*id);
                    }
                    self.advance(1, bytes.len() as u64);
                }
                None if indexed => drop(packs.damaged.insert(*id)),
                None => {}
            }
        }
        Ok(packs)
    }

    /// `None` when it is not there.
    fn read_pack(&self, id: &PackId) -> Result<Option<Vec<u8>>, StoreError> {
        match self.store.inner.backend.read(&pack::file_name(id)) {
            Err(error) if error.is_not_found() => Ok(None),
            other => Ok(Some(other?)),
        }
    }

    /// A writer for which damaged packs, like all condemned ones, are absent.
    fn writer(&self, state: &CollectState) -> Result<Writer, StoreError> {
        let mut session = Session::begin(&self.store.inner)?;
        session.state = state.clone();
        self.store.refresh()?;
        Writer::new(self.store.inner.clone(), session)
    }

    /// Writes anew all that is sound in damaged packs, living or not: a writer may rely on it.
    fn salvage(&mut self, census: &Census, packs: &Packs, state: &CollectState) -> Result<(), StoreError> {
        let inner: &Arc<Inner> = &self.store.inner;
        let known = fragment::contents(inner, census, &packs.damaged)?;
        let writer = self.writer(state)?;
        let mut decoder = Decoder::new().map_err(StoreError::other)?;
        for id in &packs.damaged {
            let known = known.get(id);
            let blocks = known.map_or(0, |known| known.blocks.len());
            let Some(bytes) = self.read_pack(id)? else {
                self.report.dropped_blocks += blocks as u64;
                continue;
            };
            let mut sound = 0;
            let salt = known.map(|known| known.salt).or_else(|| pack::salt(&bytes));
            let opener = salt.and_then(|salt| inner.keys.as_ref()?.opener(salt));
            let scan = pack::scan(&bytes, opener.as_ref());
            for found in &scan.blocks {
                let block = &bytes[found.offset as usize..found.offset as usize + found.length as usize];
                let mut put = |id: &ObjectId, bytes: Option<&[u8]>| {
                    bytes.map(|bytes| writer.put(found.kind, *id, bytes)).transpose().map(|put| put.is_some())
                };
                sound += usize::from(prove(block, found, opener.as_ref(), &mut decoder, &mut put)?);
            }
            let all = blocks.max(scan.blocks.len() + scan.damaged.len() + scan.closed);
            self.report.dropped_blocks += (all - sound.min(all)) as u64;
        }
        // The session may go: no collection condemns anything before the repair is over.
        writer.finish().map(drop)
    }

    /// Whether references reach what the index does not name.
    fn misses(&self, census: &Census, packs: &Packs) -> Result<bool, StoreError> {
        let Roots { roots, .. } = self.store.roots()?;
        let roots: Vec<ObjectId> = roots.into_iter().flat_map(|(_, objects)| objects).collect();
        let mut marks = Marks::new(census.count());
        census.mark(&self.store.inner, &roots, &mut marks, &|pack, _| !packs.damaged.contains(pack), self.progress)?;
        Ok(!marks.missing.is_empty())
    }

    fn reindex(&mut self, unknown: &BTreeSet<PackId>) -> Result<(), StoreError> {
        let inner = &self.store.inner;
        let mut fragments = Fragments::new(inner);
        for id in unknown {
            let Some(bytes) = self.read_pack(id)? else { continue };
            let Some(salt) = pack::salt(&bytes) else { continue };
            let opener = inner.keys.as_ref().and_then(|keys| keys.opener(salt));
            let blocks = pack::scan(&bytes, opener.as_ref()).blocks;
            fragments.push(PackContents { id: *id, salt, length: bytes.len() as u64, blocks })?;
            self.report.reindexed_packs += 1;
        }
        fragments.flush()
    }

    /// Takes what is missing from the other store, until nothing more comes.
    fn complete(&mut self, state: &CollectState, changed: &mut bool) -> Result<Census, StoreError> {
        let inner = &self.store.inner;
        loop {
            let census = Census::take(inner)?;
            let Some(from) = self.from else { return Ok(census) };
            let Roots { roots, .. } = self.store.roots()?;
            let roots: Vec<ObjectId> = roots.into_iter().flat_map(|(_, objects)| objects).collect();
            let mut marks = Marks::new(census.count());
            census.mark(inner, &roots, &mut marks, &|_, _| true, self.progress)?;
            if marks.missing.is_empty() {
                return Ok(census);
            }
            from.refresh()?;
            let missing: Vec<ObjectId> = marks.missing.into_iter().collect();
            let writer = self.writer(state)?;
            let fetched = fetch(from, &writer, &missing, self.progress)?;
            drop(writer.finish()?);
            self.report.fetched_objects += fetched;
            *changed |= fetched > 0;
            if fetched == 0 {
                return Ok(census);
            }
        }
    }

    /// Condemns packs with nodes that reach what is not there: readers still use them, writers put such nodes again,
    /// and with them what they reach.
    fn condemn_incomplete(&self, census: &Census, state: &mut CollectState) -> Result<(), StoreError> {
        let inner = &self.store.inner;
        let mut incomplete: BTreeMap<ObjectId, Vec<PackId>> = BTreeMap::new();
        loop {
            let before = incomplete.len();
            census.each(&mut |_, copies| {
                let (record, _) = copies[0];
                if !record.is_node() || incomplete.contains_key(&record.id) {
                    return Ok(());
                }
                let node = inner.get(&record.id);
                let whole = match node.as_deref().map(decode_node) {
                    Ok(Some((children, _))) => {
                        let mut whole = true;
                        for child in children {
                            whole &= !incomplete.contains_key(&child) && census.has(&child)?;
                        }
                        whole
                    }
                    _ => false,
                };
                if !whole {
                    incomplete.insert(record.id, copies.iter().map(|(_, pack)| *pack).collect());
                }
                Ok(())
            })?;
            // The parents of those that were found now.
            if incomplete.len() == before {
                break;
            }
        }
        let generation = state.generation;
        for pack in incomplete.into_values().flatten() {
            state.condemned.entry(pack.to_string()).or_insert(generation);
        }
        Ok(())
    }
}

fn is_whole(id: &PackId, bytes: &[u8]) -> bool {
    blake3::hash(bytes).as_bytes() == &id.0 && pack::salt(bytes).is_some()
}
