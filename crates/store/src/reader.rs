//! Objects out of a store: located, read in runs of neighbouring blocks, proved by their ids.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::block::Decoder;
use crate::object::object_id;
use crate::pack::{self, PackId};
use crate::store::{Inner, Store};
use crate::table::Location;
use crate::{ObjectId, ObjectReader, StoreError, ahead, block};

/// Blocks with a smaller gap between them are read at once.
const GAP: u64 = 64 * 1024;
/// A place that takes longer for a run, twice in a row, is read by several threads.
const SLOW: Duration = Duration::from_millis(5);
/// So many runs are read at the same time where each has to wait.
const AHEAD: usize = 4;
/// Decompressed blocks that are kept.
const KEPT: usize = 16;
/// A buffer larger than this is not kept for the next reader.
const SCRATCH: usize = 8 << 20;

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
        if bytes.len() > 2 * block::MOST {
            return;
        }
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back((location.pack, location.block, bytes));
    }
}

/// What reading needs and can be used again.
pub(crate) struct Scratch {
    decoder: Decoder,
    bytes: Vec<u8>,
}

impl Inner {
    /// Does something with memory that was used before, if there is some.
    fn with_scratch<T>(&self, work: impl FnOnce(&mut Scratch) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let used = self.scratch.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut scratch = match used {
            Some(scratch) => scratch,
            None => Scratch { decoder: Decoder::new().map_err(StoreError::other)?, bytes: Vec::new() },
        };
        let result = work(&mut scratch);
        if scratch.bytes.capacity() <= SCRATCH {
            self.scratch.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
        }
        result
    }

    /// The plain bytes of the block that a location is in, out of the bytes of that block.
    fn decode<'a>(
        &self,
        location: &Location,
        bytes: &'a [u8],
        decoder: &'a mut Decoder,
    ) -> Result<&'a [u8], StoreError> {
        let opener = match &self.keys {
            None => None,
            Some(keys) => Some(
                keys.opener(location.salt).ok_or_else(|| StoreError::WriteOnly { place: self.backend.describe() })?,
            ),
        };
        decoder
            .decode(bytes, opener.as_ref())
            .map_err(|problem| self.damaged(&pack::file_name(&location.pack), problem))
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
            let plain = self.with_scratch(|Scratch { decoder, bytes }| {
                let (from, length) = (u64::from(location.block), u64::from(location.block_length));
                self.backend.read_range_into(&name, from, length, bytes)?;
                Ok(Arc::new(self.decode(location, bytes, decoder)?.to_vec()))
            })?;
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
        let mut error = self.missing(id);
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
            let place = places.into_iter().next().ok_or_else(|| inner.missing(id))?;
            wanted.push((place, number));
        }
        wanted.sort_unstable_by_key(|(place, number)| (place.pack, place.block, place.offset, *number));

        let runs = runs(&wanted, inner.backend.run_bytes());
        inner.with_scratch(|scratch| {
            let (mut rest, mut slow) = (runs.as_slice(), 0);
            // Where reading is quick, threads would only push each other's bytes out of the processor's caches.
            while let (Some((run, others)), 0..2) = (rest.split_first(), slow) {
                slow = if inner.hand_out(ids, run, scratch, each)? > SLOW { slow + 1 } else { 0 };
                rest = others;
            }
            let work = |run: &Run<'_>| {
                let mut bytes = Vec::new();
                inner.read_run(run, &mut bytes);
                bytes
            };
            let mut take =
                |run: &Run<'_>, bytes: Vec<u8>| inner.hand_out_read(ids, run, &bytes, &mut scratch.decoder, each);
            ahead::in_order(rest, AHEAD, &work, &mut take)
        })
    }
}

/// Objects that are read together.
type Run<'a> = &'a [(Location, usize)];

/// Cuts what is wanted, in the order in which it is stored, into what is read at once: `most` bytes, or one block.
fn runs(mut rest: Run<'_>, most: u64) -> Vec<Run<'_>> {
    let mut runs = Vec::new();
    while let Some((first, _)) = rest.first() {
        let from = u64::from(first.block);
        let mut end = from + u64::from(first.block_length);
        let mut count = 0;
        for (place, _) in rest {
            let place_end = u64::from(place.block) + u64::from(place.block_length);
            let fits = place.pack == first.pack && u64::from(place.block) <= end + GAP && place_end - from <= most;
            if count > 0 && !fits {
                break;
            }
            end = end.max(place_end);
            count += 1;
        }
        let (run, others) = rest.split_at(count);
        runs.push(run);
        rest = others;
    }
    runs
}

impl Inner {
    /// Reads a run in one piece and hands out what is wanted of each block while its plain bytes are in the processor's
    /// cache; says how long the place took.
    #[expect(clippy::type_complexity, reason = "a closure with its arguments")]
    fn hand_out(
        &self,
        ids: &[ObjectId],
        run: Run<'_>,
        Scratch { decoder, bytes }: &mut Scratch,
        each: &mut dyn FnMut(usize, &[u8]) -> Result<(), StoreError>,
    ) -> Result<Duration, StoreError> {
        let begun = Instant::now();
        self.read_run(run, bytes);
        let waited = begun.elapsed();
        self.hand_out_read(ids, run, bytes, decoder, each)?;
        Ok(waited)
    }

    /// Reads a run in one piece. What cannot be read so is tried one by one, from other places too: then there are no
    /// bytes.
    fn read_run(&self, run: Run<'_>, bytes: &mut Vec<u8>) {
        let Some((first, _)) = run.first() else { return bytes.clear() };
        let end = run.iter().map(|(place, _)| u64::from(place.block) + u64::from(place.block_length)).max();
        let length = end.unwrap_or(0).saturating_sub(u64::from(first.block));
        let file = pack::file_name(&first.pack);
        if self.backend.read_range_into(&file, u64::from(first.block), length, bytes).is_err() {
            bytes.clear();
        }
    }

    #[expect(clippy::type_complexity, reason = "a closure with its arguments")]
    fn hand_out_read(
        &self,
        ids: &[ObjectId],
        run: Run<'_>,
        bytes: &[u8],
        decoder: &mut Decoder,
        each: &mut dyn FnMut(usize, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let start = run.first().map_or(0, |(first, _)| first.block);
        for same_block in run.chunk_by(|(one, _), (other, _)| one.block == other.block) {
            let (first, _) = &same_block[0];
            let (from, length) = ((first.block - start) as usize, first.block_length as usize);
            let block = bytes.get(from..from + length);
            let plain = block.and_then(|block| self.decode(first, block, decoder).ok()).unwrap_or_default();
            let mut proved: Option<&Location> = None;
            for (place, number) in same_block {
                let object = if proved == Some(place) {
                    // An id that stands several times is proved once.
                    let from = place.offset as usize;
                    plain.get(from..from + place.length as usize)
                } else {
                    self.prove(&ids[*number], place, plain).ok()
                };
                if let Some(object) = object {
                    proved = Some(place);
                    each(*number, object)?;
                } else {
                    each(*number, &self.get(&ids[*number])?)?;
                }
            }
        }
        Ok(())
    }
}
