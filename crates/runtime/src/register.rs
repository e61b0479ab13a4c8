//! The file that says which process groups this supervisor has started, for the one after it.
//!
//! One line per group: the id of its leader and when that started. Lines of groups that are gone may remain for a while:
//! who reads them compares the start.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::RuntimeError;
use crate::predecessor::{ProcessStart, start_of};

/// Up to so many lines of groups that are gone are left in the file.
const STALE_LIMIT: usize = 64;

/// The register of the living supervisor.
#[derive(Debug)]
pub(crate) struct Register {
    path: PathBuf,
    file: File,
    groups: BTreeMap<u32, ProcessStart>,
    stale: usize,
}

impl Register {
    pub(crate) fn path_in(directory: &Path) -> PathBuf {
        directory.join("groups")
    }

    /// Makes an empty register; what was in the file is forgotten.
    pub(crate) fn create(directory: &Path) -> Result<Self, RuntimeError> {
        let path = Self::path_in(directory);
        let file = open(&path, true).map_err(|source| RuntimeError::File {
            operation: "create",
            path: path.clone(),
            source,
        })?;
        Ok(Self { path, file, groups: BTreeMap::new(), stale: 0 })
    }

    /// Notes a group right after its start.
    pub(crate) fn add(&mut self, pid: u32) -> io::Result<()> {
        let start = start_of(pid).unwrap_or_default();
        let line = line(pid, &start);
        self.groups.insert(pid, start);
        self.file.write_all(line.as_bytes())
    }

    /// Forgets a group that is gone.
    pub(crate) fn remove(&mut self, pid: u32) {
        if self.groups.remove(&pid).is_some() {
            self.stale += 1;
        }
        if self.stale >= STALE_LIMIT && self.rewrite().is_ok() {
            self.stale = 0;
        }
    }

    /// Removes the file: no process is left.
    pub(crate) fn close(&mut self) {
        // A file that stays is read by the next supervisor, which finds nothing of it alive.
        let _ = fs::remove_file(&self.path);
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let new = self.path.with_extension("new");
        let mut file = open(&new, true)?;
        let lines: String = self.groups.iter().map(|(pid, start)| line(*pid, start)).collect();
        file.write_all(lines.as_bytes())?;
        fs::rename(&new, &self.path)?;
        self.file = file;
        Ok(())
    }
}

fn open(path: &Path, truncate: bool) -> io::Result<File> {
    if truncate {
        File::create(path)?;
    }
    OpenOptions::new().append(true).open(path)
}

fn line(pid: u32, start: &ProcessStart) -> String {
    format!("{pid} {start}\n")
}

/// Reads the groups of a register; lines that were cut off by a crash are skipped.
pub(crate) fn read(directory: &Path) -> Result<Option<Vec<(u32, ProcessStart)>>, RuntimeError> {
    let path = Register::path_in(directory);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(RuntimeError::File { operation: "read", path, source }),
    };
    let complete = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    let groups = complete.filter_map(|line| {
        let (pid, start) = line.split_once(' ')?;
        Some((pid.parse().ok()?, ProcessStart::from(start)))
    });
    Ok(Some(groups.collect()))
}
