//! What PostgreSQL's errors mean.

use database::DatabaseError;
use postgres::Error;
use postgres::error::SqlState;

/// The class of codes for violated constraints.
const CONSTRAINT_CLASS: &str = "23";

/// Says whether someone is connected to a database that must be left alone.
pub(crate) fn is_in_use(error: &Error) -> bool {
    error.code() == Some(&SqlState::OBJECT_IN_USE)
}

/// Makes the error of an operation; `action` completes "cannot …".
pub(crate) fn refused(database: &str, action: impl Into<String>) -> impl FnOnce(Error) -> DatabaseError {
    let (database, action) = (database.to_owned(), action.into());
    move |error| {
        let Some(details) = error.as_db_error() else {
            return if error.is_closed() {
                DatabaseError::Unreachable { database, source: error.into() }
            } else {
                DatabaseError::Refused { database, action, source: error.into() }
            };
        };
        let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
        match details.code() {
            code if code.code().starts_with(CONSTRAINT_CLASS) => DatabaseError::Constraint {
                database,
                table: text(details.table()),
                // A column that must not be NULL has a constraint without a name.
                constraint: text(details.constraint().or(details.column())),
                detail: text(details.detail().or(Some(details.message()))),
            },
            &SqlState::DISK_FULL => DatabaseError::DiskFull { database, source: error.into() },
            // The connection was ended from outside: the last that is heard of it.
            &SqlState::ADMIN_SHUTDOWN | &SqlState::CRASH_SHUTDOWN => {
                DatabaseError::Unreachable { database, source: error.into() }
            }
            &SqlState::INVALID_CATALOG_NAME => DatabaseError::Missing { database },
            &SqlState::OBJECT_IN_USE | &SqlState::LOCK_NOT_AVAILABLE => {
                DatabaseError::Busy { database, detail: format!("cannot {action}: {}", details.message()) }
            }
            _ => DatabaseError::Refused { database, action, source: Box::new(Said::of(details)) },
        }
    }
}

/// What the server said, on one line: the client's own error hides it in its source.
#[derive(Debug)]
struct Said(String);

impl Said {
    fn of(details: &postgres::error::DbError) -> Self {
        let detail = details.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
        Said(format!("{}{detail}", details.message()))
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Said {}
