//! Blocks: adjacent objects of one kind, compressed together.

use std::borrow::Cow;

use zstd::zstd_safe::CParameter;

use crate::seal::Seal;
use crate::{ObjectId, ObjectKind};

/// Length of a block's header.
pub(crate) const HEADER: usize = 56;
/// A block is closed before it has more plain bytes than this: whoever wants one page decompresses them all.
const PLAIN: usize = 64 * 1024;
/// But not before it has so many objects: alone they compress badly.
const OBJECTS: usize = 4;
/// In any case it is closed before it has more plain bytes than this.
pub(crate) const MOST: usize = 256 * 1024;
/// What a block may have at most, sealed and with its table: one object of the largest size, with room for the rest.
pub(crate) const LARGEST: usize = crate::LARGEST_OBJECT + 64 * 1024 * 1024;
pub(crate) const MAGIC: &[u8; 4] = b"BLK1";
/// An entry of the table: id and length.
const ENTRY: usize = 36;

/// Objects on their way into a block.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    pub(crate) kind: ObjectKind,
    pub(crate) objects: Vec<(ObjectId, u32)>,
    /// The objects one after the other; borrowed where they stand so already.
    pub(crate) plain: Cow<'a, [u8]>,
}

impl Batch<'_> {
    /// Whether an object of this length belongs into the next block.
    pub(crate) fn is_full(&self, length: usize) -> bool {
        let bytes = self.plain.len() + length;
        bytes > MOST || (bytes > PLAIN && self.objects.len() >= OBJECTS)
    }
}

/// What the header of a block says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: ObjectKind,
    compressed: bool,
    pub(crate) count: usize,
    plain: usize,
    /// Bytes after the header.
    pub(crate) body: usize,
    digest: [u8; 32],
}

/// Compresses blocks one after the other, and remembers what is worth the while.
pub(crate) struct Encoder {
    compressor: zstd::bulk::Compressor<'static>,
    compressed: Vec<u8>,
    other: Vec<u8>,
    literals: Literals,
    /// Blocks until both ways are tried again.
    until_trial: u32,
    /// The last block did not become smaller; the next is tried in samples first.
    doubtful: bool,
}

/// Bytes that are tried of a doubtful block, in three places.
const SAMPLE: usize = 2 * 1024;

/// What does not repeat is left as it is, or is coded. Where most of a block are repetitions, as in pages of many databases,
/// the first makes hardly more of it and is a sixth quicker; of text it makes a fifth more, of words that never repeat
/// twice as much. Both find the same repetitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Literals {
    Plain,
    Coded,
}

impl Literals {
    /// Level 1 of zstd codes them when this is 0.
    fn target_length(self) -> u32 {
        match self {
            Self::Plain => 1,
            Self::Coded => 0,
        }
    }
}

/// Repetitions of at least so many bytes, found with a table of two to this power: of pages this makes a tenth less than what
/// level 1 has, and the table stays in the processor's first cache.
const MATCH: u32 = 5;
const HASH_LOG: u32 = 12;
/// Literals stay plain while that needs at most so many hundredths more.
const WORTH: usize = 15;
/// One block of so many is compressed both ways.
const TRIAL: u32 = 64;

impl Encoder {
    pub(crate) fn new() -> std::io::Result<Self> {
        let mut compressor = zstd::bulk::Compressor::new(1)?;
        compressor.set_parameter(CParameter::MinMatch(MATCH))?;
        compressor.set_parameter(CParameter::HashLog(HASH_LOG))?;
        // Ids prove the content; the frame need not.
        compressor.include_checksum(false)?;
        let (compressed, other) = (Vec::new(), Vec::new());
        Ok(Self { compressor, compressed, other, literals: Literals::Coded, until_trial: 0, doubtful: false })
    }

    /// Whether `plain` became smaller; the result is in `self.compressed`.
    fn compress(&mut self, plain: &[u8]) -> std::io::Result<bool> {
        if self.doubtful && plain.len() >= 8 * SAMPLE {
            let middle = plain.len() / 2;
            let sample = [&plain[..SAMPLE], &plain[middle..middle + SAMPLE], &plain[plain.len() - SAMPLE..]].concat();
            self.set_literals(Literals::Coded)?;
            if self.compress_once(&sample)? > sample.len() / 100 * 97 {
                return Ok(false);
            }
        }
        let size = if self.until_trial == 0 {
            self.until_trial = TRIAL;
            self.try_both(plain)?
        } else {
            self.until_trial -= 1;
            self.compress_once(plain)?
        };
        let smaller = size < plain.len() / 100 * 98;
        self.doubtful = !smaller;
        if self.doubtful {
            self.until_trial = 0;
        }
        Ok(smaller)
    }

