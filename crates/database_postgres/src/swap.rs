//! The replacement of databases by each other: renames in one transaction, so that at every moment everything has its old
//! name or everything its new one. Nothing is dropped here: that would make the server write everything to the disk.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Instant;

use database::{DatabaseError, StateName};
use postgres::Error;

use crate::database::PostgresDatabase;
use crate::error::{is_in_use, refused};
use crate::lock::{END_INTERVAL, END_TIMEOUT, Lock};
use crate::names::Role;
use crate::table::{literal, quote};

/// How often a database that others keep connecting to is tried again.
const ATTEMPTS: usize = 10;

/// Renames that will be one transaction.
#[derive(Default)]
pub(crate) struct Renames {
    sql: String,
    /// The databases that nobody may be connected to.
    names: Vec<String>,
}

impl Renames {
    /// Adds a rename.
    pub(crate) fn rename(&mut self, from: &str, to: &str) {
        writeln!(self.sql, "ALTER DATABASE {} RENAME TO {};", quote(from), quote(to)).expect("a string takes all");
        self.names.push(from.to_owned());
    }

    /// Marks a database as a kept state: the name of a database is too short for both names, the comment has them in full.
    pub(crate) fn mark(&mut self, database: &str, name: &str, state: &StateName) {
        let mark = serde_json::json!({ "database": name, "state": state.as_str() }).to_string();
        // Those who may connect have no limit; what a service's own role could do in a state, it cannot.
        writeln!(self.sql, "COMMENT ON DATABASE {} IS {};", quote(database), literal(&mark))
            .expect("a string takes all");
        writeln!(self.sql, "ALTER DATABASE {} CONNECTION LIMIT 0;", quote(database)).expect("a string takes all");
    }

    /// Takes the mark of a kept state or a spare off.
    pub(crate) fn unmark(&mut self, database: &str) {
        writeln!(self.sql, "COMMENT ON DATABASE {} IS NULL;", quote(database)).expect("a string takes all");
        writeln!(self.sql, "ALTER DATABASE {} CONNECTION LIMIT -1;", quote(database)).expect("a string takes all");
    }
}

impl PostgresDatabase {
    pub(crate) fn is_there(&mut self, database: &str) -> Result<bool, DatabaseError> {
        self.oid(database).map(|oid| oid.is_some())
    }

    /// Finds a database's number.
    pub(crate) fn oid(&mut self, database: &str) -> Result<Option<u32>, DatabaseError> {
        let name = self.name.clone();
        let row = self.maintenance()?.query_opt("SELECT oid FROM pg_database WHERE datname = $1", &[&database]);
        row.map(|row| row.map(|row| row.get(0))).map_err(refused(&name, "look for it"))
    }

    /// Finds the number of a kept state's database.
    pub(crate) fn kept_oid(&mut self, state: &StateName) -> Result<u32, DatabaseError> {
        let kept = self.kept_name(state);
        self.oid(&kept)?
            .ok_or_else(|| DatabaseError::UnknownState { database: self.name.clone(), state: state.clone() })
    }

