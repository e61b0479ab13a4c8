//! Sums of chunks: what each chunk of a large file was when it was last saved, so that a chunk that is the same needs no digest.
//!
//! One file for each large file of a directory, beside the stat cache. Like that it is a hint: what is damaged counts as
//! absent, and a failure to write it is no failure of the save.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use store::{ObjectId, ObjectWriter};
use twox_hash::XxHash3_128;

use crate::chunking::{Piece, SEGMENT_BYTES};
use crate::codec::Decoder;
use crate::entry::Class;

const MAGIC: &[u8; 16] = b"seedbed sums 1\n\0";
/// Magic, secret, key, bytes of a page, child, digest.
const HEAD: usize = 16 + SECRET + 32 + 4 + 32 + 16;
/// Where the first segment stands.
const SLOTS_AT: u64 = 4096;
const SECRET: usize = 192;
/// Before the pieces of a segment: their length and their digest.
const FRAME_HEAD: usize = 20;
/// A piece: its length, the id and the sum of a chunk.
const PIECE: usize = 4 + 32 + 16;
/// Set in the length of a piece that is a chunk; others are zeros.
const CHUNK: u32 = 1 << 31;

/// What goes into sums, so that nobody who writes files can know which bytes have equal ones.
pub type Secret = [u8; SECRET];

/// The sums of a directory: one file for each large file.
pub struct Directory {
    path: PathBuf,
    /// Names of those whose files are there.
    seen: HashSet<[u8; 16]>,
}

impl Directory {
    /// Beside this stat cache.
    pub fn new(cache: &Path) -> Self {
        let mut path = cache.as_os_str().to_owned();
        path.push(".sums");
        Self { path: path.into(), seen: HashSet::new() }
    }

    /// What is remembered of a large file stays remembered.
    pub fn see(&mut self, path: &[u8]) {
        self.seen.insert(name(path));
    }

    /// What is remembered of a file that is about to be read, and the place for what it is now.
    pub fn of(&self, path: &[u8], class: Class, writer: &dyn ObjectWriter) -> Option<FileSums> {
        FileSums::open(&self.file(&name(path)), class, writer)
    }

    fn file(&self, name: &[u8; 16]) -> PathBuf {
        self.path.join(format!("{:032x}", u128::from_be_bytes(*name)))
    }

    /// Forgets files that are not there any more.
    pub fn finish(self) {
        let Ok(entries) = fs::read_dir(&self.path) else { return };
        let wanted: HashSet<PathBuf> = self.seen.iter().map(|name| self.file(name)).collect();
        for entry in entries.flatten().filter(|entry| !wanted.contains(&entry.path())) {
            // If it stays, the next save tries again.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn name(path: &[u8]) -> [u8; 16] {
    *blake3::hash(path).as_bytes().first_chunk().expect("a digest has 32 bytes")
}

/// The sums of one file: as they were, if they are known, and as they become.
pub struct FileSums {
    known: Option<Sums>,
    new: SumsWriter,
}

impl FileSums {
    fn open(path: &Path, class: Class, writer: &dyn ObjectWriter) -> Option<Self> {
        let known = Sums::open(path, class).filter(|known| writer.contains(&known.child).unwrap_or(false));
        let secret = match &known {
            Some(known) => known.secret,
            None => random()?,
        };
        Some(Self { known, new: SumsWriter::create(path, class, secret)? })
    }

    /// What is remembered of a segment.
    pub fn segment(&self, index: u64) -> SegmentSums<'_> {
        let pieces = self.known.as_ref().and_then(|known| known.segment(index)).unwrap_or_default();
        SegmentSums { secret: &self.new.secret, pieces, next: 0 }
    }

    /// Remembers a segment; `sums` are those of its chunks in order.
    pub fn put(&self, index: u64, pieces: &[Piece], sums: &[u128]) {
        // A segment that is not remembered is read as the first time.
        let _ = self.new.put(index, pieces, sums);
    }

    /// The file has been saved; `child` is the object that has its chunks.
    pub fn finish(self, child: &ObjectId) {
        self.new.finish(child);
    }
}

/// A piece of a segment as it was.
#[derive(Debug, Clone, Copy)]
struct Known {
    at: u32,
    length: u32,
    id: ObjectId,
    sum: u128,
    /// Zeros or the end followed: where this chunk ends may be due to that.
    is_last: bool,
}

/// A segment as it was, in step with how it is cut now.
pub struct SegmentSums<'a> {
    secret: &'a Secret,
    pieces: Vec<Known>,
    next: usize,
}