    /// Compresses both ways and stays with the better.
    fn try_both(&mut self, plain: &[u8]) -> std::io::Result<usize> {
        self.set_literals(Literals::Plain)?;
        let quick = self.compress_once(plain)?;
        std::mem::swap(&mut self.compressed, &mut self.other);
        self.set_literals(Literals::Coded)?;
        let small = self.compress_once(plain)?;
        if quick > small + small / 100 * WORTH {
            return Ok(small);
        }
        std::mem::swap(&mut self.compressed, &mut self.other);
        self.set_literals(Literals::Plain)?;
        Ok(quick)
    }

    fn set_literals(&mut self, literals: Literals) -> std::io::Result<()> {
        if std::mem::replace(&mut self.literals, literals) == literals {
            Ok(())
        } else {
            self.compressor.set_parameter(CParameter::TargetLength(literals.target_length()))
        }
    }

    fn compress_once(&mut self, plain: &[u8]) -> std::io::Result<usize> {
        self.compressed.clear();
        self.compressed.reserve(zstd::zstd_safe::compress_bound(plain.len()));
        self.compressor.compress_to_buffer(plain, &mut self.compressed)
    }

    /// Appends the block to `out`.
    pub(crate) fn encode(&mut self, batch: &Batch<'_>, seal: Option<&Seal>, out: &mut Vec<u8>) -> std::io::Result<()> {
        let compressed = self.compress(&batch.plain)?;
        let body: &[u8] = if compressed { &self.compressed } else { &batch.plain };
        let table_length = batch.objects.len() * ENTRY;
        let sealed_length = table_length + body.len() + if seal.is_some() { crate::seal::OVERHEAD } else { 0 };
        let number = |value: usize| u32::try_from(value).expect("a block is far below 4 GiB").to_le_bytes();

        let mut head = [0; 24];
        head[..4].copy_from_slice(MAGIC);
        head[4] = u8::from(batch.kind == ObjectKind::Node);
        head[5] = u8::from(compressed);
        head[8..12].copy_from_slice(&number(batch.objects.len()));
        head[12..16].copy_from_slice(&number(batch.plain.len()));
        head[16..20].copy_from_slice(&number(sealed_length));
        let mut table = Vec::with_capacity(table_length);
        for (id, length) in &batch.objects {
            table.extend_from_slice(&id.0);
            table.extend_from_slice(&length.to_le_bytes());
        }

        out.reserve(HEADER + sealed_length);
        out.extend_from_slice(&head);
        if let Some(seal) = seal {
            out.extend_from_slice(&digest(&head, &[]));
            table.extend_from_slice(body);
            out.extend_from_slice(&seal.seal(&head, &table));
        } else {
            out.extend_from_slice(&digest(&head, &table));
            out.extend_from_slice(&table);
            out.extend_from_slice(body);
        }
        Ok(())
    }
}

/// Opens blocks one after the other, in memory that it keeps.
pub(crate) struct Decoder {
    decompressor: zstd::bulk::Decompressor<'static>,
    plain: Vec<u8>,
}

impl Decoder {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self { decompressor: zstd::bulk::Decompressor::new()?, plain: Vec::new() })
    }

    /// The plain bytes of a block's objects, one after the other. They are proved by the ids only.
    pub(crate) fn decode<'a>(&'a mut self, bytes: &'a [u8], opener: Option<&Seal>) -> Result<&'a [u8], &'static str> {
        let (header, _, body) = open(bytes, opener)?;
        if header.compressed {
            self.plain.clear();
            self.plain.reserve(header.plain);
            self.decompressor
                .decompress_to_buffer(&body, &mut self.plain)
                .map_err(|_| "has a block that cannot be decompressed")?;
            return if self.plain.len() == header.plain {
                Ok(&self.plain)
            } else {
                Err("has a block that cannot be decompressed")
            };
        }
        if body.len() != header.plain {
            return Err("has a block that is cut");
        }
        Ok(match body {
            Cow::Borrowed(plain) => plain,
            Cow::Owned(plain) => {
                self.plain = plain;
                &self.plain
            }
        })
    }
}

fn digest(head: &[u8], table: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(head).update(table);
    *hasher.finalize().as_bytes()
}

fn number(bytes: &[u8], at: usize) -> usize {
    let four = bytes[at..at + 4].first_chunk::<4>().expect("four bytes were taken");
    u32::from_le_bytes(*four) as usize
}

