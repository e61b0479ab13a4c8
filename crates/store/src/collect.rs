//! Collection: removes what no reference reaches, beside writers. Why nothing is lost: `docs/formats/store.md`.

use std::collections::{BTreeMap, BTreeSet};

use crate::census::{Census, Marks, Roots};
use crate::object::object_id;
use crate::pack::{self, PackId};
use crate::session::{CollectState, STATE, Session, SessionFile, encode};
use crate::store::Store;
use crate::writer::Writer;
use crate::{Expect, ObjectId, ObjectKind, ObjectWriter, Progress, StoreError, Version, fragment, process};

/// So many living objects are copied at once.
const COPIED: usize = 256;
/// A fragment has about so many objects.
const FRAGMENT_OBJECTS: usize = 60_000;

/// How a store is collected.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectOptions {
    /// Only say what would be done.
    pub dry_run: bool,
    /// How many generations to go through. After three what is dead now is gone, unless somebody writes; with one, it
    /// goes with the second next collection.
    pub generations: u32,
    /// A pack of data is written anew when more than this share of it is dead.
    pub waste: f64,
    /// After so many collections a writer elsewhere that did not stir is taken for dead.
    pub grace: u32,
    /// Go on although another collection seems to be at work, on a machine that cannot be asked.
    pub take_over: bool,
}

impl Default for CollectOptions {
    fn default() -> Self {
        Self { dry_run: false, generations: 3, waste: 0.3, grace: 5, take_over: false }
    }
}

/// What a collection did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CollectReport {
    /// Objects that references reach.
    pub living: u64,
    /// Packs that are condemned now, and their bytes: they go when two generations have passed and no writer is left that
    /// may rely on them.
    pub condemned_packs: u64,
    /// Their bytes.
    pub condemned_bytes: u64,
    /// Packs that were removed.
    pub removed_packs: u64,
    /// Bytes that are free now.
    pub freed_bytes: u64,
    /// Bytes of living objects that were copied out of condemned packs.
    pub copied_bytes: u64,
    /// Writers at work.
    pub writers: u64,
    /// Writers that were taken for dead.
    pub expired_writers: u64,
}

/// What is in a pack.
#[derive(Default, Clone, Copy)]
struct Use {
    bytes: u64,
    living: u64,
    nodes: bool,
    dead_node: bool,
}

/// Collects a store. Nothing that a reference reaches is lost, whoever writes meanwhile; a store in which something is
/// missing is refused.
pub fn collect(
    store: &Store,
    options: &CollectOptions,
    progress: &dyn Fn(Progress),
) -> Result<CollectReport, StoreError> {
    let mut report = CollectReport::default();
    for round in 0..options.generations.max(1) {
        let collection = Collection { store, options, progress, first: round == 0 };
        let more = collection.run(&mut report)?;
        if options.dry_run || !more {
            break;
        }
    }
    Ok(report)
}

struct Collection<'a> {
    store: &'a Store,
    options: &'a CollectOptions,
    progress: &'a dyn Fn(Progress),
    first: bool,
}

