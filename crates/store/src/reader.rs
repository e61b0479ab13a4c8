//! Objects out of a store: located, read in runs of neighbouring blocks, proved by their ids.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::object::object_id;
use crate::pack::{self, PackId};
use crate::store::{Inner, Store};
use crate::table::Location;
use crate::{ObjectId, ObjectReader, StoreError, ahead, block};

/// Blocks with a smaller gap between them are read at once.
const GAP: u64 = 64 * 1024;
/// At most so much is read at once.
const RUN: u64 = 4 * 1024 * 1024;
/// And at most so many blocks, however small they are.
const BLOCKS: usize = 32;
/// A place that takes longer for a run is read by several threads.
const SLOW: Duration = Duration::from_millis(5);
/// So many runs are read at the same time where each has to wait.
const AHEAD: usize = 4;
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
    fn decode<'a>(&self, location: &Location, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, StoreError> {
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
            let plain = Arc::new(self.decode(location, &bytes)?.into_owned());
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

        let runs = runs(&wanted);
        let Some((first, others)) = runs.split_first() else { return Ok(()) };
        let read = inner.read_run(ids, first);
        // Where reading is quick, threads would only push each other's bytes out of the processor's caches.
        let threads = if read.waited > SLOW { AHEAD } else { 1 };
        inner.hand_out(ids, first, &read, each)?;
        drop(read);
        let work = |run: &Run<'_>| inner.read_run(ids, run);
        ahead::in_order(others, threads, &work, &mut |run, read| inner.hand_out(ids, run, &read, each))
    }
}

/// Objects that are read together.
type Run<'a> = &'a [(Location, usize)];

/// Cuts what is wanted, in the order in which it is stored, into what is read at once.
fn runs(mut rest: Run<'_>) -> Vec<Run<'_>> {
    let mut runs = Vec::new();
    while let Some((first, _)) = rest.first() {
        let from = u64::from(first.block);
        let mut end = from + u64::from(first.block_length);
        let (mut count, mut blocks, mut plain, mut last) = (0, 0, 0, None);
        for (place, _) in rest {
            let place_end = u64::from(place.block) + u64::from(place.block_length);
            if last != Some(place.block) {
                last = Some(place.block);
                blocks += 1;
            }
            plain += u64::from(place.length);
            let fits = place.pack == first.pack
                && u64::from(place.block) <= end + GAP
                && place_end - from <= RUN
                && blocks <= BLOCKS
                && plain <= 2 * RUN;
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

/// What was read of a run.
struct RunRead {
    /// As it is stored.
    bytes: Vec<u8>,
    /// For the place.
    waited: Duration,
    blocks: Vec<RunBlock>,
}

/// A block of a run.
struct RunBlock {
    /// Its plain bytes, if they can be had.
    plain: Option<Plain>,
    /// For each object that is wanted of it, whether its bytes are what the id says.
    proved: Vec<bool>,
}

/// Plain bytes: here, or where they stand in what was read.
enum Plain {
    Own(Vec<u8>),
    Read(Range<usize>),
}

impl Inner {
    /// Reads a run in one piece, opens its blocks and proves what is wanted of them.
    fn read_run(&self, ids: &[ObjectId], run: Run<'_>) -> RunRead {
        let (start, file) = run.first().map_or_else(Default::default, |(first, _)| {
            let file = pack::file_name(&first.pack);
            (first.block, file)
        });
        let end = run.iter().map(|(place, _)| u64::from(place.block) + u64::from(place.block_length)).max();
        let length = end.unwrap_or(0).saturating_sub(u64::from(start));
        // What cannot be read in one piece is tried one by one, from other places too.
        let begun = Instant::now();
        let bytes = self.backend.read_range(&file, u64::from(start), length).unwrap_or_default();
        let waited = begun.elapsed();
        let blocks = run.chunk_by(|(one, _), (other, _)| one.block == other.block);
        let blocks = blocks
            .map(|same_block| {
                let (first, _) = &same_block[0];
                let (from, length) = ((first.block - start) as usize, first.block_length as usize);
                let block = bytes.get(from..from + length);
                let plain = block.and_then(|block| self.decode(first, block).ok());
                let mut proved: Vec<bool> = Vec::with_capacity(same_block.len());
                for (at, (place, number)) in same_block.iter().enumerate() {
                    // An id that stands several times is proved once.
                    let again = at > 0 && same_block[at - 1].0 == *place && proved[at - 1];
                    let is_right = |plain: &Cow<'_, [u8]>| again || self.prove(&ids[*number], place, plain).is_ok();
                    proved.push(plain.as_ref().is_some_and(is_right));
                }
                let plain = plain.map(|plain| match plain {
                    Cow::Owned(plain) => Plain::Own(plain),
                    // What is not compressed is the end of the block.
                    Cow::Borrowed(plain) => Plain::Read(from + length - plain.len()..from + length),
                });
                RunBlock { plain, proved }
            })
            .collect();
        RunRead { bytes, waited, blocks }
    }

    #[expect(clippy::type_complexity, reason = "a closure with its arguments")]
    fn hand_out(
        &self,
        ids: &[ObjectId],
        mut run: Run<'_>,
        read: &RunRead,
        each: &mut dyn FnMut(usize, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        for block in &read.blocks {
            let (same_block, others) = run.split_at(block.proved.len());
            run = others;
            let plain = match &block.plain {
                Some(Plain::Own(plain)) => plain.as_slice(),
                Some(Plain::Read(range)) => &read.bytes[range.clone()],
                None => &[],
            };
            for ((place, number), proved) in same_block.iter().zip(&block.proved) {
                let from = place.offset as usize;
                match plain.get(from..from + place.length as usize) {
                    Some(object) if *proved => each(*number, object)?,
                    _ => each(*number, &self.get(&ids[*number])?)?,
                }
            }
        }
        Ok(())
    }
}