/// What these bytes say as a header; nothing is proved yet.
pub(crate) fn read_header(bytes: &[u8]) -> Option<Header> {
    let head = bytes.first_chunk::<HEADER>()?;
    let kind = match head[4] {
        0 => ObjectKind::Data,
        1 => ObjectKind::Node,
        _ => return None,
    };
    let header = Header {
        kind,
        compressed: head[5] == 1,
        count: number(head, 8),
        plain: number(head, 12),
        body: number(head, 16),
        digest: *head[24..].first_chunk().expect("the header has 32 more bytes"),
    };
    let fits = &head[..4] == MAGIC
        && head[5] <= 1
        && head[6..8] == [0; 2]
        && head[20..24] == [0; 4]
        && header.body <= LARGEST
        && header.plain <= crate::LARGEST_OBJECT.max(MOST)
        && header.count <= header.body / ENTRY;
    fits.then_some(header)
}

/// The objects that a block holds, by its table, which is proved by the header's digest.
pub(crate) fn read_table(bytes: &[u8], opener: Option<&Seal>) -> Result<Vec<(ObjectId, u32)>, &'static str> {
    let (header, table, _) = open(bytes, opener)?;
    entries(&header, &table)
}

/// Whether header and table are what was written, as far as that can be said without keys.
pub(crate) fn is_proved(bytes: &[u8], sealed: bool) -> bool {
    let Some(header) = read_header(bytes) else { return false };
    let table = if sealed { Some(&bytes[..0]) } else { bytes.get(HEADER..HEADER + header.count * ENTRY) };
    table.is_some_and(|table| digest(&bytes[..24], table) == header.digest)
}

type Opened<'a> = (Header, Cow<'a, [u8]>, Cow<'a, [u8]>);

fn open<'a>(bytes: &'a [u8], opener: Option<&Seal>) -> Result<Opened<'a>, &'static str> {
    let header = read_header(bytes).ok_or("has no block where one should be")?;
    if !is_proved(bytes, opener.is_some()) {
        return Err("has a block whose header was changed");
    }
    let body = bytes.get(HEADER..).filter(|body| body.len() == header.body).ok_or("has a block that is cut")?;
    let table_length = header.count * ENTRY;
    if let Some(opener) = opener {
        let mut plain = opener.open(&bytes[..24], body).ok_or("has a block that cannot be opened")?;
        if plain.len() < table_length {
            return Err("has a block that is cut");
        }
        let rest = plain.split_off(table_length);
        Ok((header, plain.into(), rest.into()))
    } else {
        let (table, rest) = body.split_at_checked(table_length).ok_or("has a block that is cut")?;
        Ok((header, table.into(), rest.into()))
    }
}

fn entries(header: &Header, table: &[u8]) -> Result<Vec<(ObjectId, u32)>, &'static str> {
    let (entries, _) = table.as_chunks::<ENTRY>();
    let mut objects = Vec::with_capacity(entries.len());
    let mut total = 0;
    for entry in entries {
        let id = *entry.first_chunk().expect("an entry begins with 32 bytes");
        let length = number(entry, 32);
        total += length;
        objects.push((ObjectId(id), u32::try_from(length).expect("it was a u32")));
    }
    if total == header.plain { Ok(objects) } else { Err("has a block whose lengths do not fit") }
}

#[cfg(test)]
mod tests {
    use super::{Batch, Encoder, Literals};
    use crate::ObjectKind;

    /// Digits of a generator that is no better than it must be.
    fn random(length: usize, letters: u8) -> Vec<u8> {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_le_bytes()[5]
        };
        std::iter::repeat_with(|| if letters == 0 { next() } else { b'a' + next() % letters }).take(length).collect()
    }

    /// Rows of a table: a number, and much that is the same in each.
    fn pages(length: usize) -> Vec<u8> {
        let row = |number: u32| [&number.to_le_bytes()[..], b"\x05\x00\x02\x09\x18\x00", &[b' '; 84]].concat();
        (0..).flat_map(row).take(length).collect()
    }

    #[test]
    fn literals_are_coded_where_that_is_worth_it() {
        for (what, plain, literals, most) in [
            ("pages", pages(65_536), Literals::Plain, 8_000),
            ("words that never repeat", random(65_536, 26), Literals::Coded, 42_000),
            ("what cannot be compressed", random(65_536, 0), Literals::Plain, 65_536),
        ] {
            let mut encoder = Encoder::new().unwrap();
            let mut out = Vec::new();
            let batch = Batch { kind: ObjectKind::Data, objects: Vec::new(), plain: plain.into() };
            encoder.encode(&batch, None, &mut out).unwrap();
            assert_eq!(encoder.literals, literals, "{what}");
            assert!(out.len() - super::HEADER <= most, "{what}: {}", out.len());
        }
    }
}
