//! One file that is being restored: made anew, written beside and renamed, or changed in place.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use store::{ObjectId, ObjectReader, StoreError};

use crate::TreeError;
use crate::chunking::SEGMENT_BYTES;
use crate::content;
use crate::entry::{FileContent, Form};
use crate::metadata::{self, FileStat, Identity};
use crate::node::ListItem;
use crate::restore::{FileJob, TEMPORARY};

/// How a file becomes what it should be.
pub enum How {
    /// Nothing is there.
    Create,
    /// What is there is replaced by a new file.
    Replace,
    /// What is there is known to have this content as long as it has this identity: only what differs is written.
    Patch(Box<FileContent>, Identity),
}

/// A file that is open for writing.
pub struct Target {
    file: OwnedFd,
    path: PathBuf,
    temporary: Option<String>,
    old: Option<FileContent>,
    sparse: bool,
    /// Whether all of it has its place on the disk: what is not written is zeros.
    reserved: bool,
}

/// A segment that has to be written.
pub struct SegmentWork {
    index: u64,
    length: u64,
    new: ListItem,
    /// What is there, if that is known: the segment and its length.
    old: Option<(ListItem, u64)>,
}

const FLAGS: OFlags = OFlags::WRONLY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Target {
    /// Opens a file of several chunks and gives it its length.
    pub fn open(job: &FileJob, root: &Path, reader: &dyn ObjectReader) -> Result<Self, TreeError> {
        let path = metadata::join(root, &job.path);
        let size = job.content().size;
        let sparse = job.content().sparse;
        if let How::Patch(old, identity) = &job.how
            && let Ok(file) = rustix::fs::openat(&job.directory, &job.name, FLAGS, Mode::empty())
            && rustix::fs::fstat(&file).is_ok_and(|stat| FileStat::from(stat).identity == *identity)
            // A store that has forgotten the old tree cannot say what the file contains.
            && content::segments(old, reader).is_ok()
        {
            if old.size != size {
                rustix::fs::ftruncate(&file, size).map_err(TreeError::os("resize", &path))?;
            }
            return Ok(Self { file, path, temporary: None, old: Some((**old).clone()), sparse, reserved: false });
        }
        let (file, temporary) = create(job, &path)?;
        let reserved = !sparse && reserve(&file, size).map_err(TreeError::os("resize", &path))?;
        if !reserved {
            rustix::fs::ftruncate(&file, size).map_err(TreeError::os("resize", &path))?;
        }
        Ok(Self { file, path, temporary, old: None, sparse, reserved })
    }

    pub fn is_patch(&self) -> bool {
        self.old.is_some()
    }

    /// The segments that have to be written.
    pub fn work(&self, content: &FileContent, reader: &dyn ObjectReader) -> Result<Vec<SegmentWork>, TreeError> {
        let old = match &self.old {
            None => None,
            Some(old) => Some((content::segments(old, reader)?, old.size)),
        };
        let mut work = Vec::new();
        for (index, new) in (0..).zip(content::segments(content, reader)?) {
            let length = content::segment_length(content.size, index);
            let old = old.as_ref().and_then(|(segments, size)| {
                let segment = segments.get(usize::try_from(index).ok()?)?;
                Some((*segment, content::segment_length(*size, index)))
            });
            // A fresh file is all zeros already; one that was longer than the old one is so at its end.
            let is_right = match old {
                Some(old) => old == (new, length),
                None => new.is_none() && self.sparse,
            };
            if !is_right {
                work.push(SegmentWork { index, length, new, old });
            }
        }
        Ok(work)
    }

    /// Writes what differs in a segment; returns how many bytes that was. `buffer` is for what is written together.
    pub fn write(&self, work: &SegmentWork, reader: &dyn ObjectReader, buffer: &mut Vec<u8>) -> Result<u64, TreeError> {
        let os = |error: Errno| TreeError::os("write", &self.path)(error);
        // If the store has not the old pieces any more, nothing is known of what is there, and all is written.
        let old = work.old.and_then(|(segment, length)| content::pieces(segment, length, reader).ok());
        let is_fresh = self.old.is_none();
        let mut old = old.unwrap_or_default().into_iter().peekable();
        let mut old_at = 0u64;
        let mut at = 0u64;
        let mut wanted: Vec<ObjectId> = Vec::new();
        let mut places: Vec<(u64, u32)> = Vec::new();
        for piece in content::pieces(work.new, work.length, reader)? {
            while let Some(before) = old.next_if(|before| old_at + u64::from(before.length) <= at) {
                old_at += u64::from(before.length);
            }
            let same = old_at == at && old.peek() == Some(&piece);
            let offset = work.index * SEGMENT_BYTES + at;
            at += u64::from(piece.length);
            if same {
                continue;
            }
            match piece.id {
                Some(id) => {
                    wanted.push(id);
                    places.push((offset, piece.length));
                }
                None if self.reserved => {}
                None => self.zero(offset, piece.length.into(), is_fresh).map_err(os)?,
            }
        }
        let mut written = 0;
        let mut run = Run::new(&self.file, buffer);
        get_many(reader, &wanted, |position, bytes| {
            let (offset, length) = places[position];
            if bytes.len() != length as usize {
                let problem = "a chunk has not the length that its segment says";
                return Err(TreeError::BadNode { id: wanted[position], problem });
            }
            written += u64::from(length);
            run.write(bytes, offset).map_err(TreeError::io("write", &self.path))
        })?;
        run.flush().map_err(TreeError::io("write", &self.path))?;
        Ok(written)
    }

    /// Makes a part of the file zeros: a hole in a sparse file, reserved space in another.
    #[cfg(target_os = "linux")]
    fn zero(&self, offset: u64, length: u64, is_fresh: bool) -> rustix::io::Result<()> {
        use rustix::fs::FallocateFlags;
        let flags = match (is_fresh, self.sparse) {
            (true, true) => return Ok(()),
            (true, false) => FallocateFlags::KEEP_SIZE,
            (false, true) => FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE,
            (false, false) => FallocateFlags::ZERO_RANGE | FallocateFlags::KEEP_SIZE,
        };
        match rustix::fs::fallocate(&self.file, flags, offset, length) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) if is_fresh => Ok(()),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => self.write_zeros(offset, length),
            result => result,
        }
    }

    /// Makes a part of the file zeros.
    #[cfg(not(target_os = "linux"))]
    fn zero(&self, offset: u64, length: u64, is_fresh: bool) -> rustix::io::Result<()> {
        if is_fresh { Ok(()) } else { self.write_zeros(offset, length) }
    }

    fn write_zeros(&self, mut offset: u64, length: u64) -> rustix::io::Result<()> {
        let zeros = [0u8; 8 << 10];
        let end = offset + length;
        while offset < end {
            let count = (end - offset).min(zeros.len() as u64) as usize;
            offset += rustix::io::pwrite(&self.file, &zeros[..count], offset)? as u64;
        }
        Ok(())
    }

    /// Gives the file its name and metadata, and says how it is then.
    pub fn finish(
        self,
        job: &FileJob,
        owner: Option<(u32, u32)>,
        refused: &mut Vec<String>,
    ) -> Result<FileStat, TreeError> {
        finish(&self.file, self.temporary.as_deref(), job, &self.path, owner, refused)
    }
}

