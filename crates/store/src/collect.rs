//! Collection: removes what no reference reaches, beside writers. Why nothing is lost: `docs/formats/store.md`.

use std::collections::{BTreeMap, BTreeSet};

use crate::census::{Census, Marks, Roots};
use crate::fence::Fence;
use crate::object::object_id;
use crate::pack::{self, PackId};
use crate::session::{CollectState, Session, SessionFile, encode};
use crate::store::Store;
use crate::writer::Writer;
use crate::{Expect, ObjectId, ObjectKind, ObjectWriter, Progress, StoreError, Version, fragment, process};

/// So many living objects are copied at once.
const COPIED: usize = 256;
/// For so many generations after it was condemned a pack stays so, though it is gone: a collection that was taken over may
/// wake up and name it in the index again.
const REMEMBERED: u64 = 24;

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
    if !options.dry_run {
        store.inner.backend.tidy()?;
    }
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
        let inner = &self.store.inner;
        let mut fence =
            if self.options.dry_run { Fence::look(inner)? } else { Fence::raise(inner, self.options.take_over)? };
        let more = self.run_fenced(&mut fence, report);
        let end = fence.release();
        let more = more?;
        end.map(|()| more)
    }

    fn run_fenced(&self, fence: &mut Fence<'_>, report: &mut CollectReport) -> Result<bool, StoreError> {
        let inner = &self.store.inner;
        // Sessions before references: a writer that ends meanwhile is seen here or there.
        let oldest = self.sessions(&mut fence.state, report)?;
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
            // Another one that has taken over may have removed what a reference named when they were listed.
            fence.publish()?;
            return Err(inner.damaged(&format!("object {id}"), "is missing"));
        }

        let before = std::mem::take(&mut fence.state.condemned);
        let generation = fence.state.generation;
        fence.state.condemned = self.condemn(&census, &marks, &before, generation, report)?;
        let due = |condemned: &u64| *condemned + 2 <= generation && oldest.is_none_or(|oldest| *condemned < oldest);
        let there: Vec<(PackId, u64)> = fence
            .state
            .condemned
            .iter()
            .filter_map(|(pack, condemned)| Some((pack.parse().ok()?, *condemned)))
            .filter(|(pack, _)| census.listed.contains_key(pack))
            .collect();
        let (swept, waiting): (Vec<_>, Vec<_>) = there.into_iter().partition(|(_, condemned)| due(condemned));
        let swept: BTreeSet<PackId> = swept.into_iter().map(|(pack, _)| pack).collect();
        report.condemned_packs = waiting.len() as u64;
        report.condemned_bytes = waiting.iter().filter_map(|(pack, _)| census.listed.get(pack)).sum();
        if self.options.dry_run {
            report.removed_packs += swept.len() as u64;
            report.freed_bytes += swept.iter().filter_map(|pack| census.listed.get(pack)).sum::<u64>();
            return Ok(false);
        }

        self.rescue(&census, &marks, &fence.state, report)?;
        fence.publish()?;
        self.sweep(&census, &swept, report)?;
        Ok(!waiting.is_empty() && oldest.is_none())
    }

    /// The oldest generation in which a living writer began; dead ones are expired.
    fn sessions(&self, state: &mut CollectState, report: &mut CollectReport) -> Result<Option<u64>, StoreError> {
        let inner = &self.store.inner;
        let before = std::mem::take(&mut state.sessions);
        let mut oldest: Option<u64> = None;
        report.writers = 0;
        for name in self.store.session_names()? {
            let (session, version) = match inner.read_session(&name) {
                // Without power, or by damage: its writer, if it lives, learns it at the end.
                Err(StoreError::Damaged { .. }) => {
                    if !self.options.dry_run {
                        inner.backend.delete(&name)?;
                    }
                    continue;
                }
                other => match other? {
                    Some(read) => read,
                    None => continue,
                },
            };
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

    /// The packs that are to go, and those that are gone and that nobody is to rely on, should the index name them.
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
        let since = |pack: &PackId| before.get(&pack.to_string()).copied().unwrap_or(generation);
        let is_gone = |pack: &PackId| !census.listed.contains_key(pack);
        let mut condemned: BTreeMap<String, u64> = packs
            .iter()
            // What the index names and the place has not: nothing living is missing.
            .filter(|(pack, used)| is_gone(pack) || goes(used))
            .map(|(pack, _)| (pack.to_string(), since(pack)))
            .collect();
        for pack in was.iter().filter(|pack| is_gone(pack) && since(pack) + REMEMBERED > generation) {
            condemned.insert(pack.to_string(), since(pack));
        }
        Ok(condemned)
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
        // Also what a collection left in the index that was taken over while it swept: nothing living is missing.
        let mut gone = swept.clone();
        gone.extend(census.indexed.keys().filter(|pack| !census.listed.contains_key(pack)));
        fragment::rewrite(inner, census, &gone)?;
        for pack in swept {
            inner.backend.delete(&pack::file_name(pack))?;
            report.removed_packs += 1;
            report.freed_bytes += census.listed.get(pack).copied().unwrap_or(0);
        }
        inner.index.refresh().map(|_| ())
    }
}
