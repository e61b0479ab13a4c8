//! The replacement of a database by another one, which leaves the old content or the new one at every moment.

use std::time::{Duration, Instant};

use database::DatabaseError;
use postgres::Error;

use crate::database::PostgresDatabase;
use crate::error::{is_in_use, refused};
use crate::table::quote;

/// Digits of a digest in the names of the databases that are Seedbed's own: two of them, and the words, fit into the 63 bytes
/// of a name.
const DIGEST_DIGITS: usize = 24;

/// How long connections have to end after they were told to.
const END_TIMEOUT: Duration = Duration::from_secs(10);

/// How often to look whether they have.
const END_INTERVAL: Duration = Duration::from_millis(2);

/// How often a database that others keep connecting to is tried again.
const ATTEMPTS: usize = 10;

/// Above this size, in bytes, copying files with a checkpoint beats copying through the log.
const FILE_COPY_SIZE: i64 = 200 << 20;

/// The first version, as the server counts, that can choose how to copy.
const STRATEGY_VERSION: i32 = 150_000;

impl PostgresDatabase {
    /// Names a database of Seedbed's own that belongs to this one.
    pub(crate) fn own_name(&self, role: &str) -> String {
        format!("seedbed-{role}-{}", digest(&self.name))
    }

    /// Names the database that is being made.
    pub(crate) fn new_name(&self) -> String {
        self.own_name("new")
    }

    /// Names the database that was replaced and waits for its end.
    fn old_name(&self) -> String {
        self.own_name("old")
    }

    pub(crate) fn is_there(&mut self, database: &str) -> Result<bool, DatabaseError> {
        let rows = self.maintenance()?.query("SELECT 1 FROM pg_database WHERE datname = $1", &[&database]);
        rows.map(|rows| !rows.is_empty()).map_err(refused(database, "look for it"))
    }

    pub(crate) fn create_empty(&mut self, database: &str) -> Result<(), DatabaseError> {
        // Unlike template1, template0 is the same everywhere and nobody can be connected to it.
        let sql = format!("CREATE DATABASE {} TEMPLATE template0", quote(database));
        self.maintenance()?.batch_execute(&sql).map_err(refused(database, "create it"))
    }

    /// Drops a database if it exists, and ends the connections to it.
    pub(crate) fn drop_named(&mut self, database: &str) -> Result<(), DatabaseError> {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quote(database));
        self.maintenance()?.batch_execute(&sql).map_err(refused(database, "drop it"))
    }

    /// Drops what a killed caller left behind.
    pub(crate) fn drop_leftovers(&mut self) -> Result<(), DatabaseError> {
        let (new, old) = (self.new_name(), self.old_name());
        self.drop_named(&new)?;
        self.drop_named(&old)
    }

    /// Copies a database, with its settings, inside the server.
    pub(crate) fn copy(&mut self, from: &str, to: &str) -> Result<(), DatabaseError> {
        let server = self.maintenance()?;
        let facts = "SELECT pg_database_size($1::text::name), current_setting('server_version_num')::int";
        let row = server.query_one(facts, &[&from]).map_err(refused(from, "measure it"))?;
        let (size, version): (i64, i32) = (row.get(0), row.get(1));
        let strategy = match (version >= STRATEGY_VERSION, size > FILE_COPY_SIZE) {
            (false, _) => "",
            (true, false) => " STRATEGY wal_log",
            (true, true) => " STRATEGY file_copy",
        };
        let sql = format!("CREATE DATABASE {} TEMPLATE {}{strategy}", quote(to), quote(from));
        self.alone_in(&[from], &sql)?;
        // Settings of the database, such as its search path, are not part of its template.
        let settings = "INSERT INTO pg_db_role_setting (setdatabase, setrole, setconfig)
            SELECT copy.oid, setrole, setconfig FROM pg_db_role_setting
            JOIN pg_database original ON original.oid = setdatabase JOIN pg_database copy ON copy.datname = $2
            WHERE original.datname = $1 AND setrole = 0";
        let copied = self.maintenance()?.execute(settings, &[&from, &to]);
        copied.map(drop).map_err(refused(to, "copy the settings"))
    }

    /// Gives a finished database its name; the one that has the name now, if any, is dropped afterwards.
    pub(crate) fn swap(&mut self, new: &str, name: &str) -> Result<(), DatabaseError> {
        let old = self.old_name();
        let rename = |from: &str, to: &str| format!("ALTER DATABASE {} RENAME TO {};", quote(from), quote(to));
        if self.is_there(name)? {
            // Sent together, the two are one transaction.
            self.alone_in(&[name, new], &(rename(name, &old) + &rename(new, name)))?;
            self.drop_named(&old)
        } else {
            self.alone_in(&[new], &rename(new, name))
        }
    }

    /// Runs a command that fails while others are connected to one of the databases: ends their connections, again if they
    /// are back before the command has locked them out.
    fn alone_in(&mut self, databases: &[&str], command: &str) -> Result<(), DatabaseError> {
        self.session = None;
        let mut attempt = 1;
        loop {
            for database in databases {
                self.end_connections(database)?;
            }
            match self.maintenance()?.batch_execute(command) {
                Err(error) if is_in_use(&error) && attempt < ATTEMPTS => attempt += 1,
                result => return result.map_err(refused(databases[0], "replace or copy it")),
            }
        }
    }

    /// Ends the connections to a database and waits until they are gone.
    fn end_connections(&mut self, database: &str) -> Result<(), DatabaseError> {
        let deadline = Instant::now() + END_TIMEOUT;
        let sql =
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()";
        let statement = self.maintenance()?.prepare(sql).map_err(refused(database, "end its connections"))?;
        while !self.connections_ended(&statement, database).map_err(refused(database, "end its connections"))? {
            if Instant::now() > deadline {
                let detail = "its connections do not end".to_owned();
                return Err(DatabaseError::Busy { database: database.to_owned(), detail });
            }
            std::thread::sleep(END_INTERVAL);
        }
        Ok(())
    }

    fn connections_ended(&mut self, statement: &postgres::Statement, database: &str) -> Result<bool, Error> {
        let server = self.maintenance.as_mut().expect("the statement was prepared on it");
        server.query(statement, &[&database]).map(|rows| rows.is_empty())
    }
}

/// Shortens any name to digits that fit into the name of a database.
pub(crate) fn digest(name: &str) -> String {
    let mut digits = blake3::hash(name.as_bytes()).to_hex().to_string();
    digits.truncate(DIGEST_DIGITS);
    digits
}
