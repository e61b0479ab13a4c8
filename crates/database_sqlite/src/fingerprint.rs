//! The digest of a file's content: the statements that made its schema, and all rows.

use database::{FingerprintBuilder, LEDGER, RowDigest, RowSum};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error};

use crate::table::quote;
use crate::{ledger, schema};

/// Gives the fingerprint of one moment of the database.
pub(crate) fn of(connection: &Connection) -> Result<String, Error> {
    connection.execute_batch("BEGIN")?;
    let mut builder = FingerprintBuilder::default();
    let definitions = format!(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
            AND name <> '{LEDGER}' ORDER BY type, name"
    );
    let mut statement = connection.prepare(&definitions)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        builder.definition(row.get_ref(0)?.as_str()?);
    }
    for table in schema::inspect(connection)?.tables {
        builder.table(&table.name, &sum_rows(connection, &table.name)?);
    }
    if ledger::is_there(connection)? {
        builder.table(LEDGER, &sum_rows(connection, LEDGER)?);
    }
    Ok(builder.finish())
}

fn sum_rows(connection: &Connection, table: &str) -> Result<RowSum, Error> {
    let mut statement = connection.prepare(&format!("SELECT * FROM {}", quote(table)))?;
    let count = statement.column_count();
    let mut rows = statement.query([])?;
    let (mut digest, mut sum) = (RowDigest::default(), RowSum::default());
    while let Some(row) = rows.next()? {
        for index in 0..count {
            match row.get_ref(index)? {
                ValueRef::Null => digest.value(b'n', &[]),
                ValueRef::Integer(integer) => digest.value(b'i', &integer.to_le_bytes()),
                ValueRef::Real(real) => digest.value(b'r', &real.to_le_bytes()),
                ValueRef::Text(text) => digest.value(b't', text),
                ValueRef::Blob(bytes) => digest.value(b'b', bytes),
            }
        }
        sum.add(&digest.take());
    }
    Ok(sum)
}
