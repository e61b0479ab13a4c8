//! The ledger of loads: a table that nothing shows. A change of the schema ends a transaction here, so it is made and removed
//! outside of them; an empty one is as good as none.

use database::LEDGER;
use mysql::prelude::Queryable as _;
use mysql::{Conn, Error};

use crate::error::code;
use crate::literal::{quote, text, within};

/// Its columns.
pub(crate) const COLUMNS: [&str; 3] = ["number", "piece", "content"];

/// The number of the error that a table is not there.
const NO_SUCH_TABLE: u16 = 1146;

/// Says whether there is one.
pub(crate) fn is_there(conn: &mut Conn, schema: &str) -> Result<bool, Error> {
    let sql = format!(
        "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME = '{LEDGER}'",
        text(schema)
    );
    Ok(conn.query_first::<u64, _>(sql)? == Some(1))
}

/// Makes it, if it is not there; outside of transactions.
pub(crate) fn make(conn: &mut Conn, schema: &str) -> Result<(), Error> {
    if is_there(conn, schema)? {
        return Ok(());
    }
    let [number, piece, content] = COLUMNS.map(quote);
    conn.query_drop(format!(
        "CREATE TABLE {} ({number} BIGINT NOT NULL, {piece} BIGINT NOT NULL, {content} LONGBLOB NOT NULL,
            PRIMARY KEY ({number}, {piece})) ENGINE = InnoDB",
        within(schema, LEDGER)
    ))
}

/// Removes it, if nothing is in it; outside of transactions.
pub(crate) fn remove_empty(conn: &mut Conn, schema: &str) -> Result<(), Error> {
    if !is_there(conn, schema)? {
        return Ok(());
    }
    let table = within(schema, LEDGER);
    if conn.query_first::<u64, _>(format!("SELECT 1 FROM {table} LIMIT 1"))?.is_none() {
        conn.query_drop(format!("DROP TABLE {table}"))?;
    }
    Ok(())
}

/// Reads the first piece of each load.
pub(crate) fn heads(conn: &mut Conn, schema: &str) -> Result<Vec<(u64, Vec<u8>)>, Error> {
    if !is_there(conn, schema)? {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT number, content FROM {} WHERE piece = 0 ORDER BY number", within(schema, LEDGER));
    conn.query(sql)
}

/// Reads one piece.
pub(crate) fn piece(conn: &mut Conn, schema: &str, load: u64, number: u64) -> Result<Option<Vec<u8>>, Error> {
    if !is_there(conn, schema)? {
        return Ok(None);
    }
    let sql = format!("SELECT content FROM {} WHERE number = ? AND piece = ?", within(schema, LEDGER));
    conn.exec_first(sql, (load, number))
}

/// Waits until all that have written have ended: rows that are not committed are locked, and so are removed ones.
pub(crate) fn wait(conn: &mut Conn, schema: &str) -> Result<(), Error> {
    // Nothing is read before, since what a transaction sees is decided by its first read.
    let sql = format!("SELECT COUNT(*) FROM {} LOCK IN SHARE MODE", within(schema, LEDGER));
    match conn.query_drop(sql) {
        Err(error) if code(&error) == Some(NO_SUCH_TABLE) => Ok(()),
        waited => waited,
    }
}

/// Writes one piece.
pub(crate) fn write(conn: &mut Conn, schema: &str, load: u64, number: u64, piece: &[u8]) -> Result<(), Error> {
    let sql = format!("REPLACE INTO {} (number, piece, content) VALUES (?, ?, ?)", within(schema, LEDGER));
    conn.exec_drop(sql, (load, number, piece))
}

/// Removes the pieces of a load from a number on.
pub(crate) fn cut(conn: &mut Conn, schema: &str, load: u64, from: u64) -> Result<(), Error> {
    if !is_there(conn, schema)? {
        return Ok(());
    }
    let sql = format!("DELETE FROM {} WHERE number = ? AND piece >= ?", within(schema, LEDGER));
    conn.exec_drop(sql, (load, from))
}
