//! Objects into a store: gathered in blocks, compressed, written as packs, published as fragments.
//!
//! Who puts compresses too, when as many threads put as there are processors: what was just put is in the cache of its
//! processor. Else, and always to write packs, there are threads.

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, Hasher};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;

use crate::block::{self, Batch, Encoder};
use crate::object::object_id;
use crate::pack::{self, Finished, PackBuilder, PackContents, PackId};
use crate::random::random_bytes;
use crate::reliance::Reliance;
use crate::seal::Seal;
use crate::session::Session;
use crate::store::Inner;
use crate::{Draft, LARGEST_OBJECT, ObjectId, ObjectKind, ObjectWriter, StoreError, fragment};

/// A fragment is published after so many bytes of packs, or so many objects.
const PUBLISH_BYTES: u64 = 256 * 1024 * 1024;
const PUBLISH_OBJECTS: u64 = 120_000;
/// Threads that put objects at the same time get blocks of their own, so that neighbours stay together.
const SLOTS: usize = 8;
/// Threads that have put something, of all writers.
static NUMBERED: AtomicUsize = AtomicUsize::new(0);
thread_local! {
    /// The slot of this thread. Two that put at the same time seldom have the same.
    static SLOT: usize = NUMBERED.fetch_add(1, Ordering::Relaxed) % SLOTS;
}
/// Threads of a writer at most.
const THREADS: usize = 4;
/// Jobs that wait for them at most.
const WAITING: usize = 32;

/// Puts objects into a store.
///
/// Nothing of it can be lost once [`Writer::finish`] returned; dropped before, it leaves at most what the next collection
/// removes.
pub struct Writer {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What a writer wrote. Holds the session: to be kept until a reference names what was written.
#[must_use = "what was written may be collected when this is dropped"]
pub struct Written {
    /// Objects that the store did not have.
    pub objects: u64,
    /// Bytes that were added to the store, as they are stored.
    pub new_bytes: u64,
    /// Packs that were added.
    pub packs: u64,
    /// Keeps collection from what was written.
    pub session: Session,
}

struct Shared {
    inner: Arc<Inner>,
    session: Session,
    reliance: Reliance,
    seal: Option<Seal>,
    salt: [u8; 32],
    /// Taken by those who put, and alone by who publishes.
    gate: RwLock<()>,
    pending: Mutex<HashSet<ObjectId, IdHash>>,
    slots: [Mutex<Slot>; SLOTS],
    /// Slots that something was put into: about as many threads put.
    used_slots: AtomicUsize,
    processors: usize,
    queue: Mutex<Queue>,
    /// Told of every change of the queue.
    changed: Condvar,
    packs: Mutex<Vec<PackContents>>,
    /// All packs that it has written.
    own: Mutex<HashSet<PackId>>,
    unpublished_bytes: AtomicU64,
    unpublished_objects: AtomicU64,
    objects: AtomicU64,
    new_bytes: AtomicU64,
    pack_count: AtomicU64,
}

/// An object, and where it is in the bytes that it is put with.
type Part = (ObjectId, Range<usize>);

/// Blocks that a thread fills: data, nodes.
#[derive(Default)]
struct Slot {
    open: [Option<Batch<'static>>; 2],
    used: bool,
}

/// What the threads do.
enum Job {
    /// For the packs of a slot.
    Compress(Batch<'static>, usize),
    Write(OpenPack),
}

/// A pack that is not full.
struct OpenPack {
    builder: PackBuilder,
    /// Where its beginning is written.
    draft: Draft,
}

impl OpenPack {
    fn new(salt: [u8; 32]) -> Self {
        Self { builder: PackBuilder::new(salt), draft: Draft::default() }
    }
}

/// Where blocks are compressed.
struct Press {
    encoder: Encoder,
    /// Of data, of nodes.
    packs: [OpenPack; 2],
    /// The slot that it was last used for: neighbours should come into one pack.
    slot: usize,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// Packs among the jobs that wait.
    full_packs: usize,
    /// What is waiting or being worked on, also by who puts.
    outstanding: usize,
    presses: Vec<Press>,
    /// Empty buffers for plain bytes.
    spare: Vec<Vec<u8>>,
    error: Option<StoreError>,
    failed: bool,
    closed: bool,
}

/// Ids are digests already.
#[derive(Default, Clone)]
struct IdHash;

impl BuildHasher for IdHash {
    type Hasher = IdHasher;

