//! One connection of either engine, mostly that of a transaction: for libraries whose callers open it.

use sqlx::{PgConnection, SqliteConnection};

/// A connection of either engine, borrowed from whoever has opened it.
///
/// Inside of [`crate::transaction!`], `(&mut *transaction).into()` makes one.
#[derive(Debug)]
pub enum Connection<'c> {
    /// To a file.
    Sqlite(&'c mut SqliteConnection),
    /// To a server.
    Postgres(&'c mut PgConnection),
}

impl Connection<'_> {
    /// The same connection, for a callee that takes one by value.
    pub fn reborrow(&mut self) -> Connection<'_> {
        match self {
            Self::Sqlite(connection) => Connection::Sqlite(connection),
            Self::Postgres(connection) => Connection::Postgres(connection),
        }
    }
}

impl<'c> From<&'c mut SqliteConnection> for Connection<'c> {
    fn from(connection: &'c mut SqliteConnection) -> Self {
        Self::Sqlite(connection)
    }
}

impl<'c> From<&'c mut PgConnection> for Connection<'c> {
    fn from(connection: &'c mut PgConnection) -> Self {
        Self::Postgres(connection)
    }
}

/// Runs a body with the connection of the engine at hand, `&mut *name` in statements; the body is compiled for both.
#[macro_export]
macro_rules! through {
    ($connection:expr, $name:ident => $body:expr) => {
        match &mut $connection {
            $crate::Connection::Sqlite(connection) => {
                let $name = &mut **connection;
                $body
            }
            $crate::Connection::Postgres(connection) => {
                let $name = &mut **connection;
                $body
            }
        }
    };
}
