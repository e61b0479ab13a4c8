//! A directory becomes what a tree says, and nothing is written that is there already.
//!
//! As in a save, the walk makes items in the order of the tree; when a window is full, files are written by a few
//! threads and the items are completed in order. Every step is relative to an open directory and follows no link, so
//! that nothing outside is touched, whatever is planted in the directory or in the tree.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::fs;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use store::{ObjectId, ObjectReader};

use crate::directory::DirectoryReader;
use crate::entry::{Body, Entry, FileContent, Form};
use crate::metadata::{self, FileStat, Identity};
use crate::node::RootNode;
use crate::owners::OwnerMap;
use crate::rules::Patterns;
use crate::save::{DEPTH, Progress, Watch, tell};
use crate::stat_cache::{ROOTS, Racy, StatCache, StatCacheWriter};
use crate::target::{How, SegmentWork, Target, write_whole};
use crate::{TreeError, journal, names, parallel};

const WINDOW_ITEMS: usize = 8192;
const WINDOW_BYTES: u64 = 64 << 20;
const WINDOW_DIRECTORIES: usize = 128;

/// Small files that are read from the store and written by one thread at a time.
const BATCH_FILES: usize = 512;
const BATCH_BYTES: u64 = 8 << 20;

/// After so many that were removed it is asked whether to go on.
const REMOVED: u64 = 1024;

/// What files are called while they are written.
pub const TEMPORARY: &str = ".seedbed-restore-";

/// How a tree is restored. Patterns are those of [`crate::Rules`].
#[derive(Debug, Clone)]
pub struct RestoreOptions {
    /// Whether what is not in the tree is removed.
    pub delete: bool,
    /// Only these, if there are any.
    pub only: Vec<String>,
    /// These stay as they are: what was excluded when the tree was saved.
    pub leave: Vec<String>,
    /// Whether owners and groups are set, by name where the name is known on this machine.
    pub owners: bool,
    /// Whether everything is durable when the restore returns. If not, [`crate::settle`] makes it so; what the end of
    /// the machine undoes until then is named by [`crate::interrupted`]. Where that could not be told, it is synced.
    pub sync: bool,
}

impl Default for RestoreOptions {
    fn default() -> Self {
        Self { delete: true, only: Vec::new(), leave: Vec::new(), owners: false, sync: true }
    }
}

/// What a restore did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// Bytes that were written into files.
    pub written_bytes: u64,
    /// Files whose content was right already.
    pub kept: u64,
    /// Files that were changed in place.
    pub patched: u64,
    /// Files that were written whole.
    pub written: u64,
    /// Entries that were removed because they are not in the tree.
    pub removed: u64,
    /// Owners and attributes that this process may not set or the file system cannot keep, with their paths.
    pub refused: Vec<String>,
    /// Whether it is durable. If not, [`crate::settle`] is to be called.
    pub settled: bool,
}

