//! A store in memory, and trees to put into it.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use store::{ObjectId, ObjectKind, ObjectReader, ObjectWriter, StoreError, decode_node};

/// Objects in memory. It is stricter than a store must be: a node without its children is refused.
#[derive(Default)]
pub struct Memory {
    objects: Mutex<HashMap<ObjectId, Vec<u8>>>,
    /// A keyed store has other ids for the same bytes.
    key: Option<[u8; 32]>,
    pub new_bytes: AtomicU64,
}

#[allow(dead_code)] // Each test file uses some of these.
impl Memory {
    pub fn keyed(key: [u8; 32]) -> Self {
        Self { key: Some(key), ..Self::default() }
    }

    pub fn take_new_bytes(&self) -> u64 {
        self.new_bytes.swap(0, Ordering::Relaxed)
    }

    pub fn forget(&self) {
        self.objects.lock().expect("no thread panics with the lock").clear();
    }

    pub fn objects(&self) -> Vec<(ObjectId, Vec<u8>)> {
        self.objects
            .lock()
            .expect("no thread panics with the lock")
            .iter()
            .map(|(id, bytes)| (*id, bytes.clone()))
            .collect()
    }
}

impl ObjectWriter for Memory {
    fn id(&self, kind: ObjectKind, bytes: &[u8]) -> ObjectId {
        let hash = match (self.key, kind) {
            (None, ObjectKind::Data) => blake3::hash(bytes),
            (Some(key), ObjectKind::Data) => blake3::keyed_hash(&key, bytes),
            (key, ObjectKind::Node) => {
                let key = key.unwrap_or(*b"a node is not data and has a key");
                blake3::Hasher::new_keyed(&key).update(b"node").update(bytes).finalize()
            }
        };
        ObjectId(*hash.as_bytes())
    }

    fn contains(&self, id: &ObjectId) -> Result<bool, StoreError> {
        Ok(self.objects.lock().expect("no thread panics with the lock").contains_key(id))
    }

    fn put(&self, kind: ObjectKind, id: ObjectId, bytes: &[u8]) -> Result<(), StoreError> {
        assert_eq!(id, self.id(kind, bytes));
        let mut objects = self.objects.lock().expect("no thread panics with the lock");
        if kind == ObjectKind::Node {
            for child in decode_node(bytes).expect("it is a node").0 {
                assert!(objects.contains_key(&child), "a child is put before its node");
            }
        }
        objects.entry(id).or_insert_with(|| {
            self.new_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            bytes.to_vec()
        });
        Ok(())
    }
}

impl ObjectReader for Memory {
    fn get(&self, id: &ObjectId) -> Result<Vec<u8>, StoreError> {
        self.objects
            .lock()
            .expect("no thread panics with the lock")
            .get(id)
            .cloned()
            .ok_or_else(|| StoreError::other(format!("no object {id}")))
    }

    fn get_many(
        &self,
        ids: &[ObjectId],
        each: &mut dyn FnMut(usize, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        // Not in the order in which they are asked for, as a store would.
        let mut order: Vec<usize> = (0..ids.len()).collect();
        order.sort_by_key(|index| ids[*index]);
        order.into_iter().try_for_each(|index| each(index, &self.get(&ids[index])?))
    }
}