    fn build_hasher(&self) -> IdHasher {
        IdHasher(0)
    }
}

struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.last_chunk::<8>() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Writer {
    pub(crate) fn new(inner: Arc<Inner>, session: Session) -> Result<Self, StoreError> {
        let seal = inner.keys.as_ref().map(crate::keys::StoreKeys::seal);
        let salt = seal.as_ref().map_or_else(random_bytes, |seal| seal.ephemeral);
        let reliance = Reliance::begin(&inner);
        reliance.prove(&inner, &session.state, &HashSet::new())?;
        let shared = Arc::new(Shared {
            inner,
            session,
            reliance,
            seal,
            salt,
            gate: RwLock::default(),
            pending: Mutex::default(),
            slots: Default::default(),
            used_slots: AtomicUsize::new(0),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            queue: Mutex::default(),
            changed: Condvar::new(),
            packs: Mutex::default(),
            own: Mutex::default(),
            unpublished_bytes: AtomicU64::new(0),
            unpublished_objects: AtomicU64::new(0),
            objects: AtomicU64::new(0),
            new_bytes: AtomicU64::new(0),
            pack_count: AtomicU64::new(0),
        });
        let count = shared.processors.clamp(1, THREADS);
        let mut writer = Self { shared, threads: Vec::new() };
        for _ in 0..count {
            let shared = writer.shared.clone();
            let thread = std::thread::Builder::new()
                .name("store-pack".to_owned())
                .spawn(move || shared.work())
                .map_err(StoreError::other)?;
            writer.threads.push(thread);
        }
        Ok(writer)
    }

    /// Publishes all that was put, durably. Whoever reads the store can find it now; it stays if a reference names it
    /// before the result is dropped. [`StoreError::Damaged`] when a pack that was there before is gone or cut: what was
    /// not put, because the store had it, may be missing.
    pub fn finish(mut self) -> Result<Written, StoreError> {
        self.shared.publish()?;
        self.join();
        self.shared.reliance.prove(&self.shared.inner, &self.shared.session.state, &lock(&self.shared.own))?;
        let shared = self.shared.clone();
        drop(self);
        let shared = Arc::into_inner(shared).ok_or(StoreError::WriterFailed)?;
        Ok(Written {
            objects: shared.objects.into_inner(),
            new_bytes: shared.new_bytes.into_inner(),
            packs: shared.pack_count.into_inner(),
            session: shared.session,
        })
    }

    fn join(&mut self) {
        lock(&self.shared.queue).closed = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // A panic of a worker was reported as a failure by the guard in `work`.
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.join();
        for press in std::mem::take(&mut lock(&self.shared.queue).presses) {
            for pack in press.packs {
                self.shared.inner.backend.discard(pack.draft);
            }
        }
    }
}

impl ObjectWriter for Writer {
    fn id(&self, kind: ObjectKind, bytes: &[u8]) -> ObjectId {
        object_id(kind, bytes)
    }

    fn contains(&self, id: &ObjectId) -> Result<bool, StoreError> {
        Ok(lock(&self.shared.pending).contains(id) || self.shared.is_stored(id)?)
    }

    fn put(&self, kind: ObjectKind, id: ObjectId, bytes: &[u8]) -> Result<(), StoreError> {
        self.put_all(kind, bytes, &[(id, 0..bytes.len())])
    }

