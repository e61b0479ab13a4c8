//! What SQLite's errors mean.

use database::DatabaseError;
use rusqlite::{Error, ErrorCode, ffi};

/// Gives the primary code of an error that came from SQLite.
pub(crate) fn code(error: &Error) -> Option<ErrorCode> {
    error.sqlite_error_code()
}

/// Says whether a foreign key is violated, which SQLite does not name.
pub(crate) fn is_foreign_key(error: &Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_CONSTRAINT_FOREIGNKEY)
}

/// Says whether the index of the log could not be made larger, which has the one reason that the disk is full.
fn is_no_room_for_the_index(error: &Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_SHMSIZE)
}

/// Makes the error of an operation; `action` completes "cannot …".
pub(crate) fn refused(database: &str, action: impl Into<String>) -> impl FnOnce(Error) -> DatabaseError {
    let (database, action) = (database.to_owned(), action.into());
    move |source| match code(&source) {
        _ if is_no_room_for_the_index(&source) => DatabaseError::DiskFull { database, source: source.into() },
        Some(ErrorCode::DiskFull) => DatabaseError::DiskFull { database, source: source.into() },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            DatabaseError::Busy { database, detail: format!("cannot {action}: {source}") }
        }
        _ => DatabaseError::Refused { database, action, source: source.into() },
    }
}

/// Names the violated constraint as SQLite does: `users.username` of "UNIQUE constraint failed: users.username".
pub(crate) fn constraint(error: &Error) -> (String, String) {
    let message = match error {
        Error::SqliteFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    };
    match message.split_once(" constraint failed: ") {
        Some((kind, columns)) => (columns.to_owned(), kind.to_owned()),
        None => (message.clone(), message),
    }
}
