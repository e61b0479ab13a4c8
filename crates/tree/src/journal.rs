//! The mark of a restore that has begun and not ended.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use store::ObjectId;

use crate::TreeError;

/// The tree to which a directory was being restored when the restore was cut off: the directory is neither what it was
/// nor what it should be. Restoring that tree, or another, ends it.
pub fn interrupted(cache: &Path) -> Option<ObjectId> {
    fs::read_to_string(path(cache)).ok()?.trim().parse().ok()
}

/// Says that a restore begins. Durable when it returns.
pub fn begin(cache: &Path, root: &ObjectId) -> Result<(), TreeError> {
    let journal = path(cache);
    let write = || {
        let mut file = File::create(&journal)?;
        writeln!(file, "{root}")?;
        file.sync_all()?;
        let directory = journal.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(TreeError::io("write", &journal))
}

/// Says that the restore is complete.
pub fn end(cache: &Path) -> Result<(), TreeError> {
    let journal = path(cache);
    match fs::remove_file(&journal) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(TreeError::io("remove", &journal)(error)),
        _ => Ok(()),
    }
}

fn path(cache: &Path) -> PathBuf {
    let mut name = cache.as_os_str().to_owned();
    name.push(".restore-in-progress");
    name.into()
}
