//! The stat cache: which content the files of a directory had when they were last saved or restored.
//!
//! A file of records in the order in which the directory is walked, so that it is merged with a walk and never held in
//! memory. It is a hint: whatever is damaged in it counts as absent.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use store::ObjectId;

use crate::TreeError;
use crate::codec::{Decoder, Malformed, put_bytes, put_number, put_signed};
use crate::entry::{self, Entry, Timestamp};
use crate::metadata::Identity;

const MAGIC: &[u8; 16] = b"seedbed stats 1\n";
const FRAME_BYTES: usize = 64 << 10;
/// A frame is written when it is full; an entry with its attributes may make it longer.
const FRAME_MOST: usize = 16 << 20;
/// More roots than a chain of partial restores has.
pub const ROOTS: usize = 16;

/// A file and what it contained.
#[derive(Debug, Clone)]
pub struct Remembered {
    pub identity: Identity,
    pub entry: Entry,
}

/// One record.
#[derive(Debug, Clone)]
enum Record {
    Enter(Vec<u8>),
    File(Box<Remembered>),
    Leave,
}

/// Reads a cache in step with a walk.
pub struct StatCache {
    file: Option<BufReader<File>>,
    roots: Vec<ObjectId>,
    frame: Vec<u8>,
    position: usize,
    next: Option<Record>,
    /// Directories that the walk has entered and the cache does not have.
    missing: usize,
}

impl StatCache {
    /// Remembers nothing.
    pub fn empty() -> Self {
        Self { file: None, roots: Vec::new(), frame: Vec::new(), position: 0, next: None, missing: 0 }
    }

    /// Opens a cache; one that is absent or damaged is empty.
    pub fn open(path: &Path) -> Self {
        let file = File::open(path).ok().map(|file| BufReader::with_capacity(FRAME_BYTES * 2, file));
        let mut cache = Self { file, ..Self::empty() };
        let header = cache.read_frame().and_then(|()| {
            let (magic, ids) = cache.frame.split_first_chunk::<16>()?;
            let (ids, rest) = ids.as_chunks::<32>();
            (magic == MAGIC && rest.is_empty()).then(|| ids.iter().copied().map(ObjectId).collect())
        });
        match header {
            Some(roots) => cache.roots = roots,
            None => cache.file = None,
        }
        cache.position = cache.frame.len();
        cache.advance();
        cache
    }

    /// Trees that between them have all contents that are remembered.
    pub fn roots(&self) -> &[ObjectId] {
        &self.roots
    }

    /// What is remembered of a file in the directory that the walk is in. Names are asked for in order.
    pub fn find(&mut self, name: &[u8]) -> Option<Remembered> {
        if self.missing > 0 {
            return None;
        }
        loop {
            match &self.next {
                Some(Record::File(file)) if file.entry.name.as_slice() == name => {
                    let Some(Record::File(file)) = self.next.take() else { return None };
                    self.advance();
                    return Some(*file);
                }
                Some(Record::File(file)) if file.entry.name.as_slice() < name => self.advance(),
                Some(Record::Enter(directory)) if directory.as_slice() < name => self.skip_directory(),
                _ => return None,
            }
        }
    }

    /// The walk enters a directory.
    pub fn enter(&mut self, name: &[u8]) {
        if self.missing == 0 {
            loop {
                match &self.next {
                    Some(Record::File(file)) if file.entry.name.as_slice() <= name => self.advance(),
                    Some(Record::Enter(directory)) if directory.as_slice() < name => self.skip_directory(),
                    Some(Record::Enter(directory)) if directory.as_slice() == name => {
                        self.advance();
                        return;
                    }
                    _ => break,
                }
            }
        }
        self.missing += 1;
    }

    /// The walk leaves a directory that it has entered.
    pub fn leave(&mut self) {
        if self.missing > 0 {
            self.missing -= 1;
            return;
        }
        loop {
            match &self.next {
                Some(Record::Leave) => return self.advance(),
                Some(Record::Enter(_)) => self.skip_directory(),
                Some(Record::File(_)) => self.advance(),
                None => return,
            }
        }
    }

