//! The content of one file: read and cut when it is saved, found again when it is restored.

use std::io;
use std::ops::Range;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, SeekFrom};
use rustix::io::Errno;
use store::{ObjectId, ObjectReader};

use crate::TreeError;
use crate::chunking::{Chunks, CutError, Piece, SEGMENT_BYTES, Source, WHOLE_BYTES};
use crate::directory::put_node;
use crate::entry::{Body, Class, Entry, FILE_MAX, FileContent, Form};
use crate::metadata::{self, Attributes, FileStat, Identity};
use crate::node::{self, LIST_CHILDREN, ListItem};
use crate::save::entry_of;
use crate::sums::FileSums;
use crate::{digest, rules};

/// A file that is being saved.
pub struct OpenFile {
    file: OwnedFd,
    path: PathBuf,
    stat: FileStat,
    class: Class,
}

/// What became of a segment.
pub struct SegmentSummary {
    id: ListItem,
    digest: [u8; 32],
    pub read_bytes: u64,
}

impl OpenFile {
    /// `class` is how it must be cut, if that is known without its content. `None` when it is not a regular file.
    pub fn new(file: OwnedFd, class: Option<Class>, path: &Path) -> Result<Option<Self>, TreeError> {
        let stat = FileStat::from(rustix::fs::fstat(&file).map_err(TreeError::os("inspect", path))?);
        if stat.kind != FileType::RegularFile {
            return Ok(None);
        }
        if stat.identity.size > FILE_MAX {
            return Err(TreeError::os("save", path)(Errno::FBIG));
        }
        let mut open = Self { file, path: path.to_owned(), stat, class: Class::Whole };
        if open.size() >= WHOLE_BYTES {
            open.class = if let Some(class) = class {
                class
            } else {
                let mut head = [0u8; 32];
                open.read_exact_at(&mut head, 0).map_err(|error| open.read_error(error))?;
                rules::recognise(&head)
            };
        }
        Ok(Some(open))
    }

    pub fn size(&self) -> u64 {
        self.stat.identity.size
    }

    /// How it was when it was opened.
    pub fn stat(&self) -> FileStat {
        self.stat
    }

    /// How many segments it is cut in.
    pub fn segments(&self) -> u64 {
        self.size().div_ceil(SEGMENT_BYTES)
    }

    /// Reads all of a small file; whether it had the length that it should have.
    pub fn read_whole(&self, buffer: &mut [u8]) -> Result<bool, TreeError> {
        match self.read_exact_at(buffer, 0) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(TreeError::io("read", &self.path)(error)),
        }
    }

    /// How it is cut.
    pub fn class(&self) -> Class {
        self.class
    }

    /// Cuts and puts a segment, and its node.
    pub fn cut(
        &self,
        chunks: &Chunks<'_>,
        index: u64,
        buffer: &mut Vec<u8>,
        sums: Option<&FileSums>,
    ) -> Result<SegmentSummary, TreeError> {
        let offset = index * SEGMENT_BYTES;
        let length = (self.size() - offset).min(SEGMENT_BYTES);
        if self.class == Class::Whole {
            buffer.resize(length as usize, 0);
            if !self.read_whole(buffer)? {
                return Err(TreeError::Changed { path: self.path.clone() });
            }
            let (id, digest) = chunks.name(buffer);
            chunks.put(buffer, &[(id, 0..buffer.len())])?;
            return Ok(SegmentSummary { id: Some(id), digest, read_bytes: length });
        }
        let before = sums.map(|sums| sums.segment(index));
        let segment = match chunks.segment(self, self.class, offset, length, buffer, before) {
            Ok(segment) => segment,
            Err(CutError::Read(error)) => return Err(self.read_error(error)),
            Err(CutError::Store(error)) => return Err(error.into()),
        };
        if let Some(sums) = sums {
            sums.put(index, &segment.pieces, &segment.sums);
        }
        let id = if segment.pieces.iter().any(|piece| piece.id.is_some()) {
            Some(put_node(chunks.writer(), &node::encode_segment(&segment.pieces))?)
        } else {
            None
        };
        Ok(SegmentSummary { id, digest: segment.digest, read_bytes: segment.read_bytes })
    }

    /// The entry of the file, without its name; `None` when it changed while it was read.
    pub fn finish(
        &self,
        chunks: &Chunks<'_>,
        xattrs: Attributes,
        segments: &[SegmentSummary],
    ) -> Result<Option<(Entry, Identity)>, TreeError> {
        if !self.is_unchanged()? {
            return Ok(None);
        }
        let size = self.size();
        let (form, digest) = match (self.class, segments) {
            (_, []) => (Form::Empty, digest::chunk(&[])),
            (Class::Whole, [only, ..]) => (only.id.map_or(Form::Empty, Form::Data), only.digest),
            (class, _) => {
                let digest = digest::file(size, class, segments.iter().map(|segment| segment.digest));
                let mut items: Vec<ListItem> = segments.iter().map(|segment| segment.id).collect();
                let mut level = 0;
                while items.len() > 1 {
                    level += 1;
                    items = items
                        .chunks(LIST_CHILDREN as usize)
                        .map(|items| {
                            if items.iter().all(Option::is_none) {
                                return Ok(None);
                            }
                            put_node(chunks.writer(), &node::encode_list(level, items)).map(Some)
                        })
                        .collect::<Result<_, _>>()?;
                }
                let form = match items[0] {
                    None => Form::Zeros,
                    Some(id) if level == 0 => Form::Segment(id),
                    Some(id) => Form::List(id),
                };
                (form, digest)
            }
        };
        let sparse = self.class != Class::Whole && self.stat.allocated < size;
        let body = Body::File(FileContent { size, sparse, class: self.class, form, digest });
        Ok(Some((Entry { xattrs, ..entry_of(c"", &self.stat, None, body) }, self.stat.identity)))
    }

    /// Whether it is as it was when it was opened.
    pub fn is_unchanged(&self) -> Result<bool, TreeError> {
        let now = rustix::fs::fstat(&self.file).map_err(TreeError::os("inspect", &self.path))?;
        Ok(FileStat::from(now).identity == self.stat.identity)
    }

    /// Its extended attributes.
    pub fn xattrs(&self) -> Result<Attributes, TreeError> {
        metadata::xattrs(metadata::Place::Open(self.file.as_fd()))
            .map_err(TreeError::os("read the attributes of", &self.path))
    }

    fn read_error(&self, error: io::Error) -> TreeError {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            // It is shorter than it was a moment ago.
            TreeError::Changed { path: self.path.clone() }
        } else {
            TreeError::io("read", &self.path)(error)
        }
    }
}

