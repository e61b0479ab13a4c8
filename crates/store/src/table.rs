//! A sorted table of objects in the cache: where each of them is. Made from fragments, never synced, proved when read.

use std::borrow::Cow;
use std::fs::{self, File};
use std::hash::Hasher;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use twox_hash::XxHash3_64;

use crate::pack::{PackContents, PackId};
use crate::{ObjectId, ObjectKind};

const MAGIC: &[u8; 8] = b"SEEDTAB2";
/// Magic, number of records, of packs, of bits, digest.
const HEADER: usize = 8 + 8 + 4 + 4 + 32;
const PACK: usize = 32 + 32 + 8;
const BUCKET: usize = 4 + 8;
const RECORD: usize = 52;
/// Room for the records of nearly every bucket.
const SPACE: usize = 96 * RECORD;
/// Tables of at most so many bytes of records keep those that were read: who saves or restores asks for neighbours.
const KEPT: u64 = 16 << 20;
/// Set in a record's length when the object is a node.
const NODE: u32 = 1 << 31;

/// Where an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) pack: PackId,
    pub(crate) salt: [u8; 32],
    pub(crate) block: u32,
    pub(crate) block_length: u32,
    pub(crate) kind: ObjectKind,
    /// Within the plain bytes of the block.
    pub(crate) offset: u32,
    pub(crate) length: u32,
}

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Record {
    pub(crate) id: ObjectId,
    /// Number of the pack in the table.
    pub(crate) pack: u32,
    block: u32,
    block_length: u32,
    offset: u32,
    /// With [`NODE`].
    length: u32,
}

impl Record {
    pub(crate) fn is_node(&self) -> bool {
        self.length & NODE != 0
    }

    pub(crate) fn length(&self) -> u32 {
        self.length & !NODE
    }

    fn to_bytes(self) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        bytes[..32].copy_from_slice(&self.id.0);
        for (at, value) in [self.pack, self.block, self.block_length, self.offset, self.length].into_iter().enumerate()
        {
            bytes[32 + at * 4..36 + at * 4].copy_from_slice(&value.to_le_bytes());
        }
        bytes
    }

    fn of_bytes(bytes: &[u8; RECORD]) -> Self {
        let id = *bytes.first_chunk().expect("a record begins with an id");
        let number = |at: usize| number(bytes, 32 + at * 4);
        Self {
            id: ObjectId(id),
            pack: number(0),
            block: number(1),
            block_length: number(2),
            offset: number(3),
            length: number(4),
        }
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..at + 4].first_chunk().expect("four bytes were taken"))
}

/// A pack as a table knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TablePack {
    pub(crate) id: PackId,
    pub(crate) salt: [u8; 32],
    pub(crate) length: u64,
}

/// An open table.
#[derive(Debug)]
pub(crate) struct Table {
    path: PathBuf,
    file: File,
    pub(crate) count: u64,
    bits: u32,
    pub(crate) packs: Vec<TablePack>,
    /// For each bucket the number of the record after its last, and its sum.
    buckets: Vec<(u32, u64)>,
    records_at: u64,
    /// The records of buckets that were read and proved, as far as there is room; empty where there is none.
    read: Vec<OnceLock<Box<[u8]>>>,
}

/// The records of these packs, sorted, their packs being numbered from 0.
pub(crate) fn records(packs: &[PackContents]) -> (Vec<TablePack>, Vec<Record>) {
    let mut records = Vec::new();
    for (number, pack) in (0..).zip(packs) {
        for block in &pack.blocks {
            let mut offset: u32 = 0;
            let node = if block.kind == ObjectKind::Node { NODE } else { 0 };
            for (id, length) in &block.objects {
                let (block, block_length) = (block.offset, block.length);
                records.push(Record { id: *id, pack: number, block, block_length, offset, length: length | node });
                offset = offset.saturating_add(*length);
            }
        }
    }
    records.sort_unstable();
    (packs.iter().map(|pack| TablePack { id: pack.id, salt: pack.salt, length: pack.length }).collect(), records)
}

