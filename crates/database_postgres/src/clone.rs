//! Clones: databases that a caller has for a while, such as a test. Each is copied from a kept state and known by its name alone.
//!
//! A session of the caller's holds a lock for each; when that ends, in whatever way, `tidy` drops them.

use database::{DatabaseError, StateName};
use postgres::Client;

use crate::client::MAINTENANCE;
use crate::copy::Others;
use crate::database::PostgresDatabase;
use crate::error::refused;
use crate::lock::{Lock, number};
use crate::names::Role;

impl PostgresDatabase {
    pub(crate) fn clone_state(&mut self, state: &StateName) -> Result<String, DatabaseError> {
        self.giving_way(state, |this| this.make_clone(state))
    }

    pub(crate) fn discard_clone(&mut self, clone: &str) -> Result<(), DatabaseError> {
        debug_assert!(clone.starts_with(&self.prefix(Role::Clone)), "it was made by `clone_state`");
        self.drop_named(clone)?;
        self.hold(clone, "SELECT pg_advisory_unlock($1, $2)")
    }

    fn make_clone(&mut self, state: &StateName) -> Result<String, DatabaseError> {
        self.kept_oid(state)?;
        let name = self.name.clone();
        let sql = "SELECT left(replace(gen_random_uuid()::text, '-', ''), 24)";
        let end: String = self.maintenance()?.query_one(sql, &[]).map_err(refused(&name, "name a clone"))?.get(0);
        let clone = self.own_name(Role::Clone, end);
        // It is somebody's before it is there, so that nobody tidies it.
        self.hold(&clone, "SELECT pg_advisory_lock($1, $2)")?;
        let kept = self.kept_name(state);
        match self.copy(&kept, &clone, Others::WaitedFor) {
            Ok(()) => Ok(clone),
            Err(error) => {
                // What cannot be dropped now is dropped by the next `tidy`; the first error tells more.
                let _ = self.discard_clone(&clone);
                Err(error)
            }
        }
    }

    /// Takes the lock of a clone, or gives it back. A session that was ended has given back all of them.
    fn hold(&mut self, clone: &str, sql: &str) -> Result<(), DatabaseError> {
        let holder: &mut Client = match &mut self.holder {
            Some(holder) => holder,
            none => none.insert(self.address.connect(MAINTENANCE, &self.name)?),
        };
        let held = holder.query_one(sql, &[&Lock::Clone.class(), &number(clone)]);
        held.map(drop).map_err(refused(&self.name, "hold a clone"))
    }
}
