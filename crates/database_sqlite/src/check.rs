//! SQLite's own checker: the structure of the file, its indexes, and its foreign keys.

use rusqlite::{Connection, Error, ErrorCode};

use crate::error::code;

/// Gives what is wrong with the content, in SQLite's words.
pub(crate) fn findings(connection: &Connection) -> Result<Vec<String>, Error> {
    let mut findings = Vec::new();
    match integrity(connection, &mut findings).and_then(|()| references(connection, &mut findings)) {
        // Damage that stops the checker is what it was to find.
        Err(error) if matches!(code(&error), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)) => {
            findings.push(error.to_string());
        }
        checked => checked?,
    }
    Ok(findings)
}

fn integrity(connection: &Connection, findings: &mut Vec<String>) -> Result<(), Error> {
    let mut check = connection.prepare("PRAGMA integrity_check")?;
    let mut lines = check.query([])?;
    while let Some(line) = lines.next()? {
        findings.push(line.get(0)?);
    }
    findings.retain(|line| line != "ok");
    Ok(())
}

fn references(connection: &Connection, findings: &mut Vec<String>) -> Result<(), Error> {
    let mut check = connection.prepare("PRAGMA foreign_key_check")?;
    let mut rows = check.query([])?;
    while let Some(row) = rows.next()? {
        let (table, id, parent): (String, Option<i64>, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let row = id.map_or_else(|| "a row".to_owned(), |id| format!("row {id}"));
        findings.push(format!("{row} of {table} refers to nothing in {parent}"));
    }
    Ok(())
}
