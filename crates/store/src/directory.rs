//! A directory as the place of a store.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::disk::{Disk, SystemDisk};
use crate::random::random_name;
use crate::{Backend, BackendError, Draft, Entry, Expect, Version};

/// Files that are being written; no name of ours begins with a dot.
const DRAFTS: &str = ".drafts";
/// Held while a file is compared and written.
const LOCK: &str = ".lock";
/// What is in here is of processes, and means nothing when the machine has stopped: it is never synced.
const SESSIONS: &str = "sessions/";

/// Keeps a store in a directory, which is made at the first write. Any number of processes may use it at once; on a
/// network file system if it has `flock` and atomic renames.
pub struct DirectoryBackend {
    root: PathBuf,
    disk: Arc<dyn Disk>,
    /// Directories whose own names were made durable: another process may have made one and died before it synced.
    durable: Mutex<HashSet<PathBuf>>,
}

impl DirectoryBackend {
    /// The store in this directory.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self::on(Arc::new(SystemDisk::default()), root)
    }

    /// The store in this directory of another file system, for tests.
    pub fn on(disk: Arc<dyn Disk>, root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), disk, durable: Mutex::default() }
    }

    fn path(&self, name: &str) -> Result<PathBuf, BackendError> {
        let fits = name.split('/').all(|part| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
        });
        if fits {
            return Ok(self.root.join(name));
        }
        Err(self.error("use", name, io::Error::new(io::ErrorKind::InvalidInput, "not the name of a file in a store")))
    }

    fn error(&self, action: &'static str, name: &str, error: io::Error) -> BackendError {
        let (name, place) = (name.to_owned(), self.describe());
        match error.kind() {
            io::ErrorKind::NotFound => BackendError::NotFound { name, place },
            io::ErrorKind::PermissionDenied => BackendError::Denied { action, name, place, source: error.into() },
            io::ErrorKind::ReadOnlyFilesystem => BackendError::ReadOnly { place },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                BackendError::Full { name, place, source: error.into() }
            }
            _ => BackendError::Io { action, name, place, source: error.into() },
        }
    }

    /// Makes a directory that need not outlast the machine.
    fn make_fleeting(&self, path: &Path) -> io::Result<()> {
        match self.disk.create_directory(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.make_directory(path.parent().ok_or(error)?)?;
                self.make_fleeting(path)
            }
            other => other,
        }
    }

    /// Makes a directory and those above it where they are missing, each durable in the one above.
    fn make_directory(&self, path: &Path) -> io::Result<()> {
        let known = || self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        if known().contains(path) {
            return Ok(());
        }
        match self.disk.create_directory(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.make_directory(path.parent().ok_or(error)?)?;
                match self.disk.create_directory(path) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                    _ => {}
                }
            }
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {
                // The store's own directories above this one; what is above the store is not ours.
                if path != self.root && path.starts_with(&self.root) {
                    self.make_directory(path.parent().unwrap_or(&self.root))?;
                }
            }
        }
        if let Some(parent) = path.parent() {
            match self.disk.sync_directory(parent) {
                // A directory above the store that we may not open; it was there before us.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied && path == self.root => {}
                other => other?,
            }
        }
        known().insert(path.to_owned());
        Ok(())
    }

    /// Makes a draft that begins with these bytes.
    fn draft(&self, bytes: &[u8]) -> io::Result<PathBuf> {
        let drafts = self.root.join(DRAFTS);
        self.make_fleeting(&drafts)?;
        let draft = drafts.join(random_name());
        self.disk.create(&draft, bytes)?;
        Ok(draft)
    }

    /// Makes a draft durable and gives it its name by `place`; removes it if that fails.
    fn place(&self, draft: &Path, name: &str, place: &dyn Fn(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
        let path = self.root.join(name);
        let lasting = !name.starts_with(SESSIONS);
        let parent = path.parent().expect("a name in the store has a directory above it");
        let made = if lasting { self.make_directory(parent) } else { self.make_fleeting(parent) };
        let synced = made.and_then(|()| if lasting { self.disk.sync_file(draft) } else { Ok(()) });
        if let Err(error) = synced.and_then(|()| place(draft, &path)) {
            let _ = self.disk.remove(draft);
            return Err(error);
        }
        if lasting { self.disk.sync_directory(parent) } else { Ok(()) }
    }

    /// Writes a draft, durably, and gives it its name by `place`.
    fn write_by(&self, name: &str, bytes: &[u8], place: &dyn Fn(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
        self.place(&self.draft(bytes)?, name, place)
    }
}

fn version(bytes: &[u8]) -> Version {
    Version(blake3::hash(bytes).to_hex().to_string())
}

impl Backend for DirectoryBackend {
    fn describe(&self) -> String {
        format!("directory {}", self.root.display())
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, BackendError> {
        self.disk.read(&self.path(name)?).map_err(|error| self.error("read", name, error))
    }

    fn read_range(&self, name: &str, offset: u64, length: u64) -> Result<Vec<u8>, BackendError> {
        let path = self.path(name)?;
        let length = usize::try_from(length)
            .map_err(|_| self.error("read", name, io::Error::from(io::ErrorKind::InvalidInput)))?;
        self.disk.read_range(&path, offset, length).map_err(|error| self.error("read", name, error))
    }

    fn read_range_into(&self, name: &str, offset: u64, length: u64, bytes: &mut Vec<u8>) -> Result<(), BackendError> {
        let path = self.path(name)?;
        let length = usize::try_from(length)
            .map_err(|_| self.error("read", name, io::Error::from(io::ErrorKind::InvalidInput)))?;
        self.disk.read_range_into(&path, offset, length, bytes).map_err(|error| self.error("read", name, error))
    }

    fn run_bytes(&self) -> u64 {
        512 << 10
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), BackendError> {
        self.path(name)?;
        self.write_by(name, bytes, &|draft, path| self.disk.rename(draft, path))
            .map_err(|error| self.error("write", name, error))
    }

    fn append(&self, draft: &mut Draft, bytes: &[u8]) -> Result<(), BackendError> {
        let appended = match &draft.path {
            Some(path) => self.disk.append(path, bytes),
            None => self.draft(bytes).map(|path| draft.path = Some(path)),
        };
        appended.map_err(|error| self.error("write", DRAFTS, error))
    }

    fn finish(&self, draft: Draft, name: &str) -> Result<(), BackendError> {
        self.path(name)?;
        let path = draft.path.map_or_else(|| self.draft(&[]), Ok);
        path.and_then(|path| self.place(&path, name, &|draft, path| self.disk.rename(draft, path)))
            .map_err(|error| self.error("write", name, error))
    }

    fn discard(&self, draft: Draft) {
        if let Some(path) = draft.path {
            // If it stays, the next writer removes it.
            let _ = self.disk.remove(&path);
        }
    }

    fn read_versioned(&self, name: &str) -> Result<Option<(Vec<u8>, Version)>, BackendError> {
        match self.read(name) {
            Ok(bytes) => {
                let version = version(&bytes);
                Ok(Some((bytes, version)))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write_if(&self, name: &str, bytes: &[u8], expect: &Expect) -> Result<Version, BackendError> {
        let conflict = || BackendError::Conflict { name: name.to_owned(), place: self.describe() };
        self.path(name)?;
        match expect {
            Expect::Absent => {
                // The kernel lets one of several links win.
                let link =
                    |draft: &Path, path: &Path| self.disk.link(draft, path).and_then(|()| self.disk.remove(draft));
                match self.write_by(name, bytes, &link) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(conflict()),
                    other => other.map_err(|error| self.error("write", name, error))?,
                }
            }
            Expect::Version(expected) => {
                let lock = self.root.join(LOCK);
                let _guard = self.disk.lock(&lock).map_err(|error| self.error("lock", name, error))?;
                match self.read_versioned(name)? {
                    Some((_, found)) if found == *expected => {}
                    _ => return Err(conflict()),
                }
                self.write(name, bytes)?;
            }
        }
        Ok(version(bytes))
    }

    fn delete(&self, name: &str) -> Result<(), BackendError> {
        let path = self.path(name)?;
        // A file that is being compared and replaced would come back.
        let lock = self.root.join(LOCK);
        let _guard = match self.disk.lock(&lock) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other.map_err(|error| self.error("lock", name, error))?,
        };
        match self.disk.remove(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Ok(()) if name.starts_with(SESSIONS) => Ok(()),
            other => {
                let parent = path.parent().expect("a name in the store has a directory above it");
                other.and_then(|()| self.disk.sync_directory(parent)).map_err(|error| self.error("remove", name, error))
            }
        }
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(Entry) -> Result<(), BackendError>) -> Result<(), BackendError> {
        // Only the directories that can have such names are looked into.
        let mut waiting = vec![prefix.rsplit_once('/').map_or(String::new(), |(directory, _)| directory.to_owned())];
        while let Some(directory) = waiting.pop() {
            let names = match self.disk.list(&self.root.join(&directory)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other.map_err(|error| self.error("list", &directory, error))?,
            };
            for (name, bytes) in names.into_iter().filter(|(name, _)| !name.starts_with('.')) {
                let name = if directory.is_empty() { name } else { format!("{directory}/{name}") };
                match bytes {
                    Some(bytes) if name.starts_with(prefix) => each(Entry { name, bytes })?,
                    None if name.starts_with(prefix) || prefix.starts_with(&format!("{name}/")) => waiting.push(name),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Drafts whose writers are gone.
    fn tidy(&self) -> Result<(), BackendError> {
        let drafts = self.root.join(DRAFTS);
        let names = match self.disk.list(&drafts) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other.map_err(|error| self.error("list", DRAFTS, error))?,
        };
        for (name, _) in names {
            let path = drafts.join(&name);
            if self.disk.is_abandoned(&path) {
                // Somebody else may clear at the same time.
                let _ = self.disk.remove(&path);
            }
        }
        Ok(())
    }
}
