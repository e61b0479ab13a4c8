//! One database of a server: its life, and the way to everything else.

use std::collections::BTreeMap;
use std::path::Path;

use database::{
    Binaries, Bring, Database, DatabaseError, DatabaseFiles, DatabaseSettings, Description, EngineKind, Kept, Location,
    Schema, StateName, Transaction, Transplant,
};
use indexmap::IndexMap;
use postgres::Client;

use crate::client::Address;
use crate::error::refused;
use crate::names::Role;
use crate::physical::Saved;
use crate::transaction::PostgresTransaction;
use crate::{check, description, rows, schema, script};

/// A database of a server, or a kept state of one; connected to when first used.
pub(crate) struct PostgresDatabase {
    /// The database's name, for messages and for the names of all that belongs to it.
    pub(crate) name: String,
    /// The name on the server of the database that is connected to: the same, or that of a kept state.
    pub(crate) target: String,
    pub(crate) address: Address,
    pub(crate) binaries: Binaries,
    pub(crate) settings: DatabaseSettings,
    pub(crate) session: Option<Client>,
    pub(crate) maintenance: Option<Client>,
    /// Holds the locks of the clones that this handle has made.
    pub(crate) holder: Option<Client>,
}

impl PostgresDatabase {
    /// Makes the handle; `None` for a location of another engine.
    pub(crate) fn new(location: &Location, settings: &DatabaseSettings) -> Option<Self> {
        let Location::Postgres { host: _, port, socket_directory, user, password, administrator, name, binaries } =
            location
        else {
            return None;
        };
        let owner = administrator.as_ref().map(|_| user.clone());
        let (user, password) = match administrator {
            Some(administrator) => (&administrator.user, &administrator.password),
            None => (user, password),
        };
        let address = Address {
            socket_directory: socket_directory.clone(),
            port: *port,
            user: user.clone(),
            password: password.clone(),
            owner,
        };
        Some(PostgresDatabase {
            name: name.clone(),
            target: name.clone(),
            address,
            binaries: binaries.clone(),
            settings: settings.clone(),
            session: None,
            maintenance: None,
            holder: None,
        })
    }

    /// Makes a handle for reading a kept state.
    fn of_kept(&self, target: String) -> Self {
        PostgresDatabase {
            name: self.name.clone(),
            target,
            address: self.address.clone(),
            binaries: self.binaries.clone(),
            settings: self.settings.clone(),
            session: None,
            maintenance: None,
            holder: None,
        }
    }

    /// Refuses to change a kept state.
    fn changeable(&self) -> Result<(), DatabaseError> {
        if self.target == self.name {
            return Ok(());
        }
        Err(DatabaseError::Unsupported { engine: EngineKind::Postgres, action: "change a kept state" })
    }
}

impl Database for PostgresDatabase {
    fn exists(&mut self) -> Result<bool, DatabaseError> {
        let target = self.target.clone();
        self.is_there(&target)
    }

    fn create(&mut self) -> Result<(), DatabaseError> {
        self.changeable()?;
        if self.exists()? {
            return Ok(());
        }
        self.make_empty(None)
    }

    fn clear(&mut self, aside: Option<&StateName>) -> Result<(), DatabaseError> {
        self.changeable()?;
        self.make_empty(aside)
    }

    fn destroy(&mut self) -> Result<(), DatabaseError> {
        self.changeable()?;
        self.session = None;
        self.commanding(|this| {
            let mut all = vec![this.name.clone()];
            for role in [Role::Clone, Role::Spare, Role::Kept] {
                all.extend(this.with_role(role)?.into_keys());
            }
            this.discard(&all)
        })?;
        self.tidy_up()
    }

    fn inspect(&mut self) -> Result<Schema, DatabaseError> {
        let name = self.name.clone();
        schema::inspect(self.session()?).map_err(refused(&name, "inspect the schema"))
    }

    fn describe(&mut self) -> Result<Description, DatabaseError> {
        let name = self.name.clone();
        description::describe(self.session()?).map_err(refused(&name, "describe the schema"))
    }

    fn row_counts(&mut self) -> Result<IndexMap<String, u64>, DatabaseError> {
        let name = self.name.clone();
        schema::row_counts(self.session()?).map_err(refused(&name, "count rows"))
    }