    fn put_all(&self, kind: ObjectKind, bytes: &[u8], objects: &[(ObjectId, Range<usize>)]) -> Result<(), StoreError> {
        if let Some(bytes) = objects.iter().map(|(_, range)| range.len()).find(|length| *length > LARGEST_OBJECT) {
            return Err(StoreError::TooLarge { bytes });
        }
        self.shared.put_all(kind, bytes, objects)?;
        let due = self.shared.unpublished_bytes.load(Ordering::Relaxed) >= PUBLISH_BYTES
            || self.shared.unpublished_objects.load(Ordering::Relaxed) >= PUBLISH_OBJECTS;
        if due { self.shared.publish_some() } else { Ok(()) }
    }
}

impl Shared {
    /// Whether the store has an object in a pack that will stay.
    fn is_stored(&self, id: &ObjectId) -> Result<bool, StoreError> {
        let places = self.inner.index.find(id)?;
        Ok(places.iter().any(|place| !self.session.state.is_condemned(&place.pack)))
    }

    fn put_all(&self, kind: ObjectKind, bytes: &[u8], objects: &[Part]) -> Result<(), StoreError> {
        let _gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let fresh = self.claim(objects)?;
        self.objects.fetch_add(fresh.len() as u64, Ordering::Relaxed);
        self.unpublished_objects.fetch_add(fresh.len() as u64, Ordering::Relaxed);

        let number = SLOT.with(|number| *number);
        let mut rest = fresh.as_slice();
        while !rest.is_empty() {
            let mut slot = lock(&self.slots[number]);
            if !std::mem::replace(&mut slot.used, true) {
                self.used_slots.fetch_add(1, Ordering::Relaxed);
            }
            let is_here = self.used_slots.load(Ordering::Relaxed) >= self.processors;
            let open = &mut slot.open[usize::from(kind == ObjectKind::Node)];
            if is_here
                && open.is_none()
                && let Some((block, others)) = whole_block(kind, bytes, rest)
            {
                drop(slot);
                self.compress_here(block, number)?;
                rest = others;
                continue;
            }
            let ((id, range), others) = rest.split_first().expect("it was looked at");
            let is_full = open.as_ref().is_some_and(|batch| batch.is_full(range.len()));
            if is_full && let Some(full) = open.take() {
                drop(slot);
                if is_here {
                    self.compress_here(full, number)?;
                } else {
                    self.enqueue(Job::Compress(full, number))?;
                }
                continue;
            }
            let batch = open.get_or_insert_with(|| Batch { kind, objects: Vec::new(), plain: self.buffer().into() });
            batch.plain.to_mut().extend_from_slice(&bytes[range.clone()]);
            batch.objects.push((*id, length_of(range)));
            rest = others;
        }
        Ok(())
    }

    /// Those of these objects that nobody has put; they are this thread's to put.
    fn claim(&self, objects: &[Part]) -> Result<Vec<Part>, StoreError> {
        let mut fresh: Vec<Part> = {
            let mut pending = lock(&self.pending);
            objects.iter().filter(|(id, _)| pending.insert(*id)).cloned().collect()
        };
        let stored: Result<Vec<bool>, StoreError> = fresh.iter().map(|(id, _)| self.is_stored(id)).collect();
        let mut is_given_back = match &stored {
            Ok(stored) => stored.iter().copied(),
            Err(_) => [].iter().copied(),
        };
        fresh.retain(|(id, _)| {
            let is_fresh = is_given_back.next() == Some(false);
            if !is_fresh {
                lock(&self.pending).remove(id);
            }
            is_fresh
        });
        stored.map(|_| fresh)
    }

    fn buffer(&self) -> Vec<u8> {
        lock(&self.queue).spare.pop().unwrap_or_else(|| Vec::with_capacity(block::MOST))
    }

