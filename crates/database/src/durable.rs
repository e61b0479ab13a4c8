//! Files that are on the disk, not only in its cache, before anyone relies on them.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Says what could not be done with a file or a directory.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", path.display())]
pub struct FileError {
    /// What was tried: a verb, such as `write`.
    pub action: &'static str,
    /// On what.
    pub path: PathBuf,
    /// Why not.
    pub source: io::Error,
}

impl FileError {
    /// Makes the error of an operation on a file, for `map_err`.
    pub fn of(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
        let path = path.to_owned();
        move |source| FileError { action, path, source }
    }
}

/// Writes a file's content to the disk.
pub fn sync_file(path: &Path) -> Result<(), FileError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(FileError::of("sync", path))
}

/// Writes a directory's entries to the disk.
pub fn sync_directory(path: &Path) -> Result<(), FileError> {
    sync_file(path)
}

/// Writes everything below a directory, and itself, to the disk.
pub fn sync_tree(path: &Path) -> Result<(), FileError> {
    for entry in fs::read_dir(path).map_err(FileError::of("read", path))? {
        let entry = entry.map_err(FileError::of("read", path))?;
        let kind = entry.file_type().map_err(FileError::of("inspect", &entry.path()))?;
        if kind.is_dir() {
            sync_tree(&entry.path())?;
        } else if kind.is_file() {
            sync_file(&entry.path())?;
        }
    }
    sync_directory(path)
}

/// Writes everything below a directory to the disk: its thousand files at once, where the system can.
#[cfg(target_os = "linux")]
pub fn sync_all(directory: &Path) -> Result<(), FileError> {
    let opened = File::open(directory).map_err(FileError::of("open", directory))?;
    rustix::fs::syncfs(opened).map_err(|error| FileError::of("sync", directory)(error.into()))
}

/// Writes everything below a directory to the disk, file by file.
#[cfg(not(target_os = "linux"))]
pub fn sync_all(directory: &Path) -> Result<(), FileError> {
    sync_tree(directory)
}

/// Copies a directory of files and directories, with their permissions, to a place that is free; the copy belongs to the caller.
pub fn copy_tree(from: &Path, to: &Path) -> Result<(), FileError> {
    let mode = fs::metadata(from).map_err(FileError::of("read", from))?.permissions().mode();
    fs::DirBuilder::new().mode(mode & 0o777).create(to).map_err(FileError::of("create", to))?;
    for entry in fs::read_dir(from).map_err(FileError::of("read", from))? {
        let entry = entry.map_err(FileError::of("read", from))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().map_err(FileError::of("inspect", &path))?.is_dir() {
            copy_tree(&path, &target)?;
        } else {
            // Where the file system can, it shares the blocks.
            fs::copy(&path, &target).map_err(FileError::of("copy", &path))?;
        }
    }
    Ok(())
}

/// A file under construction beside its place: it appears there complete and durable, or not at all.
pub struct DurableRename {
    temporary: PathBuf,
    target: PathBuf,
}

impl DurableRename {
    /// Makes room for a file; a leftover of a killed attempt is removed.
    pub fn begin(target: &Path) -> Result<Self, FileError> {
        let mut name = target.file_name().unwrap_or_default().to_os_string();
        name.push(".unfinished");
        let temporary = target.with_file_name(name);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(FileError::of("create", parent))?;
        }
        remove_file(&temporary)?;
        Ok(DurableRename { temporary, target: target.to_owned() })
    }

    /// Says where to write.
    pub fn path(&self) -> &Path {
        &self.temporary
    }

    /// Syncs the file and moves it to its place.
    pub fn finish(self) -> Result<(), FileError> {
        sync_file(&self.temporary)?;
        fs::rename(&self.temporary, &self.target).map_err(FileError::of("rename", &self.temporary))?;
        match self.target.parent() {
            Some(parent) => sync_directory(parent),
            None => Ok(()),
        }
    }
}

impl Drop for DurableRename {
    fn drop(&mut self) {
        // After `finish` there is nothing left; after an error the next attempt would remove what cannot be removed now.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Removes a file that may not be there.
pub fn remove_file(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(FileError::of("remove", path)(source)),
        _ => Ok(()),
    }
}
