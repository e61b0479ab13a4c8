//! The table model of a database, read from the information schema.

use std::collections::{BTreeMap, HashMap};

use database::{Column, ForeignKey, LEDGER, Schema, Table};
use indexmap::IndexMap;
use mysql::prelude::Queryable as _;
use mysql::{Conn, Error};

use crate::copy::file_name;
use crate::literal::{text, within};

/// Says whether the server is a MariaDB; else it is a MySQL.
pub(crate) fn is_mariadb(conn: &mut Conn) -> Result<bool, Error> {
    let version: Option<String> = conn.query_first("SELECT VERSION()")?;
    Ok(version.unwrap_or_default().contains("MariaDB"))
}

/// Lists the tables that count, in the order of their names: no views, no sequences, no ledger.
pub(crate) fn shown_tables(conn: &mut Conn, schema: &str) -> Result<Vec<String>, Error> {
    let mut tables = base_tables(conn, schema)?;
    tables.retain(|table| table != LEDGER);
    Ok(tables)
}

/// Lists all tables, in the order of their names; views and sequences are not among them.
pub(crate) fn base_tables(conn: &mut Conn, schema: &str) -> Result<Vec<String>, Error> {
    names(conn, schema, "TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')")
}

/// Lists the sequences.
pub(crate) fn sequences(conn: &mut Conn, schema: &str) -> Result<Vec<String>, Error> {
    names(conn, schema, "TABLE_TYPE = 'SEQUENCE'")
}

fn names(conn: &mut Conn, schema: &str, condition: &str) -> Result<Vec<String>, Error> {
    let schema = text(schema);
    let sql = format!("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema} AND {condition}");
    let mut names: Vec<String> = conn.query(sql)?;
    names.sort();
    Ok(names)
}

/// Reads the tables.
pub(crate) fn inspect(conn: &mut Conn, schema: &str) -> Result<Schema, Error> {
    let mut tables: HashMap<String, Table> = HashMap::new();
    for name in shown_tables(conn, schema)? {
        tables.insert(name.clone(), Table { name, ..Table::default() });
    }
    columns(conn, schema, &mut tables)?;
    indexes(conn, schema, &mut tables)?;
    foreign_keys(conn, schema, &mut tables)?;
    let mut tables: Vec<Table> = tables.into_values().collect();
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Schema { tables })
}

/// Counts the rows of every table.
pub(crate) fn row_counts(conn: &mut Conn, schema: &str) -> Result<IndexMap<String, u64>, Error> {
    let mut counts = IndexMap::new();
    for table in shown_tables(conn, schema)? {
        let count: Option<u64> = conn.query_first(format!("SELECT COUNT(*) FROM {}", within(schema, &table)))?;
        counts.insert(table, count.unwrap_or(0));
    }
    Ok(counts)
}

/// Adds up the sizes of the files of InnoDB, and what other engines say of theirs.
pub(crate) fn size(conn: &mut Conn, schema: &str) -> Result<u64, Error> {
    let tablespaces = if is_mariadb(conn)? { "INNODB_SYS_TABLESPACES" } else { "INNODB_TABLESPACES" };
    let files = match file_name(schema) {
        Some(directory) => {
            let start = format!("{directory}/");
            conn.query_first::<u64, _>(format!(
                "SELECT CAST(COALESCE(SUM(FILE_SIZE), 0) AS UNSIGNED) FROM information_schema.{tablespaces}
                    WHERE LEFT(NAME, {}) = {}",
                start.chars().count(),
                text(&start)
            ))?
        }
        None => None,
    };
    // Statistics, which lag behind, where the files cannot be named.
    let which = if files.is_some() { "ENGINE <> 'InnoDB'" } else { "TRUE" };
    let others: Option<u64> = conn.query_first(format!(
        "SELECT CAST(COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH + DATA_FREE), 0) AS UNSIGNED)
            FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND {which}",
        text(schema)
    ))?;
    Ok(files.unwrap_or(0) + others.unwrap_or(0))
}

/// What the information schema says of a column.
type ColumnRow = (String, String, String, String, Option<String>, String, Option<String>);

