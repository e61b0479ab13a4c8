//! One database of a server: its life, and the way to everything else.

use std::path::{Path, PathBuf};

use database::{Database, DatabaseError, Location, Schema, StateName, Transaction};
use indexmap::IndexMap;
use postgres::Client;

use crate::client::Address;
use crate::error::refused;
use crate::transaction::PostgresTransaction;
use crate::{fingerprint, schema, script};

/// A database of a server; connected to when first used.
pub(crate) struct PostgresDatabase {
    pub(crate) name: String,
    pub(crate) address: Address,
    pub(crate) binaries: PathBuf,
    pub(crate) session: Option<Client>,
    pub(crate) maintenance: Option<Client>,
}

impl PostgresDatabase {
    /// Makes the handle; `None` for a location of another engine.
    pub(crate) fn new(location: &Location) -> Option<Self> {
        let Location::Postgres { host: _, port, socket_directory, user, password, name, binaries } = location else {
            return None;
        };
        let address = Address {
            socket_directory: socket_directory.clone(),
            port: *port,
            user: user.clone(),
            password: password.clone(),
        };
        Some(PostgresDatabase {
            name: name.clone(),
            address,
            binaries: binaries.clone(),
            session: None,
            maintenance: None,
        })
    }
}

impl Database for PostgresDatabase {
    fn exists(&mut self) -> Result<bool, DatabaseError> {
        let name = self.name.clone();
        self.is_there(&name)
    }

    fn create(&mut self) -> Result<(), DatabaseError> {
        let name = self.name.clone();
        if self.is_there(&name)? {
            return Ok(());
        }
        self.create_empty(&name)
    }

    fn clear(&mut self) -> Result<(), DatabaseError> {
        self.drop_leftovers()?;
        let (name, new) = (self.name.clone(), self.new_name());
        self.create_empty(&new)?;
        self.swap(&new, &name)
    }

    fn destroy(&mut self) -> Result<(), DatabaseError> {
        self.session = None;
        for database in self.kept_databases()?.into_iter().map(|(database, _)| database) {
            self.drop_named(&database)?;
        }
        self.drop_leftovers()?;
        let name = self.name.clone();
        self.drop_named(&name)
    }

    fn inspect(&mut self) -> Result<Schema, DatabaseError> {
        let name = self.name.clone();
        schema::inspect(self.session()?).map_err(refused(&name, "inspect the schema"))
    }

    fn row_counts(&mut self) -> Result<IndexMap<String, u64>, DatabaseError> {
        let name = self.name.clone();
        schema::row_counts(self.session()?).map_err(refused(&name, "count rows"))
    }

    fn execute_script(&mut self, sql: &str) -> Result<(), DatabaseError> {
        // A session of its own, since a script may change the settings of the session.
        script::execute(&mut self.address.connect(&self.name)?, &self.name, sql)
    }

    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, DatabaseError> {
        let name = self.name.clone();
        Ok(Box::new(PostgresTransaction::begin(self.session()?, name)?))
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
        let mut names: Vec<_> = self.kept_databases()?.into_iter().map(|(_, state)| state).collect();
        names.sort();
        Ok(names)
    }

    fn forget(&mut self, name: &StateName) -> Result<(), DatabaseError> {
        let kept = self.kept_name(name);
        self.drop_named(&kept)
    }

    fn fingerprint(&mut self) -> Result<String, DatabaseError> {
        let name = self.name.clone();
        fingerprint::of(self.session()?).map_err(refused(&name, "read the content"))
    }
}
