//! Objects into a store: gathered in blocks, compressed on threads, written as packs, published as fragments.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;

use crate::block::{self, Batch, Encoder};
use crate::object::object_id;
use crate::pack::{self, PackBuilder, PackContents};
use crate::random::random_bytes;
use crate::seal::Seal;
use crate::session::Session;
use crate::store::Inner;
use crate::{LARGEST_OBJECT, ObjectId, ObjectKind, ObjectWriter, StoreError, fragment};

/// A fragment is published after so many bytes of packs, or so many objects.
const PUBLISH_BYTES: u64 = 256 * 1024 * 1024;
const PUBLISH_OBJECTS: u64 = 60_000;
/// Threads that put objects at the same time get blocks of their own, so that neighbours stay together.
const SLOTS: usize = 8;

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
    seal: Option<Seal>,
    salt: [u8; 32],
    /// Taken by those who put, and alone by who publishes.
    gate: RwLock<()>,
    pending: Mutex<HashSet<ObjectId, IdHash>>,
    slots: [Mutex<[Option<Batch>; 2]>; SLOTS],
    queue: Mutex<Queue>,
    /// Told of every change of the queue.
    changed: Condvar,
    packs: Mutex<Vec<PackContents>>,
    /// Empty buffers for packs: memory that is there already.
    spare_packs: Mutex<Vec<Vec<u8>>>,
    unpublished_bytes: AtomicU64,
    unpublished_objects: AtomicU64,
    objects: AtomicU64,
    new_bytes: AtomicU64,
    pack_count: AtomicU64,
}

