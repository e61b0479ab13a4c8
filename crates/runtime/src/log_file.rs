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
    /// The size at which it is put aside: more than the limit if it could not be.
    rotate_at: u64,
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
        Ok(Self { path: path.to_owned(), file, size, limit, rotate_at: limit, number, lost: 0 })
    }

    /// Appends whole lines with one write.
    pub(crate) fn append(&mut self, lines: &[u8]) {
        if self.size >= self.rotate_at {
            let rotated = self.rotate();
            // It goes on growing, which is better than losing lines.
            self.rotate_at = self.limit + if rotated.is_ok() { 0 } else { self.size };
        }
        let is_written = if self.size == 0 && self.number > 0 {
            // Also when the file was begun on a disk that was full.
            let beginning = part_line(lines, self.number);
            self.write(&beginning) && self.write(lines)
        } else {
            self.write(lines)
        };
        if !is_written {
            self.lost += lines.len() as u64;
        }
    }

    /// Writes all or nothing: what comes next would go on in the middle of a line.
    fn write(&mut self, text: &[u8]) -> bool {
        let is_written = self.file.write_all(text).is_ok();
        if is_written {
            self.size += text.len() as u64;
        } else {
            // A disk that is full lets files become shorter.
            let _ = self.file.set_len(self.size);
        }
        is_written
    }

    /// Returns how many bytes were lost since this was last asked.
    pub(crate) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// Begins a new file, whose first line will have its number.
    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..OLDER_PARTS).rev() {
            match fs::rename(rotated(&self.path, number), rotated(&self.path, number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, rotated(&self.path, 1))?;
        self.file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        self.size = 0;
        self.number += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_begun_when_nothing_could_be_written_has_its_number_all_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        let line = b"2026-11-21T09:11:20.120Z o one line\n";
        let mut log = LogFile::open(&path, 100).unwrap();
        (0..3).for_each(|_| log.append(line));
        assert!(log.rotate().is_ok());
        let usable = std::mem::replace(&mut log.file, File::open(&path).unwrap());
        log.append(line);
        assert_eq!((log.take_lost(), fs::read(&path).unwrap()), (line.len() as u64, Vec::new()));
        log.file = usable;
        log.append(line);
        let beginning: &[u8] = b"2026-11-21T09:11:20.120Z n 1\n";
        assert_eq!(fs::read(&path).unwrap(), [beginning, line].concat());
        assert_eq!(LogFile::open(&path, 100).unwrap().number, 1);
    }

    #[test]
    fn a_log_that_cannot_be_put_aside_goes_on_growing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        // A directory that is not empty cannot be replaced by a file.
        fs::create_dir_all(rotated(&path, 1).join("in the way")).unwrap();
        fs::create_dir_all(rotated(&path, 2).join("in the way")).unwrap();
        fs::create_dir_all(rotated(&path, 3).join("in the way")).unwrap();
        let mut log = LogFile::open(&path, 10).unwrap();
        (0..20).for_each(|_| log.append(b"line\n"));
        assert_eq!(fs::read(&path).unwrap(), b"line\n".repeat(20));
        assert_eq!(log.take_lost(), 0);
    }
}
