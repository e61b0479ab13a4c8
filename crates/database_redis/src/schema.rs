//! The table model of keys: those with the same beginning are the rows of a table.

use database::{Column, Schema, Table};
use indexmap::IndexMap;

use crate::content::Entry;
use crate::value::{Bytes, bytes_to_json};

/// What ends the beginning of a name, by convention.
const SEPARATOR: u8 = b':';

/// The table of the keys whose names have no beginning.
const OTHERS: &str = "(no prefix)";

/// The columns of every table.
const COLUMNS: [(&str, &str); 4] =
    [("key", "text"), ("type", "text"), ("expires", "milliseconds since 1970"), ("value", "json")];

/// Names the table of a key.
pub(crate) fn table_of(key: &[u8]) -> String {
    match key.iter().position(|&byte| byte == SEPARATOR) {
        Some(end) => text(&key[..end]),
        None => OTHERS.to_owned(),
    }
}

/// Counts the keys of each table, in the order of their names.
pub(crate) fn row_counts(keys: &[Bytes]) -> IndexMap<String, u64> {
    let mut counts = IndexMap::new();
    for key in keys {
        *counts.entry(table_of(key)).or_default() += 1;
    }
    counts.sort_keys();
    counts
}

/// Describes the tables of these keys.
pub(crate) fn of(keys: &[Bytes]) -> Schema {
    let column = |(name, sql_type): (&str, &str)| Column {
        name: name.to_owned(),
        sql_type: sql_type.to_owned(),
        nullable: name == "expires",
        ..Column::default()
    };
    let table = |name| Table {
        name,
        columns: COLUMNS.into_iter().map(column).collect(),
        primary_key: vec!["key".to_owned()],
        ..Table::default()
    };
    Schema { tables: row_counts(keys).into_keys().map(table).collect() }
}

/// Gives the row of a key.
pub(crate) fn row(entry: &Entry) -> [Option<String>; COLUMNS.len()] {
    [
        Some(text(&entry.key)),
        Some(entry.value.kind().to_owned()),
        entry.expiry.map(|moment| moment.to_string()),
        Some(entry.value.to_json().to_string()),
    ]
}

/// Gives bytes as text; those that are none as JSON.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes_to_json(bytes).to_string(),
    }
}