    /// Lists all databases with a role that belong to this one, with their numbers.
    pub(crate) fn with_role(&mut self, role: Role) -> Result<HashMap<String, u32>, DatabaseError> {
        let (name, prefix) = (self.name.clone(), self.prefix(role));
        let sql = "SELECT datname, oid FROM pg_database WHERE starts_with(datname, $1)";
        let rows = self.maintenance()?.query(sql, &[&prefix]).map_err(refused(&name, "list its databases"))?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Puts a database in the place of this one. What is there goes to `aside`, or is put aside to be dropped.
    ///
    /// The new one is no kept state or spare afterwards.
    pub(crate) fn put_in_place(&mut self, new: &str, aside: Option<&StateName>) -> Result<(), DatabaseError> {
        let name = self.name.clone();
        let mut renames = Renames::default();
        let oid = self.oid(&name)?;
        if let Some(state) = aside.filter(|_| oid.is_some()) {
            let kept = self.kept_name(state);
            if kept == new {
                // They change places: out of the way first.
                let between = self.own_name(Role::New, "between");
                renames.rename(new, &between);
                renames.rename(&name, &kept);
                renames.rename(&between, &name);
            } else {
                self.put_aside(&kept, &mut renames)?;
                renames.rename(&name, &kept);
                renames.rename(new, &name);
            }
            renames.mark(&kept, &name, state);
        } else {
            self.put_aside(&name, &mut renames)?;
            renames.rename(new, &name);
        }
        renames.unmark(&name);
        self.execute_renames(&renames)
    }

    /// Gives a finished database the name of a kept state; what has the name now is put aside to be dropped.
    pub(crate) fn put_under(&mut self, new: &str, state: &StateName) -> Result<(), DatabaseError> {
        let kept = self.kept_name(state);
        let mut renames = Renames::default();
        self.put_aside(&kept, &mut renames)?;
        renames.rename(new, &kept);
        renames.mark(&kept, &self.name, state);
        self.execute_renames(&renames)
    }

    /// Lets a database, if it exists, be one that is to be dropped.
    pub(crate) fn put_aside(&mut self, database: &str, renames: &mut Renames) -> Result<(), DatabaseError> {
        if let Some(oid) = self.oid(database)? {
            renames.rename(database, &self.own_name(Role::Old, oid));
        }
        Ok(())
    }

    /// Executes renames; ends the connections to the databases, and what copies them.
    pub(crate) fn execute_renames(&mut self, renames: &Renames) -> Result<(), DatabaseError> {
        if renames.sql.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = renames.names.iter().map(String::as_str).collect();
        // Sent together, the statements are one transaction.
        self.alone_in(&names, true, &renames.sql, "replace it")
    }

    /// Runs a command that fails while others are connected to one of the databases: ends their connections, and what copies
    /// them if wanted; again if they are back before the command has locked them out.
    pub(crate) fn alone_in(
        &mut self,
        databases: &[&str],
        end_copies: bool,
        command: &str,
        action: &str,
    ) -> Result<(), DatabaseError> {
        self.session = None;
        let name = self.name.clone();
        let mut attempt = 1;
        loop {
            self.end_sessions(databases, end_copies)?;
            match self.maintenance()?.batch_execute(command) {
                Err(error) if is_in_use(&error) && attempt < ATTEMPTS => attempt += 1,
                result => return result.map_err(refused(&name, action)),
            }
        }
    }

    /// Ends the connections to databases, and the sessions that copy them if wanted, and waits until they are gone.
    fn end_sessions(&mut self, databases: &[&str], end_copies: bool) -> Result<(), DatabaseError> {
        let name = self.name.clone();
        let deadline = Instant::now() + END_TIMEOUT;
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity activity
            WHERE pid <> pg_backend_pid() AND (datname = ANY ($1) OR $2 AND pid IN (
                SELECT pid FROM pg_locks JOIN pg_database ON objid = pg_database.oid
                WHERE locktype = 'advisory' AND classid::bigint = $3 AND pg_database.datname = ANY ($1)
                    AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())))";
        let ended = |this: &mut Self| -> Result<bool, Error> {
            let server = this.maintenance.as_mut().expect("it was connected to before");
            server.query(sql, &[&databases, &end_copies, &i64::from(Lock::Copy.class())]).map(|rows| rows.is_empty())
        };
        self.maintenance()?;
        while !ended(self).map_err(refused(&name, "end the connections to it"))? {
            if Instant::now() > deadline {
                let detail = "its connections do not end".to_owned();
                return Err(DatabaseError::Busy { database: name, detail });
            }
            std::thread::sleep(END_INTERVAL);
        }
        Ok(())
    }

    /// Drops a database if it exists, and ends the connections to it.
    pub(crate) fn drop_named(&mut self, database: &str) -> Result<(), DatabaseError> {
        let name = self.name.clone();
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quote(database));
        self.maintenance()?.batch_execute(&sql).map_err(refused(&name, "drop a copy of it"))
    }
}
