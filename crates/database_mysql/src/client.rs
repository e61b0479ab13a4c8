//! Connections over the server's socket.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use database::{DatabaseError, Secret};
use mysql::prelude::Queryable as _;
use mysql::{Conn, Error, OptsBuilder};

use crate::database::MysqlDatabase;
use crate::error::{code, refused};
use crate::literal::text;

/// What the text of values must not depend on, and how long to wait for a table that someone else uses.
const INIT: [&str; 3] = ["SET NAMES utf8mb4", "SET SESSION time_zone = '+00:00', lock_wait_timeout = 20", SQL_MODE];

/// How values are taken: an error for those that do not fit, and zero as zero.
pub(crate) const SQL_MODE: &str =
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ERROR_FOR_DIVISION_BY_ZERO'";

/// How long connections have to end after they were told to.
const END_TIMEOUT: Duration = Duration::from_secs(10);

/// How often to look whether they have.
const END_INTERVAL: Duration = Duration::from_millis(2);

/// Names the socket in its directory.
pub(crate) fn socket(directory: &Path) -> PathBuf {
    directory.join("mysql.sock")
}

/// How to reach the server.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) socket_directory: PathBuf,
    pub(crate) user: String,
    pub(crate) password: Secret,
}

impl Address {
    /// Connects over the socket, to a schema or to none; `database` is the name in errors.
    pub(crate) fn connect(&self, database: &str, schema: Option<&str>, init: &[&str]) -> Result<Conn, DatabaseError> {
        let socket = socket(&self.socket_directory);
        let options = OptsBuilder::new()
            .ip_or_hostname(None::<String>)
            .socket(Some(socket.to_string_lossy()))
            .user(Some(&self.user))
            .pass(Some(self.password.expose()))
            .db_name(schema)
            .prefer_socket(false)
            .init(init.to_vec());
        Conn::new(options).map_err(|source| {
            let database = database.to_owned();
            match code(&source) {
                Some(1049) => DatabaseError::Missing { database },
                _ => DatabaseError::Unreachable { database, source: source.into() },
            }
        })
    }

    /// Connects to no schema, with the settings that Seedbed's own statements need.
    pub(crate) fn session(&self, database: &str) -> Result<Conn, DatabaseError> {
        self.connect(database, None, &INIT)
    }
}

impl MysqlDatabase {
    /// Gives the connection of Seedbed's own statements; when it is new, what a killed caller left half done is done.
    pub(crate) fn session(&mut self) -> Result<&mut Conn, DatabaseError> {
        if let Some(mut conn) = self.session.take()
            && conn.ping().is_ok()
        {
            return Ok(self.session.insert(conn));
        }
        self.session = Some(self.address.session(&self.name)?);
        self.prepare_catalog()?;
        self.finish_pending()?;
        Ok(self.session.as_mut().expect("it was made above"))
    }

    /// Runs a statement of Seedbed's own.
    pub(crate) fn run(&mut self, sql: &str, action: &str) -> Result<(), DatabaseError> {
        let refused = refused(&self.name, action);
        self.session()?.query_drop(sql).map_err(refused)
    }

    /// Ends the connections of services to the database, and waits until they are gone.
    pub(crate) fn end_connections(&mut self) -> Result<(), DatabaseError> {
        let (name, schema) = (self.name.clone(), self.schema.clone());
        let deadline = Instant::now() + END_TIMEOUT;
        let conn = self.session()?;
        while !connections_ended(conn, &schema).map_err(refused(&name, "end its connections"))? {
            if Instant::now() > deadline {
                return Err(DatabaseError::Busy { database: name, detail: "its connections do not end".to_owned() });
            }
            std::thread::sleep(END_INTERVAL);
        }
        Ok(())
    }
}

fn connections_ended(conn: &mut Conn, schema: &str) -> Result<bool, Error> {
    let sql =
        format!("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = {} AND ID <> CONNECTION_ID()", text(schema));
    let others: Vec<u64> = conn.query(sql)?;
    for id in &others {
        end_connection(conn, *id)?;
    }
    Ok(others.is_empty())
}

/// Ends a connection; one that is gone is no error.
pub(crate) fn end_connection(conn: &mut Conn, id: u64) -> Result<(), Error> {
    const UNKNOWN: u16 = 1094;
    match conn.query_drop(format!("KILL {id}")) {
        Err(error) if code(&error) == Some(UNKNOWN) => Ok(()),
        result => result,
    }
}
