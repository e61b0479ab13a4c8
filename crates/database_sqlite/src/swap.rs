//! The replacement of the file by another one, which leaves the old content or the new one at every moment.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use database::{DatabaseError, DurableRename, FileError};
use rusqlite::{Connection, ErrorCode};

use crate::database::SqliteDatabase;
use crate::error::{code, refused};

/// What SQLite appends to a database's name for the files beside it.
const SIDE_FILES: [&str; 3] = ["-wal", "-shm", "-journal"];

/// How long to wait for others to close the file: they are stopped already, or will not go.
const LEAVE_TIMEOUT: Duration = Duration::from_millis(500);

impl SqliteDatabase {
    /// Moves a finished file to the database's place.
    ///
    /// The log of the old file must be gone before the new one is there, or SQLite would replay it over the new
    /// content. So the old file is first made complete in itself, which only succeeds when nobody else has it open.
    pub(crate) fn install(&self, file: DurableRename) -> Result<(), DatabaseError> {
        // Readers beside a writer, as services expect it; the mode is part of the file.
        let new = self.connect_to(file.path())?;
        new.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).map_err(refused(&self.name, "prepare the file"))?;
        new.close().map_err(|(_, source)| refused(&self.name, "prepare the file")(source))?;
        remove_side_files(file.path())?;

        let lock = if self.is_there()? { self.settle()? } else { None };
        if lock.is_none() {
            remove_side_files(&self.path)?;
        }
        if let Some(parent) = self.path.parent() {
            database::sync_directory(parent)?;
        }
        file.finish()?;
        drop(lock);
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

    fn busy(&self, detail: &str) -> DatabaseError {
        DatabaseError::Busy { database: self.name.clone(), detail: detail.to_owned() }
    }
}

/// Removes the files that belong to a database file which is not there, or is no database.
pub(crate) fn remove_side_files(path: &Path) -> Result<(), FileError> {
    SIDE_FILES.iter().try_for_each(|suffix| {
        let mut name = OsString::from(path);
        name.push(suffix);
        database::remove_file(&PathBuf::from(name))
    })
}
