//! The file that a unit's output goes to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::tail::rotated;

/// The size at which a log becomes the older half, and a new one is begun.
pub(crate) const ROTATE_AT: u64 = 16 << 20;

/// An open log.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
    limit: u64,
    /// Bytes that could not be written, since a full disk must not stop a service.
    lost: u64,
}

impl LogFile {
    pub(crate) fn open(path: &Path, limit: u64) -> io::Result<Self> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, size, limit, lost: 0 })
    }

    /// Appends whole lines with one write.
    pub(crate) fn append(&mut self, lines: &[u8]) {
        if self.size >= self.limit && self.rotate().is_err() {
            // It goes on growing, which is better than losing lines.
            self.size = 0;
        }
        match self.file.write_all(lines) {
            Ok(()) => self.size += lines.len() as u64,
            Err(_) => self.lost += lines.len() as u64,
        }
    }

    /// Returns how many bytes were lost since this was last asked.
    pub(crate) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    fn rotate(&mut self) -> io::Result<()> {
        fs::rename(&self.path, rotated(&self.path))?;
        self.file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        self.size = 0;
        Ok(())
    }
}
