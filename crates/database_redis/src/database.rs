//! One database of a server: its life, and the way to everything else.

use std::path::Path;

use database::{
    Binaries, Database, DatabaseError, DatabaseFiles, Description, EngineKind, Kept, Location, Schema, StateName,
    Transaction,
};
use indexmap::IndexMap;
use redis::Connection;

use crate::client::{Address, SERVICE, SOCKET};
use crate::{content, fingerprint, schema, script, server};

/// What is noted of a database in files of its server.
const NAME: &str = "name";
const NUMBER: &str = "number";

/// A numbered database of a server, or a kept state of one; connected to when first used.
pub(crate) struct RedisDatabase {
    pub(crate) name: String,
    /// The number of the database, also where this is a kept state of it.
    pub(crate) number: u16,
    /// The kept state that is opened for reading.
    pub(crate) state: Option<StateName>,
    pub(crate) address: Address,
    pub(crate) binaries: Binaries,
    pub(crate) session: Option<Connection>,
}

impl RedisDatabase {
    /// Makes the handle; `None` for a location of another engine.
    pub(crate) fn new(location: &Location) -> Option<Self> {
        let Location::Redis { host: _, port: _, socket_directory, password, name, number, binaries } = location else {
            return None;
        };
        Some(RedisDatabase {
            name: name.clone(),
            number: *number,
            state: None,
            address: Address { socket: socket_directory.join(SOCKET), password: Some(password.clone()) },
            binaries: binaries.clone(),
            session: None,
        })
    }

    /// Gives the connection with the content selected.
    pub(crate) fn content(&mut self) -> Result<&mut Connection, DatabaseError> {
        let number = match self.state.clone() {
            Some(state) => self.kept_number(&state)?,
            None if self.is_registered()? => self.number,
            None => return Err(DatabaseError::Missing { database: self.name.clone() }),
        };
        self.session_in(number)
    }

    /// Refuses to change what is opened for reading.
    fn writable(&self) -> Result<(), DatabaseError> {
        match self.state {
            Some(_) => Err(DatabaseError::Unsupported { engine: EngineKind::Redis, action: "change a kept state" }),
            None => Ok(()),
        }
    }
}

impl Database for RedisDatabase {
    fn exists(&mut self) -> Result<bool, DatabaseError> {
        match self.state.clone() {
            Some(state) => Ok(self.find_kept(&state)?.is_some()),
            None => self.is_registered(),
        }
    }

    fn create(&mut self) -> Result<(), DatabaseError> {
        self.writable()?;
        let name = self.name.clone();
        self.change("create", &[&name]).map(drop)
    }

    fn clear(&mut self, aside: Option<&StateName>) -> Result<(), DatabaseError> {
        self.writable()?;
        let name = self.name.clone();
        self.change("clear", &[&name, aside.map_or("", StateName::as_str)]).map(drop)
    }

    fn destroy(&mut self) -> Result<(), DatabaseError> {
        self.writable()?;
        self.end_connections()?;
        self.change("destroy", &[]).map(drop)
    }

    fn inspect(&mut self) -> Result<Schema, DatabaseError> {
        let name = self.name.clone();
        content::keys(self.content()?, &name).map(|keys| schema::of(&keys))
    }

    fn describe(&mut self) -> Result<Description, DatabaseError> {
        // Keys are no tables: no value of theirs has to obey anything.
        Ok(Description::default())
    }

    fn row_counts(&mut self) -> Result<IndexMap<String, u64>, DatabaseError> {
        let name = self.name.clone();
        content::keys(self.content()?, &name).map(|keys| schema::row_counts(&keys))
    }

    fn size(&mut self) -> Result<u64, DatabaseError> {
        let number = match self.state.clone() {
            Some(state) => self.kept_number(&state)?,
            None if self.is_registered()? => self.number,
            None => return Err(DatabaseError::Missing { database: self.name.clone() }),
        };
        self.measure(number)
    }

