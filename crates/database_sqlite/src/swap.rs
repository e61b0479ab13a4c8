//! The replacement of the file by another one, which leaves the old content or the new one at every moment.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use database::{DatabaseError, DurableRename, FileError, StateName};
use rusqlite::{Connection, ErrorCode};
use tempfile::NamedTempFile;

use crate::copy::copy_bytes;
use crate::database::SqliteDatabase;
use crate::directory::{Held, has_no_links};
use crate::dump::MAGIC;
use crate::error::{code, refused};

/// What SQLite appends to a database's name for the files beside it.
const SIDE_FILES: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Where the header says how the file is written and read.
const MODES: u64 = 18;
/// A file with a rollback journal.
const JOURNAL: [u8; 2] = [1, 1];
/// A file with a write-ahead log.
const LOG: [u8; 2] = [2, 2];

/// How long to wait for others to close the file: they are stopped already, or will not go.
const LEAVE_TIMEOUT: Duration = Duration::from_millis(500);

/// The content that is being displaced, on its way to a name.
enum Displaced {
    /// The file itself, under a second name.
    Linked(PathBuf),
    /// A copy, where a file cannot have a second name.
    Copied(NamedTempFile),
}

impl SqliteDatabase {
    /// Moves a complete file from the kept directory to the database's place; what was there is kept under a name, or put
    /// aside.
    ///
    /// The log of the old file must be gone before the new one is there, or SQLite would replay it over the new
    /// content. So the old file is first made complete in itself, which only succeeds when nobody else has it open.
    pub(crate) fn place(&self, held: &Held, new: &Path, aside: Option<&StateName>) -> Result<(), DatabaseError> {
        // Readers beside a writer, as services expect it.
        use_log(new)?;
        if let Some(parent) = self.path.parent() {
            fs::create_dir_all(parent).map_err(FileError::of("create", parent))?;
        }
        let there = self.is_there()?;
        let lock = if there { self.settle()? } else { None };
        if lock.is_none() {
            remove_side_files(&self.path)?;
            self.sync_place()?;
        }
        let displaced = match aside {
            Some(name) if there => self.displace(held, name, new, lock.as_ref())?.map(|displaced| (name, displaced)),
            None if there => {
                held.also_in_trash(&self.path)?;
                None
            }
            _ => None,
        };
        self.move_here(new)?;
        self.sync_place()?;
        drop(lock);
        match displaced {
            Some((name, Displaced::Linked(file))) => held.publish(&file, name)?,
            Some((name, Displaced::Copied(file))) => held.publish(file.path(), name)?,
            None => {}
        }
        Ok(())
    }

    /// Makes the present file complete in itself, and holds it against everyone else; `None` for a file so damaged that
    /// SQLite does not read it.
    fn settle(&self) -> Result<Option<Connection>, DatabaseError> {
        let connection = self.connect_to(&self.path)?;
        connection.busy_timeout(LEAVE_TIMEOUT).map_err(refused(&self.name, "lock the file"))?;
        let settled = connection
            .query_row("PRAGMA locking_mode = EXCLUSIVE", [], |_| Ok(()))
            .and_then(|()| connection.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get::<_, String>(0)))
            .and_then(|mode| connection.execute_batch("BEGIN EXCLUSIVE").map(|()| mode));
        match settled {
            Ok(mode) if mode == "delete" => Ok(Some(connection)),
            Ok(mode) => Err(self.busy(&format!("its journal stays in mode {mode}"))),
            Err(source) => match code(&source) {
                Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Ok(None),
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    Err(self.busy("its content cannot be replaced"))
                }
                _ => Err(refused(&self.name, "lock the file")(source)),
            },
        }
    }

    /// Secures the content that is about to be displaced by `new`.
    ///
    /// A kill between this and the move leaves a second name of the database's own file, which the next caller removes; a
    /// kill after the move leaves it for the next caller to make a kept state of. `None` when it is kept already.
    fn displace(
        &self,
        held: &Held,
        name: &StateName,
        new: &Path,
        lock: Option<&Connection>,
    ) -> Result<Option<Displaced>, DatabaseError> {
        let pending = held.pending(name);
        match fs::hard_link(&self.path, &pending) {
            Ok(()) => {
                held.sync()?;
                return Ok(Some(Displaced::Linked(pending)));
            }
            Err(source) if !has_no_links(&source) => {
                return Err(FileError::of("put aside", &self.path)(source).into());
            }
            Err(_) => {}
        }
        let copy = held.unfinished()?;
        match lock {
            Some(connection) => {
                // No copy is made within a transaction; in exclusive mode the lock stays after it.
                connection.execute_batch("COMMIT").map_err(refused(&self.name, "lock the file"))?;
                self.copy_from(connection, copy.path())?;
            }
            None => copy_bytes(&self.path, copy.path())?,
        }
        database::sync_file(copy.path())?;
        if held.state(name) != new {
            // A copy is right whatever happens next.
            held.publish(copy.path(), name)?;
            return Ok(None);
        }
        Ok(Some(Displaced::Copied(copy)))
    }

    /// Renames a file to the database's place, or copies it there from another filesystem.
    fn move_here(&self, new: &Path) -> Result<(), FileError> {
        match fs::rename(new, &self.path) {
            Err(source) if source.kind() == io::ErrorKind::CrossesDevices => {
                let copy = DurableRename::begin(&self.path)?;
                copy_bytes(new, copy.path())?;
                copy.finish()?;
                database::remove_file(new)
            }
            moved => moved.map_err(FileError::of("rename", new)),
        }
    }

    fn sync_place(&self) -> Result<(), FileError> {
        self.path.parent().map_or(Ok(()), database::sync_directory)
    }

    fn busy(&self, detail: &str) -> DatabaseError {
        DatabaseError::Busy { database: self.name.clone(), detail: detail.to_owned() }
    }
}

/// Makes a file that nobody has open one with a write-ahead log, which is a matter of two bytes.
pub(crate) fn use_log(path: &Path) -> Result<(), FileError> {
    let mut start = Vec::new();
    let head = MODES + JOURNAL.len() as u64;
    File::open(path).and_then(|file| file.take(head).read_to_end(&mut start)).map_err(FileError::of("read", path))?;
    if !start.starts_with(MAGIC) || !start[MAGIC.len()..].ends_with(&JOURNAL) {
        return Ok(());
    }
    let file = OpenOptions::new().write(true).open(path).map_err(FileError::of("open", path))?;
    file.write_all_at(&LOG, MODES).and_then(|()| file.sync_data()).map_err(FileError::of("write", path))
}

/// Removes the files that belong to a database file which is not there, or is no database.
pub(crate) fn remove_side_files(path: &Path) -> Result<(), FileError> {
    side_files(path).iter().try_for_each(|file| database::remove_file(file))
}

/// Names the files that SQLite may have beside a database file: log, index of the log, rollback journal.
pub(crate) fn side_files(path: &Path) -> [PathBuf; 3] {
    SIDE_FILES.map(|suffix| {
        let mut name = OsString::from(path);
        name.push(suffix);
        PathBuf::from(name)
    })
}

/// Says whether a path names this file now.
pub(crate) fn same_file(file: &fs::Metadata, path: &Path) -> Result<bool, FileError> {
    match fs::metadata(path) {
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(false),
        found => {
            let found = found.map_err(FileError::of("inspect", path))?;
            Ok((file.dev(), file.ino()) == (found.dev(), found.ino()))
        }
    }
}
