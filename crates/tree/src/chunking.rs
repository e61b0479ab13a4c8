//! Files cut into chunks. Where chunks begin is part of the format: see `docs/formats/tree.md`.
//!
//! A file is cut in segments of 32 MiB, so that several threads can share one file. In a segment, *grains* (pages, or
//! 64 KiB) that are all zero are not stored; whether they were holes makes no difference. What lies between them is cut
//! into pages, or by content.

use std::io;
use std::ops::Range;

use fastcdc::v2020::FastCDC;
use store::{ObjectId, ObjectKind, ObjectWriter, StoreError};

use crate::digest::{self, SegmentDigest};
use crate::entry::Class;
use crate::sums::SegmentSums;

/// Files shorter than this are one chunk.
pub const WHOLE_BYTES: u64 = 64 << 10;

/// Bytes of a segment.
pub const SEGMENT_BYTES: u64 = 32 << 20;

/// Shortest, desired and longest chunk where content decides.
const CDC: (usize, usize, usize) = (16 << 10, 64 << 10, 256 << 10);

/// What is tested for zeros where content decides.
const GRAIN: u64 = 64 << 10;

/// How much is read at once: it should stay in the processor's cache.
const WINDOW: u64 = 256 << 10;

/// A part of a segment: a chunk, or zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Bytes.
    pub length: u32,
    /// The chunk; `None` are zeros.
    pub id: Option<ObjectId>,
}

/// What is cut.
pub trait Source: Sync {
    /// Fills the buffer from this position.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// The next bytes from `offset` that are not in a hole; begins at `end` or later when there are none.
    fn next_data(&self, offset: u64, end: u64) -> io::Result<Range<u64>>;
}

/// A segment that has been cut and put.
pub struct Segment {
    pub pieces: Vec<Piece>,
    /// Of its chunks, in order, if sums were asked for.
    pub sums: Vec<u128>,
    pub digest: [u8; 32],
    pub read_bytes: u64,
}

/// What can go wrong while a segment is cut.
pub enum CutError {
    Read(io::Error),
    Store(StoreError),
}

impl From<StoreError> for CutError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What the threads of one save share.
pub struct Chunks<'a> {
    writer: &'a dyn ObjectWriter,
    ids_are_digests: bool,
}

impl<'a> Chunks<'a> {
    pub fn new(writer: &'a dyn ObjectWriter) -> Self {
        Self { writer, ids_are_digests: digest::ids_are_digests(writer) }
    }

    /// Whether a chunk that is known by its id needs no digest: the id is one.
    pub fn ids_are_digests(&self) -> bool {
        self.ids_are_digests
    }

    pub fn writer(&self) -> &'a dyn ObjectWriter {
        self.writer
    }

    /// The id and the digest of one chunk.
    pub fn name(&self, bytes: &[u8]) -> (ObjectId, [u8; 32]) {
        let id = self.writer.id(ObjectKind::Data, bytes);
        (id, if self.ids_are_digests { id.0 } else { digest::chunk(bytes) })
    }

    /// Puts chunks, each a part of `bytes`, as neighbours.
    pub fn put(&self, bytes: &[u8], chunks: &[(ObjectId, Range<usize>)]) -> Result<(), StoreError> {
        self.writer.put_all(ObjectKind::Data, bytes, chunks)
    }

    /// Cuts one segment and puts its chunks, but for those that are what `before` says: they are in the store.
    pub fn segment(
        &self,
        source: &dyn Source,
        class: Class,
        offset: u64,
        length: u64,
        buffer: &mut Vec<u8>,
        before: Option<SegmentSums<'_>>,
    ) -> Result<Segment, CutError> {
        let (grain, paged) = match class {
            Class::Page(bytes) | Class::Recognised(bytes) => (u64::from(bytes), true),
            Class::Whole | Class::Cdc => (GRAIN, false),
        };
        let end = offset + length;
        let mut window = Window {
            chunks: self,
            buffer,
            before,
            at: 0,
            parts: Vec::new(),
            pieces: Vec::new(),
            sums: Vec::new(),
            digests: Vec::new(),
        };
        let most = WINDOW.max(grain);
        window.buffer.resize((most as usize) + CDC.2, 0);
        let mut extent = 0..0;
        let mut held = 0;
        let mut position = offset;
        let mut read_bytes = 0;
        while position < end {
            if position >= extent.end {
                extent = source.next_data(position, end).map_err(CutError::Read)?;
            }
            let zeros = if extent.start >= end {
                end - position
            } else {
                extent.start.saturating_sub(position) / grain * grain
            };
            if zeros > 0 {
                window.cut(0..held, true);
                window.zeros(zeros as u32);
                window.flush(held)?;
                held = 0;
                position += zeros;
                continue;
            }
            let data_end = (extent.end.min(end) - offset).div_ceil(grain) * grain + offset;
            let until = end.min(position + most).min(data_end);
            let filled = held + (until - position) as usize;
            source.read_exact_at(&mut window.buffer[held..filled], position).map_err(CutError::Read)?;
            read_bytes += until - position;
            position = until;
            let mut run = 0;
            let mut at = held;
            while at < filled {
                let next = filled.min(at + grain as usize);
                if is_zero(&window.buffer[at..next]) {
                    window.cut(run..at, true);
                    window.zeros((next - at) as u32);
                    run = next;
                } else if paged {
                    window.page(at..next);
                    run = next;
                }
                at = next;
            }
            let rest = window.cut(run..filled, position == end);
            held = filled - rest;
            window.flush(rest)?;
            window.buffer.copy_within(rest..filled, 0);
        }
        let Window { pieces, sums, digests, .. } = window;
        let mut digest = SegmentDigest::new();
        let mut digests = digests.iter();
        for piece in &pieces {
            let chunk = piece.id.and_then(|id| if self.ids_are_digests { Some(id.0) } else { digests.next().copied() });
            digest.add(piece.length, chunk.as_ref());
        }
        Ok(Segment { pieces, sums, digest: digest.finish(), read_bytes })
    }
}