fn columns(conn: &mut Conn, schema: &str, tables: &mut HashMap<String, Table>) -> Result<(), Error> {
    let rows: Vec<ColumnRow> = conn.query(format!(
        "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA, GENERATION_EXPRESSION
            FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {} ORDER BY TABLE_NAME, ORDINAL_POSITION",
        text(schema)
    ))?;
    for (table, name, sql_type, nullable, default, extra, expression) in rows {
        let Some(table) = tables.get_mut(&table) else { continue };
        let generated = expression.is_some_and(|expression| !expression.is_empty());
        // MariaDB gives the default of a column without one as the word.
        let defaulted = default.is_some_and(|default| default != "NULL") || extra.contains("auto_increment");
        table.columns.push(Column {
            name,
            sql_type: without_width(&sql_type),
            nullable: nullable == "YES",
            has_default: !generated && defaulted,
            generated,
        });
    }
    Ok(())
}

/// Leaves out how wide an integer is shown, as newer servers do; save for booleans, which have no other mark.
fn without_width(sql_type: &str) -> String {
    const INTEGERS: [&str; 5] = ["tinyint(", "smallint(", "mediumint(", "int(", "bigint("];
    let integer = INTEGERS.iter().any(|word| sql_type.starts_with(word));
    match (sql_type.split_once('('), sql_type.split_once(')')) {
        (Some((word, _)), Some((_, rest)))
            if integer && !sql_type.starts_with("tinyint(1)") && !rest.contains("zerofill") =>
        {
            format!("{word}{rest}")
        }
        _ => sql_type.to_owned(),
    }
}

fn indexes(conn: &mut Conn, schema: &str, tables: &mut HashMap<String, Table>) -> Result<(), Error> {
    let rows: Vec<(String, String, Option<String>, Option<u64>)> = conn.query(format!(
        "SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS
            WHERE TABLE_SCHEMA = {} AND NON_UNIQUE = 0 ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX",
        text(schema)
    ))?;
    // An index of an expression, or of the beginning of a text, is of no set of columns.
    let mut found: BTreeMap<(String, String), Option<Vec<String>>> = BTreeMap::new();
    for (table, index, column, part) in rows {
        let columns = found.entry((table, index)).or_insert_with(|| Some(Vec::new()));
        match column.filter(|_| part.is_none()) {
            Some(column) => columns.iter_mut().for_each(|columns| columns.push(column.clone())),
            None => *columns = None,
        }
    }
    for ((table, index), columns) in found {
        let (Some(table), Some(columns)) = (tables.get_mut(&table), columns) else { continue };
        if index == "PRIMARY" {
            table.primary_key = columns;
        } else {
            table.unique.push(columns);
        }
    }
    for table in tables.values_mut() {
        table.unique.sort();
        table.unique.dedup();
    }
    Ok(())
}

fn foreign_keys(conn: &mut Conn, schema: &str, tables: &mut HashMap<String, Table>) -> Result<(), Error> {
    let rows: Vec<(String, String, String, String, String, String)> = conn.query(format!(
        "SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME,
                REFERENCED_COLUMN_NAME
            FROM information_schema.KEY_COLUMN_USAGE
            WHERE TABLE_SCHEMA = {} AND REFERENCED_TABLE_NAME IS NOT NULL
            ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION",
        text(schema)
    ))?;
    let mut found: BTreeMap<(String, String), ForeignKey> = BTreeMap::new();
    for (table, constraint, column, parent_schema, parent, referenced) in rows {
        let key = found.entry((table, constraint)).or_default();
        key.table = if parent_schema == schema { parent } else { format!("{parent_schema}.{parent}") };
        key.columns.push(column);
        key.referenced.push(referenced);
    }
    for ((table, _), key) in found {
        if let Some(table) = tables.get_mut(&table) {
            table.foreign_keys.push(key);
        }
    }
    for table in tables.values_mut() {
        table.foreign_keys.sort();
        table.foreign_keys.dedup();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_width_of_integers_is_no_part_of_their_type() {
        let cases = [
            ("bigint(20)", "bigint"),
            ("int(10) unsigned", "int unsigned"),
            ("int(5) unsigned zerofill", "int(5) unsigned zerofill"),
            ("tinyint(1)", "tinyint(1)"),
            ("tinyint(4)", "tinyint"),
            ("varchar(20)", "varchar(20)"),
            ("text", "text"),
        ];
        for (sql_type, expected) in cases {
            assert_eq!(without_width(sql_type), expected);
        }
    }
}