impl SegmentSums<'_> {
    /// The sum of a chunk.
    pub fn sum(&self, bytes: &[u8]) -> u128 {
        XxHash3_128::oneshot_with_secret(self.secret, bytes).expect("the secret is long enough")
    }

    /// The chunk that began at this place of the segment; places are asked for in order.
    fn find(&mut self, at: u64) -> Option<Known> {
        while self.pieces.get(self.next).is_some_and(|piece| u64::from(piece.at) < at) {
            self.next += 1;
        }
        self.pieces.get(self.next).filter(|piece| u64::from(piece.at) == at).copied()
    }

    /// The id of the chunk that is all of `bytes` and has this sum, if it is the one that was there.
    pub fn known(&mut self, at: u64, length: usize, sum: u128) -> Option<ObjectId> {
        self.find(at).filter(|piece| piece.length as usize == length && piece.sum == sum).map(|piece| piece.id)
    }

    /// Length, sum and id of the chunk with which `bytes` begin, if it is the one that was there and would be cut so again.
    /// `all`: `bytes` are followed by zeros or nothing.
    pub fn first(&mut self, at: u64, bytes: &[u8], all: bool) -> Option<(usize, u128, ObjectId)> {
        let piece = self.find(at)?;
        let length = piece.length as usize;
        let chunk = bytes.get(..length)?;
        // Where content decides, it is the content up to the cut, unless the data ended there.
        if piece.is_last && !(all && length == bytes.len()) {
            return None;
        }
        (self.sum(chunk) == piece.sum).then_some((length, piece.sum, piece.id))
    }
}

/// What is remembered of a file.
struct Sums {
    file: File,
    secret: Secret,
    key: [u8; 32],
    class: Class,
    child: ObjectId,
}

impl Sums {
    fn open(path: &Path, class: Class) -> Option<Self> {
        let file = File::open(path).ok()?;
        let mut head = [0; HEAD];
        file.read_exact_at(&mut head, 0).ok()?;
        let (rest, digest) = head.split_last_chunk::<16>()?;
        if blake3::hash(rest).as_bytes()[..16] != *digest {
            return None;
        }
        let mut decoder = Decoder::new(rest);
        let magic: [u8; 16] = decoder.array().ok()?;
        let (secret, key) = (decoder.array().ok()?, decoder.array().ok()?);
        let page = u32::from_le_bytes(decoder.array().ok()?);
        let child = ObjectId(decoder.array().ok()?);
        (magic == *MAGIC && page == page_bytes(class)).then_some(Self { file, secret, key, class, child })
    }

    fn segment(&self, index: u64) -> Option<Vec<Known>> {
        let at = slot_at(self.class, index);
        let mut head = [0; FRAME_HEAD];
        self.file.read_exact_at(&mut head, at).ok()?;
        let (length, digest) = head.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        if length > slot_bytes(self.class) - FRAME_HEAD {
            return None;
        }
        let mut frame = vec![0; length];
        self.file.read_exact_at(&mut frame, at + FRAME_HEAD as u64).ok()?;
        if frame_digest(&self.key, index, &frame) != *digest {
            return None;
        }
        let mut decoder = Decoder::new(&frame);
        let mut pieces: Vec<Known> = Vec::with_capacity(length / PIECE);
        let mut position = 0;
        let mut after_zeros = true;
        while decoder.left() > 0 {
            let length = u32::from_le_bytes(decoder.array().ok()?);
            let is_chunk = length & CHUNK != 0;
            let length = length & !CHUNK;
            if is_chunk {
                let (id, sum) = (ObjectId(decoder.array().ok()?), u128::from_le_bytes(decoder.array().ok()?));
                pieces.push(Known { at: position, length, id, sum, is_last: true });
            }
            if is_chunk && !after_zeros && pieces.len() > 1 {
                let before = pieces.len() - 2;
                pieces[before].is_last = false;
            }
            after_zeros = !is_chunk;
            position = position.checked_add(length)?;
        }
        Some(pieces)
    }
}