/// A part of the window in which a segment is read.
enum Part {
    /// With its sum, if sums are asked for, and its id, if it is known.
    Chunk(Range<usize>, Option<u128>, Option<ObjectId>),
    Zeros(u32),
}

/// Where a segment is read and cut.
struct Window<'a> {
    chunks: &'a Chunks<'a>,
    buffer: &'a mut Vec<u8>,
    before: Option<SegmentSums<'a>>,
    /// Where in the segment the next part begins.
    at: u64,
    /// Parts that are found and not yet put.
    parts: Vec<Part>,
    pieces: Vec<Piece>,
    sums: Vec<u128>,
    digests: Vec<[u8; 32]>,
}

impl Window<'_> {
    fn zeros(&mut self, length: u32) {
        self.parts.push(Part::Zeros(length));
        self.at += u64::from(length);
    }

    /// A chunk whose length is given.
    fn page(&mut self, range: Range<usize>) {
        let bytes = &self.buffer[range.clone()];
        let sum = self.before.as_ref().map(|before| before.sum(bytes));
        let known = self.before.as_mut().zip(sum).and_then(|(before, sum)| before.known(self.at, bytes.len(), sum));
        self.at += bytes.len() as u64;
        self.parts.push(Part::Chunk(range, sum, known));
    }

    /// Cuts by content as far as it can be said where chunks end; returns where the rest begins.
    fn cut(&mut self, run: Range<usize>, all: bool) -> usize {
        let mut start = run.start;
        let cdc = FastCDC::new(&self.buffer[..run.end], CDC.0, CDC.1, CDC.2);
        while start < run.end && (all || run.end - start >= CDC.2) {
            let before = self.before.as_mut();
            let first = before.and_then(|before| before.first(self.at, &self.buffer[start..run.end], all));
            let (end, sum, known) = if let Some((length, sum, id)) = first {
                (start + length, Some(sum), Some(id))
            } else {
                let (_, end) = cdc.cut(start, run.end - start);
                (end, self.before.as_ref().map(|before| before.sum(&self.buffer[start..end])), None)
            };
            self.parts.push(Part::Chunk(start..end, sum, known));
            self.at += (end - start) as u64;
            start = end;
        }
        start
    }

    /// Puts the parts that are found.
    fn flush(&mut self, filled: usize) -> Result<(), StoreError> {
        let bytes = &self.buffer[..filled];
        let mut named = Vec::with_capacity(self.parts.len());
        for part in self.parts.drain(..) {
            match part {
                Part::Chunk(range, sum, known) => {
                    let chunk = &bytes[range.clone()];
                    self.sums.extend(sum);
                    let id = if let Some(id) = known {
                        id
                    } else {
                        let (id, digest) = self.chunks.name(chunk);
                        if !self.chunks.ids_are_digests {
                            self.digests.push(digest);
                        }
                        named.push((id, range));
                        id
                    };
                    self.pieces.push(Piece { length: chunk.len() as u32, id: Some(id) });
                }
                Part::Zeros(length) => match self.pieces.last_mut() {
                    Some(last) if last.id.is_none() => last.length += length,
                    _ => self.pieces.push(Piece { length, id: None }),
                },
            }
        }
        self.chunks.put(bytes, &named)
    }
}

/// Whether all bytes are zero; in blocks, so that it is vectorised and ends early.
fn is_zero(bytes: &[u8]) -> bool {
    bytes.first() == Some(&0) && bytes.chunks(1024).all(|block| block.iter().fold(0, |all, byte| all | byte) == 0)
}

/// The pieces of bytes in memory, one segment at most. For golden vectors.
pub fn cut_bytes(bytes: &[u8], class: Class, writer: &dyn ObjectWriter) -> Result<Vec<Piece>, StoreError> {
    struct Memory<'a>(&'a [u8]);
    impl Source for Memory<'_> {
        fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
            let offset = offset as usize;
            buffer.copy_from_slice(&self.0[offset..offset + buffer.len()]);
            Ok(())
        }

        fn next_data(&self, offset: u64, end: u64) -> io::Result<Range<u64>> {
            Ok(offset..end)
        }
    }
    let length = bytes.len().min(SEGMENT_BYTES as usize);
    match Chunks::new(writer).segment(&Memory(bytes), class, 0, length as u64, &mut Vec::new(), None) {
        Ok(segment) => Ok(segment.pieces),
        Err(CutError::Store(error)) => Err(error),
        Err(CutError::Read(error)) => Err(StoreError::other(error)),
    }
}
