//! One database, a file: its life, and the way to everything else.

use std::path::{Path, PathBuf};

use database::{Database, DatabaseError, Description, FileError, Kept, Schema, StateName, Transaction};
use indexmap::IndexMap;
use tempfile::NamedTempFile;

use crate::client::Access;
use crate::error::refused;
use crate::transaction::SqliteTransaction;
use crate::{check, description, fingerprint, rows, schema, script, swap};

/// A database that is a file, and a directory of kept copies of it.
pub(crate) struct SqliteDatabase {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) kept: PathBuf,
    pub(crate) access: Access,
    /// The clones that this handle has made.
    pub(crate) clones: Vec<NamedTempFile>,
}

impl Database for SqliteDatabase {
    fn exists(&mut self) -> Result<bool, DatabaseError> {
        self.is_there()
    }

    fn create(&mut self) -> Result<(), DatabaseError> {
        if self.is_there()? {
            return Ok(());
        }
        self.clear(None)
    }

    fn clear(&mut self, aside: Option<&StateName>) -> Result<(), DatabaseError> {
        self.writable()?;
        let held = self.hold()?;
        let file = held.unfinished()?;
        self.make_empty(file.path())?;
        self.place(&held, file.path(), aside)
    }

    fn destroy(&mut self) -> Result<(), DatabaseError> {
        self.writable()?;
        let held = self.hold_if_there()?;
        if let Some(held) = &held {
            held.remove_all()?;
        }
        // The database itself goes before its log: a log without its database is removed by the next `create`, while a
        // database without its log would pass for one with older content.
        database::remove_file(&self.path)?;
        swap::remove_side_files(&self.path)?;
        match std::fs::remove_dir(&self.kept) {
            // Someone else's files are left alone.
            Err(source) if source.kind() == std::io::ErrorKind::DirectoryNotEmpty => {}
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(FileError::of("remove", &self.kept)(source).into());
            }
            _ => {}
        }
        drop(held);
        match self.path.parent() {
            Some(parent) if parent.is_dir() => Ok(database::sync_directory(parent)?),
            _ => Ok(()),
        }
    }

    fn inspect(&mut self) -> Result<Schema, DatabaseError> {
        schema::inspect(&self.connect()?).map_err(refused(&self.name, "inspect the schema"))
    }

    fn describe(&mut self) -> Result<Description, DatabaseError> {
        description::describe(&self.connect()?).map_err(refused(&self.name, "describe the schema"))
    }

    fn row_counts(&mut self) -> Result<IndexMap<String, u64>, DatabaseError> {
        schema::row_counts(&self.connect()?).map_err(refused(&self.name, "count rows"))
    }

    fn execute_script(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.writable()?;
        script::execute(&self.connect()?, &self.name, sql)
    }

    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, DatabaseError> {
        self.writable()?;
        Ok(Box::new(SqliteTransaction::begin(self.connect()?, &self.name)?))
    }

    fn size(&mut self) -> Result<u64, DatabaseError> {
        if !self.is_there()? {
            return Err(DatabaseError::Missing { database: self.name.clone() });
        }
        let [log, ..] = swap::side_files(&self.path);
        let log = if self.access == Access::Shared { std::fs::metadata(&log).map_or(0, |log| log.len()) } else { 0 };
        Ok(std::fs::metadata(&self.path).map_err(FileError::of("inspect", &self.path))?.len() + log)
    }

    fn read_rows(
        &mut self,
        table: &str,
        each: &mut dyn FnMut(&[Option<String>]) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        let connection = self.connect()?;
        let schema = schema::inspect(&connection).map_err(refused(&self.name, "inspect the schema"))?;
        let unknown = || DatabaseError::UnknownTable { database: self.name.clone(), table: table.to_owned() };
        rows::read(&connection, &self.name, schema.table(table).ok_or_else(unknown)?, each)
    }

    fn read_rows_with(
        &mut self,
        table: &str,
        columns: &[String],
        values: &[Vec<String>],
        each: &mut dyn FnMut(&[Option<String>]) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        let connection = self.connect()?;
        let schema = schema::inspect(&connection).map_err(refused(&self.name, "inspect the schema"))?;
        let unknown = || DatabaseError::UnknownTable { database: self.name.clone(), table: table.to_owned() };
        rows::read_with(&connection, &self.name, schema.table(table).ok_or_else(unknown)?, (columns, values), each)
    }

    fn dump(&mut self, to: &Path) -> Result<(), DatabaseError> {
        self.dump_to(to)
    }

    fn restore_as(&mut self, name: &StateName, from: &Path) -> Result<(), DatabaseError> {
        self.writable()?;
        self.restore_state(name, from)
    }

    fn keep(&mut self, name: &StateName) -> Result<(), DatabaseError> {
        self.writable()?;
        self.keep_state(name)
    }

    fn kept(&mut self) -> Result<Vec<Kept>, DatabaseError> {
        match self.access {
            Access::Shared => self.kept_states(),
            Access::Frozen => Ok(Vec::new()),
        }
    }

    fn open_kept(&mut self, name: &StateName) -> Result<Box<dyn Database>, DatabaseError> {
        self.writable()?;
        self.open_state(name)
    }

    fn rename_kept(&mut self, from: &StateName, to: &StateName) -> Result<(), DatabaseError> {
        self.writable()?;
        self.rename_state(from, to)
    }

    fn forget(&mut self, name: &StateName) -> Result<(), DatabaseError> {
        self.writable()?;
        self.forget_state(name)
    }

    fn reset_to(&mut self, name: &StateName, aside: Option<&StateName>) -> Result<(), DatabaseError> {
        self.writable()?;
        self.reset_to_state(name, aside)
    }

    fn take(&mut self, name: &StateName, aside: Option<&StateName>) -> Result<(), DatabaseError> {
        self.writable()?;
        self.take_state(name, aside)
    }

    fn prepare_spare(&mut self, name: &StateName) -> Result<(), DatabaseError> {
        self.writable()?;
        self.prepare(name)
    }

    fn clone_kept(&mut self, name: &StateName) -> Result<String, DatabaseError> {
        self.writable()?;
        self.clone_state(name)
    }

    fn drop_clone(&mut self, clone: &str) -> Result<(), DatabaseError> {
        self.discard_clone(clone)
    }

    fn tidy(&mut self) -> Result<(), DatabaseError> {
        self.writable()?;
        self.remove_leftovers()
    }

    fn fingerprint(&mut self) -> Result<String, DatabaseError> {
        fingerprint::of(&self.connect()?).map_err(refused(&self.name, "read the content"))
    }

    fn check(&mut self) -> Result<Vec<String>, DatabaseError> {
        check::findings(&self.connect()?).map_err(refused(&self.name, "check the content"))
    }
}

impl SqliteDatabase {
    /// Makes a file a database without content.
    fn make_empty(&self, path: &Path) -> Result<(), DatabaseError> {
        let refused = || refused(&self.name, "make an empty file");
        let new = self.connect_to(path)?;
        new.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).map_err(refused())?;
        new.close().map_err(|(_, source)| refused()(source))?;
        swap::remove_side_files(path)?;
        Ok(database::sync_file(path)?)
    }
}
