//! Scripts of SQL, executed statement by statement so that an error knows its line.

use database::{DatabaseError, Dialect, Statement, statements};
use postgres::error::ErrorPosition;
use postgres::{Client, Error};

use crate::error::refused;

/// Executes a script in one transaction where it can be done.
pub(crate) fn execute(client: &mut Client, database: &str, sql: &str) -> Result<(), DatabaseError> {
    let statements = statements(sql, Dialect::Postgres);
    let alone = |statement: &Statement<'_>| {
        let text = statement.text.to_ascii_uppercase();
        let database = ["CREATE DATABASE", "DROP DATABASE", "ALTER SYSTEM"].iter().any(|words| text.starts_with(words));
        statement.controls_transactions() || statement.verb == "VACUUM" || database || text.contains(" CONCURRENTLY")
    };
    let transaction = !statements.iter().any(alone);
    if transaction {
        client.batch_execute("BEGIN").map_err(refused(database, "begin a transaction"))?;
    }
    // What fails is taken back when the connection is closed.
    for statement in &statements {
        client.batch_execute(statement.text).map_err(|error| failure(database, statement, error))?;
    }
    if transaction && let Some(last) = statements.last() {
        client.batch_execute("COMMIT").map_err(|error| failure(database, last, error))?;
    }
    Ok(())
}

fn failure(database: &str, statement: &Statement<'_>, error: Error) -> DatabaseError {
    let Some(details) = error.as_db_error() else {
        return refused(database, format!("execute line {} of the script", statement.line))(error);
    };
    // The server counts characters, from 1.
    let offset = match details.position() {
        Some(ErrorPosition::Original(position)) => {
            let before = (*position as usize).saturating_sub(1);
            statement.text.char_indices().nth(before).map_or(0, |(offset, _)| offset)
        }
        _ => 0,
    };
    let line = statement.line_at(offset);
    match refused(database, String::new())(error) {
        full @ DatabaseError::DiskFull { .. } => full,
        DatabaseError::Refused { source, .. } => {
            DatabaseError::Script { database: database.to_owned(), line, message: source.to_string() }
        }
        other => DatabaseError::Script { database: database.to_owned(), line, message: other.to_string() },
    }
}
