//! Servers that do not wait for the disk yet: what they are filled with at first can be had again.
//!
//! A server that was just made has a file beside its data. As long as that is there, a crash of the machine (not of the server)
//! makes the server worthless, and it is made again; the file says since which start of the machine it is there.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use crate::{DurableRename, FileError, remove_file, sync_all, sync_directory};

/// The file. Engines read their settings from it, too, for as long as it is there.
const FILE: &str = "unsettled.conf";

/// What distinguishes one start of the machine from the next; where there is no such thing, no server begins like this.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The mark of a server that a crash of the machine would take away.
#[derive(Clone, Debug)]
pub struct Unsettled {
    file: PathBuf,
}

impl Unsettled {
    /// Names the mark of the server that has its data in a directory.
    #[must_use]
    pub fn of(server: &Path) -> Self {
        Unsettled { file: server.join(FILE) }
    }

    /// Gives the path of the file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Says whether the server is marked.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.file.exists()
    }

    /// Marks the server, with settings that hold until it is settled. On the disk when this returns; `false` where starts of
    /// the machine cannot be told apart, and nothing is done.
    pub fn set(&self, settings: &str) -> Result<bool, FileError> {
        let Some(boot) = boot() else { return Ok(false) };
        let file = DurableRename::begin(&self.file)?;
        fs::write(file.path(), format!("# {boot}\n{settings}")).map_err(FileError::of("write", file.path()))?;
        // The server's user reads it.
        let owner = fs::metadata(self.directory()).map_err(FileError::of("inspect", self.directory()))?;
        if rustix::process::geteuid().is_root() {
            chown(file.path(), Some(owner.uid()), Some(owner.gid())).map_err(FileError::of("give", file.path()))?;
        }
        file.finish()?;
        Ok(true)
    }

    /// Says whether the machine has been started anew since, so that the server may be anything.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        let Ok(text) = fs::read_to_string(&self.file) else { return self.is_set() };
        let since = text.lines().next().and_then(|line| line.strip_prefix("# "));
        since != boot().as_deref()
    }

    /// Takes the mark away when all that the server has written is on the disk. The server was stopped, or waits for the disk
    /// by now.
    pub fn settle(&self) -> Result<(), FileError> {
        self.sync()?;
        remove_file(&self.file)?;
        sync_directory(self.directory())
    }

    /// Writes all to the disk that the server has given to the system so far.
    pub fn sync(&self) -> Result<(), FileError> {
        sync_all(self.directory())
    }

    fn directory(&self) -> &Path {
        self.file.parent().expect("it was made by joining a name")
    }
}

fn boot() -> Option<String> {
    fs::read_to_string(BOOT_ID).ok().map(|id| id.trim().to_owned())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_lost_with_the_next_start_of_the_machine_unless_it_was_settled() {
        let server = tempfile::tempdir().unwrap();
        let mark = Unsettled::of(server.path());
        assert!(!mark.is_set() && !mark.is_lost());
        assert!(mark.set("fsync = off\n").unwrap());
        assert!(mark.is_set() && !mark.is_lost());
        for other in ["# another\nfsync = off\n", "", "#"] {
            fs::write(mark.file(), other).unwrap();
            assert!(mark.is_lost(), "{other:?}");
        }
        mark.settle().unwrap();
        assert!(!mark.is_set() && !mark.is_lost());
    }
}
