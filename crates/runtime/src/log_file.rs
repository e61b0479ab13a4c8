//! The file that a unit's output goes to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::log_line::part_line;
use crate::log_reader::{OLDER_PARTS, number_of, rotated};

/// The size at which the file of a log is put aside, and a new one is begun.
pub(crate) const ROTATE_AT: u64 = 16 << 20;

/// An open log.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
    limit: u64,
    /// Which part of its log the file is, from 0.
    number: u64,
    /// Bytes that could not be written, since a full disk must not stop a service.
    lost: u64,
}

impl LogFile {
    pub(crate) fn open(path: &Path, limit: u64) -> io::Result<Self> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let size = file.metadata()?.len();
        let number = number_of(&mut file)?;
        Ok(Self { path: path.to_owned(), file, size, limit, number, lost: 0 })
    }

    /// Appends whole lines with one write.
    pub(crate) fn append(&mut self, lines: &[u8]) {
        if self.size >= self.limit && self.rotate(lines).is_err() {
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

    /// Begins a new file, whose first line has its number and the time of the lines that come.
    fn rotate(&mut self, lines: &[u8]) -> io::Result<()> {
        for number in (1..OLDER_PARTS).rev() {
            match fs::rename(rotated(&self.path, number), rotated(&self.path, number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, rotated(&self.path, 1))?;
        self.number += 1;
        self.size = 0;
        self.file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        self.file.write_all(&part_line(lines, self.number))
    }
}
