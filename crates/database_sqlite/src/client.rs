//! Connections to the file, one for each operation: opening costs microseconds, and none is left in the way of a swap.

use std::path::Path;
use std::time::Duration;

use database::{DatabaseError, FileError};
use rusqlite::{Connection, OpenFlags};

use crate::database::SqliteDatabase;
use crate::error::refused;

/// How long to wait for another process that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

impl SqliteDatabase {
    /// Opens the file, which must exist, with foreign keys enforced.
    pub(crate) fn connect(&self) -> Result<Connection, DatabaseError> {
        if !self.is_there()? {
            return Err(DatabaseError::Missing { database: self.name.clone() });
        }
        self.connect_to(&self.path).and_then(|connection| {
            connection.pragma_update(None, "foreign_keys", true).map_err(refused(&self.name, "open a connection"))?;
            Ok(connection)
        })
    }

    /// Opens any SQLite file for this database's purposes.
    pub(crate) fn connect_to(&self, path: &Path) -> Result<Connection, DatabaseError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)
            .map_err(|source| DatabaseError::Unreachable { database: self.name.clone(), source: source.into() })?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(refused(&self.name, "open a connection"))?;
        Ok(connection)
    }

    /// Says whether the file exists.
    pub(crate) fn is_there(&self) -> Result<bool, DatabaseError> {
        Ok(self.path.try_exists().map_err(FileError::of("inspect", &self.path))?)
    }
}
