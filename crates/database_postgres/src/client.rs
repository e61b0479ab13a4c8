//! Connections: one to the database, one to the server's own database for what cannot be done from inside.

use std::path::PathBuf;
use std::time::Duration;

use database::{DatabaseError, Secret};
use postgres::error::SqlState;
use postgres::{Client, Config, NoTls};

use crate::database::PostgresDatabase;

/// The database from which others are created, renamed and dropped.
const MAINTENANCE: &str = "postgres";

/// How long a connection over the socket may take; a starting server refuses at once.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What the text of values must not depend on.
const OPTIONS: &str = "-c timezone=UTC -c datestyle=ISO,MDY -c intervalstyle=postgres -c bytea_output=hex \
                       -c extra_float_digits=1 -c client_min_messages=warning";

/// How to reach the server.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) socket_directory: PathBuf,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) password: Secret,
}

impl Address {
    /// Connects to a database over the socket.
    pub(crate) fn connect(&self, database: &str) -> Result<Client, DatabaseError> {
        let connected = Config::new()
            .host_path(&self.socket_directory)
            .port(self.port)
            .user(&self.user)
            .password(self.password.expose())
            .dbname(database)
            .connect_timeout(CONNECT_TIMEOUT)
            .application_name("seedbed")
            .options(OPTIONS)
            .connect(NoTls);
        connected.map_err(|source| {
            let database = database.to_owned();
            match source.code() {
                Some(&SqlState::INVALID_CATALOG_NAME) => DatabaseError::Missing { database },
                _ => DatabaseError::Unreachable { database, source: source.into() },
            }
        })
    }
}

impl PostgresDatabase {
    /// Gives the connection to the database.
    pub(crate) fn session(&mut self) -> Result<&mut Client, DatabaseError> {
        let client = match self.session.take().filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => self.address.connect(&self.name)?,
        };
        Ok(self.session.insert(client))
    }

    /// Gives the connection to the server's own database.
    pub(crate) fn maintenance(&mut self) -> Result<&mut Client, DatabaseError> {
        let client = match self.maintenance.take().filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => self.address.connect(MAINTENANCE)?,
        };
        Ok(self.maintenance.insert(client))
    }
}
