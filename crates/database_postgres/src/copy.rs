//! New databases inside the server, empty ones and copies: complete before they get the name that they are made for.

use database::{DatabaseError, StateName};
use postgres::error::SqlState;

use crate::database::PostgresDatabase;
use crate::error::{is_in_use, refused};
use crate::lock::{Lock, number, number_of};
use crate::names::Role;
use crate::table::{literal, quote};

/// Above this size, in bytes, copying files with two checkpoints beats copying through the log (measured on ext4).
const FILE_COPY_SIZE: i64 = 200 << 20;

/// The first version, as the server counts, that can choose how to copy.
pub(crate) const STRATEGY_VERSION: i32 = 150_000;

/// The first version that can let the file system copy.
const CLONE_VERSION: i32 = 180_000;

/// How often a copy that must not disturb others tries again; the server waits five seconds each time.
const PATIENT_ATTEMPTS: usize = 60;

/// What to do with those who are connected to a database that is to be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Others {
    /// They are ended.
    Ended,
    /// They are waited for.
    WaitedFor,
}

impl PostgresDatabase {
    /// Makes something under a name that is nobody's, and gives it to `finish`, which gives it its name. When that fails, it
    /// is dropped.
    pub(crate) fn make<T>(
        &mut self,
        fill: impl FnOnce(&mut Self, &str) -> Result<(), DatabaseError>,
        finish: impl FnOnce(&mut Self, &str) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let name = self.name.clone();
        let sql = "SELECT left(replace(gen_random_uuid()::text, '-', ''), 24)";
        let end: String = self.maintenance()?.query_one(sql, &[]).map_err(refused(&name, "name a copy"))?.get(0);
        let new = self.own_name(Role::New, end);
        self.wait_for_lock(Lock::Make, number(&new))?;
        let made = fill(self, &new).and_then(|()| finish(self, &new));
        if made.is_err() {
            // What cannot be dropped now is dropped by the next `tidy`; the first error tells more.
            let _ = self.drop_named(&new);
        }
        made
    }

    /// Makes an empty database as the settings want it, and puts it in the place of this one.
    pub(crate) fn make_empty(&mut self, aside: Option<&StateName>) -> Result<(), DatabaseError> {
        self.commanding(|this| {
            this.make(
                |this, new| {
                    this.create_empty(new)?;
                    this.create_extensions(new)?;
                    this.give_to_owner(new)
                },
                |this, new| this.put_in_place(new, aside),
            )
        })
    }

