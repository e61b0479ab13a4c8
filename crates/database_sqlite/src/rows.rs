//! All rows of a table, as texts in the order of the key.

use database::{DatabaseError, Table, Value};
use rusqlite::{Connection, Error, params_from_iter};

use crate::error::refused;
use crate::table::quote;
use crate::value::Kind;

/// Takes the texts of a row.
type EachRow<'a> = dyn FnMut(&[Option<String>]) -> Result<(), DatabaseError> + 'a;

/// How many values are asked for at once; what is asked for is a parameter each.
const AT_ONCE: usize = 200;

/// Hands out the rows of a table.
pub(crate) fn read(
    connection: &Connection,
    database: &str,
    table: &Table,
    each: &mut EachRow<'_>,
) -> Result<(), DatabaseError> {
    read_where(connection, database, table, ("", &[]), each)
}

/// Hands out the rows of which these columns hold one of these values.
pub(crate) fn read_with(
    connection: &Connection,
    database: &str,
    table: &Table,
    (columns, values): (&[String], &[Vec<String>]),
    each: &mut EachRow<'_>,
) -> Result<(), DatabaseError> {
    if columns.is_empty() {
        return Ok(());
    }
    // A column compares with a text as its type has it.
    let equal: Vec<String> = columns.iter().map(|column| format!("{} = ?", quote(column))).collect();
    let equal = format!("({})", equal.join(" AND "));
    for some in values.chunks(AT_ONCE) {
        let condition = format!(" WHERE {}", vec![equal.as_str(); some.len()].join(" OR "));
        let cells: Vec<&String> = some.iter().flatten().collect();
        read_where(connection, database, table, (&condition, &cells), each)?;
    }
    Ok(())
}

fn read_where(
    connection: &Connection,
    database: &str,
    table: &Table,
    (condition, values): (&str, &[&String]),
    each: &mut EachRow<'_>,
) -> Result<(), DatabaseError> {
    let refused = |error: Error| refused(database, format!("read {}", table.name))(error);
    let all: Vec<&String> = table.columns.iter().map(|column| &column.name).collect();
    let key = if table.primary_key.is_empty() { all.clone() } else { table.primary_key.iter().collect() };
    let list = |names: &[&String]| names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ");
    let sql = format!("SELECT {} FROM {}{condition} ORDER BY {}", list(&all), quote(&table.name), list(&key));
    let mut statement = connection.prepare(&sql).map_err(refused)?;
    let mut rows = statement.query(params_from_iter(values)).map_err(refused)?;
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
