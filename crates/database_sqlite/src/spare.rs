//! What a process in the background does: spare copies for resets to come, and the removal of what was put aside.

use std::fs::{self, File};
use std::io;

use database::{DatabaseError, FileError, StateName};

use crate::database::SqliteDatabase;
use crate::directory::{empty_trash, is_unchanged};
use crate::swap;

impl SqliteDatabase {
    pub(crate) fn prepare(&self, name: &StateName) -> Result<(), DatabaseError> {
        let held = self.hold_state(name)?;
        let (state, spare) = (held.state(name), held.spare(name));
        if spare.try_exists().map_err(FileError::of("inspect", &spare))? {
            return Ok(());
        }
        // From here on the state may be renamed, replaced or taken. It is copied from what is opened now.
        let mut from = File::open(&state).map_err(FileError::of("open", &state))?;
        let before = from.metadata().map_err(FileError::of("inspect", &state))?;
        let copy = held.unfinished()?;
        drop(held);
        io::copy(&mut from, &mut copy.as_file()).map_err(FileError::of("copy", &state))?;
        swap::use_log(copy.path())?;
        database::sync_file(copy.path())?;
        match self.hold_state(name) {
            Ok(held) => {
                let after = fs::metadata(&state).map_err(FileError::of("inspect", &state))?;
                if is_unchanged(&before, &after) {
                    fs::rename(copy.path(), &spare).map_err(FileError::of("rename", copy.path()))?;
                }
                drop(held);
                Ok(())
            }
            // It is gone, so that it needs no spare.
            Err(DatabaseError::UnknownState { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn remove_leftovers(&self) -> Result<(), DatabaseError> {
        if let Some(held) = self.hold_if_there()? {
            held.discard_leftovers()?;
        }
        Ok(empty_trash(&self.kept)?)
    }
}
