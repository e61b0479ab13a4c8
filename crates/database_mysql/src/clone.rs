//! Clones: schemas that a caller has for a while, such as a test. For the catalog they are contents that are never finished.
//!
//! The session of the caller holds a lock for each, as for anything under construction; when that ends, in whatever way, `tidy`
//! drops them.

use database::{DatabaseError, StateName};

use crate::catalog::remove;
use crate::database::MysqlDatabase;
use crate::literal::quote;

impl MysqlDatabase {
    pub(crate) fn clone_state(&mut self, state: &StateName) -> Result<String, DatabaseError> {
        let source = self.content_of(state)?;
        let clone = self.begin_content(Some(&source))?;
        match self.copy(&source, &clone) {
            Ok(()) => Ok(clone),
            Err(error) => {
                // What made this fail is worth more than that it cannot be discarded; the next to tidy finds it.
                let _ = self.end_content(&clone, None);
                Err(error)
            }
        }
    }

    pub(crate) fn discard_clone(&mut self, clone: &str) -> Result<(), DatabaseError> {
        self.run(&format!("DROP DATABASE IF EXISTS {}", quote(clone)), "drop a clone")?;
        self.end_content(clone, Some(vec![remove(clone)]))
    }
}