    fn size(&mut self) -> Result<u64, DatabaseError> {
        let (name, target) = (self.name.clone(), self.target.clone());
        let sql = "SELECT pg_database_size(oid) FROM pg_database WHERE datname = $1";
        let row = self.maintenance()?.query_opt(sql, &[&target]).map_err(refused(&name, "measure it"))?;
        let size: Option<i64> = row.map(|row| row.get(0));
        let size = size.ok_or(DatabaseError::Missing { database: name })?;
        Ok(u64::try_from(size).expect("sizes are not negative"))
    }

    fn execute_script(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.changeable()?;
        // A session of its own, since a script may change the settings of the session.
        script::execute(&mut self.address.connect(&self.target, &self.name)?, &self.name, sql)?;
        let target = self.target.clone();
        self.give_to_owner(&target)
    }

    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, DatabaseError> {
        self.changeable()?;
        let name = self.name.clone();
        Ok(Box::new(PostgresTransaction::begin(self.session()?, name)?))
    }

    fn read_rows(
        &mut self,
        table: &str,
        each: &mut dyn FnMut(&[Option<String>]) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        let name = self.name.clone();
        rows::read(self.session()?, &name, table, each)
    }

    fn read_rows_with(
        &mut self,
        table: &str,
        columns: &[String],
        values: &[Vec<String>],
        each: &mut dyn FnMut(&[Option<String>]) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        let name = self.name.clone();
        rows::read_with(self.session()?, &name, table, (columns, values), each)
    }

    fn dump(&mut self, to: &Path) -> Result<(), DatabaseError> {
        self.dump_to(to)
    }

    fn restore_as(&mut self, name: &StateName, from: &Path) -> Result<(), DatabaseError> {
        self.changeable()?;
        self.restore_state(name, from)
    }

    fn keep(&mut self, name: &StateName) -> Result<(), DatabaseError> {
        self.changeable()?;
        self.keep_state(name)
    }

    fn kept(&mut self) -> Result<Vec<Kept>, DatabaseError> {
        if self.changeable().is_err() { Ok(Vec::new()) } else { self.kept_states() }
    }

    fn open_kept(&mut self, name: &StateName) -> Result<Box<dyn Database>, DatabaseError> {
        self.changeable()?;
        self.kept_oid(name)?;
        Ok(Box::new(self.of_kept(self.kept_name(name))))
    }

    fn rename_kept(&mut self, from: &StateName, to: &StateName) -> Result<(), DatabaseError> {
        self.changeable()?;
        self.rename_state(from, to)
    }

    fn forget(&mut self, name: &StateName) -> Result<(), DatabaseError> {
        self.changeable()?;
        self.forget_state(name)
    }

    fn reset_to(&mut self, name: &StateName, aside: Option<&StateName>) -> Result<(), DatabaseError> {
        self.changeable()?;
        self.reset_to_state(name, aside)
    }

    fn take(&mut self, name: &StateName, aside: Option<&StateName>) -> Result<(), DatabaseError> {
        self.changeable()?;
        self.take_state(name, aside)
    }

    fn prepare_spare(&mut self, name: &StateName) -> Result<(), DatabaseError> {
        self.changeable()?;
        self.prepare_spare_of(name)
    }

    fn clone_kept(&mut self, name: &StateName) -> Result<String, DatabaseError> {
        self.changeable()?;
        self.clone_state(name)
    }

    fn drop_clone(&mut self, clone: &str) -> Result<(), DatabaseError> {
        self.changeable()?;
        self.discard_clone(clone)
    }

    fn tidy(&mut self) -> Result<(), DatabaseError> {
        self.changeable()?;
        self.tidy_up()
    }

    fn fingerprint(&mut self) -> Result<String, DatabaseError> {
        self.take_fingerprint()
    }

    fn files(&mut self) -> Result<Option<DatabaseFiles>, DatabaseError> {
        self.changeable()?;
        self.find_files().map(Some)
    }

    fn has_past(&mut self, notes: &BTreeMap<String, String>) -> Result<bool, DatabaseError> {
        self.changeable()?;
        Saved::of(notes).map_or(Ok(false), |saved| self.is_past(&saved).map(|past| past.is_none()))
    }

    fn transplant(
        &mut self,
        name: &StateName,
        data: &Path,
        notes: &BTreeMap<String, String>,
        bring: &mut Bring<'_>,
    ) -> Result<Transplant, DatabaseError> {
        self.changeable()?;
        self.transplant_state(name, data, notes, bring)
    }

    fn settle(&mut self) -> Result<(), DatabaseError> {
        self.changeable()?;
        self.settle_server()
    }

    fn check(&mut self) -> Result<Vec<String>, DatabaseError> {
        let name = self.name.clone();
        check::all(self.session()?).map_err(refused(&name, "check it"))
    }
}