/// Writes records that come sorted; `count` is how many at most.
pub(crate) fn write(
    path: &Path,
    packs: &[TablePack],
    count: u64,
    records: &mut dyn Iterator<Item = io::Result<Record>>,
) -> io::Result<()> {
    // About 32 records, 1.7 KB, are read for each look-up.
    let bits = (count / 32).max(1).ilog2().min(20);
    let mut buckets = vec![(0_u32, 0_u64); 1 << bits];
    let records_at = HEADER + packs.len() * PACK + buckets.len() * BUCKET;
    let mut file = BufWriter::with_capacity(256 * 1024, File::create_new(path)?);
    file.seek(SeekFrom::Start(records_at as u64))?;

    let (mut written, mut current, mut hasher) = (0_u32, 0_usize, XxHash3_64::new());
    for record in records {
        let record = record?;
        let bucket = bucket_of(&record.id, bits);
        if bucket < current {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "records are not sorted"));
        }
        while current < bucket {
            buckets[current] = (written, hasher.finish());
            hasher = XxHash3_64::new();
            current += 1;
        }
        let bytes = record.to_bytes();
        hasher.write(&bytes);
        file.write_all(&bytes)?;
        written = written.checked_add(1).ok_or_else(|| io::Error::other("more objects than a table can have"))?;
    }
    while current < buckets.len() {
        buckets[current] = (written, hasher.finish());
        hasher = XxHash3_64::new();
        current += 1;
    }

    let mut head = Vec::with_capacity(records_at);
    head.extend_from_slice(MAGIC);
    head.extend_from_slice(&u64::from(written).to_le_bytes());
    head.extend_from_slice(&u32::try_from(packs.len()).map_err(io::Error::other)?.to_le_bytes());
    head.extend_from_slice(&bits.to_le_bytes());
    let mut rest = Vec::with_capacity(records_at - HEADER);
    for pack in packs {
        rest.extend_from_slice(&pack.id.0);
        rest.extend_from_slice(&pack.salt);
        rest.extend_from_slice(&pack.length.to_le_bytes());
    }
    for (end, sum) in &buckets {
        rest.extend_from_slice(&end.to_le_bytes());
        rest.extend_from_slice(&sum.to_le_bytes());
    }
    head.extend_from_slice(&head_digest(&head, &rest));
    head.extend_from_slice(&rest);
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&head)?;
    file.flush()
}

fn head_digest(head: &[u8], rest: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(head).update(rest);
    *hasher.finalize().as_bytes()
}

fn bucket_of(id: &ObjectId, bits: u32) -> usize {
    let first = u32::from_be_bytes(*id.0.first_chunk().expect("an id has 32 bytes"));
    first.checked_shr(32 - bits).unwrap_or(0) as usize
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the table does not have the bytes that were written")
}

impl Table {
    /// Opens a table; `InvalidData` when its head is damaged.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut head = [0; HEADER];
        file.read_exact_at(&mut head, 0).map_err(|_| damaged())?;
        let count = u64::from_le_bytes(*head[8..16].first_chunk().expect("eight bytes were taken"));
        let (packs, bits) = (number(&head, 16) as usize, number(&head, 20));
        if !head.starts_with(MAGIC) || bits > 20 {
            return Err(damaged());
        }
        let records_at = HEADER + packs * PACK + (1 << bits) * BUCKET;
        if length != records_at as u64 + count.saturating_mul(RECORD as u64) {
            return Err(damaged());
        }
        let mut rest = vec![0; records_at - HEADER];
        file.read_exact_at(&mut rest, HEADER as u64)?;
        if head_digest(&head[..24], &rest) != head[24..] {
            return Err(damaged());
        }
        let (pack_bytes, bucket_bytes) = rest.split_at(packs * PACK);
        let packs = pack_bytes.as_chunks::<PACK>().0.iter().map(|bytes| TablePack {
            id: ObjectId(*bytes.first_chunk().expect("32 of 72 bytes")),
            salt: *bytes[32..].first_chunk().expect("32 of 40 bytes"),
            length: u64::from_le_bytes(*bytes[64..].first_chunk().expect("the last 8 bytes")),
        });
        let buckets =
            bucket_bytes.as_chunks::<BUCKET>().0.iter().map(|bytes| {
                (number(bytes, 0), u64::from_le_bytes(*bytes[4..].first_chunk().expect("the last 8 bytes")))
            });
        let (packs, buckets) = (packs.collect(), buckets.collect());
        let kept = if count * RECORD as u64 <= KEPT { 1 << bits } else { 0 };
        let read = std::iter::repeat_with(OnceLock::new).take(kept).collect();
        Ok(Self { path: path.to_owned(), file, count, bits, packs, buckets, records_at: records_at as u64, read })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// All places of an object that this table knows. `InvalidData` when the table is damaged there.
    pub(crate) fn find(&self, id: &ObjectId) -> io::Result<Vec<Location>> {
        let mut space = [0; SPACE];
        let (_, records) = self.read_bucket(bucket_of(id, self.bits), &mut space)?;
        let (records, _) = records.as_chunks::<RECORD>();
        let first = records.partition_point(|record| record[..32] < id.0[..]);
        records[first..]
            .iter()
            .take_while(|record| record[..32] == id.0[..])
            .map(|bytes| self.location(&Record::of_bytes(bytes)))
            .collect()
    }

