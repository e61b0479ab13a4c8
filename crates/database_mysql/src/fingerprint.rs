//! The digest of a database's content: the objects of its schema by name and kind, and all rows.

use database::{Column, FingerprintBuilder, LEDGER, RowDigest, RowSum, Table};
use mysql::prelude::Queryable as _;
use mysql::{Conn, Error, Value};

use crate::literal::{quote, text, within};
use crate::{ledger, objects, schema};

/// Gives the fingerprint of one moment of the database.
pub(crate) fn of(conn: &mut Conn, schema: &str) -> Result<String, Error> {
    conn.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")?;
    let fingerprint = read(conn, schema);
    let ended = conn.query_drop("ROLLBACK");
    fingerprint.and_then(|fingerprint| ended.map(|()| fingerprint))
}

fn read(conn: &mut Conn, schema: &str) -> Result<String, Error> {
    let mut builder = FingerprintBuilder::default();
    for definition in definitions(conn, schema)? {
        builder.definition(&definition);
    }
    let tables = schema::inspect(conn, schema)?.tables;
    for table in &tables {
        builder.definition(&format!("{table:?}"));
    }
    for table in &tables {
        builder.table(&table.name, &sum_rows(conn, schema, table)?);
    }
    if ledger::is_there(conn, schema)? {
        let columns = ledger::COLUMNS.iter().map(|name| Column { name: (*name).to_owned(), ..Column::default() });
        let table = Table { name: LEDGER.to_owned(), columns: columns.collect(), ..Table::default() };
        let rows = sum_rows(conn, schema, &table)?;
        // An empty one is as good as none.
        if rows != RowSum::default() {
            builder.table(LEDGER, &rows);
        }
    }
    Ok(builder.finish())
}

/// What the table model does not have, by name and kind only: the text of an expression may change when it is dumped and
/// restored.
fn definitions(conn: &mut Conn, schema: &str) -> Result<Vec<String>, Error> {
    let mut definitions: Vec<String> =
        objects::list(conn, schema)?.into_iter().map(|(kind, name)| format!("{kind} {name}")).collect();
    definitions.extend(schema::sequences(conn, schema)?.into_iter().map(|name| format!("SEQUENCE {name}")));
    let schema = text(schema);
    let indexes: Vec<String> = conn.query(format!(
        "SELECT CONCAT('INDEX ', TABLE_NAME, '.', INDEX_NAME, ' ', SEQ_IN_INDEX, ' ', COALESCE(COLUMN_NAME, ''), ' ',
                COALESCE(SUB_PART, ''), ' ', INDEX_TYPE)
            FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = {schema} AND TABLE_NAME <> '{LEDGER}'"
    ))?;
    let constraints: Vec<String> = conn.query(format!(
        "SELECT CONCAT(CONSTRAINT_TYPE, ' ', TABLE_NAME, '.', CONSTRAINT_NAME)
            FROM information_schema.TABLE_CONSTRAINTS
            WHERE TABLE_SCHEMA = {schema} AND TABLE_NAME <> '{LEDGER}'"
    ))?;
    definitions.extend(indexes);
    definitions.extend(constraints);
    definitions.sort();
    Ok(definitions)
}

fn sum_rows(conn: &mut Conn, schema: &str, table: &Table) -> Result<RowSum, Error> {
    let columns: Vec<_> = table.columns.iter().map(|column| quote(&column.name)).collect();
    // Prepared, so that numbers come as they are: the text of a float is rounded.
    let rows = conn.exec_iter(format!("SELECT {} FROM {}", columns.join(", "), within(schema, &table.name)), ())?;
    let (mut digest, mut sum) = (RowDigest::default(), RowSum::default());
    for row in rows {
        for value in row?.unwrap_raw().iter().flatten() {
            add(&mut digest, value);
        }
        sum.add(&digest.take());
    }
    Ok(sum)
}

fn add(digest: &mut RowDigest, value: &Value) {
    match value {
        Value::NULL => digest.value(b'n', &[]),
        Value::Bytes(bytes) => digest.value(b'b', bytes),
        Value::Int(number) => digest.value(b'i', &number.to_le_bytes()),
        Value::UInt(number) => digest.value(b'u', &number.to_le_bytes()),
        Value::Float(number) => digest.value(b'f', &number.to_bits().to_le_bytes()),
        Value::Double(number) => digest.value(b'd', &number.to_bits().to_le_bytes()),
        time @ (Value::Date(..) | Value::Time(..)) => digest.value(b't', time.as_sql(true).as_bytes()),
    }
}
