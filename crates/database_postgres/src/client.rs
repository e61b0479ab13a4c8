//! Connections: one to the database, one to the server's own database for what cannot be done from inside.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use database::{DatabaseError, Secret};
use postgres::error::SqlState;
use postgres::{Client, Config, Error, NoTls};

use crate::database::PostgresDatabase;
use crate::error::refused;

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
            .application_name(&application_name())
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
        let client = if let Some(client) = self.maintenance.take().filter(|client| !client.is_closed()) {
            client
        } else {
            let mut client = self.address.connect(MAINTENANCE)?;
            end_predecessors(&mut client).map_err(refused(&self.name, "end the sessions of a killed command"))?;
            client
        };
        Ok(self.maintenance.insert(client))
    }
}

/// What the sessions of this process are called by.
fn application_name() -> String {
    format!("seedbed {}", std::process::id())
}

/// Ends what is at work for a process that was killed: the server notices its end only when a statement is done. There is
/// one command at a time on a private server, so every other process of ours is one that is no more.
fn end_predecessors(client: &mut Client) -> Result<(), Error> {
    const PATIENCE: Duration = Duration::from_secs(10);
    const PAUSE: Duration = Duration::from_millis(2);
    let deadline = Instant::now() + PATIENCE;
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name LIKE 'seedbed %' AND application_name <> $1";
    while !client.query(sql, &[&application_name()])?.is_empty() && Instant::now() < deadline {
        std::thread::sleep(PAUSE);
    }
    Ok(())
}
