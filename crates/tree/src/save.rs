//! A directory becomes a tree of objects.
//!
//! The walk makes items in the order of the tree. When a window of them is full, the files among them are read and cut
//! by a few threads, and then the items become entries of directories. So memory holds a window, not the tree.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::ops::{ControlFlow, Range};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use store::{ObjectId, ObjectWriter};

use crate::chunking::{Chunks, WHOLE_BYTES};
use crate::content::{OpenFile, SegmentSummary};
use crate::digest::DirectoryDigest;
use crate::directory::{DirectoryBuilder, put_node};
use crate::entry::{Body, Class, Entry, FileContent, Form, HoleReason};
use crate::metadata::{self, FileStat, Identity};
use crate::names;
use crate::node::RootNode;
use crate::owners::Owners;
use crate::rules::{Place, Rules, Selection};
use crate::stat_cache::{Racy, StatCache, StatCacheWriter};
use crate::sums::{self, FileSums};
use crate::{TreeError, journal, parallel};

/// Directories in each other, at most: each is open while the walk is in it.
pub const DEPTH: usize = 400;

/// What ends a window.
const WINDOW_ITEMS: usize = 8192;
const WINDOW_BYTES: u64 = 64 << 20;
const WINDOW_DIRECTORIES: usize = 128;

/// Files from this size on are read by several threads, segment by segment.
const SHARED_BYTES: u64 = 1 << 20;

/// Files and bytes that one thread reads at a time.
const BATCH_FILES: usize = 64;
const BATCH_BYTES: u64 = 1 << 20;

/// How often something is read that changes meanwhile.
const ATTEMPTS: usize = 3;

/// A directory or file as it was saved.
#[derive(Debug, Clone)]
pub struct Saved {
    /// The root node.
    pub root: ObjectId,
    /// Digest of names, kinds, modes, link targets and contents, in hexadecimal digits: equal for equal files on any
    /// machine and in any store. Times, owners, extended attributes and hard links are not in it.
    pub content: String,
    /// How many entries there are, the root not counted.
    pub entries: u64,
    /// Bytes of all files together.
    pub bytes: u64,
    /// Bytes that had to be read.
    pub read_bytes: u64,
    /// What is not in the tree, and why.
    pub holes: Vec<Hole>,
}

/// Something that is not in the tree.
#[derive(Debug, Clone)]
pub struct Hole {
    /// The path below the root.
    pub path: PathBuf,
    /// Why it is not there.
    pub why: HoleReason,
    /// What the system said, if it said something.
    pub detail: String,
}

/// How far a save or restore is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Entries that are done.
    pub entries: u64,
    /// Bytes of files that are done, whether or not they had to be read or written.
    pub bytes: u64,
    /// Bytes that were read (by a save) or written (by a restore).
    pub moved_bytes: u64,
}

/// Is told how far a save or restore is, and says whether it goes on; if not, that ends with [`TreeError::Interrupted`].
/// Called from several threads.
pub type Watch<'a> = dyn Fn(Progress) -> ControlFlow<()> + Sync + 'a;