    fn execute_script(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.writable()?;
        if !self.is_registered()? {
            return Err(DatabaseError::Missing { database: self.name.clone() });
        }
        // A session of its own, since a script may change the settings of the session.
        script::execute(&mut self.connect(SERVICE, self.number.into())?, &self.name, sql)
    }

    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, DatabaseError> {
        Err(DatabaseError::Unsupported { engine: EngineKind::Redis, action: "insert rows" })
    }

    fn read_rows(
        &mut self,
        table: &str,
        each: &mut dyn FnMut(&[Option<String>]) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        let name = self.name.clone();
        let session = self.content()?;
        let mut keys = content::keys(session, &name)?;
        keys.retain(|key| schema::table_of(key) == table);
        if keys.is_empty() {
            return Err(DatabaseError::UnknownTable { database: name, table: table.to_owned() });
        }
        content::each(session, &name, &keys, |entry| each(&schema::row(&entry)))
    }

    fn dump(&mut self, to: &Path) -> Result<(), DatabaseError> {
        self.dump_to(to)
    }

    fn restore_as(&mut self, name: &StateName, from: &Path) -> Result<(), DatabaseError> {
        self.writable()?;
        self.restore_state(name, from)
    }

    fn keep(&mut self, name: &StateName) -> Result<(), DatabaseError> {
        self.writable()?;
        self.change("keep", &[name.as_str()]).map(drop)
    }

    fn kept(&mut self) -> Result<Vec<Kept>, DatabaseError> {
        self.kept_states()
    }

    fn open_kept(&mut self, name: &StateName) -> Result<Box<dyn Database>, DatabaseError> {
        self.writable()?;
        self.kept_number(name)?;
        Ok(Box::new(RedisDatabase {
            name: self.name.clone(),
            number: self.number,
            state: Some(name.clone()),
            address: self.address.clone(),
            binaries: self.binaries.clone(),
            session: None,
        }))
    }

    fn rename_kept(&mut self, from: &StateName, to: &StateName) -> Result<(), DatabaseError> {
        self.writable()?;
        self.change("rename", &[from.as_str(), to.as_str()]).map(drop)
    }

    fn forget(&mut self, name: &StateName) -> Result<(), DatabaseError> {
        self.writable()?;
        self.change("forget", &[name.as_str()]).map(drop)
    }

    fn reset_to(&mut self, name: &StateName, aside: Option<&StateName>) -> Result<(), DatabaseError> {
        self.writable()?;
        self.reset_to_state(name, aside)
    }

    fn take(&mut self, name: &StateName, aside: Option<&StateName>) -> Result<(), DatabaseError> {
        self.writable()?;
        let database = self.name.clone();
        self.change("take", &[&database, name.as_str(), aside.map_or("", StateName::as_str)]).map(drop)
    }

    fn prepare_spare(&mut self, name: &StateName) -> Result<(), DatabaseError> {
        self.writable()?;
        self.make_spare(name)
    }

    fn clone_kept(&mut self, _name: &StateName) -> Result<String, DatabaseError> {
        Err(DatabaseError::Unsupported { engine: EngineKind::Redis, action: "clone a kept state" })
    }

    fn drop_clone(&mut self, _clone: &str) -> Result<(), DatabaseError> {
        Ok(())
    }

    fn tidy(&mut self) -> Result<(), DatabaseError> {
        self.writable()?;
        self.drop_leftovers()
    }

    fn fingerprint(&mut self) -> Result<String, DatabaseError> {
        let name = self.name.clone();
        fingerprint::of(self.content()?, &name)
    }

    fn files(&mut self) -> Result<Option<DatabaseFiles>, DatabaseError> {
        self.writable()?;
        if !self.is_registered()? {
            return Err(DatabaseError::Missing { database: self.name.clone() });
        }
        let notes = [(NAME, self.name.clone()), (NUMBER, self.number.to_string())];
        let notes = notes.map(|(name, value)| (name.to_owned(), value)).into();
        // All numbers are in one log.
        let directory = server::LOG.to_owned();
        Ok(Some(DatabaseFiles { notes, directory, exclude: Vec::new(), go_back: false }))
    }

    fn check(&mut self) -> Result<Vec<String>, DatabaseError> {
        self.content()?;
        self.check_server()
    }
}
