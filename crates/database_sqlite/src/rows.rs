//! All rows of a table, as texts in the order of the key.

use database::{DatabaseError, Table, Value};
use rusqlite::{Connection, Error};

use crate::error::refused;
use crate::table::quote;
use crate::value::Kind;

/// Hands out the rows of a table.
pub(crate) fn read(
    connection: &Connection,
    database: &str,
    table: &Table,
    mut each: impl FnMut(&[Option<String>]) -> Result<(), DatabaseError>,
) -> Result<(), DatabaseError> {
    let refused = |error: Error| refused(database, format!("read {}", table.name))(error);
    let all: Vec<&String> = table.columns.iter().map(|column| &column.name).collect();
    let key = if table.primary_key.is_empty() { all.clone() } else { table.primary_key.iter().collect() };
    let list = |names: &[&String]| names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ");
    let sql = format!("SELECT {} FROM {} ORDER BY {}", list(&all), quote(&table.name), list(&key));
    let mut statement = connection.prepare(&sql).map_err(refused)?;
    let mut rows = statement.query([]).map_err(refused)?;
    while let Some(row) = rows.next().map_err(refused)? {
        let texts =
            (0..all.len()).map(|index| Ok(text(Kind::Plain.read(row.get_ref(index)?)))).collect::<Result<Vec<_>, _>>();
        each(&texts.map_err(refused)?)?;
    }
    Ok(())
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}
