//! Connections: one to the database, one to the server's own database for what cannot be done from inside.

use std::path::PathBuf;
use std::time::Duration;

use database::{DatabaseError, Secret};
use postgres::error::SqlState;
use postgres::{Client, Config, NoTls};

use crate::database::PostgresDatabase;

/// The database from which others are created, renamed and dropped.
pub(crate) const MAINTENANCE: &str = "postgres";

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
    /// The role that the databases are to belong to, if that is not this user.
    pub(crate) owner: Option<String>,
}

impl Address {
    /// Connects to a database over the socket.
    ///
    /// `database` is its name on the server, `name` the one for messages.
    pub(crate) fn connect(&self, database: &str, name: &str) -> Result<Client, DatabaseError> {
        let connected = Config::new()
            .host_path(&self.socket_directory)
            .port(self.port)
            .user(&self.user)
            .password(self.password.expose())
            .dbname(database)
            .connect_timeout(CONNECT_TIMEOUT)
            .application_name(&application_name())
            .options(OPTIONS)
            .connect(NoTls);
        connected.map_err(|source| {
            let database = name.to_owned();
            match source.code() {
                Some(&SqlState::INVALID_CATALOG_NAME) => DatabaseError::Missing { database },
                _ => DatabaseError::Unreachable { database, source: source.into() },
            }
        })
    }
}

impl PostgresDatabase {
    /// Gives the connection to the database; a new one when the one before was ended from outside.
    pub(crate) fn session(&mut self) -> Result<&mut Client, DatabaseError> {
        let client = match self.session.take().and_then(still_valid) {
            Some(client) => client,
            None => self.address.connect(&self.target, &self.name)?,
        };
        Ok(self.session.insert(client))
    }

    /// Gives the connection to the server's own database.
    pub(crate) fn maintenance(&mut self) -> Result<&mut Client, DatabaseError> {
        let client = match self.maintenance.take().filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => self.address.connect(MAINTENANCE, &self.name)?,
        };
        Ok(self.maintenance.insert(client))
    }
}

/// What the sessions of this process are called by.
pub(crate) fn application_name() -> String {
    format!("seedbed {}", std::process::id())
}

/// Asks the server whether a connection still works: one that was ended is noticed only when it is used.
fn still_valid(mut client: Client) -> Option<Client> {
    client.is_valid(CONNECT_TIMEOUT).is_ok().then_some(client)
}