/// Writes what is to be remembered of a file beside what is.
struct SumsWriter {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
    class: Class,
    secret: Secret,
    /// Binds segments to this file: what an older one left on the disk does not fit.
    key: [u8; 32],
}

impl SumsWriter {
    fn create(path: &Path, class: Class, secret: Secret) -> Option<Self> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(format!(".{}.new", std::process::id()));
        let temporary = PathBuf::from(temporary);
        let file = match File::create(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir(path.parent()?).ok()?;
                File::create(&temporary).ok()?
            }
            result => result.ok()?,
        };
        Some(Self { file, temporary, path: path.to_owned(), class, secret, key: random()? })
    }

    fn put(&self, index: u64, pieces: &[Piece], sums: &[u128]) -> io::Result<()> {
        let mut frame = Vec::with_capacity(FRAME_HEAD + pieces.len() * PIECE);
        frame.resize(FRAME_HEAD, 0);
        let mut sums = sums.iter();
        for piece in pieces {
            match (piece.id, piece.id.and_then(|_| sums.next())) {
                (Some(id), Some(sum)) => {
                    frame.extend_from_slice(&(piece.length | CHUNK).to_le_bytes());
                    frame.extend_from_slice(&id.0);
                    frame.extend_from_slice(&sum.to_le_bytes());
                }
                _ => frame.extend_from_slice(&piece.length.to_le_bytes()),
            }
        }
        if frame.len() > slot_bytes(self.class) {
            return Ok(());
        }
        let digest = frame_digest(&self.key, index, &frame[FRAME_HEAD..]);
        let length = (frame.len() - FRAME_HEAD) as u32;
        frame[..4].copy_from_slice(&length.to_le_bytes());
        frame[4..FRAME_HEAD].copy_from_slice(&digest);
        self.file.write_all_at(&frame, slot_at(self.class, index))
    }

    fn finish(self, child: &ObjectId) {
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&self.secret);
        head.extend_from_slice(&self.key);
        head.extend_from_slice(&page_bytes(self.class).to_le_bytes());
        head.extend_from_slice(&child.0);
        let digest = blake3::hash(&head);
        head.extend_from_slice(&digest.as_bytes()[..16]);
        // If this fails, the older one stays: it is still true of what it says.
        let _ = self.file.write_all_at(&head, 0).and_then(|()| fs::rename(&self.temporary, &self.path));
    }
}

impl Drop for SumsWriter {
    fn drop(&mut self) {
        // After `finish` it is not there any more; else nothing is to be kept of it.
        let _ = fs::remove_file(&self.temporary);
    }
}

fn page_bytes(class: Class) -> u32 {
    match class {
        Class::Whole | Class::Cdc => 0,
        Class::Page(bytes) | Class::Recognised(bytes) => bytes,
    }
}

/// Room for a segment: a hole where it is not used.
fn slot_bytes(class: Class) -> usize {
    let pieces = match page_bytes(class) {
        // Chunks of 16 KiB and more, each run may end with a shorter one, and there are as many runs of zeros.
        0 => 3072,
        bytes => (SEGMENT_BYTES / u64::from(bytes)) as usize,
    };
    (FRAME_HEAD + pieces * PIECE).next_multiple_of(4096)
}

fn slot_at(class: Class, index: u64) -> u64 {
    SLOTS_AT + index * slot_bytes(class) as u64
}

fn frame_digest(key: &[u8; 32], index: u64, frame: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(&index.to_le_bytes()).update(frame);
    *hasher.finalize().as_bytes().first_chunk().expect("a digest has 32 bytes")
}

fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}
