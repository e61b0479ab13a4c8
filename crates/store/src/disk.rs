//! The few things that a directory backend asks of a file system, so that a test can refuse or record each of them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};

/// A file system. Nothing is durable before it is synced: the bytes of a file by [`Disk::sync_file`], its name by
/// [`Disk::sync_directory`] of the directory.
pub trait Disk: Send + Sync {
    /// The whole file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Exactly `length` bytes from `offset`.
    fn read_range(&self, path: &Path, offset: u64, length: usize) -> io::Result<Vec<u8>>;
    /// The same into a buffer, which then has these bytes and no others.
    fn read_range_into(&self, path: &Path, offset: u64, length: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
        *bytes = self.read_range(path, offset, length)?;
        Ok(())
    }
    /// Makes a new file with these bytes; fails when there is one. Others can see that it is being written.
    fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Appends to a file that was made by [`Disk::create`] and has its name from there.
    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Makes the bytes of a file durable.
    fn sync_file(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
    /// Gives a file another name, in place of what had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file a second name; fails when something has it.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes a directory; fails when there is one.
    fn create_directory(&self, path: &Path) -> io::Result<()>;
    /// The names in a directory: each with the length of the file, or `None` for a directory.
    fn list(&self, path: &Path) -> io::Result<Vec<(String, Option<u64>)>>;
    /// Waits for the exclusive lock of a file, which is made when there is none. It ends with the value, or the process.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>>;
    /// Whether the process that makes this file by [`Disk::create`] is gone.
    fn is_abandoned(&self, path: &Path) -> bool;
}

/// The file system of the machine.
#[derive(Debug, Default)]
pub struct SystemDisk {
    /// Open files that were created and have no other name yet: their lock says that they are being written.
    writing: std::sync::Mutex<Vec<(PathBuf, Arc<File>)>>,
}

impl SystemDisk {
    fn writing(&self, path: &Path) -> Option<Arc<File>> {
        let writing = self.writing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        writing.iter().find(|(other, _)| other == path).map(|(_, file)| file.clone())
    }

    fn take_writing(&self, path: &Path) -> Option<Arc<File>> {
        let mut writing = self.writing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let position = writing.iter().position(|(other, _)| other == path)?;
        Some(writing.swap_remove(position).1)
    }
}

impl Disk for SystemDisk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn read_range(&self, path: &Path, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_range_into(path, offset, length, &mut bytes)?;
        Ok(bytes)
    }

    fn read_range_into(&self, path: &Path, offset: u64, length: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
        let file = File::open(path)?;
        // A damaged index must not make us reserve what no file has.
        if file.metadata()?.len() < offset.saturating_add(length as u64) {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file ends before"));
        }
        bytes.resize(length, 0);
        file.read_exact_at(bytes, offset)
    }

    fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        // Held until the file has its name or is removed: whoever clears up sees that somebody is at work.
        let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
        if let Err(error) = file.write_all(bytes) {
            let _ = fs::remove_file(path);
            return Err(error);
        }
        self.writing.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((path.to_owned(), Arc::new(file)));
        Ok(())
    }

    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        match self.writing(path) {
            Some(file) => file.as_ref().write_all(bytes),
            None => OpenOptions::new().append(true).open(path)?.write_all(bytes),
        }
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        match self.writing(path) {
            Some(file) => file.sync_all(),
            None => File::open(path)?.sync_all(),
        }
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let renamed = fs::rename(from, to);
        drop(self.take_writing(from));
        renamed
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let removed = fs::remove_file(path);
        drop(self.take_writing(path));
        removed
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<(String, Option<u64>)>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            // Not UTF-8 is not ours.
            let Ok(name) = entry.file_name().into_string() else { continue };
            match entry.metadata() {
                Ok(metadata) => names.push((name, metadata.is_file().then_some(metadata.len()))),
                // Removed since the directory was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(names)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        rustix::io::retry_on_intr(|| flock(&file, FlockOperation::LockExclusive))?;
        Ok(Box::new(file))
    }

    fn is_abandoned(&self, path: &Path) -> bool {
        // An empty one may have been made this moment, and be locked the next.
        File::open(path).is_ok_and(|file| {
            file.metadata().is_ok_and(|metadata| metadata.len() > 0)
                && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
        })
    }
}
