//! Scripts of SQL, executed statement by statement so that an error knows its line.

use database::{DatabaseError, Dialect, Statement, statements};
use rusqlite::{Connection, Error};

use crate::error::{code, refused};

/// Executes a script in one transaction where it can be done.
pub(crate) fn execute(connection: &Connection, database: &str, sql: &str) -> Result<(), DatabaseError> {
    let statements = statements(sql, Dialect::Sqlite);
    // Settings at the head often have no effect, or are refused, within a transaction.
    let head = statements.iter().take_while(|statement| statement.verb == "PRAGMA").count();
    let (settings, rest) = statements.split_at(head);
    let alone = |statement: &Statement<'_>| {
        statement.controls_transactions() || ["VACUUM", "PRAGMA", "ATTACH", "DETACH"].contains(&statement.verb.as_str())
    };
    let transaction = !rest.iter().any(alone);

    run(connection, database, settings)?;
    if transaction {
        connection.execute_batch("BEGIN IMMEDIATE").map_err(refused(database, "begin a transaction"))?;
    }
    // What fails is taken back when the connection is closed.
    run(connection, database, rest)?;
    if transaction {
        let last = rest.last().map_or(1, |statement| statement.line_at(statement.text.len()));
        connection.execute_batch("COMMIT").map_err(|error| failure(database, last, error))?;
    }
    Ok(())
}

fn run(connection: &Connection, database: &str, statements: &[Statement<'_>]) -> Result<(), DatabaseError> {
    statements.iter().try_for_each(|statement| {
        connection.execute_batch(statement.text).map_err(|error| {
            let offset = match &error {
                Error::SqlInputError { offset, .. } => usize::try_from(*offset).unwrap_or(0),
                _ => 0,
            };
            failure(database, statement.line_at(offset), error)
        })
    })
}

fn failure(database: &str, line: usize, error: Error) -> DatabaseError {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked, DiskFull};
    if let Some(DatabaseBusy | DatabaseLocked | DiskFull) = code(&error) {
        return refused(database, format!("execute line {line} of the script"))(error);
    }
    let message = match error {
        Error::SqlInputError { msg, .. } => msg,
        Error::SqliteFailure(_, Some(message)) => message,
        other => other.to_string(),
    };
    DatabaseError::Script { database: database.to_owned(), line, message }
}
