//! The content as one portable file, and back.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use database::{DatabaseError, DurableRename, FileError};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode};

use crate::database::SqliteDatabase;
use crate::error::{code, refused};
use crate::swap;

/// The first bytes of every SQLite file.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

impl SqliteDatabase {
    pub(crate) fn dump_to(&self, to: &Path) -> Result<(), DatabaseError> {
        let file = DurableRename::begin(to)?;
        self.copy_content(file.path())?;
        self.check(file.path(), &self.path)?;
        Ok(file.finish()?)
    }

    pub(crate) fn restore_from(&self, from: &Path) -> Result<(), DatabaseError> {
        let mut start = [0; MAGIC.len()];
        let complete = File::open(from).and_then(|mut file| file.read_exact(&mut start));
        match complete {
            Ok(()) if &start == MAGIC => {}
            Ok(()) => return Err(damaged(from, "it does not begin like an SQLite file")),
            Err(source) if source.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Err(damaged(from, "it is too short"));
            }
            Err(source) => return Err(FileError::of("read", from)(source).into()),
        }
        let file = self.copy_file(from)?;
        self.check(file.path(), from)?;
        self.install(file)
    }

    /// Copies a file that no one has open beside the database; shares its blocks where the filesystem can.
    pub(crate) fn copy_file(&self, from: &Path) -> Result<DurableRename, DatabaseError> {
        let file = DurableRename::begin(&self.path)?;
        swap::remove_side_files(file.path())?;
        fs::copy(from, file.path()).map_err(FileError::of("copy", from))?;
        Ok(file)
    }

    /// Copies the content into a new file, whatever services do meanwhile: one moment of it, with what is still in the log.
    ///
    /// By SQLite itself, since to close a copy of our own would drop the locks that this process has on the file.
    pub(crate) fn copy_content(&self, to: &Path) -> Result<(), DatabaseError> {
        let refused = || refused(&self.name, "copy the content");
        let source = self.connect()?;
        let mut copy = Connection::open(to).map_err(refused())?;
        // Until it is renamed, the copy is worth nothing: it is synced as a whole at the end.
        copy.execute_batch("PRAGMA synchronous = OFF").map_err(refused())?;
        let result = Backup::new(&source, &mut copy).and_then(|backup| backup.step(-1)).map_err(refused())?;
        if result != StepResult::Done {
            return Err(DatabaseError::Busy {
                database: self.name.clone(),
                detail: "its content cannot be read".to_owned(),
            });
        }
        copy.close().map_err(|(_, source)| refused()(source))
    }

    /// Makes a copy independent of a log and checks it in full; `named` is the file that an error names.
    fn check(&self, path: &Path, named: &Path) -> Result<(), DatabaseError> {
        let connection = self.connect_to(path)?;
        let checked = connection.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())).and_then(|()| {
            let mut check = connection.prepare("PRAGMA integrity_check(3)")?;
            check.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()
        });
        match checked {
            Ok(lines) if lines == ["ok"] => Ok(()),
            Ok(lines) => Err(damaged(named, &lines.join("; "))),
            Err(source) => match code(&source) {
                Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Err(damaged(named, &source.to_string())),
                _ => Err(refused(&self.name, "check the copy")(source)),
            },
        }
    }
}

fn damaged(path: &Path, reason: &str) -> DatabaseError {
    DatabaseError::Damaged { path: path.to_owned(), reason: reason.to_owned() }
}