    /// Copies what is remembered of an entry, or of all that is in it.
    pub fn copy(&mut self, name: &[u8], to: &mut StatCacheWriter) -> Result<(), TreeError> {
        if let Some(file) = self.find(name) {
            return to.file(&file.identity, &file.entry);
        }
        if self.missing > 0 || !matches!(&self.next, Some(Record::Enter(directory)) if directory == name) {
            return Ok(());
        }
        let mut depth = 0usize;
        loop {
            match self.next.take() {
                Some(Record::Enter(name)) => {
                    depth += 1;
                    to.enter(&name)?;
                }
                Some(Record::File(file)) => to.file(&file.identity, &file.entry)?,
                Some(Record::Leave) => {
                    depth -= 1;
                    to.leave()?;
                }
                // Damage further on: what was entered is left, so that the copy is well formed.
                None => {
                    for _ in 0..depth {
                        to.leave()?;
                    }
                    return Ok(());
                }
            }
            self.advance();
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn skip_directory(&mut self) {
        let mut depth = 0usize;
        loop {
            match self.next {
                Some(Record::Enter(_)) => depth += 1,
                Some(Record::Leave) => depth -= 1,
                Some(Record::File(_)) => {}
                None => return,
            }
            self.advance();
            if depth == 0 {
                return;
            }
        }
    }

    fn advance(&mut self) {
        self.next = None;
        if self.position >= self.frame.len() {
            if self.file.is_none() || self.read_frame().is_none() {
                self.file = None;
                self.frame.clear();
                return;
            }
            self.position = 0;
        }
        let mut decoder = Decoder::new(&self.frame[self.position..]);
        if let Ok(record) = decode(&mut decoder) {
            self.position = self.frame.len() - decoder.left();
            self.next = Some(record);
        } else {
            self.file = None;
            self.frame.clear();
            self.position = 0;
        }
    }

    /// Reads a frame and checks it.
    fn read_frame(&mut self) -> Option<()> {
        let file = self.file.as_mut()?;
        let mut head = [0u8; 20];
        file.read_exact(&mut head).ok()?;
        let (length, digest) = head.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        if length > FRAME_MOST {
            return None;
        }
        self.frame.resize(length, 0);
        file.read_exact(&mut self.frame).ok()?;
        (blake3::hash(&self.frame).as_bytes()[..16] == *digest).then_some(())
    }
}

fn decode(decoder: &mut Decoder<'_>) -> Result<Record, Malformed> {
    match decoder.byte()? {
        0 => Ok(Record::Enter(decoder.bytes()?.to_vec())),
        1 => {
            let identity = Identity {
                device: decoder.number()?,
                inode: decoder.number()?,
                size: decoder.number()?,
                mtime: Timestamp { seconds: decoder.signed()?, nanoseconds: decoder.small()? },
                ctime: Timestamp { seconds: decoder.signed()?, nanoseconds: decoder.small()? },
            };
            let child = match decoder.byte()? {
                0 => None,
                _ => Some(ObjectId(decoder.array()?)),
            };
            let entry = entry::decode(decoder, &mut child.as_slice().iter())?;
            Ok(Record::File(Box::new(Remembered { identity, entry })))
        }
        2 => Ok(Record::Leave),
        _ => Err("a record is unknown"),
    }
}

/// Writes a new cache beside the old one, which it replaces at the end.
pub struct StatCacheWriter {
    file: BufWriter<File>,
    temporary: PathBuf,
    path: PathBuf,
    frame: Vec<u8>,
    children: Vec<ObjectId>,
}

impl StatCacheWriter {
    pub fn create(path: &Path) -> Result<Self, TreeError> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(format!(".{}.new", std::process::id()));
        let temporary = PathBuf::from(temporary);
        let mut file = File::create(&temporary).map_err(TreeError::io("create", &temporary))?;
        // The header is written last, when the root is known.
        file.write_all(&[0; HEADER_BYTES]).map_err(TreeError::io("write", &temporary))?;
        Ok(Self {
            file: BufWriter::with_capacity(FRAME_BYTES * 2, file),
            temporary,
            path: path.to_owned(),
            frame: Vec::with_capacity(FRAME_BYTES * 2),
            children: Vec::new(),
        })
    }

    pub fn enter(&mut self, name: &[u8]) -> Result<(), TreeError> {
        self.frame.push(0);
        put_bytes(&mut self.frame, name);
        self.end_record()
    }

    pub fn file(&mut self, identity: &Identity, entry: &Entry) -> Result<(), TreeError> {
        self.frame.push(1);
        for number in [identity.device, identity.inode, identity.size] {
            put_number(&mut self.frame, number);
        }
        for time in [identity.mtime, identity.ctime] {
            put_signed(&mut self.frame, time.seconds);
            put_number(&mut self.frame, time.nanoseconds.into());
        }
        match entry.child() {
            None => self.frame.push(0),
            Some(id) => {
                self.frame.push(1);
                self.frame.extend_from_slice(&id.0);
            }
        }
        entry::encode(entry, &mut self.frame, &mut self.children);
        self.children.clear();
        self.end_record()
    }

    pub fn leave(&mut self) -> Result<(), TreeError> {
        self.frame.push(2);
        self.end_record()
    }

    fn end_record(&mut self) -> Result<(), TreeError> {
        if self.frame.len() < FRAME_BYTES { Ok(()) } else { self.write_frame() }
    }

    fn write_frame(&mut self) -> Result<(), TreeError> {
        if !self.frame.is_empty() {
            let head = frame_head(&self.frame);
            self.file
                .write_all(&head)
                .and_then(|()| self.file.write_all(&self.frame))
                .map_err(TreeError::io("write", &self.temporary))?;
            self.frame.clear();
        }
        Ok(())
    }

    /// Replaces the cache. `roots` are trees that between them have all contents that are remembered.
    pub fn finish(mut self, roots: &[ObjectId]) -> Result<(), TreeError> {
        self.write_frame()?;
        let mut header = MAGIC.to_vec();
        // The header has a fixed length: a root that is named twice does no harm.
        for index in 0..ROOTS {
            let root = roots.get(index).or(roots.last()).copied().unwrap_or(ObjectId([0; 32]));
            header.extend_from_slice(&root.0);
        }
        let header = [&frame_head(&header)[..], &header].concat();
        self.file
            .flush()
            .and_then(|()| self.file.get_ref().write_all_at(&header, 0))
            .map_err(TreeError::io("write", &self.temporary))?;
        fs::rename(&self.temporary, &self.path).map_err(TreeError::io("replace", &self.path))
    }
}

const HEADER_BYTES: usize = 20 + 16 + 32 * ROOTS;

fn frame_head(frame: &[u8]) -> [u8; 20] {
    let mut head = [0u8; 20];
    head[..4].copy_from_slice(&(frame.len() as u32).to_le_bytes());
    head[4..].copy_from_slice(&blake3::hash(frame).as_bytes()[..16]);
    head
}

impl Drop for StatCacheWriter {
    fn drop(&mut self) {
        // After `finish` it is not there any more; else nothing is to be kept of it.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// When a walk began, and from which modification time on a file may be modified again without that being seen.
#[derive(Debug, Clone, Copy)]
pub struct Racy {
    from: Timestamp,
}

impl Racy {
    /// `fine`: the file system's times are fine-grained and of this machine's clock.
    pub fn now(fine: bool) -> Self {
        let window = if fine { Duration::from_millis(100) } else { Duration::from_secs(2) };
        let from = (SystemTime::now() - window).duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { from: Timestamp { seconds: from.as_secs().cast_signed(), nanoseconds: from.subsec_nanos() } }
    }

    /// Whether what was read of the file may be replaced within the same tick of the file system's clock.
    pub fn concerns(&self, identity: &Identity) -> bool {
        // A modification time that was set by hand shows any later modification: `mtime` then becomes the present.
        identity.mtime >= self.from && identity.ctime >= self.from
    }
}