#[derive(Default)]
struct Queue {
    batches: VecDeque<Batch>,
    /// Batches that are waiting or being worked on.
    outstanding: usize,
    /// Packs that are not full, in pairs: data, nodes.
    builders: Vec<[PackBuilder; 2]>,
    encoders: Vec<Encoder>,
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
        let shared = Arc::new(Shared {
            inner,
            session,
            seal,
            salt,
            gate: RwLock::default(),
            pending: Mutex::default(),
            slots: Default::default(),
            queue: Mutex::default(),
            changed: Condvar::new(),
            packs: Mutex::default(),
            spare_packs: Mutex::default(),
            unpublished_bytes: AtomicU64::new(0),
            unpublished_objects: AtomicU64::new(0),
            objects: AtomicU64::new(0),
            new_bytes: AtomicU64::new(0),
            pack_count: AtomicU64::new(0),
        });
        let count = std::thread::available_parallelism().map_or(1, usize::from).clamp(1, 4);
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
    /// before the result is dropped.
    pub fn finish(mut self) -> Result<Written, StoreError> {
        self.shared.publish()?;
        self.join();
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
        if bytes.len() > LARGEST_OBJECT {
            return Err(StoreError::TooLarge { bytes: bytes.len() });
        }
        self.shared.put(kind, id, bytes)?;
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

    fn put(&self, kind: ObjectKind, id: ObjectId, bytes: &[u8]) -> Result<(), StoreError> {
        let _gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        if !lock(&self.pending).insert(id) {
            return Ok(());
        }
        match self.is_stored(&id) {
            Ok(false) => {}
            other => {
                lock(&self.pending).remove(&id);
                return other.map(|_| ());
            }
        }
        self.objects.fetch_add(1, Ordering::Relaxed);
        self.unpublished_objects.fetch_add(1, Ordering::Relaxed);

        let mut hasher = DefaultHasher::new();
        std::thread::current().id().hash(&mut hasher);
        let slot = usize::try_from(hasher.finish() % SLOTS as u64).expect("fewer than eight");
        let mut slot = lock(&self.slots[slot]);
        let open = &mut slot[usize::from(kind == ObjectKind::Node)];
        if open.as_ref().is_some_and(|batch| batch.plain.len() + bytes.len() > block::PLAIN)
            && let Some(full) = open.take()
        {
            self.enqueue(full)?;
        }
        let batch = open.get_or_insert_with(|| Batch { kind, objects: Vec::new(), plain: self.buffer() });
        batch.plain.extend_from_slice(bytes);
        batch.objects.push((id, u32::try_from(bytes.len()).expect("an object has at most 16 MiB")));
        Ok(())
    }

    fn buffer(&self) -> Vec<u8> {
        lock(&self.queue).spare.pop().unwrap_or_else(|| Vec::with_capacity(block::PLAIN))
    }

    fn enqueue(&self, batch: Batch) -> Result<(), StoreError> {
        let mut queue = lock(&self.queue);
        while queue.batches.len() >= 8 && !queue.failed {
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.check()?;
        queue.batches.push_back(batch);
        queue.outstanding += 1;
        drop(queue);
        self.changed.notify_all();
        Ok(())
    }

    /// What a thread does until the writer ends.
    fn work(&self) {
        let mut queue = lock(&self.queue);
        loop {
            if let Some(batch) = queue.batches.pop_front() {
                let mut builders = queue.builders.pop().unwrap_or_default();
                let encoder = queue.encoders.pop();
                drop(queue);
                self.changed.notify_all();
                let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    let mut encoder = match encoder {
                        Some(encoder) => encoder,
                        None => Encoder::new().map_err(StoreError::other)?,
                    };
                    self.pack(&batch, &mut builders, &mut encoder)?;
                    Ok(encoder)
                }));
                queue = lock(&self.queue);
                match result.unwrap_or(Err(StoreError::WriterFailed)) {
                    Ok(encoder) => queue.encoders.push(encoder),
                    Err(error) => queue.fail(error),
                }
                queue.builders.push(builders);
                queue.outstanding -= 1;
                if queue.spare.len() < 16 && batch.plain.capacity() <= 2 * block::PLAIN {
                    let mut plain = batch.plain;
                    plain.clear();
                    queue.spare.push(plain);
                }
                self.changed.notify_all();
            } else if queue.closed {
                return;
            } else {
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn pack(&self, batch: &Batch, builders: &mut [PackBuilder; 2], encoder: &mut Encoder) -> Result<(), StoreError> {
        let builder = &mut builders[usize::from(batch.kind == ObjectKind::Node)];
        if builder.len() == 0
            && let Some(buffer) = lock(&self.spare_packs).pop()
        {
            *builder = PackBuilder::with(buffer);
        }
        builder.push(batch, encoder, self.seal.as_ref()).map_err(StoreError::other)?;
        if builder.is_full() { self.write(std::mem::take(builder)) } else { Ok(()) }
    }

    fn write(&self, builder: PackBuilder) -> Result<(), StoreError> {
        let Some((mut bytes, contents)) = builder.finish(self.salt) else { return Ok(()) };
        self.inner.backend.write(&pack::file_name(&contents.id), &bytes)?;
        self.unpublished_bytes.fetch_add(contents.length, Ordering::Relaxed);
        self.new_bytes.fetch_add(contents.length, Ordering::Relaxed);
        self.pack_count.fetch_add(1, Ordering::Relaxed);
        lock(&self.packs).push(contents);
        if bytes.capacity() >= pack::TARGET / 2 {
            bytes.clear();
            lock(&self.spare_packs).push(bytes);
        }
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
        for slot in &self.slots {
            for batch in lock(slot).iter_mut().filter_map(Option::take) {
                self.enqueue(batch)?;
            }
        }
        let mut queue = lock(&self.queue);
        while queue.outstanding > 0 {
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.check()?;
        let mut rest: [PackBuilder; 2] = Default::default();
        for builders in queue.builders.drain(..) {
            for (rest, builder) in rest.iter_mut().zip(builders) {
                if rest.len() + builder.len() > pack::TARGET {
                    self.write(std::mem::replace(rest, builder))?;
                } else {
                    rest.append(builder);
                }
            }
        }
        drop(queue);
        for builder in rest {
            self.write(builder)?;
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
        self.outstanding -= self.batches.len();
        self.batches.clear();
    }
}
