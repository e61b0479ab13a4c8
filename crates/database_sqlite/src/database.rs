//! One database, a file: its life, and the way to everything else.

use std::path::{Path, PathBuf};

use database::{Database, DatabaseError, DurableRename, FileError, Schema, StateName, Transaction};
use indexmap::IndexMap;

use crate::error::refused;
use crate::transaction::SqliteTransaction;
use crate::{fingerprint, schema, script, swap};

/// A database that is a file, and a directory of kept copies of it.
pub(crate) struct SqliteDatabase {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) kept: PathBuf,
}

impl Database for SqliteDatabase {
    fn exists(&mut self) -> Result<bool, DatabaseError> {
        self.is_there()
    }

    fn create(&mut self) -> Result<(), DatabaseError> {
        if self.is_there()? {
            return Ok(());
        }
        self.clear()
    }

    fn clear(&mut self) -> Result<(), DatabaseError> {
        let file = DurableRename::begin(&self.path)?;
        std::fs::File::create(file.path()).map_err(FileError::of("create", file.path()))?;
        self.install(file)
    }

    fn destroy(&mut self) -> Result<(), DatabaseError> {
        for name in self.kept_states()? {
            self.forget_state(&name)?;
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
        match self.path.parent() {
            Some(parent) if parent.is_dir() => Ok(database::sync_directory(parent)?),
            _ => Ok(()),
        }
    }

    fn inspect(&mut self) -> Result<Schema, DatabaseError> {
        schema::inspect(&self.connect()?).map_err(refused(&self.name, "inspect the schema"))
    }

    fn row_counts(&mut self) -> Result<IndexMap<String, u64>, DatabaseError> {
        schema::row_counts(&self.connect()?).map_err(refused(&self.name, "count rows"))
    }

    fn execute_script(&mut self, sql: &str) -> Result<(), DatabaseError> {
        script::execute(&self.connect()?, &self.name, sql)
    }

    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, DatabaseError> {
        Ok(Box::new(SqliteTransaction::begin(self.connect()?, &self.name)?))
    }

    fn dump(&mut self, to: &Path) -> Result<(), DatabaseError> {
        self.dump_to(to)
    }

    fn restore(&mut self, from: &Path) -> Result<(), DatabaseError> {
        self.restore_from(from)
    }

    fn keep(&mut self, name: &StateName) -> Result<(), DatabaseError> {
        self.keep_state(name)
    }

    fn reset_to(&mut self, name: &StateName) -> Result<(), DatabaseError> {
        self.reset_to_state(name)
    }

    fn move_back(&mut self, name: &StateName) -> Result<(), DatabaseError> {
        self.move_state_back(name)
    }

    fn kept(&mut self) -> Result<Vec<StateName>, DatabaseError> {
        self.kept_states()
    }

    fn forget(&mut self, name: &StateName) -> Result<(), DatabaseError> {
        self.forget_state(name)
    }

    fn fingerprint(&mut self) -> Result<String, DatabaseError> {
        fingerprint::of(&self.connect()?).map_err(refused(&self.name, "read the content"))
    }
}