impl Collection<'_> {
    /// One generation; whether another one could do more.
    fn run(&self, report: &mut CollectReport) -> Result<bool, StoreError> {
        let (mut state, mut version) = self.fence()?;
        let result = self.run_fenced(&mut state, &mut version, report);
        if !self.options.dry_run {
            // Also after a failure: the next one need not ask whether this one lives.
            state.collector = None;
            let end = self.publish(&state, &version);
            if result.is_ok() {
                end?;
            }
        }
        result
    }

    fn run_fenced(
        &self,
        state: &mut CollectState,
        version: &mut Version,
        report: &mut CollectReport,
    ) -> Result<bool, StoreError> {
        let inner = &self.store.inner;
        // Sessions before references: a writer that ends meanwhile is seen here or there.
        let oldest = self.sessions(state, report)?;
        let Roots { roots, damaged } = self.store.roots()?;
        if let Some((_, error)) = damaged.into_iter().next() {
            return Err(error);
        }
        let roots: Vec<ObjectId> = roots.into_iter().flat_map(|(_, objects)| objects).collect();
        let census = Census::take(inner)?;
        if let Some((name, problem)) = census.damaged.first() {
            return Err(inner.damaged(name, problem));
        }
        let mut marks = Marks::new(census.count());
        census.mark(inner, &roots, &mut marks, &|_, _| true, self.progress)?;
        if let Some(id) = marks.missing.first() {
            return Err(inner.damaged(&format!("object {id}"), "is missing"));
        }

        let before = state.condemned.clone();
        state.condemned = self.condemn(&census, &marks, &before, state.generation, report)?;
        let generation = state.generation;
        let due = |condemned: &u64| *condemned + 2 <= generation && oldest.is_none_or(|oldest| *condemned < oldest);
        let swept: BTreeSet<PackId> = state
            .condemned
            .iter()
            .filter(|(_, condemned)| due(condemned))
            .filter_map(|(pack, _)| pack.parse().ok())
            .collect();
        report.condemned_packs = (state.condemned.len() - swept.len()) as u64;
        report.condemned_bytes = state
            .condemned
            .keys()
            .filter_map(|pack| pack.parse::<PackId>().ok())
            .filter(|pack| !swept.contains(pack))
            .filter_map(|pack| census.listed.get(&pack))
            .sum();
        if self.options.dry_run {
            report.removed_packs += swept.len() as u64;
            report.freed_bytes += swept.iter().filter_map(|pack| census.listed.get(pack)).sum::<u64>();
            return Ok(false);
        }

        self.rescue(&census, &marks, state, report)?;
        *version = self.publish(state, version)?;
        self.sweep(&census, &swept, report)?;
        for pack in &swept {
            state.condemned.remove(&pack.to_string());
        }
        Ok(!state.condemned.is_empty() && oldest.is_none())
    }

    /// Raises the generation, so that writers that begin later know of this collection.
    fn fence(&self) -> Result<(CollectState, Version), StoreError> {
        let inner = &self.store.inner;
        let (mut state, expect) = inner.read_state()?;
        state.generation += 1;
        if self.options.dry_run {
            return Ok((state, Version(String::new())));
        }
        let gone = |collector: &String| process::is_gone(collector) == Some(true);
        if !state.collector.as_ref().is_none_or(gone) && !self.options.take_over {
            return Err(StoreError::Collecting { place: self.store.place() });
        }
        state.collector = Some(process::identity().unwrap_or_else(|| "unknown".to_owned()));
        let version = inner.backend.write_if(STATE, &encode(STATE, &state), &expect);
        let version = version.map_err(|error| self.overtaken(error))?;
        Ok((state, version))
    }

    fn publish(&self, state: &CollectState, version: &Version) -> Result<Version, StoreError> {
        let expect = Expect::Version(version.clone());
        let written = self.store.inner.backend.write_if(STATE, &encode(STATE, state), &expect);
        written.map_err(|error| self.overtaken(error))
    }

    fn overtaken(&self, error: crate::BackendError) -> StoreError {
        if error.is_conflict() { StoreError::Collecting { place: self.store.place() } } else { error.into() }
    }

    /// The oldest generation in which a living writer began; dead ones are expired.
    fn sessions(&self, state: &mut CollectState, report: &mut CollectReport) -> Result<Option<u64>, StoreError> {
        let inner = &self.store.inner;
        let before = std::mem::take(&mut state.sessions);
        let mut oldest: Option<u64> = None;
        report.writers = 0;
        for name in self.store.session_names()? {
            let Some((session, version)) = inner.read_session(&name)? else { continue };
            let unchanged = before.get(&name).filter(|(seen, _)| *seen == version.0).map_or(0, |(_, times)| *times);
            let times = unchanged + u32::from(self.first);
            let dead = session.expired
                || match session.process.as_deref().and_then(process::is_gone) {
                    Some(gone) => gone,
                    None => times > self.options.grace,
                };
            if dead && self.options.dry_run {
                continue;
            }
            if dead && (session.expired || self.expire(&name, &session, version.clone())?) {
                report.expired_writers += 1;
                // Whoever wakes up and misses it knows enough.
                inner.backend.delete(&name)?;
                continue;
            }
            report.writers += 1;
            state.sessions.insert(name, (version.0, times));
            oldest = Some(oldest.map_or(session.generation, |other| other.min(session.generation)));
        }
        Ok(oldest)
    }

    /// Whether the session was still as it was read.
    fn expire(&self, name: &str, session: &SessionFile, version: Version) -> Result<bool, StoreError> {
        let expired = SessionFile { expired: true, ..session.clone() };
        match self.store.inner.backend.write_if(name, &encode(name, &expired), &Expect::Version(version)) {
            Ok(_) => Ok(true),
            Err(error) if error.is_conflict() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The packs that are to go.
    fn condemn(
        &self,
        census: &Census,
        marks: &Marks,
        before: &BTreeMap<String, u64>,
        generation: u64,
        report: &mut CollectReport,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        let mut packs: BTreeMap<PackId, Use> = census.listed.keys().map(|pack| (*pack, Use::default())).collect();
        let was: BTreeSet<PackId> = before.keys().filter_map(|pack| pack.parse().ok()).collect();
        report.living = 0;
        census.each(&mut |number, copies| {
            let living = marks.is_set(number);
            report.living += u64::from(living);
            // Of several copies the one that stays anyway counts.
            let keeper = copies.iter().position(|(_, pack)| !was.contains(pack)).unwrap_or(0);
            for (at, (record, pack)) in copies.iter().enumerate() {
                let used = packs.entry(*pack).or_default();
                used.bytes += u64::from(record.length());
                used.nodes |= record.is_node();
                used.dead_node |= record.is_node() && !living;
                if living && at == keeper {
                    used.living += u64::from(record.length().max(1));
                }
            }
            Ok(())
        })?;
        #[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
        let wasteful =
            |used: &Use| (used.bytes.saturating_sub(used.living)) as f64 > used.bytes as f64 * self.options.waste;
        let goes = |used: &Use| used.living == 0 || used.nodes && used.dead_node || wasteful(used);
        Ok(packs
            .iter()
            .filter(|(pack, used)| goes(used) && census.listed.contains_key(pack))
            .map(|(pack, _)| pack.to_string())
            .map(|pack| {
                let since = before.get(&pack).copied().unwrap_or(generation);
                (pack, since)
            })
            .collect())
    }

    /// Copies what lives in condemned packs only.
    fn rescue(
        &self,
        census: &Census,
        marks: &Marks,
        state: &CollectState,
        report: &mut CollectReport,
    ) -> Result<(), StoreError> {
        let condemned: BTreeSet<PackId> = state.condemned.keys().filter_map(|pack| pack.parse().ok()).collect();
        let mut writer: Option<Writer> = None;
        let mut waiting: Vec<(ObjectId, ObjectKind, PackId)> = Vec::new();
        let mut copy = |waiting: &mut Vec<(ObjectId, ObjectKind, PackId)>| -> Result<(), StoreError> {
            if writer.is_none() {
                let mut session = Session::begin(&self.store.inner)?;
                // What is condemned counts as absent.
                session.state = state.clone();
                self.store.refresh()?;
                writer = Some(Writer::new(self.store.inner.clone(), session)?);
            }
            let Some(writer) = &writer else { return Ok(()) };
            // In the order in which they are stored, as far as the packs go.
            waiting.sort_unstable_by_key(|(id, _, pack)| (*pack, *id));
            for (id, kind, _) in waiting.drain(..) {
                let bytes = self.store.inner.get(&id)?;
                debug_assert_eq!(object_id(kind, &bytes), id);
                report.copied_bytes += bytes.len() as u64;
                writer.put(kind, id, &bytes)?;
            }
            Ok(())
        };
        census.each(&mut |number, copies| {
            let (record, pack) = copies[0];
            if marks.is_set(number) && copies.iter().all(|(_, pack)| condemned.contains(pack)) {
                let kind = if record.is_node() { ObjectKind::Node } else { ObjectKind::Data };
                waiting.push((record.id, kind, pack));
                if waiting.len() >= COPIED {
                    copy(&mut waiting)?;
                }
            }
            Ok(())
        })?;
        if !waiting.is_empty() {
            copy(&mut waiting)?;
        }
        match writer {
            // The session may go: what was copied lives.
            Some(writer) => writer.finish().map(drop),
            None => Ok(()),
        }
    }

    /// Removes packs: from the index first.
    fn sweep(&self, census: &Census, swept: &BTreeSet<PackId>, report: &mut CollectReport) -> Result<(), StoreError> {
        let inner = &self.store.inner;
        let affected: Vec<&String> = census
            .fragments
            .iter()
            .filter(|(_, packs)| packs.iter().any(|pack| swept.contains(pack)))
            .map(|(name, _)| name)
            .collect();
        let (mut kept, mut objects) = (Vec::new(), 0);
        let write = |kept: &mut Vec<pack::PackContents>| -> Result<(), StoreError> {
            let bytes = fragment::encode(kept, inner.keys.as_ref());
            kept.clear();
            Ok(inner.backend.write(&fragment::file_name(&bytes), &bytes)?)
        };
        for name in &affected {
            let bytes = inner.backend.read(name)?;
            let packs = fragment::decode(name, &bytes, inner.keys.as_ref());
            for pack in packs.map_err(|problem| inner.damaged(name, problem))? {
                if !swept.contains(&pack.id) {
                    objects += pack.blocks.iter().map(|block| block.objects.len()).sum::<usize>();
                    kept.push(pack);
                }
            }
            if objects >= FRAGMENT_OBJECTS {
                write(&mut kept)?;
                objects = 0;
            }
        }
        if !kept.is_empty() {
            write(&mut kept)?;
        }
        for name in affected {
            inner.backend.delete(name)?;
        }
        for pack in swept {
            inner.backend.delete(&pack::file_name(pack))?;
            report.removed_packs += 1;
            report.freed_bytes += census.listed.get(pack).copied().unwrap_or(0);
        }
        inner.index.refresh().map(|_| ())
    }
}