    fn enqueue(&self, job: Job) -> Result<(), StoreError> {
        let mut queue = lock(&self.queue);
        // Packs are large: one may wait while others are written.
        while (queue.jobs.len() >= WAITING || queue.full_packs > 0) && !queue.failed {
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.check()?;
        queue.full_packs += usize::from(matches!(job, Job::Write(_)));
        queue.jobs.push_back(job);
        queue.outstanding += 1;
        drop(queue);
        self.changed.notify_all();
        Ok(())
    }

    /// What a thread does until the writer ends.
    fn work(&self) {
        let mut queue = lock(&self.queue);
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                queue.full_packs -= usize::from(matches!(job, Job::Write(_)));
                drop(queue);
                self.changed.notify_all();
                let result = guarded(|| match job {
                    Job::Compress(batch, slot) => self.compress(batch, slot)?.map_or(Ok(()), |full| self.write(full)),
                    Job::Write(full) => self.write(full),
                });
                queue = lock(&self.queue);
                if let Err(error) = result {
                    queue.fail(error);
                }
                queue.outstanding -= 1;
                self.changed.notify_all();
            } else if queue.closed {
                return;
            } else {
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// Compresses a batch on the thread that has put it.
    fn compress_here(&self, batch: Batch<'_>, slot: usize) -> Result<(), StoreError> {
        lock(&self.queue).check()?;
        match guarded(|| self.compress(batch, slot)) {
            Ok(None) => Ok(()),
            Ok(Some(full)) => self.enqueue(Job::Write(full)),
            Err(error) => {
                let mut queue = lock(&self.queue);
                queue.fail(error);
                queue.check()
            }
        }
    }

    /// Appends a batch to a pack; returns the pack if it is full.
    fn compress(&self, mut batch: Batch<'_>, slot: usize) -> Result<Option<OpenPack>, StoreError> {
        let mut queue = lock(&self.queue);
        let at = queue.presses.iter().rposition(|press| press.slot == slot);
        let press = match at {
            Some(at) => Some(queue.presses.swap_remove(at)),
            None => queue.presses.pop(),
        };
        drop(queue);
        let mut press = match press {
            Some(press) => Press { slot, ..press },
            None => Press {
                encoder: Encoder::new().map_err(StoreError::other)?,
                packs: [OpenPack::new(self.salt), OpenPack::new(self.salt)],
                slot,
            },
        };
        let pack = &mut press.packs[usize::from(batch.kind == ObjectKind::Node)];
        let pushed = self.push(&mut batch, &mut press.encoder, pack);
        let is_full = pushed.is_ok() && pack.builder.is_full();
        let full = is_full.then(|| std::mem::replace(pack, OpenPack::new(self.salt)));
        let mut queue = lock(&self.queue);
        queue.presses.push(press);
        if let Cow::Owned(mut plain) = batch.plain
            && queue.spare.len() < 16
            && plain.capacity() <= 2 * block::MOST
        {
            plain.clear();
            queue.spare.push(plain);
        }
        pushed.map(|()| full)
    }

    fn push(&self, batch: &mut Batch<'_>, encoder: &mut Encoder, pack: &mut OpenPack) -> Result<(), StoreError> {
        let OpenPack { builder, draft } = pack;
        builder.push(batch, encoder, self.seal.as_ref()).map_err(StoreError::other)?;
        builder.hand_out(|piece| self.inner.backend.append(draft, piece))?;
        Ok(())
    }

    fn write(&self, OpenPack { builder, mut draft }: OpenPack) -> Result<(), StoreError> {
        let is_begun = builder.is_begun();
        let Some(Finished { rest, contents }) = builder.finish() else { return Ok(()) };
        let (name, backend) = (pack::file_name(&contents.id), &self.inner.backend);
        if is_begun {
            if let Err(error) = backend.append(&mut draft, &rest) {
                backend.discard(draft);
                return Err(error.into());
            }
            backend.finish(draft, &name)?;
        } else {
            backend.write(&name, &rest)?;
        }
        self.unpublished_bytes.fetch_add(contents.length, Ordering::Relaxed);
        self.new_bytes.fetch_add(contents.length, Ordering::Relaxed);
        self.pack_count.fetch_add(1, Ordering::Relaxed);
        lock(&self.own).insert(contents.id);
        lock(&self.packs).push(contents);
        Ok(())
    }

    /// Publishes if nobody else is about to.
    fn publish_some(&self) -> Result<(), StoreError> {
        let Ok(_alone) = self.gate.try_write() else { return Ok(()) };
        self.publish_alone()?;
        self.session.beat()
    }

    fn publish(&self) -> Result<(), StoreError> {
        let _alone = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        self.publish_alone()
    }

    /// Nobody puts meanwhile: so all children of each node are in this fragment or in an earlier one.
    fn publish_alone(&self) -> Result<(), StoreError> {
        for (number, slot) in self.slots.iter().enumerate() {
            let mut slot = lock(slot);
            for batch in slot.open.iter_mut().filter_map(Option::take) {
                self.enqueue(Job::Compress(batch, number))?;
            }
            slot.used = false;
        }
        self.used_slots.store(0, Ordering::Relaxed);
        let mut queue = lock(&self.queue);
        while queue.outstanding > 0 {
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.check()?;
        let presses = std::mem::take(&mut queue.presses);
        drop(queue);
        let mut rest = [OpenPack::new(self.salt), OpenPack::new(self.salt)];
        for press in presses {
            for (rest, mut pack) in rest.iter_mut().zip(press.packs) {
                if rest.builder.len() + pack.builder.len() > pack::TARGET
                    || (rest.builder.is_begun() && pack.builder.is_begun())
                {
                    self.write(std::mem::replace(rest, pack))?;
                    continue;
                }
                if pack.builder.is_begun() {
                    std::mem::swap(rest, &mut pack);
                }
                rest.builder.append(pack.builder);
            }
        }
        for pack in rest {
            self.write(pack)?;
        }

        let packs = std::mem::take(&mut *lock(&self.packs));
        if !packs.is_empty() {
            let bytes = fragment::encode(&packs, self.inner.keys.as_ref());
            let name = fragment::file_name(&bytes);
            self.inner.backend.write(&name, &bytes)?;
            self.new_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            self.inner.index.absorb(&name, packs)?;
        }
        lock(&self.pending).clear();
        self.unpublished_bytes.store(0, Ordering::Relaxed);
        self.unpublished_objects.store(0, Ordering::Relaxed);
        Ok(())
    }
}

/// The first of these objects, as many as make a block, if they follow each other in `bytes` and do make one.
fn whole_block<'a, 'b>(kind: ObjectKind, bytes: &'a [u8], objects: &'b [Part]) -> Option<(Batch<'a>, &'b [Part])> {
    let start = objects.first()?.1.start;
    let mut block = Batch { kind, objects: Vec::new(), plain: Cow::Borrowed(&bytes[start..start]) };
    for (number, (id, range)) in objects.iter().enumerate() {
        if number > 0 && block.is_full(range.len()) {
            return Some((block, &objects[number..]));
        }
        if range.start != start + block.plain.len() {
            return None;
        }
        block.plain = Cow::Borrowed(&bytes[start..range.end]);
        block.objects.push((*id, length_of(range)));
    }
    None
}

fn length_of(range: &Range<usize>) -> u32 {
    u32::try_from(range.len()).expect("an object has at most 16 MiB")
}

/// A panic as a failure: what was being written is lost, and must not be taken for written.
fn guarded<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or(Err(StoreError::WriterFailed))
}

impl Queue {
    /// The first failure goes to whoever asks first.
    fn check(&mut self) -> Result<(), StoreError> {
        if self.failed { Err(self.error.take().unwrap_or(StoreError::WriterFailed)) } else { Ok(()) }
    }

    fn fail(&mut self, error: StoreError) {
        if !self.failed {
            self.error = Some(error);
        }
        self.failed = true;
        // What waits cannot be finished any more.
        self.outstanding -= self.jobs.len();
        self.jobs.clear();
        self.full_packs = 0;
    }
}
