//! Kept states: files in a directory of their own, copied, renamed, opened.

use std::fs;
use std::io;

use database::{Database, DatabaseError, FileError, Kept, StateName};

use crate::client::Access;
use crate::copy::copy_bytes;
use crate::database::SqliteDatabase;
use crate::directory::Held;
use crate::swap;

impl SqliteDatabase {
    pub(crate) fn keep_state(&self, name: &StateName) -> Result<(), DatabaseError> {
        if !self.is_there()? {
            return Err(DatabaseError::Missing { database: self.name.clone() });
        }
        let copy = self.hold()?.unfinished()?;
        self.copy_content(copy.path())?;
        database::sync_file(copy.path())?;
        Ok(self.hold()?.publish(copy.path(), name)?)
    }

    pub(crate) fn reset_to_state(&self, name: &StateName, aside: Option<&StateName>) -> Result<(), DatabaseError> {
        let held = self.hold_state(name)?;
        let spare = held.spare(name);
        if spare.try_exists().map_err(FileError::of("inspect", &spare))? {
            return self.place(&held, &spare, aside);
        }
        // Nobody but the caller changes states, so others need not wait for the copy.
        let (state, copy) = (held.state(name), held.unfinished()?);
        drop(held);
        copy_bytes(&state, copy.path())?;
        swap::use_log(copy.path())?;
        database::sync_file(copy.path())?;
        self.place(&self.hold()?, copy.path(), aside)
    }

    pub(crate) fn take_state(&self, name: &StateName, aside: Option<&StateName>) -> Result<(), DatabaseError> {
        let held = self.hold_state(name)?;
        self.place(&held, &held.state(name), aside)?;
        held.discard(&held.spare(name))?;
        Ok(held.sync()?)
    }

    pub(crate) fn kept_states(&self) -> Result<Vec<Kept>, DatabaseError> {
        let Some(held) = self.hold_if_there()? else { return Ok(Vec::new()) };
        let mut kept = Vec::new();
        for name in held.states()? {
            let (state, spare) = (held.state(&name), held.spare(&name));
            let bytes = fs::metadata(&state).map_err(FileError::of("inspect", &state))?.len();
            let has_spare = spare.try_exists().map_err(FileError::of("inspect", &spare))?;
            kept.push(Kept { name, bytes, has_spare });
        }
        kept.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(kept)
    }

    pub(crate) fn open_state(&self, name: &StateName) -> Result<Box<dyn Database>, DatabaseError> {
        let held = self.hold_state(name)?;
        Ok(Box::new(SqliteDatabase {
            name: format!("{} ({name})", self.name),
            path: held.state(name),
            kept: self.kept.clone(),
            access: Access::Frozen,
            clones: Vec::new(),
        }))
    }

    pub(crate) fn rename_state(&self, from: &StateName, to: &StateName) -> Result<(), DatabaseError> {
        let held = self.hold_state(from)?;
        if from == to {
            return Ok(());
        }
        held.publish(&held.state(from), to)?;
        let spare = held.spare(from);
        match fs::rename(&spare, held.spare(to)) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(FileError::of("rename", &spare)(source).into())
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn forget_state(&self, name: &StateName) -> Result<(), DatabaseError> {
        let Some(held) = self.hold_if_there()? else { return Ok(()) };
        held.discard(&held.spare(name))?;
        held.discard(&held.state(name))?;
        Ok(held.sync()?)
    }

    /// Holds the directory with a state in it.
    pub(crate) fn hold_state(&self, name: &StateName) -> Result<Held, DatabaseError> {
        let unknown = || DatabaseError::UnknownState { database: self.name.clone(), state: name.clone() };
        let held = self.hold_if_there()?.ok_or_else(unknown)?;
        let state = held.state(name);
        if state.try_exists().map_err(FileError::of("inspect", &state))? { Ok(held) } else { Err(unknown()) }
    }
}
