//! What Redis's errors mean.

use std::fmt;

use database::DatabaseError;
use redis::{RedisError, ServerError};

/// Makes the error of an operation; `action` completes "cannot …".
pub(crate) fn refused(database: &str, action: impl Into<String>) -> impl FnOnce(RedisError) -> DatabaseError {
    let (database, action) = (database.to_owned(), action.into());
    move |error| {
        if error.is_io_error() {
            return DatabaseError::Unreachable { database, source: error.into() };
        }
        match error.clone().into_server_errors().and_then(|errors| errors.first().cloned()) {
            Some((_, said)) => said_by_server(database, action, &said),
            None => DatabaseError::Refused { database, action, source: error.into() },
        }
    }
}

/// Makes the error of what the server itself said.
pub(crate) fn said_by_server(database: String, action: String, said: &ServerError) -> DatabaseError {
    let source = Box::new(Said(message(said)));
    if source.0.contains("No space left on device") {
        DatabaseError::DiskFull { database, source }
    } else {
        DatabaseError::Refused { database, action, source }
    }
}

/// Gives the server's message as the server wrote it.
pub(crate) fn message(said: &ServerError) -> String {
    match said.details() {
        Some(details) => format!("{} {details}", said.code()),
        None => said.code().to_owned(),
    }
}

/// What the server said.
#[derive(Debug)]
pub(crate) struct Said(pub(crate) String);

impl fmt::Display for Said {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Said {}