/// Makes `to` be the directory that was saved. `cache` is the stat cache of `to`; it is made when it is not there.
/// Until it returns, [`crate::interrupted`] names the tree; a restore that was cut off is finished by another.
pub fn restore(
    root: &ObjectId,
    to: &Path,
    cache: &Path,
    reader: &dyn ObjectReader,
    options: &RestoreOptions,
    progress: &Watch<'_>,
) -> Result<Restored, TreeError> {
    let node = RootNode::read(root, reader)?;
    let Body::Directory { node: directory, .. } = node.entry.body else {
        return Err(TreeError::WrongKind { id: *root, problem: "it is one file, not a directory" });
    };
    let patterns = (Patterns::new(&options.only)?, Patterns::new(&options.leave)?);
    let new_cache = StatCacheWriter::create(cache)?;
    journal::begin(cache, root)?;
    fs::create_dir_all(to).map_err(TreeError::io("create", to))?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = rustix::fs::openat(CWD, to, flags, Mode::empty()).map_err(TreeError::os("open", to))?;
    let open = Arc::new(open);
    let old = StatCache::open(cache);
    let mut roots = vec![*root];
    roots.extend(old.roots().iter().filter(|other| *other != root));
    roots.dedup();
    let (only, leave) = patterns;
    let partial = !only.is_empty() || !leave.is_empty();
    let mut state = Restore {
        to,
        root: Arc::clone(&open),
        reader,
        options,
        keep_old: partial && roots.len() <= ROOTS,
        only,
        leave,
        owners: options.owners.then(|| OwnerMap::new(&node.users, &node.groups)),
        cache: old,
        new_cache,
        racy: Racy::now(metadata::has_fine_times(&open)),
        progress,
        items: Vec::new(),
        window_bytes: 0,
        window_directories: 0,
        links: HashMap::new(),
        claimed: HashMap::new(),
        entries: 0,
        bytes: 0,
        written_bytes: AtomicU64::new(0),
        report: Restored::default(),
    };
    let selected = state.only.is_empty();
    Restore::make_writable(&open, to)?;
    state.directory(&open, directory, &mut Vec::new(), selected, false, 0)?;
    state.items.push(Item::Leave {
        directory: Arc::clone(&open),
        entry: node.entry,
        path: Vec::new(),
        apply: selected,
    });
    state.flush()?;
    // Of a file system that other machines have too, the journal could not tell what became of it.
    let later = !options.sync && metadata::has_fine_times(&open);
    if !later {
        metadata::sync_file_system(&open).map_err(TreeError::os("sync", to))?;
    }
    let keep_old = state.keep_old;
    state.new_cache.finish(if keep_old { &roots } else { &roots[..1] })?;
    let mut report = state.report;
    report.settled = !(later && journal::written(cache, root)?);
    if report.settled {
        if later {
            metadata::sync_file_system(&open).map_err(TreeError::os("sync", to))?;
        }
        journal::end(cache)?;
    }
    report.written_bytes = state.written_bytes.into_inner();
    Ok(report)
}

/// A step of the walk, in the order of the tree.
enum Item {
    Enter(Vec<u8>),
    Leave { directory: Arc<OwnedFd>, entry: Entry, path: Vec<u8>, apply: bool },
    Known(Entry, Identity),
    Touch(FileJob),
    Write(FileJob),
    Link { job: FileJob, first: Vec<u8> },
}

/// A file that has to become what its entry says.
pub struct FileJob {
    pub directory: Arc<OwnedFd>,
    pub name: CString,
    pub path: Vec<u8>,
    pub entry: Entry,
    pub how: How,
}

impl FileJob {
    pub fn content(&self) -> &FileContent {
        match &self.entry.body {
            Body::File(content) => content,
            _ => unreachable!("only files become jobs"),
        }
    }
}

/// What a thread does at a time.
enum Work {
    Batch(Vec<usize>),
    Segment { file: usize, segment: SegmentWork },
}

/// What it returns: files that are complete, with what could not be set.
type Done = Result<Vec<(usize, FileStat, Vec<String>)>, TreeError>;

struct Restore<'a> {
    to: &'a Path,
    root: Arc<OwnedFd>,
    reader: &'a dyn ObjectReader,
    options: &'a RestoreOptions,
    /// Whether what is remembered of entries that are passed over stays remembered.
    keep_old: bool,
    only: Patterns,
    leave: Patterns,
    owners: Option<OwnerMap>,
    cache: StatCache,
    new_cache: StatCacheWriter,
    racy: Racy,
    progress: &'a Watch<'a>,
    items: Vec<Item>,
    window_bytes: u64,
    window_directories: usize,
    /// The first path of each group of hard links.
    links: HashMap<u64, Vec<u8>>,
    /// The group that a kept file with several links stands for.
    claimed: HashMap<(u64, u64), u64>,
    entries: u64,
    bytes: u64,
    written_bytes: AtomicU64,
    report: Restored,
}

