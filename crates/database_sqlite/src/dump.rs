//! The content as one portable file, and back.
//!
//! A dump is the database file itself, copied page by page: a page that has not changed is the same in the next dump, at the
//! same place.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use database::{DatabaseError, Dialect, DurableRename, FileError, StateName, statements};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode};

use crate::copy::copy_bytes;
use crate::database::SqliteDatabase;
use crate::error::{code, refused};
use crate::{script, swap};

/// The first bytes of every SQLite file.
pub(crate) const MAGIC: &[u8; 16] = b"SQLite format 3\0";

impl SqliteDatabase {
    pub(crate) fn dump_to(&self, to: &Path) -> Result<(), DatabaseError> {
        let file = DurableRename::begin(to)?;
        self.copy_content(file.path())?;
        self.verify(file.path(), &self.path)?;
        Ok(file.finish()?)
    }

    pub(crate) fn restore_state(&self, name: &StateName, from: &Path) -> Result<(), DatabaseError> {
        let start = start(from)?;
        let copy = self.hold()?.unfinished()?;
        let filled = if start == MAGIC {
            self.copy_with_side_files(from, copy.path())
        } else {
            self.execute_dump(from, copy.path())
        };
        let verified = filled.and_then(|()| self.verify(copy.path(), from));
        swap::remove_side_files(copy.path())?;
        verified?;
        database::sync_file(copy.path())?;
        Ok(self.hold()?.publish(copy.path(), name)?)
    }

    /// Copies the content into a new file, whatever services do meanwhile: one moment of it, with what is still in the log.
    ///
    /// By SQLite itself, since to close a copy of our own would drop the locks that this process has on the file.
    pub(crate) fn copy_content(&self, to: &Path) -> Result<(), DatabaseError> {
        self.copy_from(&self.connect()?, to)
    }

    /// Copies what a connection sees into a new file.
    pub(crate) fn copy_from(&self, source: &Connection, to: &Path) -> Result<(), DatabaseError> {
        let refused = || refused(&self.name, "copy the content");
        let mut copy = Connection::open(to).map_err(refused())?;
        // Until it is renamed, the copy is worth nothing: it is synced as a whole at the end.
        copy.execute_batch("PRAGMA synchronous = OFF").map_err(refused())?;
        let result = Backup::new(source, &mut copy).and_then(|backup| backup.step(-1)).map_err(refused())?;
        if result != StepResult::Done {
            return Err(DatabaseError::Busy {
                database: self.name.clone(),
                detail: "its content cannot be read".to_owned(),
            });
        }
        copy.close().map_err(|(_, source)| refused()(source))
    }

    /// Copies an SQLite file with the log or the journal that may stand beside it, without which it may be incomplete.
    fn copy_with_side_files(&self, from: &Path, to: &Path) -> Result<(), DatabaseError> {
        copy_bytes(from, to)?;
        let [log, _, journal] = swap::side_files(from);
        let [log_copy, _, journal_copy] = swap::side_files(to);
        for (file, copy) in [(log, log_copy), (journal, journal_copy)] {
            if file.try_exists().map_err(FileError::of("inspect", &file))? {
                copy_bytes(&file, &copy)?;
            }
        }
        // What was in the log goes to the file.
        let connection = self.connect_to(to)?;
        match connection.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())) {
            Ok(()) => Ok(()),
            Err(source) => Err(self.unreadable(from, source)),
        }
    }

    /// Executes the SQL that `sqlite3 .dump` writes.
    fn execute_dump(&self, from: &Path, to: &Path) -> Result<(), DatabaseError> {
        let sql = fs::read(from).map_err(FileError::of("read", from))?;
        let sql = String::from_utf8(sql).map_err(|_| damaged(from, "it is neither an SQLite file nor text"))?;
        let statements = statements(&sql, Dialect::Sqlite);
        // The last statement says that nothing is missing, and that nothing went wrong when the dump was made.
        if statements.last().is_none_or(|last| last.verb != "COMMIT") {
            return Err(damaged(from, "it is no SQLite file, and no SQL that ends with COMMIT as that of .dump does"));
        }
        if statements.iter().any(|statement| statement.verb == "ATTACH") {
            return Err(damaged(from, "it attaches another database"));
        }
        let connection = self.connect_to(to)?;
        let settings = "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY; PRAGMA foreign_keys = OFF";
        connection.execute_batch(settings).map_err(refused(&self.name, "prepare the file"))?;
        match script::execute(&connection, &self.name, &sql) {
            Err(DatabaseError::Script { line, message, .. }) => Err(damaged(from, &format!("line {line}: {message}"))),
            executed => executed,
        }
    }

    /// Makes a copy independent of a log and reads it in full, for what its structure tells; `named` is the file that an error names.
    fn verify(&self, path: &Path, named: &Path) -> Result<(), DatabaseError> {
        let connection = self.connect_to(path)?;
        let checked = connection.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())).and_then(|()| {
            let mut check = connection.prepare("PRAGMA quick_check(3)")?;
            check.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()
        });
        match checked {
            Ok(lines) if lines == ["ok"] => Ok(()),
            Ok(lines) => Err(damaged(named, &lines.join("; "))),
            Err(source) => Err(self.unreadable(named, source)),
        }
    }

    fn unreadable(&self, file: &Path, source: rusqlite::Error) -> DatabaseError {
        match code(&source) {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => damaged(file, &source.to_string()),
            _ => refused(&self.name, "check the copy")(source),
        }
    }
}

/// Reads the bytes that tell what kind of file it is.
fn start(path: &Path) -> Result<Vec<u8>, DatabaseError> {
    let mut start = Vec::new();
    let file = File::open(path).map_err(FileError::of("open", path))?;
    file.take(MAGIC.len() as u64).read_to_end(&mut start).map_err(FileError::of("read", path))?;
    Ok(start)
}

fn damaged(path: &Path, reason: &str) -> DatabaseError {
    DatabaseError::Damaged { path: path.to_owned(), reason: reason.to_owned() }
}