    /// The number of the first record of an object, and the record.
    pub(crate) fn position(&self, id: &ObjectId) -> io::Result<Option<(u64, Record)>> {
        let mut space = [0; SPACE];
        let (start, records) = self.read_bucket(bucket_of(id, self.bits), &mut space)?;
        let (records, _) = records.as_chunks::<RECORD>();
        let first = records.partition_point(|record| record[..32] < id.0[..]);
        let found = records.get(first).map(Record::of_bytes).filter(|record| record.id == *id);
        Ok(found.map(|record| (start + first as u64, record)))
    }

    /// The number of the first record of a bucket, and its records, in `space` if they have room there.
    fn read_bucket<'a>(&'a self, bucket: usize, space: &'a mut [u8; SPACE]) -> io::Result<(u64, Cow<'a, [u8]>)> {
        let start = if bucket == 0 { 0 } else { self.buckets[bucket - 1].0 };
        let kept = self.read.get(bucket);
        if let Some(bytes) = kept.and_then(OnceLock::get) {
            return Ok((u64::from(start), Cow::Borrowed(bytes)));
        }
        let (end, sum) = self.buckets[bucket];
        let length = end.checked_sub(start).ok_or_else(damaged)? as usize * RECORD;
        let at = self.records_at + u64::from(start) * RECORD as u64;
        let bytes = if let Some(space) = space.get_mut(..length) {
            self.file.read_exact_at(space, at)?;
            Cow::Borrowed(&*space)
        } else {
            let mut bytes = vec![0; length];
            self.file.read_exact_at(&mut bytes, at)?;
            Cow::Owned(bytes)
        };
        // It tells what was damaged, not what was forged: whoever can write here can write anything.
        if XxHash3_64::oneshot(&bytes) != sum {
            return Err(damaged());
        }
        if let Some(kept) = kept {
            kept.get_or_init(|| (*bytes).into());
        }
        Ok((u64::from(start), bytes))
    }

    pub(crate) fn location(&self, record: &Record) -> io::Result<Location> {
        let pack = self.packs.get(record.pack as usize).ok_or_else(damaged)?;
        Ok(Location {
            pack: pack.id,
            salt: pack.salt,
            block: record.block,
            block_length: record.block_length,
            kind: if record.is_node() { ObjectKind::Node } else { ObjectKind::Data },
            offset: record.offset,
            length: record.length(),
        })
    }

    /// All records in their order, bucket by bucket, each proved.
    pub(crate) fn records(&self) -> impl Iterator<Item = io::Result<Record>> {
        (0..self.buckets.len()).flat_map(|bucket| match self.read_bucket(bucket, &mut [0; SPACE]) {
            Ok((_, bytes)) => bytes.as_chunks::<RECORD>().0.iter().map(|bytes| Ok(Record::of_bytes(bytes))).collect(),
            Err(error) => vec![Err(error)],
        })
    }

    /// Merges tables into one.
    pub(crate) fn merge(tables: &[&Self], path: &Path) -> io::Result<()> {
        let mut packs: Vec<TablePack> = Vec::new();
        let mut numbers: std::collections::HashMap<PackId, u32> = std::collections::HashMap::new();
        let mut inputs = Vec::new();
        for table in tables {
            let mut renumbered = Vec::new();
            for pack in &table.packs {
                let next = u32::try_from(packs.len()).map_err(io::Error::other)?;
                let number = *numbers.entry(pack.id).or_insert_with(|| {
                    packs.push(*pack);
                    next
                });
                renumbered.push(number);
            }
            let input = table.records().map(move |record| {
                let mut record = record?;
                record.pack = *renumbered.get(record.pack as usize).ok_or_else(damaged)?;
                Ok(record)
            });
            inputs.push(input.peekable());
        }
        let count = tables.iter().map(|table| table.count).sum();
        let mut last = None;
        let mut merged = std::iter::from_fn(|| {
            loop {
                let mut smallest: Option<(usize, Record)> = None;
                for (number, input) in inputs.iter_mut().enumerate() {
                    match input.peek() {
                        Some(Ok(record)) if smallest.is_none_or(|(_, other)| *record < other) => {
                            smallest = Some((number, *record));
                        }
                        Some(Err(_)) => return input.next(),
                        _ => {}
                    }
                }
                let (number, record) = smallest?;
                inputs[number].next();
                // A pack can stand in several fragments.
                if last != Some(record) {
                    last = Some(record);
                    return Some(Ok(record));
                }
            }
        });
        write(path, &packs, count, &mut merged)
    }

    /// Removes the file; those who have it open can go on.
    pub(crate) fn remove(path: &Path) {
        let _ = fs::remove_file(path);
    }
}