/// Nobody watches, and it goes on to its end.
pub fn unwatched(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Tells it who watches.
pub(crate) fn tell(watch: &Watch<'_>, progress: Progress) -> Result<(), TreeError> {
    if watch(progress).is_break() { Err(TreeError::Interrupted) } else { Ok(()) }
}

/// Saves a directory. Sockets are left out and named as holes; whatever else cannot be saved is an error, or a hole
/// where the rules allow holes. `cache` is the stat cache of this directory; it is made when it is not there.
pub fn save(
    root: &Path,
    rules: &Rules,
    cache: &Path,
    writer: &dyn ObjectWriter,
    progress: &Watch<'_>,
) -> Result<Saved, TreeError> {
    let selection = Selection::new(rules)?;
    let mut attempt = 1;
    loop {
        match Save::new(root, &selection, cache, writer, progress)?.run() {
            Err(TreeError::Changed { .. }) if attempt < ATTEMPTS => attempt += 1,
            result => return result,
        }
    }
}

/// Saves one file, such as a dump, as a tree whose root is that file.
pub fn save_file(path: &Path, writer: &dyn ObjectWriter, progress: &Watch<'_>) -> Result<Saved, TreeError> {
    let chunks = Chunks::new(writer);
    let moved = AtomicU64::new(0);
    let so_far = |moved| Progress { entries: 0, bytes: moved, moved_bytes: moved };
    for _ in 0..ATTEMPTS {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(TreeError::os("open", path))?;
        let Some(open) = OpenFile::new(file, None, path)? else { continue };
        let segments: Vec<u64> = (0..open.segments()).collect();
        let results = parallel::run(&segments, open.size(), |index, buffer: &mut Vec<u8>| {
            tell(progress, so_far(moved.load(Ordering::Relaxed)))?;
            let summary = open.cut(&chunks, *index, buffer, None)?;
            let moved = moved.fetch_add(summary.read_bytes, Ordering::Relaxed) + summary.read_bytes;
            tell(progress, so_far(moved))?;
            Ok(summary)
        });
        let summaries = results.into_iter().collect::<Result<Vec<_>, TreeError>>()?;
        let Some((entry, _)) = open.finish(&chunks, Vec::new(), &summaries)? else { continue };
        let mut owners = Owners::default();
        owners.see(entry.uid, entry.gid);
        let (content, bytes) = (entry.digest(), open.size());
        let root = RootNode {
            entry,
            entries: 0,
            bytes,
            users: Owners::named(&owners.users),
            groups: Owners::named(&owners.groups),
        };
        return Ok(Saved {
            root: put_node(writer, &root.encode())?,
            content: blake3::Hash::from_bytes(content).to_hex().to_string(),
            entries: 0,
            bytes,
            read_bytes: moved.load(Ordering::Relaxed),
            holes: Vec::new(),
        });
    }
    Err(TreeError::Changed { path: path.to_owned() })
}

/// A step of the walk, in the order of the tree.
enum Item {
    Enter { entry: Entry, wanted: bool },
    Leave { directory: Arc<OwnedFd>, stat: FileStat, path: Vec<u8> },
    Ready { entry: Entry, identity: Option<Identity> },
    Read(FileJob),
}

/// A file that has to be read.
struct FileJob {
    directory: Arc<OwnedFd>,
    name: CString,
    path: Vec<u8>,
    class: Option<Class>,
    size: u64,
    link: Option<u64>,
}

/// What became of a file that had to be read.
enum Outcome {
    Entry(Box<Entry>, Identity),
    Hole(HoleReason, String),
}

/// What a thread does at a time.
enum Work {
    Batch(Vec<usize>),
    Segment { file: usize, index: u64 },
}

/// What it returns.
enum Done {
    Batch(Vec<(usize, Result<Outcome, TreeError>)>),
    Segment { file: usize, summary: Result<SegmentSummary, TreeError> },
}

/// A directory whose entries are being added.
struct OpenDirectory {
    entry: Entry,
    wanted: bool,
    builder: DirectoryBuilder,
}

struct Save<'a> {
    root: &'a Path,
    selection: &'a Selection,
    chunks: Chunks<'a>,
    progress: &'a Watch<'a>,
    cache: StatCache,
    /// Whether the store has all contents that the cache remembers.
    trusted: bool,
    new_cache: StatCacheWriter,
    sums: sums::Directory,
    racy: Racy,
    items: Vec<Item>,
    window_bytes: u64,
    window_directories: usize,
    stack: Vec<OpenDirectory>,
    links: HashMap<(u64, u64), u64>,
    owners: Owners,
    holes: Vec<Hole>,
    entries: u64,
    bytes: u64,
    read_bytes: AtomicU64,
    finished: Option<Entry>,
}

impl<'a> Save<'a> {
    fn new(
        root: &'a Path,
        selection: &'a Selection,
        cache: &Path,
        writer: &'a dyn ObjectWriter,
        progress: &'a Watch<'a>,
    ) -> Result<Self, TreeError> {
        let new_cache = StatCacheWriter::create(cache)?;
        let sums = sums::Directory::new(cache);
        let cache = if journal::is_doubtful(cache) { StatCache::empty() } else { StatCache::open(cache) };
        let mut trusted = true;
        for root in cache.roots() {
            trusted = trusted && writer.contains(root)?;
        }
        Ok(Self {
            root,
            selection,
            chunks: Chunks::new(writer),
            progress,
            cache,
            trusted,
            new_cache,
            sums,
            racy: Racy::now(false),
            items: Vec::new(),
            window_bytes: 0,
            window_directories: 0,
            stack: Vec::new(),
            links: HashMap::new(),
            owners: Owners::default(),
            holes: Vec::new(),
            entries: 0,
            bytes: 0,
            read_bytes: AtomicU64::new(0),
            finished: None,
        })
    }