/// Gives a new file its length and all of its place on the disk: one request costs half of what it costs to find a place for each
/// page when it is written, and a disk that is too small is found before. Whether the file system could.
#[cfg(target_os = "linux")]
fn reserve(file: &OwnedFd, size: u64) -> rustix::io::Result<bool> {
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, size) {
        Ok(()) => Ok(true),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Elsewhere the length has to do.
#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "the other one can fail")]
fn reserve(_: &OwnedFd, _: u64) -> rustix::io::Result<bool> {
    Ok(false)
}

/// Gathers chunks that are neighbours in a file: a system call for each costs more than to copy it.
struct Run<'a> {
    file: &'a OwnedFd,
    bytes: &'a mut Vec<u8>,
    /// Where the first of the bytes belongs.
    start: u64,
}

impl<'a> Run<'a> {
    /// It should stay in the processor's cache.
    const BYTES: usize = 512 << 10;

    /// From here on to copy costs more than the system call, and pages of the file that are written in two parts.
    const LARGE: usize = 256 << 10;

    fn new(file: &'a OwnedFd, bytes: &'a mut Vec<u8>) -> Self {
        bytes.clear();
        bytes.reserve(Self::BYTES);
        Self { file, bytes, start: 0 }
    }

    fn write(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let is_large = bytes.len() >= Self::LARGE;
        let follows = self.start + self.bytes.len() as u64 == offset;
        if is_large || !follows || self.bytes.len() + bytes.len() > Self::BYTES {
            self.flush()?;
            self.start = offset;
        }
        if is_large {
            return write_all_at(self.file, bytes, offset);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        write_all_at(self.file, self.bytes, self.start)?;
        self.start += self.bytes.len() as u64;
        self.bytes.clear();
        Ok(())
    }
}

/// Writes a file of one chunk.
pub fn write_whole(
    job: &FileJob,
    bytes: &[u8],
    root: &Path,
    owner: Option<(u32, u32)>,
    refused: &mut Vec<String>,
) -> Result<FileStat, TreeError> {
    let path = metadata::join(root, &job.path);
    if let Form::Data(id) = job.content().form
        && job.content().size != bytes.len() as u64
    {
        return Err(TreeError::BadNode { id, problem: "it has not the length of its file" });
    }
    let (file, temporary) = create(job, &path)?;
    write_all_at(&file, bytes, 0).map_err(TreeError::io("write", &path))?;
    finish(&file, temporary.as_deref(), job, &path, owner, refused)
}

/// Makes a new file; beside the one that is there, if it is to be replaced.
fn create(job: &FileJob, path: &Path) -> Result<(OwnedFd, Option<String>), TreeError> {
    let flags = FLAGS | OFlags::CREATE | OFlags::EXCL;
    let mode = Mode::from_raw_mode(job.entry.mode & 0o777 | 0o200);
    if matches!(job.how, How::Create) {
        let file = rustix::fs::openat(&job.directory, &job.name, flags, mode).map_err(TreeError::os("create", path))?;
        return Ok((file, None));
    }
    // Names in a directory differ, so do their digests.
    let name = format!("{TEMPORARY}{}", &blake3::hash(job.name.as_bytes()).to_hex()[..32]);
    let file = match rustix::fs::openat(&job.directory, &name, flags, mode) {
        Err(Errno::EXIST) => {
            rustix::fs::unlinkat(&job.directory, &name, rustix::fs::AtFlags::empty())
                .map_err(TreeError::os("remove", path))?;
            rustix::fs::openat(&job.directory, &name, flags, mode)
        }
        result => result,
    };
    Ok((file.map_err(TreeError::os("create", path))?, Some(name)))
}

fn finish(
    file: &OwnedFd,
    temporary: Option<&str>,
    job: &FileJob,
    path: &Path,
    owner: Option<(u32, u32)>,
    refused: &mut Vec<String>,
) -> Result<FileStat, TreeError> {
    // Renaming sets the change time, so it comes before the last look at the file.
    if let Some(temporary) = temporary {
        rustix::fs::renameat(&job.directory, temporary, &job.directory, &job.name)
            .map_err(TreeError::os("replace", path))?;
    }
    metadata::apply(file.as_fd(), &job.entry, owner, path, refused)
}

pub fn write_all_at(file: &OwnedFd, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::pwrite(file, bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                bytes = &bytes[count..];
                offset += count as u64;
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// [`ObjectReader::get_many`] for a closure with errors of this crate.
pub fn get_many(
    reader: &dyn ObjectReader,
    ids: &[ObjectId],
    mut each: impl FnMut(usize, &[u8]) -> Result<(), TreeError>,
) -> Result<(), TreeError> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut failure = None;
    let result = reader.get_many(ids, &mut |position, bytes| {
        each(position, bytes).map_err(|error| {
            let text = error.to_string();
            failure = Some(error);
            StoreError::other(text)
        })
    });
    match (failure, result) {
        (Some(error), _) => Err(error),
        (None, result) => result.map_err(TreeError::from),
    }
}