impl Source for OpenFile {
    fn read_exact_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            match rustix::io::pread(&self.file, &mut *buffer, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    buffer = &mut buffer[count..];
                    offset += count as u64;
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn next_data(&self, offset: u64, end: u64) -> io::Result<Range<u64>> {
        if self.stat.allocated >= self.size() {
            // As many blocks as bytes: no hole is worth looking for.
            return Ok(offset..end);
        }
        match rustix::fs::seek(&self.file, SeekFrom::Data(offset)) {
            Ok(data) => {
                let hole = rustix::fs::seek(&self.file, SeekFrom::Hole(data))?;
                Ok(data..hole.max(data + 1))
            }
            // Nothing but a hole follows.
            Err(Errno::NXIO) => Ok(end..u64::MAX),
            // The file system does not tell.
            Err(Errno::INVAL | Errno::NOTSUP) => Ok(offset..end),
            Err(error) => Err(error.into()),
        }
    }
}

/// The segments of a stored file: a node for each, or `None` for zeros. A file of one chunk has none.
pub fn segments(file: &FileContent, reader: &dyn ObjectReader) -> Result<Vec<ListItem>, TreeError> {
    let count = file.size.div_ceil(SEGMENT_BYTES);
    let items = match file.form {
        Form::Empty | Form::Data(_) => return Ok(Vec::new()),
        Form::Segment(id) => vec![Some(id)],
        Form::Zeros => vec![None; usize::try_from(count).unwrap_or(usize::MAX)],
        Form::List(id) => {
            let mut items = Vec::new();
            expand(id, 3, count, &mut items, reader)?;
            items
        }
    };
    if items.len() as u64 == count { Ok(items) } else { Err(bad(file, "its segments are not as long as the file")) }
}

/// Appends the segments of a list, `left` of them at most; `below` bounds the levels.
fn expand(
    id: ObjectId,
    below: u8,
    left: u64,
    segments: &mut Vec<ListItem>,
    reader: &dyn ObjectReader,
) -> Result<(), TreeError> {
    let (level, items) = node::read_list(&id, reader)?;
    let bad = |problem| TreeError::BadNode { id, problem };
    if level > below {
        return Err(bad("a list is in a list of its own level"));
    }
    let span = LIST_CHILDREN.pow(u32::from(level) - 1);
    let end = segments.len() as u64 + left;
    for item in items {
        let left = end - segments.len() as u64;
        if left == 0 {
            return Err(bad("its segments are longer than the file"));
        }
        match item {
            Some(id) if level > 1 => expand(id, level - 1, left.min(span), segments, reader)?,
            Some(id) => segments.push(Some(id)),
            None => segments.extend((0..left.min(span)).map(|_| None)),
        }
    }
    Ok(())
}

/// The pieces of a stored segment of this length; zeros where `segment` is `None`.
pub fn pieces(segment: ListItem, length: u64, reader: &dyn ObjectReader) -> Result<Vec<Piece>, TreeError> {
    let Some(id) = segment else { return Ok(vec![Piece { length: length as u32, id: None }]) };
    let pieces = node::read_segment(&id, reader)?;
    if pieces.iter().map(|piece| u64::from(piece.length)).sum::<u64>() == length {
        Ok(pieces)
    } else {
        Err(TreeError::BadNode { id, problem: "its chunks are not as long as the segment" })
    }
}

/// Length of the segment at this index.
pub fn segment_length(size: u64, index: u64) -> u64 {
    (size - index * SEGMENT_BYTES).min(SEGMENT_BYTES)
}

fn bad(file: &FileContent, problem: &'static str) -> TreeError {
    TreeError::BadNode { id: file.form.child().unwrap_or(ObjectId([0; 32])), problem }
}
