//! Clones: files that a caller has for a while, such as a test; locked by the handle that made them.

use std::fs::File;
use std::io;
use std::path::Path;

use database::{DatabaseError, FileError, StateName};

use crate::database::SqliteDatabase;
use crate::swap;

impl SqliteDatabase {
    pub(crate) fn clone_state(&mut self, name: &StateName) -> Result<String, DatabaseError> {
        let held = self.hold_state(name)?;
        let state = held.state(name);
        // From here on the state may be renamed, replaced or taken. It is copied from what is opened now.
        let mut from = File::open(&state).map_err(FileError::of("open", &state))?;
        let clone = held.for_clone()?;
        drop(held);
        io::copy(&mut from, &mut clone.as_file()).map_err(FileError::of("copy", &state))?;
        swap::use_log(clone.path())?;
        let path = clone.path().to_string_lossy().into_owned();
        self.clones.push(clone);
        Ok(path)
    }

    pub(crate) fn discard_clone(&mut self, clone: &str) -> Result<(), DatabaseError> {
        let Some(place) = self.clones.iter().position(|file| file.path() == Path::new(clone)) else { return Ok(()) };
        let file = self.clones.swap_remove(place);
        let path = file.path().to_owned();
        file.close().map_err(FileError::of("remove", &path))?;
        Ok(swap::remove_side_files(&path)?)
    }
}
