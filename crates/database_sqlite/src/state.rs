//! Kept states: copies of the file in a directory of their own.

use std::io;
use std::path::PathBuf;

use database::{DatabaseError, DurableRename, FileError, StateName};

use crate::database::SqliteDatabase;
use crate::swap;

/// The extension of the copies.
const EXTENSION: &str = "sqlite";

impl SqliteDatabase {
    pub(crate) fn keep_state(&self, name: &StateName) -> Result<(), DatabaseError> {
        let file = DurableRename::begin(&self.kept_file(name))?;
        self.copy_content(file.path())?;
        Ok(file.finish()?)
    }

    pub(crate) fn reset_to_state(&self, name: &StateName) -> Result<(), DatabaseError> {
        let kept = self.kept_file(name);
        if !kept.try_exists().map_err(FileError::of("inspect", &kept))? {
            return Err(DatabaseError::UnknownState { database: self.name.clone(), state: name.clone() });
        }
        self.install(self.copy_file(&kept)?)
    }

    pub(crate) fn move_state_back(&self, name: &StateName) -> Result<(), DatabaseError> {
        let kept = self.kept_file(name);
        if !kept.try_exists().map_err(FileError::of("inspect", &kept))? {
            return Err(DatabaseError::UnknownState { database: self.name.clone(), state: name.clone() });
        }
        // The log of the content that goes must not reach the one that comes.
        swap::remove_side_files(&self.path)?;
        std::fs::rename(&kept, &self.path).map_err(FileError::of("move", &kept))?;
        for directory in [self.path.parent(), kept.parent()].into_iter().flatten() {
            database::sync_directory(directory)?;
        }
        Ok(())
    }

    pub(crate) fn kept_states(&self) -> Result<Vec<StateName>, DatabaseError> {
        let entries = match std::fs::read_dir(&self.kept) {
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(FileError::of("read", &self.kept))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let file = PathBuf::from(entry.map_err(FileError::of("read", &self.kept))?.file_name());
            let stem = file.file_stem().and_then(|stem| stem.to_str());
            if file.extension().is_some_and(|extension| extension == EXTENSION) {
                names.extend(stem.and_then(|stem| StateName::new(stem).ok()));
            }
        }
        names.sort();
        Ok(names)
    }

    pub(crate) fn forget_state(&self, name: &StateName) -> Result<(), DatabaseError> {
        Ok(database::remove_file(&self.kept_file(name))?)
    }

    fn kept_file(&self, name: &StateName) -> PathBuf {
        self.kept.join(format!("{name}.{EXTENSION}"))
    }
}