    /// Makes an empty database as the settings want it, without the extensions.
    pub(crate) fn create_empty(&mut self, database: &str) -> Result<(), DatabaseError> {
        self.create_roles()?;
        let name = self.name.clone();
        let option = |word: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!(" {word} {}", literal(value))).unwrap_or_default()
        };
        // Unlike template1, template0 is the same everywhere and nobody can be connected to it.
        let sql = format!(
            "CREATE DATABASE {} TEMPLATE template0{}{}{}",
            quote(database),
            option("ENCODING", &self.settings.encoding),
            option("LOCALE", &self.settings.locale),
            self.of_owner()
        );
        self.maintenance()?.batch_execute(&sql).map_err(refused(&name, "create it"))?;
        self.close_to_others(database)?;
        self.give_public_schema(database)
    }

    /// Copies a database, with its settings, inside the server.
    pub(crate) fn copy(&mut self, from: &str, to: &str, others: Others) -> Result<(), DatabaseError> {
        let name = self.name.clone();
        let facts = "SELECT oid, pg_database_size(oid), current_setting('server_version_num')::int,
                NOT current_setting('full_page_writes')::bool
            FROM pg_database WHERE datname = $1";
        let row = self.maintenance()?.query_opt(facts, &[&from]).map_err(refused(&name, "measure it"))?;
        let row = row.ok_or_else(|| DatabaseError::Missing { database: name.clone() })?;
        let (oid, size, version): (u32, i64, i32) = (row.get(0), row.get(1), row.get(2));
        // Where nothing waits for the disk, checkpoints are cheap.
        let is_relaxed: bool = row.get(3);
        let lock = "SELECT pg_advisory_lock_shared($1, $2)";
        let locked = self.maintenance()?.query_one(lock, &[&Lock::Copy.class(), &number_of(oid)]);
        locked.map_err(refused(&name, "take a lock"))?;

        let strategy = match (version >= STRATEGY_VERSION, is_relaxed || size > FILE_COPY_SIZE) {
            (false, _) => "",
            (true, false) => " STRATEGY wal_log",
            (true, true) => " STRATEGY file_copy",
        };
        let sql = format!("CREATE DATABASE {} TEMPLATE {}{strategy}{}", quote(to), quote(from), self.of_owner());
        if version >= CLONE_VERSION && size > FILE_COPY_SIZE {
            self.copy_by_file_system(from, &sql, others)?;
        } else {
            self.copy_by(from, &sql, others)?;
        }
        self.close_to_others(to)?;
        // Settings of the database, such as its search path, are not part of its template.
        let settings = "INSERT INTO pg_db_role_setting (setdatabase, setrole, setconfig)
            SELECT copy.oid, setrole, setconfig FROM pg_db_role_setting
            JOIN pg_database original ON original.oid = setdatabase JOIN pg_database copy ON copy.datname = $2
            WHERE original.datname = $1";
        let copied = self.maintenance()?.execute(settings, &[&from, &to]);
        copied.map(drop).map_err(refused(&name, "copy the settings"))
    }

    /// Lets the file system copy, which may share the blocks; the server copies if it was built or placed where it cannot.
    fn copy_by_file_system(&mut self, from: &str, sql: &str, others: Others) -> Result<(), DatabaseError> {
        if self.maintenance()?.batch_execute("SET file_copy_method = clone").is_err() {
            return self.copy_by(from, sql, others);
        }
        let cloned = self.copy_by(from, sql, others);
        let name = self.name.clone();
        self.maintenance()?.batch_execute("RESET file_copy_method").map_err(refused(&name, "copy it"))?;
        match cloned {
            Err(DatabaseError::Refused { .. }) => self.copy_by(from, sql, others),
            cloned => cloned,
        }
    }

    fn copy_by(&mut self, from: &str, sql: &str, others: Others) -> Result<(), DatabaseError> {
        if others == Others::Ended {
            return self.alone_in(&[from], false, sql, "copy it");
        }
        let name = self.name.clone();
        let mut attempt = 1;
        loop {
            match self.maintenance()?.batch_execute(sql) {
                Err(error) if is_in_use(&error) && attempt < PATIENT_ATTEMPTS => attempt += 1,
                result => return result.map_err(refused(&name, "copy it")),
            }
        }
    }

    /// Makes the roles that are missing on the server.
    fn create_roles(&mut self) -> Result<(), DatabaseError> {
        let name = self.name.clone();
        for role in self.settings.roles.clone() {
            let there = self.maintenance()?.query_opt("SELECT 1 FROM pg_roles WHERE rolname = $1", &[&role]);
            if there.map_err(refused(&name, "look for the roles"))?.is_some() {
                continue;
            }
            match self.maintenance()?.batch_execute(&format!("CREATE ROLE {}", quote(&role))) {
                // Another database of the server wants the same one.
                Err(error) if error.code() == Some(&SqlState::DUPLICATE_OBJECT) => {}
                Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {}
                made => made.map_err(refused(&name, format!("create the role {role}")))?,
            }
        }
        if let Some(owner) = self.address.owner.clone() {
            for role in self.settings.roles.clone() {
                // What a schema gives to the role, its owner must be allowed to give.
                let sql = format!("GRANT {} TO {}", quote(&role), quote(&owner));
                self.maintenance()?.batch_execute(&sql).map_err(refused(&name, format!("grant the role {role}")))?;
            }
        }
        Ok(())
    }
}