impl Restore<'_> {
    /// Walks a directory of the tree and the one that is there. `fresh`: it has just been made and is empty.
    fn directory(
        &mut self,
        directory: &Arc<OwnedFd>,
        node: ObjectId,
        path: &mut Vec<u8>,
        selected: bool,
        fresh: bool,
        depth: usize,
    ) -> Result<(), TreeError> {
        if depth > DEPTH {
            return Err(TreeError::TooDeep { path: metadata::join(self.to, path), limit: DEPTH });
        }
        self.window_directories += 1;
        let present = if fresh {
            Vec::new()
        } else {
            names::sorted(directory).map_err(|error| TreeError::os("list", &metadata::join(self.to, path))(error))?
        };
        let mut present = present.into_iter().peekable();
        let mut entries = DirectoryReader::new(node, self.reader);
        let length = path.len();
        while let Some(entry) = entries.next()? {
            while let Some(name) = present.next_if(|name| name.as_bytes() < entry.name.as_slice()) {
                self.surplus(directory, &name, path, selected)?;
            }
            let is_present = present.next_if(|name| name.as_bytes() == entry.name.as_slice()).is_some();
            push(path, &entry.name);
            self.entry(directory, entry, path, selected, is_present, depth)?;
            path.truncate(length);
        }
        for name in present {
            self.surplus(directory, &name, path, selected)?;
        }
        Ok(())
    }

    /// An entry that is not in the tree.
    fn surplus(
        &mut self,
        directory: &OwnedFd,
        name: &CStr,
        path: &mut Vec<u8>,
        selected: bool,
    ) -> Result<(), TreeError> {
        let length = path.len();
        push(path, name.to_bytes());
        let ours = name.to_bytes().starts_with(TEMPORARY.as_bytes());
        if ours || (self.options.delete && (selected || self.only.fit(path))) {
            self.remove(directory, name, path)?;
        } else if self.keep_old {
            self.keep(name.to_bytes())?;
        }
        path.truncate(length);
        Ok(())
    }

    /// Removes an entry and all that is in it, but for what is to be left; whether all of it is gone.
    fn remove(&mut self, directory: &OwnedFd, name: &CStr, path: &mut Vec<u8>) -> Result<bool, TreeError> {
        if self.leave.fit(path) {
            if self.keep_old {
                self.keep(name.to_bytes())?;
            }
            return Ok(false);
        }
        let full = metadata::join(self.to, path);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
            Ok(()) => {
                self.report.removed += 1;
                if self.report.removed.is_multiple_of(REMOVED) {
                    self.count_written(0)?;
                }
                return Ok(true);
            }
            Err(Errno::NOENT) => return Ok(true),
            // Systems differ in what they say of a directory.
            Err(Errno::ISDIR | Errno::PERM) => {}
            Err(error) => return Err(TreeError::os("remove", &full)(error)),
        }
        let child = open_directory(directory, name, flags).map_err(TreeError::os("open", &full))?;
        Self::make_writable(&child, &full)?;
        let length = path.len();
        let mut gone = true;
        for inner in names::sorted(&child).map_err(TreeError::os("list", &full))? {
            push(path, inner.as_bytes());
            gone &= self.remove(&child, &inner, path)?;
            path.truncate(length);
        }
        if gone {
            rustix::fs::unlinkat(directory, name, AtFlags::REMOVEDIR).map_err(TreeError::os("remove", &full))?;
            self.report.removed += 1;
        }
        Ok(gone)
    }

    /// Lets a directory be changed whose mode forbids it; the mode is set when it is left.
    fn make_writable(directory: &OwnedFd, path: &Path) -> Result<(), TreeError> {
        let stat = FileStat::from(rustix::fs::fstat(directory).map_err(TreeError::os("inspect", path))?);
        if stat.mode & 0o300 != 0o300 {
            rustix::fs::fchmod(directory, Mode::from_raw_mode(stat.mode | 0o700))
                .map_err(TreeError::os("change the mode of", path))?;
        }
        Ok(())
    }

    /// Remembers further what is remembered of an entry that is passed over.
    fn keep(&mut self, name: &[u8]) -> Result<(), TreeError> {
        self.flush()?;
        self.cache.copy(name, &mut self.new_cache)
    }

    fn entry(
        &mut self,
        directory: &Arc<OwnedFd>,
        entry: Entry,
        path: &mut Vec<u8>,
        selected: bool,
        present: bool,
        depth: usize,
    ) -> Result<(), TreeError> {
        let selected = selected || self.only.fit(path);
        let passed = self.leave.fit(path)
            || matches!(entry.body, Body::Hole(_))
            || (!selected && !self.has_selected(&entry, path, depth)?);
        if passed {
            return if self.keep_old { self.keep(&entry.name) } else { Ok(()) };
        }
        self.entries += 1;
        let name = CString::new(entry.name.clone()).expect("the name of an entry has no zero byte");
        let stat = if present {
            match rustix::fs::statat(directory, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => Some(FileStat::from(stat)),
                Err(Errno::NOENT) => None,
                Err(error) => return Err(TreeError::os("inspect", &metadata::join(self.to, path))(error)),
            }
        } else {
            None
        };
        if let Body::Directory { node, .. } = entry.body {
            return self.subdirectory(directory, &name, entry, node, path, selected, stat, depth);
        }
        if matches!(entry.body, Body::File(_)) {
            return self.file(directory, name, entry, path, stat);
        }
        self.special(directory, &name, &entry, path, stat)
    }

    /// Whether something below a directory that is not selected is.
    fn has_selected(&self, entry: &Entry, path: &mut Vec<u8>, depth: usize) -> Result<bool, TreeError> {
        let Body::Directory { node, .. } = entry.body else { return Ok(false) };
        if depth > DEPTH {
            return Err(TreeError::TooDeep { path: metadata::join(self.to, path), limit: DEPTH });
        }
        let mut entries = DirectoryReader::new(node, self.reader);
        let length = path.len();
        while let Some(entry) = entries.next()? {
            push(path, &entry.name);
            let found = self.only.fit(path) || self.has_selected(&entry, path, depth + 1)?;
            path.truncate(length);
            if found {
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[allow(clippy::too_many_arguments)] // The state of a walk, of which each part changes on its own.
    fn subdirectory(
        &mut self,
        directory: &OwnedFd,
        name: &CStr,
        entry: Entry,
        node: ObjectId,
        path: &mut Vec<u8>,
        selected: bool,
        stat: Option<FileStat>,
        depth: usize,
    ) -> Result<(), TreeError> {
        let full = metadata::join(self.to, path);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fresh = stat.is_none_or(|stat| stat.kind != FileType::Directory);
        if fresh {
            if stat.is_some() {
                self.remove(directory, name, path)?;
            }
            rustix::fs::mkdirat(directory, name, Mode::RWXU).map_err(TreeError::os("create", &full))?;
        }
        let child = Arc::new(open_directory(directory, name, flags).map_err(TreeError::os("open", &full))?);
        if stat.is_some_and(|stat| stat.mode & 0o300 != 0o300) {
            Self::make_writable(&child, &full)?;
        }
        self.items.push(Item::Enter(entry.name.clone()));
        self.cache.enter(&entry.name);
        self.directory(&child, node, path, selected, fresh, depth + 1)?;
        self.cache.leave();
        self.items.push(Item::Leave { directory: child, entry, path: path.clone(), apply: selected || fresh });
        self.end_item()
    }

    /// A link or named pipe: made at once.
    fn special(
        &mut self,
        directory: &OwnedFd,
        name: &CStr,
        entry: &Entry,
        path: &mut Vec<u8>,
        stat: Option<FileStat>,
    ) -> Result<(), TreeError> {
        let full = metadata::join(self.to, path);
        let right = match (&entry.body, stat.map(|stat| stat.kind)) {
            (Body::Symlink(target), Some(FileType::Symlink)) => {
                let there = rustix::fs::readlinkat(directory, name, Vec::new())
                    .map_err(TreeError::os("read the link", &full))?;
                there.as_bytes() == target.as_slice()
            }
            (Body::Fifo, Some(FileType::Fifo)) => true,
            _ => false,
        };
        if !right {
            if stat.is_some() {
                self.remove(directory, name, path)?;
                self.report.removed -= 1;
            }
            if let Body::Symlink(target) = &entry.body {
                rustix::fs::symlinkat(target.as_slice(), directory, name).map_err(TreeError::os("create", &full))?;
            } else {
                make_fifo(directory, name).map_err(TreeError::os("create", &full))?;
            }
        }
        let owner = self.owner(entry);
        metadata::apply_at(directory.as_fd(), entry, owner, &full, &mut self.report.refused)
    }

    fn file(
        &mut self,
        directory: &Arc<OwnedFd>,
        name: CString,
        entry: Entry,
        path: &mut Vec<u8>,
        stat: Option<FileStat>,
    ) -> Result<(), TreeError> {
        let known = self.cache.find(&entry.name);
        let Body::File(content) = &entry.body else { unreachable!("the caller has looked") };
        self.bytes += content.size;
        let first = entry.link.and_then(|group| self.links.get(&group).cloned());
        if let (Some(group), None) = (entry.link, &first) {
            self.links.insert(group, path.clone());
        }
        let mut job = FileJob { directory: Arc::clone(directory), name, path: path.clone(), entry, how: How::Create };
        if let Some(first) = first {
            if stat.is_some_and(|stat| stat.kind == FileType::Directory) {
                self.remove(directory, &job.name, path)?;
            }
            self.items.push(Item::Link { job, first });
            return self.end_item();
        }
        let Some(stat) = stat else { return self.write(job) };
        if stat.kind != FileType::RegularFile {
            self.remove(directory, &job.name, path)?;
            self.report.removed -= 1;
            return self.write(job);
        }
        job.how = How::Replace;
        let known = known.filter(|known| known.identity == stat.identity);
        let (Some(known), false) = (known, self.is_linked_wrongly(&job.entry, &stat)) else {
            return self.write(job);
        };
        let (Body::File(old), content) = (known.entry.body, job.content()) else { return self.write(job) };
        if old.size == content.size && old.digest == content.digest {
            self.report.kept += 1;
            let right = stat.mode == job.entry.mode
                && stat.identity.mtime == job.entry.mtime
                && known.entry.xattrs == job.entry.xattrs
                && self.owner(&job.entry).is_none_or(|owner| owner == (stat.uid, stat.gid));
            self.items.push(if right {
                Item::Known(as_it_is(job.entry, &stat), stat.identity)
            } else {
                Item::Touch(job)
            });
            return self.end_item();
        }
        let is_cut = |content: &FileContent| !matches!(content.form, Form::Empty | Form::Data(_));
        if is_cut(&old) && is_cut(content) && stat.links == 1 {
            job.how = How::Patch(Box::new(old), stat.identity);
        }
        self.write(job)
    }

    /// Whether a file that is there has links that it must not have: writing to it would change another file.
    fn is_linked_wrongly(&mut self, entry: &Entry, stat: &FileStat) -> bool {
        if stat.links == 1 {
            return false;
        }
        let Some(group) = entry.link else { return true };
        *self.claimed.entry((stat.identity.device, stat.identity.inode)).or_insert(group) != group
    }

    fn write(&mut self, job: FileJob) -> Result<(), TreeError> {
        self.window_bytes += job.content().size;
        self.items.push(Item::Write(job));
        self.end_item()
    }

    fn owner(&self, entry: &Entry) -> Option<(u32, u32)> {
        self.owners.as_ref().map(|map| (map.uid(entry.uid), map.gid(entry.gid)))
    }

    fn end_item(&mut self) -> Result<(), TreeError> {
        let full = self.items.len() >= WINDOW_ITEMS
            || self.window_bytes >= WINDOW_BYTES
            || self.window_directories >= WINDOW_DIRECTORIES;
        if full { self.flush() } else { Ok(()) }
    }

    /// Writes the files of the window and completes its items in order.
    fn flush(&mut self) -> Result<(), TreeError> {
        let mut items = std::mem::take(&mut self.items);
        let mut complete = self.write_files(&mut items)?;
        self.window_bytes = 0;
        self.window_directories = 0;
        for (index, item) in items.into_iter().enumerate() {
            match item {
                Item::Enter(name) => self.new_cache.enter(&name)?,
                Item::Leave { directory, entry, path, apply } => {
                    if apply {
                        let owner = self.owner(&entry);
                        let full = metadata::join(self.to, &path);
                        metadata::apply(directory.as_fd(), &entry, owner, &full, &mut self.report.refused)?;
                    }
                    if !path.is_empty() {
                        self.new_cache.leave()?;
                    }
                }
                Item::Known(entry, identity) => self.remember(&entry, &identity)?,
                Item::Touch(job) => self.touch(job)?,
                Item::Write(job) => {
                    let (stat, refused) = complete.remove(&index).expect("every file of the window was written");
                    self.completed(job.entry, &stat, refused)?;
                }
                Item::Link { job, first } => self.link(job, &first)?,
            }
        }
        self.count_written(0)
    }

    fn completed(&mut self, entry: Entry, stat: &FileStat, mut refused: Vec<String>) -> Result<(), TreeError> {
        let complete = refused.is_empty();
        self.report.refused.append(&mut refused);
        // What could not be set is not what the entry says: the next save has to look for itself.
        if complete { self.remember(&as_it_is(entry, stat), &stat.identity) } else { Ok(()) }
    }

    fn remember(&mut self, entry: &Entry, identity: &Identity) -> Result<(), TreeError> {
        if self.racy.concerns(identity) { Ok(()) } else { self.new_cache.file(identity, entry) }
    }

    /// Sets the metadata of a file whose content is right.
    fn touch(&mut self, job: FileJob) -> Result<(), TreeError> {
        let full = metadata::join(self.to, &job.path);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = match rustix::fs::openat(&job.directory, &job.name, flags, Mode::empty()) {
            Err(Errno::ACCESS) => {
                rustix::fs::chmodat(&job.directory, &job.name, Mode::RUSR | Mode::WUSR, AtFlags::empty())
                    .map_err(TreeError::os("change the mode of", &full))?;
                rustix::fs::openat(&job.directory, &job.name, flags, Mode::empty())
            }
            result => result,
        }
        .map_err(TreeError::os("open", &full))?;
        let mut refused = Vec::new();
        let stat = metadata::apply(file.as_fd(), &job.entry, self.owner(&job.entry), &full, &mut refused)?;
        self.completed(job.entry, &stat, refused)
    }

    /// Makes a file be the same file as one before it.
    fn link(&mut self, job: FileJob, first: &[u8]) -> Result<(), TreeError> {
        let full = metadata::join(self.to, &job.path);
        let (parent, name) = match first.iter().rposition(|byte| *byte == b'/') {
            None => (Arc::clone(&self.root), first),
            Some(slash) => (Arc::new(self.open_below(&first[..slash])?), &first[slash + 1..]),
        };
        let stat = |directory: &OwnedFd, name: &[u8]| {
            rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).map(FileStat::from)
        };
        let inode = |stat: FileStat| (stat.identity.device, stat.identity.inode);
        let wanted = stat(&parent, name).map_err(TreeError::os("inspect", &metadata::join(self.to, first)))?;
        match stat(&job.directory, job.name.as_bytes()) {
            Ok(there) if inode(there) == inode(wanted) => {}
            result => {
                if result.is_ok() {
                    rustix::fs::unlinkat(&job.directory, &job.name, AtFlags::empty())
                        .map_err(TreeError::os("remove", &full))?;
                }
                rustix::fs::linkat(&parent, name, &job.directory, &job.name, AtFlags::empty())
                    .map_err(TreeError::os("link", &full))?;
            }
        }
        let now = stat(&job.directory, job.name.as_bytes()).map_err(TreeError::os("inspect", &full))?;
        self.completed(job.entry, &now, Vec::new())
    }

    /// Opens a directory below the root, following no link.
    fn open_below(&self, path: &[u8]) -> Result<OwnedFd, TreeError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut directory = None;
        for name in path.split(|byte| *byte == b'/') {
            let parent: &OwnedFd = directory.as_ref().unwrap_or(&self.root);
            let next = rustix::fs::openat(parent, name, flags, Mode::empty());
            directory = Some(next.map_err(TreeError::os("open", &metadata::join(self.to, path)))?);
        }
        directory.ok_or(TreeError::NoFile { path: metadata::join(self.to, path) })
    }

    /// Writes the files of a window; how each is then, by the index of its item.
    fn write_files(&mut self, items: &mut [Item]) -> Result<HashMap<usize, (FileStat, Vec<String>)>, TreeError> {
        let mut work = Vec::new();
        let mut batch = Vec::new();
        let mut batch_bytes = 0;
        let mut targets: Vec<(usize, Target)> = Vec::new();
        for (index, item) in items.iter_mut().enumerate() {
            let Item::Write(job) = item else { continue };
            if matches!(job.content().form, Form::Empty | Form::Data(_)) {
                self.report.written += 1;
                batch.push(index);
                batch_bytes += job.content().size;
                if batch.len() >= BATCH_FILES || batch_bytes >= BATCH_BYTES {
                    work.push(Work::Batch(std::mem::take(&mut batch)));
                    batch_bytes = 0;
                }
                continue;
            }
            let target = Target::open(job, self.to, self.reader)?;
            if target.is_patch() {
                self.report.patched += 1;
            } else {
                self.report.written += 1;
            }
            let file = targets.len();
            work.extend(
                target.work(job.content(), self.reader)?.into_iter().map(|segment| Work::Segment { file, segment }),
            );
            targets.push((index, target));
        }
        if !batch.is_empty() {
            work.push(Work::Batch(batch));
        }
        let items = &*items;
        let this = &*self;
        let done: Vec<Done> = parallel::run(&work, self.window_bytes, |work, buffer: &mut Vec<u8>| match work {
            Work::Batch(indexes) => this.write_batch(items, indexes),
            Work::Segment { file, segment } => {
                this.count_written(0)?;
                let written = targets[*file].1.write(segment, this.reader, buffer)?;
                this.count_written(written)?;
                Ok(Vec::new())
            }
        });
        let mut complete = HashMap::new();
        for done in done {
            complete.extend(done?.into_iter().map(|(index, stat, refused)| (index, (stat, refused))));
        }
        for (index, target) in targets {
            let Item::Write(job) = &items[index] else { continue };
            let mut refused = Vec::new();
            let stat = target.finish(job, self.owner(&job.entry), &mut refused)?;
            complete.insert(index, (stat, refused));
        }
        Ok(complete)
    }

    /// Writes files of one chunk in the order in which the store has them.
    fn write_batch(&self, items: &[Item], indexes: &[usize]) -> Done {
        let mut done = Vec::with_capacity(indexes.len());
        let mut wanted = Vec::new();
        let mut jobs = Vec::new();
        let mut write = |index: usize, job: &FileJob, bytes: &[u8]| {
            let mut refused = Vec::new();
            let stat = write_whole(job, bytes, self.to, self.owner(&job.entry), &mut refused)?;
            done.push((index, stat, refused));
            self.count_written(bytes.len() as u64)
        };
        for index in indexes {
            let Item::Write(job) = &items[*index] else { continue };
            match job.content().form {
                Form::Data(id) => {
                    wanted.push(id);
                    jobs.push((*index, job));
                }
                _ => write(*index, job, &[])?,
            }
        }
        crate::target::get_many(self.reader, &wanted, |position, bytes| {
            let (index, job) = jobs[position];
            write(index, job, bytes)
        })?;
        Ok(done)
    }

    fn count_written(&self, bytes: u64) -> Result<(), TreeError> {
        let moved_bytes = self.written_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        tell(self.progress, Progress { entries: self.entries, bytes: self.bytes, moved_bytes })
    }
}

/// The entry with the metadata that the file has: what is remembered is what is there.
fn as_it_is(mut entry: Entry, stat: &FileStat) -> Entry {
    entry.mode = stat.mode;
    entry.uid = stat.uid;
    entry.gid = stat.gid;
    entry.mtime = stat.identity.mtime;
    entry
}

fn push(path: &mut Vec<u8>, name: &[u8]) {
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
}

/// Opens a directory, also one that its mode forbids to read.
fn open_directory(parent: &OwnedFd, name: &CStr, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    match rustix::fs::openat(parent, name, flags, Mode::empty()) {
        Err(Errno::ACCESS) => {
            rustix::fs::chmodat(parent, name, Mode::RWXU, AtFlags::empty())?;
            rustix::fs::openat(parent, name, flags, Mode::empty())
        }
        result => result,
    }
}

fn make_fifo(directory: &OwnedFd, name: &CStr) -> rustix::io::Result<()> {
    rustix::fs::mknodat(directory, name, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
}
