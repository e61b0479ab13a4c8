//! The ledger of loads: a table in a schema of its own, which nothing shows, and which is there while it has a row.

use postgres::{Client, Error};

/// The table, with its schema. No role is called as that: the schema of a role's own name is where its new tables go.
pub(crate) const TABLE: &str = "\"seedbed ledger\".ledger";

/// Says whether there is one.
pub(crate) fn is_there(client: &mut Client) -> Result<bool, Error> {
    Ok(client.query_one("SELECT to_regclass($1::text) IS NOT NULL", &[&TABLE])?.get(0))
}

/// Reads the first piece of each load.
pub(crate) fn heads(client: &mut Client) -> Result<Vec<(u64, Vec<u8>)>, Error> {
    if !is_there(client)? {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT number, content FROM {TABLE} WHERE piece = 0 ORDER BY number");
    let rows = client.query(&sql, &[])?;
    Ok(rows.iter().map(|row| (row.get::<_, i64>(0).cast_unsigned(), row.get(1))).collect())
}

/// Reads one piece.
pub(crate) fn piece(client: &mut Client, load: u64, number: u64) -> Result<Option<Vec<u8>>, Error> {
    if !is_there(client)? {
        return Ok(None);
    }
    let sql = format!("SELECT content FROM {TABLE} WHERE number = $1 AND piece = $2");
    Ok(client.query_opt(&sql, &[&load.cast_signed(), &number.cast_signed()])?.map(|row| row.get(0)))
}

/// Counts the rows of a table, as it is written in SQL, that the transactions wrote which wrote these loads. A row that is
/// changed later is the work of another transaction, and so are all rows where a dump was read in; where that has made the
/// table, too, it has written rows that were changed before, and nothing can be told.
pub(crate) fn untouched(client: &mut Client, table: &str, loads: &[u64]) -> Result<Option<u64>, Error> {
    let loads = loads.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    if loads.is_empty() || !is_there(client)? {
        return Ok(None);
    }
    let sql = format!("SELECT xmin::text FROM {TABLE} WHERE piece = 0 AND number IN ({loads})");
    let writers: Vec<String> = client.query(&sql, &[])?.iter().map(|row| row.get(0)).collect();
    let writers = format!("ANY ('{{{}}}'::xid[])", writers.join(","));
    let sql = format!(
        "SELECT NOT EXISTS (
            SELECT FROM pg_attribute WHERE attrelid = '{}'::regclass AND attnum > 0 AND xmin = {writers}
        )",
        table.replace('\'', "''")
    );
    if !client.query_one(&sql, &[])?.get::<_, bool>(0) {
        return Ok(None);
    }
    let count: i64 = client.query_one(&format!("SELECT count(*) FROM {table} WHERE xmin = {writers}"), &[])?.get(0);
    Ok(Some(count.cast_unsigned()))
}

/// The number of the advisory lock that writers share. The table itself may have been made by one that has not committed.
const LOCK: i64 = 0x5eed_bed0_1ed6;

/// Waits until all that have written have ended.
pub(crate) fn wait(client: &mut Client) -> Result<(), Error> {
    client.batch_execute(&format!("SELECT pg_advisory_xact_lock({LOCK})"))
}

/// Says that this transaction writes.
fn announce(client: &mut Client) -> Result<(), Error> {
    client.batch_execute(&format!("SELECT pg_advisory_xact_lock_shared({LOCK})"))
}

/// Writes one piece.
pub(crate) fn write(client: &mut Client, load: u64, number: u64, piece: &[u8]) -> Result<(), Error> {
    announce(client)?;
    if !is_there(client)? {
        // The database's owner must be able to dump all of it.
        let owner = "SELECT quote_ident(pg_get_userbyid(datdba)) FROM pg_database WHERE datname = current_database()";
        let owner: String = client.query_one(owner, &[])?.get(0);
        client.batch_execute(&format!(
            "SET LOCAL client_min_messages = warning;
            CREATE SCHEMA IF NOT EXISTS \"seedbed ledger\" AUTHORIZATION {owner};
            CREATE TABLE {TABLE} (number bigint, piece bigint, content bytea NOT NULL, PRIMARY KEY (number, piece));
            ALTER TABLE {TABLE} OWNER TO {owner};
            COMMENT ON SCHEMA \"seedbed ledger\" IS 'what loads of seedbed have made; it goes with `seedbed unload`'"
        ))?;
    }
    let sql = format!(
        "INSERT INTO {TABLE} (number, piece, content) VALUES ($1, $2, $3)
            ON CONFLICT (number, piece) DO UPDATE SET content = EXCLUDED.content"
    );
    client.execute(&sql, &[&load.cast_signed(), &number.cast_signed(), &piece]).map(|_| ())
}

/// Removes the pieces of a load from a number on; the table goes with the last one, and its schema if nothing else is in it.
pub(crate) fn cut(client: &mut Client, load: u64, from: u64) -> Result<(), Error> {
    announce(client)?;
    if !is_there(client)? {
        return Ok(());
    }
    let sql = format!("DELETE FROM {TABLE} WHERE number = $1 AND piece >= $2");
    client.execute(&sql, &[&load.cast_signed(), &from.cast_signed()])?;
    if client.query_opt(&format!("SELECT FROM {TABLE} LIMIT 1"), &[])?.is_none() {
        client.batch_execute(&format!("DROP TABLE {TABLE}"))?;
        let others = "SELECT FROM pg_class WHERE relnamespace = '\"seedbed ledger\"'::regnamespace LIMIT 1";
        if client.query_opt(others, &[])?.is_none() {
            client.batch_execute("DROP SCHEMA \"seedbed ledger\"")?;
        }
    }
    Ok(())
}
