//! The pool: opening it by URL, asking whether it is there, and running a body on the engine at hand.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

/// How long [`Database::ping`] waits for an answer.
const PING_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a query waits for a connection of the pool.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a writer of SQLite waits for another one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A pool of connections to one database of either engine. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Database {
    /// A file.
    Sqlite(SqlitePool),
    /// A database of a server.
    Postgres(PgPool),
}

/// How a pool is made.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// At most so many connections at a time.
    pub connections: u32,
    /// Whether a missing SQLite file is made. A server's database has to be there in any case.
    pub create_file: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { connections: 4, create_file: false }
    }
}

/// Why a URL does not name a database. The URL itself is not repeated: it may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Neither of the two engines.
    #[error("it has to begin with sqlite:// or postgres://")]
    UnknownEngine,
    /// The engine does not understand the rest of it.
    #[error("it is not a valid database URL")]
    InvalidUrl(#[source] sqlx::Error),
}

impl Database {
    /// Makes a pool without connecting: the first query does. Needs a Tokio runtime around it.
    pub fn open(url: &str, options: Options) -> Result<Self, OpenError> {
        if url.starts_with("sqlite:") {
            let connect = SqliteConnectOptions::from_str(url)
                .map_err(OpenError::InvalidUrl)?
                .create_if_missing(options.create_file)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Normal)
                .busy_timeout(BUSY_TIMEOUT)
                .foreign_keys(true);
            let pool = SqlitePoolOptions::new()
                .max_connections(options.connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .connect_lazy_with(connect);
            Ok(Self::Sqlite(pool))
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let connect = PgConnectOptions::from_str(url).map_err(OpenError::InvalidUrl)?;
            let pool = PgPoolOptions::new()
                .max_connections(options.connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .connect_lazy_with(connect);
            Ok(Self::Postgres(pool))
        } else {
            Err(OpenError::UnknownEngine)
        }
    }

    /// Asks the database for a sign of life; gives up after one second.
    pub async fn ping(&self) -> Result<(), sqlx::Error> {
        let answer = async { crate::on!(self, pool => sqlx::query("SELECT 1").execute(pool).await.map(drop)) };
        tokio::time::timeout(PING_TIMEOUT, answer).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    /// Closes all connections, and waits until they are.
    pub async fn close(&self) {
        crate::on!(self, pool => pool.close().await);
    }
}

/// Runs a body with the pool of the engine at hand; the body is compiled for both.
#[macro_export]
macro_rules! on {
    ($database:expr, $pool:ident => $body:expr) => {
        match $database {
            $crate::Database::Sqlite($pool) => $body,
            $crate::Database::Postgres($pool) => $body,
        }
    };
}

/// Runs a body in a transaction that may write, and commits it. A `?` in the body leaves the function and rolls back.
///
/// The surrounding function returns a `Result` whose error can be made from `sqlx::Error`. On SQLite the transaction
/// takes the right to write at its beginning, so that two of them wait for each other instead of failing half-way.
#[macro_export]
macro_rules! transaction {
    ($database:expr, $transaction:ident => $body:expr) => {
        match $database {
            $crate::Database::Sqlite(pool) => {
                let mut $transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
                let value = $body;
                $transaction.commit().await?;
                value
            }
            $crate::Database::Postgres(pool) => {
                let mut $transaction = pool.begin().await?;
                let value = $body;
                $transaction.commit().await?;
                value
            }
        }
    };
}
