//! A tree that is made to be looked at and not to be kept: its nodes in memory, over those of the store.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use store::{ObjectId, ObjectKind, ObjectReader, ObjectWriter, Store, StoreError};

/// Takes objects and writes none.
pub struct Sketch<'a> {
    store: &'a Store,
    nodes: Mutex<HashMap<ObjectId, Vec<u8>>>,
    knows_everything: bool,
}

impl<'a> Sketch<'a> {
    /// Keeps nodes, so that the tree can be compared.
    pub fn over(store: &'a Store) -> Self {
        Self { store, nodes: Mutex::default(), knows_everything: false }
    }

    /// Keeps nothing, for who only wants the digest.
    pub fn that_knows_everything(store: &'a Store) -> Self {
        Self { knows_everything: true, ..Self::over(store) }
    }

    fn nodes(&self) -> MutexGuard<'_, HashMap<ObjectId, Vec<u8>>> {
        self.nodes.lock().expect("nothing panics while it holds this")
    }
}

impl ObjectWriter for Sketch<'_> {
    fn id(&self, kind: ObjectKind, bytes: &[u8]) -> ObjectId {
        self.store.object_id(kind, bytes)
    }

    fn contains(&self, id: &ObjectId) -> Result<bool, StoreError> {
        Ok(self.knows_everything || self.nodes().contains_key(id) || self.store.contains(id)?)
    }

    fn put(&self, kind: ObjectKind, id: ObjectId, bytes: &[u8]) -> Result<(), StoreError> {
        if kind == ObjectKind::Node && !self.knows_everything {
            self.nodes().insert(id, bytes.to_owned());
        }
        Ok(())
    }
}

impl ObjectReader for Sketch<'_> {
    fn get(&self, id: &ObjectId) -> Result<Vec<u8>, StoreError> {
        let held = self.nodes().get(id).cloned();
        held.map_or_else(|| self.store.get(id), Ok)
    }

    fn get_many(
        &self,
        ids: &[ObjectId],
        each: &mut dyn FnMut(usize, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        ids.iter().enumerate().try_for_each(|(at, id)| each(at, &self.get(id)?))
    }
}
