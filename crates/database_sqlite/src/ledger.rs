//! The ledger of loads: a table that nothing shows, which is there while it has a row.

use database::LEDGER;
use rusqlite::{Connection, Error, OptionalExtension as _, params};

/// Says whether there is one.
pub(crate) fn is_there(connection: &Connection) -> Result<bool, Error> {
    connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = ?")?.exists([LEDGER])
}

/// Reads the first piece of each load.
pub(crate) fn heads(connection: &Connection) -> Result<Vec<(u64, Vec<u8>)>, Error> {
    if !is_there(connection)? {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT number, content FROM {LEDGER} WHERE piece = 0 ORDER BY number");
    connection.prepare(&sql)?.query_map([], |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?)))?.collect()
}

/// Reads one piece.
pub(crate) fn piece(connection: &Connection, load: u64, number: u64) -> Result<Option<Vec<u8>>, Error> {
    if !is_there(connection)? {
        return Ok(None);
    }
    let sql = format!("SELECT content FROM {LEDGER} WHERE number = ? AND piece = ?");
    connection.query_row(&sql, params![load.cast_signed(), number.cast_signed()], |row| row.get(0)).optional()
}

/// Writes one piece.
pub(crate) fn write(connection: &Connection, load: u64, number: u64, piece: &[u8]) -> Result<(), Error> {
    connection.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS {LEDGER} (number INTEGER NOT NULL, piece INTEGER NOT NULL, content BLOB NOT NULL,
            PRIMARY KEY (number, piece)) WITHOUT ROWID"
    ))?;
    let sql = format!("INSERT OR REPLACE INTO {LEDGER} (number, piece, content) VALUES (?, ?, ?)");
    connection.execute(&sql, params![load.cast_signed(), number.cast_signed(), piece]).map(|_| ())
}

/// Removes the pieces of a load from a number on, and the table with the last one.
pub(crate) fn cut(connection: &Connection, load: u64, from: u64) -> Result<(), Error> {
    if !is_there(connection)? {
        return Ok(());
    }
    let sql = format!("DELETE FROM {LEDGER} WHERE number = ? AND piece >= ?");
    connection.execute(&sql, params![load.cast_signed(), from.cast_signed()])?;
    if !connection.prepare(&format!("SELECT 1 FROM {LEDGER}"))?.exists([])? {
        connection.execute_batch(&format!("DROP TABLE {LEDGER}"))?;
    }
    Ok(())
}
