//! Objects out of a store: located, read in runs of neighbouring blocks, proved by their ids.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use crate::object::object_id;
use crate::pack::{self, PackId};
use crate::store::{Inner, Store};
use crate::table::Location;
use crate::{ObjectId, ObjectReader, StoreError, block};

/// Blocks with a smaller gap between them are read at once.
const GAP: u64 = 64 * 1024;
/// At most so much is read at once.
const RUN: u64 = 4 * 1024 * 1024;
/// Decompressed blocks that are kept.
const KEPT: usize = 16;

/// The last few decompressed blocks.
#[derive(Default)]
pub(crate) struct Blocks(VecDeque<(PackId, u32, Arc<Vec<u8>>)>);

impl Blocks {
    fn get(&mut self, location: &Location) -> Option<Arc<Vec<u8>>> {
        let at = self.0.iter().position(|(pack, block, _)| *pack == location.pack && *block == location.block)?;
        let found = self.0.remove(at)?;
        let bytes = found.2.clone();
        self.0.push_back(found);
        Some(bytes)
    }

    fn put(&mut self, location: &Location, bytes: Arc<Vec<u8>>) {
        if bytes.len() > 2 * block::PLAIN {
            return;
        }
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back((location.pack, location.block, bytes));
    }
}

impl Inner {
    /// The plain bytes of the block that a location is in, out of the bytes of that block.
    fn decode(&self, location: &Location, bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
        let opener = match &self.keys {
            None => None,
            Some(keys) => Some(
                keys.opener(location.salt).ok_or_else(|| StoreError::WriteOnly { place: self.backend.describe() })?,
            ),
        };
        block::decode(bytes, opener.as_ref()).map_err(|problem| self.damaged(&pack::file_name(&location.pack), problem))
    }

    /// The bytes of an object in the plain bytes of its block, if they are what the id says.
    fn prove<'a>(&self, id: &ObjectId, location: &Location, plain: &'a [u8]) -> Result<&'a [u8], StoreError> {
        let (from, length) = (location.offset as usize, location.length as usize);
        plain
            .get(from..from + length)
            .filter(|bytes| object_id(location.kind, bytes) == *id)
            .ok_or_else(|| self.damaged(&pack::file_name(&location.pack), "has an object that is not what was written"))
    }

    pub(crate) fn read_at(&self, id: &ObjectId, location: &Location) -> Result<Vec<u8>, StoreError> {
        let kept = self.blocks.lock().unwrap_or_else(PoisonError::into_inner).get(location);
        let plain = if let Some(plain) = kept {
            plain
        } else {
            let name = pack::file_name(&location.pack);
            let bytes = self.backend.read_range(&name, u64::from(location.block), u64::from(location.block_length))?;
            let plain = Arc::new(self.decode(location, &bytes)?);
            self.blocks.lock().unwrap_or_else(PoisonError::into_inner).put(location, plain.clone());
            plain
        };
        self.prove(id, location, &plain).map(<[u8]>::to_vec)
    }

    /// An object from wherever it can be had.
    pub(crate) fn get(&self, id: &ObjectId) -> Result<Vec<u8>, StoreError> {
        match self.try_get(id) {
            Ok(bytes) => Ok(bytes),
            // Written, or moved by a collection, since the index was read.
            Err(error) => match self.index.refresh() {
                Ok(true) => self.try_get(id),
                _ => Err(error),
            },
        }
    }

    fn try_get(&self, id: &ObjectId) -> Result<Vec<u8>, StoreError> {
        let mut error = StoreError::NoObject { id: *id };
        for location in self.index.find(id)? {
            match self.read_at(id, &location) {
                Ok(bytes) => return Ok(bytes),
                Err(other) => error = other,
            }
        }
        Err(error)
    }
}

impl ObjectReader for Store {
    fn get(&self, id: &ObjectId) -> Result<Vec<u8>, StoreError> {
        self.inner.get(id)
    }

    fn get_many(
        &self,
        ids: &[ObjectId],
        each: &mut dyn FnMut(usize, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let inner = &self.inner;
        let mut wanted = Vec::with_capacity(ids.len());
        let mut refreshed = false;
        for (number, id) in ids.iter().enumerate() {
            let mut places = inner.index.find(id)?;
            if places.is_empty() && !refreshed {
                inner.index.refresh()?;
                refreshed = true;
                places = inner.index.find(id)?;
            }
            let place = places.into_iter().next().ok_or(StoreError::NoObject { id: *id })?;
            wanted.push((place, number));
        }
        wanted.sort_unstable_by_key(|(place, number)| (place.pack, place.block, place.offset, *number));

        let mut rest = wanted.as_slice();
        while let Some((first, _)) = rest.first() {
            let from = u64::from(first.block);
            let mut end = from + u64::from(first.block_length);
            let mut count = 1;
            for (place, _) in &rest[1..] {
                let place_end = u64::from(place.block) + u64::from(place.block_length);
                if place.pack != first.pack || u64::from(place.block) > end + GAP || place_end - from > RUN {
                    break;
                }
                end = end.max(place_end);
                count += 1;
            }
            let (run, others) = rest.split_at(count);
            rest = others;
            // What cannot be read in one piece is tried one by one, from other places too.
            let bytes = inner.backend.read_range(&pack::file_name(&first.pack), from, end - from).ok();
            inner.hand_out(ids, run, bytes.as_deref(), each)?;
        }
        Ok(())
    }
}

impl Inner {
    #[expect(clippy::type_complexity, reason = "a closure with its arguments")]
    fn hand_out(
        &self,
        ids: &[ObjectId],
        run: &[(Location, usize)],
        bytes: Option<&[u8]>,
        each: &mut dyn FnMut(usize, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let start = run.first().map_or(0, |(place, _)| place.block);
        for same_block in run.chunk_by(|(one, _), (other, _)| one.block == other.block) {
            let (first, _) = &same_block[0];
            let from = (first.block - start) as usize;
            let plain = bytes
                .and_then(|bytes| bytes.get(from..from + first.block_length as usize))
                .and_then(|bytes| self.decode(first, bytes).ok());
            let mut proved: Option<&Location> = None;
            for (place, number) in same_block {
                let id = &ids[*number];
                let here = plain.as_deref().and_then(|plain| {
                    // An id that stands several times is proved once.
                    if proved == Some(place) {
                        let from = place.offset as usize;
                        plain.get(from..from + place.length as usize)
                    } else {
                        self.prove(id, place, plain).ok()
                    }
                });
                if let Some(object) = here {
                    proved = Some(place);
                    each(*number, object)?;
                } else {
                    each(*number, &self.get(id)?)?;
                }
            }
        }
        Ok(())
    }
}
