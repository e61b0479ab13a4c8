//! The mark of a restore that has begun and is not yet durable.
//!
//! It says to which tree, whether everything is written, and in which boot of the machine. As long as the machine runs,
//! what was written is there, synced or not. After another boot it may be there in part only, with the times and sizes
//! that it should have: then the stat cache cannot be believed either.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags};
use store::ObjectId;

use crate::TreeError;
use crate::metadata;

/// What the mark says.
struct Journal {
    root: ObjectId,
    written: bool,
    boot: Option<String>,
}

/// The tree to which a directory was being restored when the restore was cut off, by its own end or by that of the
/// machine: the directory is neither what it was nor what it should be. Restoring that tree, or another, ends it.
pub fn interrupted(cache: &Path) -> Option<ObjectId> {
    let journal = read(&path(cache))?;
    (!journal.written || journal.is_of_another_boot()).then_some(journal.root)
}

/// Makes durable what a restore without [`crate::RestoreOptions::sync`] wrote into `to`; does nothing when there is
/// nothing to do. Can run beside anything, another restore included. Until it returns, the end of the machine makes the
/// restore be one that [`interrupted`] names.
pub fn settle(to: &Path, cache: &Path) -> Result<(), TreeError> {
    let path = path(cache);
    // Held open, so that no other mark can have its inode.
    let Ok(held) = File::open(&path) else { return Ok(()) };
    if !read(&path).is_some_and(|journal| journal.written && !journal.is_of_another_boot()) {
        return Ok(());
    }
    let inode = |stat: io::Result<fs::Metadata>| stat.map(|stat| (stat.dev(), stat.ino())).ok();
    if inode(fs::metadata(&path)) != inode(held.metadata()) {
        return Ok(());
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = rustix::fs::openat(CWD, to, flags, Mode::empty()).map_err(TreeError::os("open", to))?;
    metadata::sync_file_system(&open).map_err(TreeError::os("sync", to))?;
    // Another restore may have begun since, whose mark this must not take away.
    let directory = open_parent(&path).map_err(TreeError::io("open the directory of", &path))?;
    lock(&directory).map_err(TreeError::io("lock the directory of", &path))?;
    if inode(fs::metadata(&path)) == inode(held.metadata()) { end(cache) } else { Ok(()) }
}

/// Whether the machine ended before a restore was durable: what the stat cache says may be wrong.
pub fn is_doubtful(cache: &Path) -> bool {
    let path = path(cache);
    // One that cannot be understood is from elsewhere.
    path.exists() && read(&path).is_none_or(|journal| journal.is_of_another_boot())
}

/// Says that a restore begins. Durable when it returns.
pub fn begin(cache: &Path, root: &ObjectId) -> Result<(), TreeError> {
    if is_doubtful(cache) {
        // From now on the mark is of this boot, and only the lack of a cache says that nothing is known.
        match fs::remove_file(cache) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(TreeError::io("remove", cache)(error)),
            _ => {}
        }
    }
    let path = path(cache);
    replace(&path, root, "begun", true).map_err(TreeError::io("write", &path))
}

/// Says that everything is written and not yet synced; `false` when that cannot be said on this system.
pub fn written(cache: &Path, root: &ObjectId) -> Result<bool, TreeError> {
    if boot().is_none() {
        return Ok(false);
    }
    let path = path(cache);
    replace(&path, root, "written", false).map_err(TreeError::io("write", &path))?;
    Ok(true)
}

/// Says that the restore is complete and durable.
pub fn end(cache: &Path) -> Result<(), TreeError> {
    let path = path(cache);
    match fs::remove_file(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        result => result.map_err(TreeError::io("remove", &path))?,
    }
    // If it came back, a later state would be taken for one that was cut off.
    open_parent(&path).and_then(|directory| directory.sync_all()).map_err(TreeError::io("sync the directory of", &path))
}

impl Journal {
    fn is_of_another_boot(&self) -> bool {
        self.boot.is_none() || self.boot != boot()
    }
}

fn read(path: &Path) -> Option<Journal> {
    let text = fs::read_to_string(path).ok()?;
    let mut words = text.split_whitespace();
    let root = words.next()?.parse().ok()?;
    Some(Journal { root, written: words.next() == Some("written"), boot: words.next().map(str::to_owned) })
}

fn replace(path: &Path, root: &ObjectId, state: &str, durable: bool) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.new", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let mut file = File::create(&temporary)?;
    writeln!(file, "{root} {state} {}", boot().unwrap_or_default())?;
    if durable {
        file.sync_all()?;
    }
    let directory = open_parent(path)?;
    // Where directories cannot be locked, nothing settles either.
    let locked = lock(&directory);
    fs::rename(&temporary, path)?;
    if locked.is_ok() {
        rustix::fs::flock(&directory, FlockOperation::Unlock)?;
    }
    if durable { directory.sync_all() } else { Ok(()) }
}

fn lock(directory: &File) -> io::Result<()> {
    Ok(rustix::io::retry_on_intr(|| rustix::fs::flock(directory, FlockOperation::LockExclusive))?)
}

fn open_parent(path: &Path) -> io::Result<File> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))
}

/// What names the time since the machine started.
fn boot() -> Option<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned()).filter(|id| !id.is_empty())
}

fn path(cache: &Path) -> PathBuf {
    let mut name = cache.as_os_str().to_owned();
    name.push(".restore-in-progress");
    name.into()
}