    fn run(mut self) -> Result<Saved, TreeError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory =
            rustix::fs::openat(CWD, self.root, flags, Mode::empty()).map_err(TreeError::os("open", self.root))?;
        self.racy = Racy::now(metadata::has_fine_times(&directory));
        let stat = FileStat::from(rustix::fs::fstat(&directory).map_err(TreeError::os("inspect", self.root))?);
        let entry = Self::directory_entry(Vec::new(), &directory, &stat, self.root)?;
        let wanted = self.selection.includes(b"");
        self.items.push(Item::Enter { entry, wanted });
        self.directory(Arc::new(directory), stat, &mut Vec::new(), Place::Outside, wanted, 0)?;
        self.flush()?;
        let entry = self.finished.take().expect("the last item leaves the root");
        let mut content = DirectoryDigest::new();
        content.add(&entry);
        let root = RootNode {
            entry,
            entries: self.entries,
            bytes: self.bytes,
            users: Owners::named(&self.owners.users),
            groups: Owners::named(&self.owners.groups),
        };
        let root = put_node(self.chunks.writer(), &root.encode())?;
        self.new_cache.finish(&[root])?;
        self.sums.finish();
        Ok(Saved {
            root,
            content: blake3::Hash::from_bytes(content.finish()).to_hex().to_string(),
            entries: self.entries,
            bytes: self.bytes,
            read_bytes: self.read_bytes.into_inner(),
            holes: self.holes,
        })
    }

    /// Walks a directory that is open; `path` is its path and is as before when it returns.
    fn directory(
        &mut self,
        directory: Arc<OwnedFd>,
        stat: FileStat,
        path: &mut Vec<u8>,
        place: Place,
        wanted: bool,
        depth: usize,
    ) -> Result<(), TreeError> {
        if depth > DEPTH {
            return Err(TreeError::TooDeep { path: metadata::join(self.root, path), limit: DEPTH });
        }
        self.window_directories += 1;
        let names = names::sorted(&directory)
            .map_err(|error| TreeError::os("list", &metadata::join(self.root, path))(error))?;
        let place = place.refine(|name| names.binary_search_by(|other| other.as_bytes().cmp(name)).is_ok());
        let length = path.len();
        for name in &names {
            if length > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(name.as_bytes());
            self.entry(&directory, &stat, name, path, place, wanted, depth)?;
            path.truncate(length);
        }
        self.items.push(Item::Leave { directory, stat, path: path.clone() });
        self.end_item()
    }

    #[allow(clippy::too_many_arguments)] // The state of a walk, of which each part changes on its own.
    fn entry(
        &mut self,
        directory: &Arc<OwnedFd>,
        parent: &FileStat,
        name: &CStr,
        path: &mut Vec<u8>,
        place: Place,
        wanted: bool,
        depth: usize,
    ) -> Result<(), TreeError> {
        if self.selection.excludes(path) {
            return Ok(());
        }
        let stat = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => FileStat::from(stat),
            // It was there a moment ago: that the directory has changed is found when it is left.
            Err(rustix::io::Errno::NOENT) => return Ok(()),
            Err(error) => return Err(TreeError::os("inspect", &metadata::join(self.root, path))(error)),
        };
        let wanted = wanted || self.selection.includes(path);
        if stat.kind == FileType::Directory {
            return self.subdirectory(directory, parent, name, stat, path, place, wanted, depth);
        }
        if !wanted {
            return Ok(());
        }
        let link = (stat.links > 1).then(|| {
            // The first path of a file names its group, so that it is the same on another machine.
            *self.links.entry((stat.identity.device, stat.identity.inode)).or_insert_with(|| {
                let digest = blake3::hash(path);
                u64::from_le_bytes(*digest.as_bytes().first_chunk().expect("a digest has 32 bytes"))
            })
        });
        if stat.kind == FileType::RegularFile {
            return self.file(directory, name, &stat, path, place, link);
        }
        let full = || metadata::join(self.root, path);
        let body = match stat.kind {
            FileType::Symlink => Body::Symlink(
                rustix::fs::readlinkat(directory, name, Vec::new())
                    .map_err(|error| TreeError::os("read the link", &full())(error))?
                    .into_bytes(),
            ),
            FileType::Fifo => Body::Fifo,
            FileType::Socket => {
                self.hole(path, HoleReason::Socket, String::new());
                return Ok(());
            }
            _ if self.selection.allow_holes => {
                self.hole(path, HoleReason::Device, String::new());
                Body::Hole(HoleReason::Device)
            }
            _ => return Err(TreeError::Device { path: full() }),
        };
        let mut entry = entry_of(name, &stat, link, body);
        if !matches!(entry.body, Body::Hole(_)) {
            let path = full();
            entry.xattrs =
                metadata::xattrs(metadata::Place::At(&path)).map_err(TreeError::os("read the attributes of", &path))?;
        }
        self.items.push(Item::Ready { entry, identity: None });
        self.end_item()
    }

    #[allow(clippy::too_many_arguments)] // The state of a walk, of which each part changes on its own.
    fn subdirectory(
        &mut self,
        directory: &Arc<OwnedFd>,
        parent: &FileStat,
        name: &CStr,
        stat: FileStat,
        path: &mut Vec<u8>,
        place: Place,
        wanted: bool,
        depth: usize,
    ) -> Result<(), TreeError> {
        let full = metadata::join(self.root, path);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = rustix::fs::openat(directory, name, flags, Mode::empty());
        let child = match open {
            Ok(child) => child,
            Err(error) if self.selection.allow_holes => {
                self.hole(path, HoleReason::Unreadable, error.to_string());
                let body = Body::Hole(HoleReason::Unreadable);
                self.items.push(Item::Ready { entry: entry_of(name, &stat, None, body), identity: None });
                return self.end_item();
            }
            Err(error) => return Err(TreeError::os("open", &full)(error)),
        };
        let stat = FileStat::from(rustix::fs::fstat(&child).map_err(TreeError::os("inspect", &full))?);
        let entry = Self::directory_entry(name.to_bytes().to_vec(), &child, &stat, &full)?;
        self.items.push(Item::Enter { entry, wanted });
        let child = Arc::new(child);
        if self.selection.one_file_system && stat.identity.device != parent.identity.device {
            self.items.push(Item::Leave { directory: child, stat, path: path.clone() });
            return self.end_item();
        }
        self.cache.enter(name.to_bytes());
        self.directory(child, stat, path, place.below(name.to_bytes()), wanted, depth + 1)?;
        self.cache.leave();
        Ok(())
    }

    fn file(
        &mut self,
        directory: &Arc<OwnedFd>,
        name: &CStr,
        stat: &FileStat,
        path: &[u8],
        place: Place,
        link: Option<u64>,
    ) -> Result<(), TreeError> {
        let class = self.selection.class(path, name.to_bytes(), place);
        if stat.identity.size >= SHARED_BYTES {
            self.sums.see(path);
        }
        if let Some(known) = self.cache.find(name.to_bytes())
            && known.identity == stat.identity
            && is_cut_as(&known.entry, class)
            && (self.trusted || self.is_stored(&known.entry)?)
        {
            let mut entry = known.entry;
            entry.link = link;
            self.items.push(Item::Ready { entry, identity: Some(stat.identity) });
            return self.end_item();
        }
        self.window_bytes += stat.identity.size;
        self.items.push(Item::Read(FileJob {
            directory: Arc::clone(directory),
            name: name.to_owned(),
            path: path.to_vec(),
            class,
            size: stat.identity.size,
            link,
        }));
        self.end_item()
    }

    fn is_stored(&self, entry: &Entry) -> Result<bool, TreeError> {
        Ok(match entry.child() {
            None => true,
            Some(id) => self.chunks.writer().contains(&id)?,
        })
    }

    fn directory_entry(name: Vec<u8>, directory: &OwnedFd, stat: &FileStat, path: &Path) -> Result<Entry, TreeError> {
        let xattrs = metadata::xattrs(metadata::Place::Open(directory.as_fd()))
            .map_err(TreeError::os("read the attributes of", path))?;
        // Node and digest are known when the directory is left.
        let body = Body::Directory { node: ObjectId([0; 32]), digest: [0; 32] };
        Ok(Entry { name, xattrs, ..entry_of(c"", stat, None, body) })
    }

    fn hole(&mut self, path: &[u8], why: HoleReason, detail: String) {
        self.holes.push(Hole { path: metadata::join(Path::new(""), path), why, detail });
    }

    fn end_item(&mut self) -> Result<(), TreeError> {
        let full = self.items.len() >= WINDOW_ITEMS
            || self.window_bytes >= WINDOW_BYTES
            || self.window_directories >= WINDOW_DIRECTORIES;
        if full { self.flush() } else { Ok(()) }
    }

    /// Reads what the window has to be read, and adds its items to their directories.
    fn flush(&mut self) -> Result<(), TreeError> {
        let items = std::mem::take(&mut self.items);
        let mut outcomes = self.read(&items);
        self.window_bytes = 0;
        self.window_directories = 0;
        for (index, item) in items.into_iter().enumerate() {
            match item {
                Item::Enter { entry, wanted } => {
                    if !entry.name.is_empty() {
                        self.new_cache.enter(&entry.name)?;
                    }
                    self.stack.push(OpenDirectory { entry, wanted, builder: DirectoryBuilder::new() });
                }
                Item::Leave { directory, stat, path } => self.leave(&directory, &stat, &path)?,
                Item::Ready { entry, identity } => self.add(&entry, identity)?,
                Item::Read(job) => match outcomes.remove(&index).expect("every file of the window has been read")? {
                    Outcome::Entry(mut entry, identity) => {
                        entry.link = job.link;
                        self.add(&entry, Some(identity))?;
                    }
                    Outcome::Hole(why, detail) => {
                        self.hole(&job.path, why, detail);
                        let body = Body::Hole(why);
                        let stat = rustix::fs::statat(&job.directory, &job.name, AtFlags::SYMLINK_NOFOLLOW);
                        if let Ok(stat) = stat {
                            self.add(&entry_of(&job.name, &stat.into(), None, body), None)?;
                        }
                    }
                },
            }
        }
        self.count_read(0)
    }

    fn add(&mut self, entry: &Entry, identity: Option<Identity>) -> Result<(), TreeError> {
        self.entries += 1;
        self.owners.see(entry.uid, entry.gid);
        if let Body::File(file) = &entry.body {
            self.bytes += file.size;
        }
        if let Some(identity) = identity.filter(|identity| !self.racy.concerns(identity)) {
            self.new_cache.file(&identity, entry)?;
        }
        let parent = self.stack.last_mut().expect("an entry is in a directory");
        parent.builder.add(entry, self.chunks.writer())?;
        Ok(())
    }

    fn leave(&mut self, directory: &OwnedFd, stat: &FileStat, path: &[u8]) -> Result<(), TreeError> {
        let full = metadata::join(self.root, path);
        let now = FileStat::from(rustix::fs::fstat(directory).map_err(TreeError::os("inspect", &full))?);
        if (now.identity.mtime, now.identity.ctime) != (stat.identity.mtime, stat.identity.ctime) {
            if !self.selection.allow_holes {
                return Err(TreeError::Changed { path: full });
            }
            self.hole(path, HoleReason::Changed, "entries came or went".to_owned());
        }
        let OpenDirectory { mut entry, wanted, builder } = self.stack.pop().expect("a directory was entered");
        let is_root = self.stack.is_empty();
        if !is_root {
            self.new_cache.leave()?;
            if !wanted && builder.is_empty() {
                return Ok(());
            }
        }
        let (node, digest) = builder.finish(self.chunks.writer())?;
        entry.body = Body::Directory { node, digest };
        if is_root {
            self.owners.see(entry.uid, entry.gid);
            self.finished = Some(entry);
            Ok(())
        } else {
            self.add(&entry, None)
        }
    }

    /// Reads the files of a window; the outcomes are by the index of the item.
    fn read(&self, items: &[Item]) -> HashMap<usize, Result<Outcome, TreeError>> {
        let mut outcomes = HashMap::new();
        let mut work = Vec::new();
        let mut batch = Vec::new();
        let mut batch_bytes = 0;
        let mut shared: Vec<(usize, OpenFile, Option<FileSums>)> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let Item::Read(job) = item else { continue };
            if job.size < SHARED_BYTES {
                batch.push(index);
                batch_bytes += job.size;
                if batch.len() >= BATCH_FILES || batch_bytes >= BATCH_BYTES {
                    work.push(Work::Batch(std::mem::take(&mut batch)));
                    batch_bytes = 0;
                }
                continue;
            }
            match self.open(job) {
                Ok(Some(open)) => {
                    let file = shared.len();
                    work.extend((0..open.segments()).map(|index| Work::Segment { file, index }));
                    let sums = self.sums_of(job, &open);
                    shared.push((index, open, sums));
                }
                Ok(None) => {
                    let path = metadata::join(self.root, &job.path);
                    outcomes.insert(index, self.failed(TreeError::Changed { path }));
                }
                Err(error) => {
                    outcomes.insert(index, self.failed(error));
                }
            }
        }
        if !batch.is_empty() {
            work.push(Work::Batch(batch));
        }
        let done = parallel::run(&work, self.window_bytes, |work, buffer: &mut Vec<u8>| match work {
            Work::Batch(indexes) => Done::Batch(self.read_batch(items, indexes, buffer)),
            Work::Segment { file, index } => {
                let (_, open, sums) = &shared[*file];
                let summary = self
                    .count_read(0)
                    .and_then(|()| open.cut(&self.chunks, *index, buffer, sums.as_ref()))
                    .and_then(|summary| self.count_read(summary.read_bytes).map(|()| summary));
                Done::Segment { file: *file, summary }
            }
        });
        let mut summaries: Vec<Result<Vec<SegmentSummary>, TreeError>> =
            shared.iter().map(|_| Ok(Vec::new())).collect();
        for done in done {
            match done {
                Done::Batch(results) => outcomes.extend(results),
                Done::Segment { file, summary } => match (&mut summaries[file], summary) {
                    (Ok(all), Ok(summary)) => all.push(summary),
                    (slot @ Ok(_), Err(error)) => *slot = Err(error),
                    (Err(_), _) => {}
                },
            }
        }
        for ((index, open, sums), summaries) in shared.into_iter().zip(summaries) {
            let Item::Read(job) = &items[index] else { continue };
            let outcome = summaries.and_then(|summaries| {
                let xattrs = open.xattrs()?;
                open.finish(&self.chunks, xattrs, &summaries)
            });
            drop(open);
            let outcome = match outcome {
                Ok(Some((entry, identity))) => {
                    if let (Some(sums), Some(child)) = (sums, entry.child()) {
                        sums.finish(&child);
                    }
                    Ok(named(entry, identity, job))
                }
                // It changed while it was read: again, and then by this thread alone.
                Ok(None) | Err(TreeError::Changed { .. }) => self.read_file(job, &mut Vec::new()),
                Err(error) => self.failed(error),
            };
            outcomes.insert(index, outcome);
        }
        outcomes
    }

    /// What is remembered of the chunks of a large file.
    fn sums_of(&self, job: &FileJob, open: &OpenFile) -> Option<FileSums> {
        let is_cut = open.class() != Class::Whole && self.chunks.ids_are_digests();
        is_cut.then(|| self.sums.of(&job.path, open.class(), self.chunks.writer())).flatten()
    }

    /// Reads small files one after another; those of one chunk are put together, as neighbours.
    fn read_batch(
        &self,
        items: &[Item],
        indexes: &[usize],
        buffer: &mut Vec<u8>,
    ) -> Vec<(usize, Result<Outcome, TreeError>)> {
        let mut results = Vec::with_capacity(indexes.len());
        let mut bytes = Vec::new();
        let mut chunks = Vec::new();
        if let (Err(error), Some(first)) = (self.count_read(0), indexes.first()) {
            // The others are not asked for any more.
            return vec![(*first, Err(error))];
        }
        for index in indexes {
            let Item::Read(job) = &items[*index] else { continue };
            let outcome = if job.size < WHOLE_BYTES { self.read_whole(job, &mut bytes, &mut chunks) } else { Ok(None) };
            let outcome = match outcome {
                Ok(Some(outcome)) => Ok(outcome),
                Ok(None) => self.read_file(job, buffer),
                Err(error) => self.failed(error),
            };
            results.push((*index, outcome));
        }
        let put = self
            .chunks
            .put(&bytes, &chunks)
            .map_err(TreeError::from)
            .and_then(|()| self.count_read(bytes.len() as u64));
        if let (Err(error), Some(first)) = (put, results.first_mut()) {
            first.1 = Err(error);
        }
        results
    }

    /// Reads a file of one chunk; `None` when it is not one any more, or changes.
    fn read_whole(
        &self,
        job: &FileJob,
        bytes: &mut Vec<u8>,
        chunks: &mut Vec<(ObjectId, Range<usize>)>,
    ) -> Result<Option<Outcome>, TreeError> {
        let Some(open) = self.open(job)? else { return Ok(None) };
        if open.size() >= WHOLE_BYTES || open.size() == 0 {
            return Ok(None);
        }
        let length = open.size() as usize;
        let start = bytes.len();
        bytes.resize(start + length, 0);
        let read = open.read_whole(&mut bytes[start..]);
        if !matches!(read, Ok(true)) || !open.is_unchanged()? {
            bytes.truncate(start);
            return read.map(|_| None);
        }
        let (id, digest) = self.chunks.name(&bytes[start..]);
        chunks.push((id, start..start + length));
        let file =
            FileContent { size: length as u64, sparse: false, class: Class::Whole, form: Form::Data(id), digest };
        let entry = Entry { xattrs: open.xattrs()?, ..entry_of(&job.name, &open.stat(), None, Body::File(file)) };
        Ok(Some(Outcome::Entry(Box::new(entry), open.stat().identity)))
    }

    /// Reads a file of any size, again when it changes.
    fn read_file(&self, job: &FileJob, buffer: &mut Vec<u8>) -> Result<Outcome, TreeError> {
        for _ in 0..ATTEMPTS {
            match self.try_file(job, buffer) {
                Ok(Some((entry, identity))) => return Ok(named(entry, identity, job)),
                Ok(None) | Err(TreeError::Changed { .. }) => {}
                Err(error) => return self.failed(error),
            }
        }
        self.failed(TreeError::Changed { path: metadata::join(self.root, &job.path) })
    }

    fn try_file(&self, job: &FileJob, buffer: &mut Vec<u8>) -> Result<Option<(Entry, Identity)>, TreeError> {
        let Some(open) = self.open(job)? else { return Ok(None) };
        let mut summaries = Vec::new();
        for index in 0..open.segments() {
            let summary = open.cut(&self.chunks, index, buffer, None)?;
            self.count_read(summary.read_bytes)?;
            summaries.push(summary);
        }
        open.finish(&self.chunks, open.xattrs()?, &summaries)
    }

    fn open(&self, job: &FileJob) -> Result<Option<OpenFile>, TreeError> {
        let path = metadata::join(self.root, &job.path);
        // NONBLOCK: should it have become a named pipe, this does not wait for its other end.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = match rustix::fs::openat(&job.directory, &job.name, flags, Mode::empty()) {
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::LOOP) => return Ok(None),
            result => result.map_err(TreeError::os("open", &path))?,
        };
        OpenFile::new(file, job.class, &path)
    }

    /// A hole where holes are allowed, else the error.
    fn failed(&self, error: TreeError) -> Result<Outcome, TreeError> {
        if !self.selection.allow_holes {
            return Err(error);
        }
        match error {
            TreeError::Changed { .. } => Ok(Outcome::Hole(HoleReason::Changed, String::new())),
            TreeError::Io { source, .. } => Ok(Outcome::Hole(HoleReason::Unreadable, source.to_string())),
            other => Err(other),
        }
    }

    fn count_read(&self, bytes: u64) -> Result<(), TreeError> {
        let moved_bytes = self.read_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        tell(self.progress, Progress { entries: self.entries, bytes: self.bytes, moved_bytes })
    }
}

fn named(mut entry: Entry, identity: Identity, job: &FileJob) -> Outcome {
    entry.name = job.name.to_bytes().to_vec();
    Outcome::Entry(Box::new(entry), identity)
}

/// Whether a file is cut as it must be because of its path; where its content decides, it decided when it was read.
fn is_cut_as(entry: &Entry, class: Option<Class>) -> bool {
    match (&entry.body, class) {
        (Body::File(file), _) if file.size < WHOLE_BYTES => file.class == Class::Whole,
        (Body::File(file), Some(class)) => file.class == class,
        (Body::File(file), None) => matches!(file.class, Class::Cdc | Class::Recognised(_)),
        _ => false,
    }
}

/// An entry without extended attributes.
pub fn entry_of(name: &CStr, stat: &FileStat, link: Option<u64>, body: Body) -> Entry {
    Entry {
        name: name.to_bytes().to_vec(),
        // Links have no mode of their own; systems differ in what they say.
        mode: if matches!(body, Body::Symlink(_)) { 0o777 } else { stat.mode },
        uid: stat.uid,
        gid: stat.gid,
        mtime: stat.identity.mtime,
        xattrs: Vec::new(),
        link,
        body,
    }
}
