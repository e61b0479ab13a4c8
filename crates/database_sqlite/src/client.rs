//! Connections to the file, one for each operation: opening costs microseconds, and none is left in the way of a swap.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use database::{DatabaseError, EngineKind, FileError};
use rusqlite::{Connection, OpenFlags};

use crate::database::SqliteDatabase;
use crate::error::refused;

/// How long to wait for another process that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How a file may be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// It is a database, which others use too.
    Shared,
    /// It is a kept state, to which nobody writes; so it needs no lock, no log and no file beside it.
    Frozen,
}

impl SqliteDatabase {
    /// Opens the file, which must exist, with foreign keys enforced.
    pub(crate) fn connect(&self) -> Result<Connection, DatabaseError> {
        if !self.is_there()? {
            return Err(DatabaseError::Missing { database: self.name.clone() });
        }
        let connection = match self.access {
            Access::Shared => self.connect_to(&self.path)?,
            Access::Frozen => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
                self.open_file(&frozen(&self.path), flags)?
            }
        };
        connection.pragma_update(None, "foreign_keys", true).map_err(refused(&self.name, "open a connection"))?;
        Ok(connection)
    }

    /// Opens any SQLite file for this database's purposes.
    pub(crate) fn connect_to(&self, path: &Path) -> Result<Connection, DatabaseError> {
        self.open_file(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    /// Says whether the file exists.
    pub(crate) fn is_there(&self) -> Result<bool, DatabaseError> {
        Ok(self.path.try_exists().map_err(FileError::of("inspect", &self.path))?)
    }

    /// Refuses what would change a kept state.
    pub(crate) fn writable(&self) -> Result<(), DatabaseError> {
        match self.access {
            Access::Shared => Ok(()),
            Access::Frozen => {
                Err(DatabaseError::Unsupported { engine: EngineKind::Sqlite, action: "change a kept state" })
            }
        }
    }

    fn open_file(&self, path: &Path, flags: OpenFlags) -> Result<Connection, DatabaseError> {
        let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|source| DatabaseError::Unreachable { database: self.name.clone(), source: source.into() })?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(refused(&self.name, "open a connection"))?;
        Ok(connection)
    }
}

/// Gives SQLite's URI of a file that does not change.
fn frozen(path: &Path) -> PathBuf {
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            write!(uri, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    uri.push_str("?immutable=1");
    PathBuf::from(uri)
}
