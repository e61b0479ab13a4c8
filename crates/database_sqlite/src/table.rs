//! What a transaction has to know of a table to write its statements.

use std::fmt::Write as _;

use database::{DatabaseError, Table, Value};

use crate::value::Kind;

/// A table's quoted name and the kinds of its columns.
pub(crate) struct Shape {
    pub(crate) table: String,
    columns: Vec<(String, Kind)>,
}

impl Shape {
    pub(crate) fn of(table: &Table) -> Self {
        let columns = table.columns.iter().map(|column| (column.name.clone(), Kind::of(&column.sql_type))).collect();
        Shape { table: table.name.clone(), columns }
    }

    /// Finds the kinds of columns by their names.
    pub(crate) fn kinds(&self, database: &str, names: &[String]) -> Result<Vec<Kind>, DatabaseError> {
        let find = |name: &String| {
            self.columns.iter().find(|(column, _)| column == name).map(|(_, kind)| *kind).ok_or_else(|| {
                DatabaseError::UnknownColumn {
                    database: database.to_owned(),
                    table: self.table.clone(),
                    column: name.clone(),
                }
            })
        };
        names.iter().map(find).collect()
    }

    pub(crate) fn select(&self, key_columns: &[String], wanted: &[String]) -> String {
        // Two rows tell that the key is ambiguous; more would tell no more.
        format!("SELECT {} FROM {} WHERE {} LIMIT 2", list(wanted), quote(&self.table), equal(key_columns))
    }

    pub(crate) fn insert(&self, columns: &[String], wanted: &[String]) -> String {
        let table = quote(&self.table);
        let values = if columns.is_empty() {
            "DEFAULT VALUES".to_owned()
        } else {
            format!("({}) VALUES ({})", list(columns), vec!["?"; columns.len()].join(", "))
        };
        format!("INSERT INTO {table} {values} RETURNING {}", list(wanted))
    }

    pub(crate) fn select_all(&self, columns: &[String], wanted: &[String]) -> String {
        let conditions: Vec<_> = columns.iter().map(|column| format!("{} = ?", quote(column))).collect();
        format!("SELECT {} FROM {} WHERE {}", list(wanted), quote(&self.table), conditions.join(" AND "))
    }

    pub(crate) fn update(&self, key_columns: &[String], columns: &[String]) -> String {
        let sets: Vec<_> = columns.iter().map(|column| format!("{} = ?", quote(column))).collect();
        format!("UPDATE {} SET {} WHERE {}", quote(&self.table), sets.join(", "), equal(key_columns))
    }

    pub(crate) fn delete(&self, columns: &[String]) -> String {
        format!("DELETE FROM {} WHERE {}", quote(&self.table), equal(columns))
    }
}

/// Quotes a name, whatever is in it.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Lists columns; nothing wanted is a constant, since SQL has no empty list.
fn list(columns: &[String]) -> String {
    if columns.is_empty() {
        return "1".to_owned();
    }
    columns.iter().map(|column| quote(column)).collect::<Vec<_>>().join(", ")
}

fn equal(columns: &[String]) -> String {
    let mut condition = "1".to_owned();
    for column in columns {
        write!(condition, " AND {} IS ?", quote(column)).expect("writing to a string cannot fail");
    }
    condition
}

/// Pairs a row's values with the kinds of their columns.
pub(crate) fn bind(kinds: &[Kind], row: &[Value]) -> Vec<rusqlite::types::Value> {
    kinds.iter().zip(row).map(|(kind, value)| kind.bind(value)).collect()
}
