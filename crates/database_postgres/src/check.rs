//! The server's own checker, `amcheck`, over everything in a database; nothing of it stays in the database.

use postgres::fallible_iterator::FallibleIterator as _;
use postgres::{Client, Error};

/// Everything that has pages of its own: tables with their indexes, the server's own too.
const TABLES: &str = "SELECT pg_class.oid, pg_class.oid::regclass::text FROM pg_class
    WHERE relkind IN ('r', 'm') AND relpersistence <> 't' ORDER BY 1";

/// The indexes that can be checked.
const INDEXES: &str = "SELECT indexrelid, indexrelid::regclass::text FROM pg_index
    JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam
    WHERE amname = 'btree' AND indisvalid AND relkind = 'i' AND relpersistence <> 't' ORDER BY 1";

/// Says where the extension is.
const EXTENSION: &str = "SELECT quote_ident(nspname) FROM pg_extension
    JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'amcheck'";

/// The function for tables; servers before version 14 do not have it.
const HEAP_FUNCTION: &str = "SELECT 1 FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
    WHERE proname = 'verify_heapam' AND quote_ident(nspname) = $1";

/// Reads everything and gives what is wrong.
pub(crate) fn all(client: &mut Client) -> Result<Vec<String>, Error> {
    // In a transaction that is rolled back, so that the extension is gone again.
    client.batch_execute("BEGIN")?;
    let found = find(client);
    let ended = client.batch_execute("ROLLBACK");
    found.and_then(|found| ended.map(|()| found))
}

fn find(client: &mut Client) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    let schema = extension(client)?;
    for row in client.query(TABLES, &[])? {
        let (oid, name): (u32, &str) = (row.get(0), row.get(1));
        let heap = match &schema {
            Some(schema) if client.query_opt(HEAP_FUNCTION, &[schema])?.is_some() => Some(schema),
            _ => None,
        };
        if let Some(schema) = heap {
            let sql = format!("SELECT blkno, offnum, msg FROM {schema}.verify_heapam({oid}::regclass)");
            let wrong = attempt(client, |client| client.query(&sql, &[]))?;
            match wrong {
                Ok(rows) => found.extend(rows.iter().map(|row| {
                    let (block, line): (Option<i64>, Option<i32>) = (row.get(0), row.get(1));
                    let number =
                        |number: Option<i64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
                    let (block, line) = (number(block), number(line.map(i64::from)));
                    format!("table {name}, block {block}, line {line}: {}", row.get::<_, &str>(2))
                })),
                Err(said) => found.push(format!("table {name}: {said}")),
            }
        }
        if let Err(said) = attempt(client, |client| read(client, name))? {
            found.push(format!("table {name}: {said}"));
        }
    }
    if let Some(schema) = schema {
        for row in client.query(INDEXES, &[])? {
            let (oid, name): (u32, &str) = (row.get(0), row.get(1));
            let sql = format!("SELECT {schema}.bt_index_check({oid}::regclass, true)");
            if let Err(said) = attempt(client, |client| client.batch_execute(&sql))? {
                found.push(format!("index {name}: {said}"));
            }
        }
    }
    Ok(found)
}

/// Makes the checker available and says in which schema it is; `None` where it is not installed.
fn extension(client: &mut Client) -> Result<Option<String>, Error> {
    if let Some(row) = client.query_opt(EXTENSION, &[])? {
        return Ok(Some(row.get(0)));
    }
    if client.query_opt("SELECT 1 FROM pg_available_extensions WHERE name = 'amcheck'", &[])?.is_none() {
        return Ok(None);
    }
    // A schema of its own that nobody has.
    client.batch_execute("CREATE SCHEMA \"seedbed check\"; CREATE EXTENSION amcheck SCHEMA \"seedbed check\"")?;
    Ok(Some("\"seedbed check\"".to_owned()))
}

/// Reads every row of a table, and throws it away.
fn read(client: &mut Client, table: &str) -> Result<(), Error> {
    let none: [&str; 0] = [];
    let mut rows = client.query_raw(&format!("SELECT stored::text FROM {table} AS stored"), none)?;
    while rows.next()?.is_some() {}
    Ok(())
}

/// Tries a part of the transaction; what the server says against it does not end the transaction.
fn attempt<T>(
    client: &mut Client,
    part: impl FnOnce(&mut Client) -> Result<T, Error>,
) -> Result<Result<T, String>, Error> {
    client.batch_execute("SAVEPOINT part")?;
    match part(client) {
        Ok(done) => client.batch_execute("RELEASE part").map(|()| Ok(done)),
        Err(error) => {
            let Some(said) = error.as_db_error().map(|said| said.message().to_owned()) else { return Err(error) };
            client.batch_execute("ROLLBACK TO part")?;
            Ok(Err(said))
        }
    }
}
