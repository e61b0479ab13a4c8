//! The rich table model of a database, read from the information schema.

use std::collections::{BTreeMap, BTreeSet};

use database::{
    CheckDescription, ColumnDescription, Description, Filled, ForeignKeyDescription, KeyDescription, Kind,
    TableDescription,
};
use mysql::prelude::Queryable as _;
use mysql::{Conn, Error, Row};

use crate::literal::text;
use crate::schema::{is_mariadb, shown_tables};

type Tables = BTreeMap<String, TableDescription>;

/// Reads all that values must obey.
pub(crate) fn describe(conn: &mut Conn, schema: &str) -> Result<Description, Error> {
    let named = |name: String| (name.clone(), TableDescription { name, ..TableDescription::default() });
    let mut tables: Tables = shown_tables(conn, schema)?.into_iter().map(named).collect();
    let is_mariadb = is_mariadb(conn)?;
    checks(conn, schema, is_mariadb, &mut tables)?;
    columns(conn, schema, is_mariadb, &mut tables)?;
    keys(conn, schema, is_mariadb, &mut tables)?;
    foreign_keys(conn, schema, &mut tables)?;
    Ok(Description { tables: tables.into_values().collect() })
}

fn columns(conn: &mut Conn, schema: &str, is_mariadb: bool, tables: &mut Tables) -> Result<(), Error> {
    let rows: Vec<Row> = conn.query(format!(
        "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA,
                GENERATION_EXPRESSION, CHARACTER_MAXIMUM_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE
            FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {} ORDER BY TABLE_NAME, ORDINAL_POSITION",
        text(schema)
    ))?;
    for row in rows {
        let get = |place: usize| row.get::<Option<String>, _>(place).flatten();
        let number = |place: usize| {
            row.get::<Option<u64>, _>(place).flatten().map(|number| u32::try_from(number).unwrap_or(u32::MAX))
        };
        let Some(table) = get(0).and_then(|name| tables.get_mut(&name)) else { continue };
        let word = |place: usize| get(place).unwrap_or_default();
        let (name, data_type, column_type, extra) = (word(1), word(2), word(3), word(6).to_ascii_lowercase());
        let is_json = table
            .checks
            .iter()
            .any(|check| check.condition.replace('`', "").eq_ignore_ascii_case(&format!("json_valid({name})")));
        let filled = if get(7).is_some_and(|expression| !expression.is_empty()) {
            Filled::Generated
        } else if extra.contains("auto_increment") {
            Filled::Counter
        } else {
            match get(5) {
                // MariaDB gives the word for a column without a default, and expressions as they are written.
                Some(default) if is_mariadb && default == "NULL" => Filled::Null,
                Some(default) if is_mariadb || extra.contains("default_generated") => Filled::Default(default),
                Some(default) => Filled::Default(text(&default)),
                None => Filled::Null,
            }
        };
        table.columns.push(ColumnDescription {
            kind: kind(&data_type, &column_type, is_json, number(8), number(9), number(10)),
            name,
            sql_type: column_type,
            nullable: word(4) == "YES",
            filled,
            checks: Vec::new(),
        });
    }
    Ok(())
}

fn kind(
    data_type: &str,
    column_type: &str,
    is_json: bool,
    length: Option<u32>,
    precision: Option<u32>,
    scale: Option<u32>,
) -> Kind {
    let unsigned = column_type.contains("unsigned");
    let integer = |bits: u32| {
        if unsigned {
            Kind::Integer { least: 0, greatest: if bits < 63 { (1 << bits) - 1 } else { i64::MAX } }
        } else {
            Kind::Integer { least: -(1_i64 << (bits - 1)), greatest: ((1_u64 << (bits - 1)) - 1).cast_signed() }
        }
    };
    match data_type {
        "tinyint" if column_type.starts_with("tinyint(1)") => Kind::Boolean,
        "tinyint" => integer(8),
        "smallint" => integer(16),
        "mediumint" => integer(24),
        "int" => integer(32),
        "bigint" => {
            if unsigned {
                Kind::Integer { least: 0, greatest: i64::MAX }
            } else {
                Kind::Integer { least: i64::MIN, greatest: i64::MAX }
            }
        }
        "decimal" => Kind::Decimal { precision: precision.unwrap_or(10), scale: scale.unwrap_or(0) },
        "float" | "double" => Kind::Float,
        "bit" => Kind::Bits { length: precision.unwrap_or(1) },
        "json" => Kind::Json,
        "longtext" if is_json => Kind::Json,
        // Texts have so many bytes, and what is made has at most two for a letter.
        "tinytext" => Kind::Text { length: Some(120) },
        "char" | "varchar" => Kind::Text { length },
        "text" | "mediumtext" | "longtext" => Kind::Text { length: None },
        "binary" => Kind::Bytes { length, exact: true },
        "varbinary" => Kind::Bytes { length, exact: false },
        "tinyblob" | "blob" | "mediumblob" | "longblob" => Kind::Bytes { length: None, exact: false },
        "date" => Kind::Date,
        "time" => Kind::Time,
        "datetime" => Kind::Timestamp { zone: false },
        "timestamp" => Kind::Timestamp { zone: true },
        "year" => Kind::Year,
        "uuid" => Kind::Uuid,
        "inet4" => Kind::Inet,
        "enum" => Kind::Enum(labels(column_type)),
        "set" => Kind::Set(labels(column_type)),
        _ => Kind::Unknown,
    }
}

/// Reads the labels of `enum('a','b')`.
fn labels(column_type: &str) -> Vec<String> {
    let mut labels = Vec::new();
    let mut label: Option<String> = None;
    let mut letters = column_type.chars().peekable();
    while let Some(letter) = letters.next() {
        match &mut label {
            None if letter == '\'' => label = Some(String::new()),
            None => {}
            Some(text) if letter != '\'' => text.push(letter),
            Some(text) if letters.peek() == Some(&'\'') => {
                text.push('\'');
                letters.next();
            }
            Some(_) => labels.extend(label.take()),
        }
    }
    labels
}

/// What the information schema says of a part of an index.
type KeyRow = (String, String, Option<String>, Option<u32>, Option<String>);

fn keys(conn: &mut Conn, schema: &str, is_mariadb: bool, tables: &mut Tables) -> Result<(), Error> {
    let expression = if is_mariadb { "NULL" } else { "EXPRESSION" };
    let rows: Vec<KeyRow> = conn.query(format!(
        "SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART, {expression} FROM information_schema.STATISTICS
            WHERE TABLE_SCHEMA = {} AND NON_UNIQUE = 0
            ORDER BY TABLE_NAME, INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX",
        text(schema)
    ))?;
    for (table, index, column, part, expression) in rows {
        let Some(table) = tables.get_mut(&table) else { continue };
        if table.keys.last().is_none_or(|key| key.name != index) {
            let primary = index == "PRIMARY";
            table.keys.push(KeyDescription { name: index, primary, ..KeyDescription::default() });
        }
        if let (Some(column), Some(part)) = (&column, part) {
            // Only so many letters count, so that no more are made.
            let found = table.columns.iter_mut().find(|found| found.name == *column);
            if let Some(Kind::Text { length }) = found.map(|found| &mut found.kind) {
                *length = Some(length.map_or(part, |length| length.min(part)));
            }
        }
        let key = table.keys.last_mut().expect("it was pushed above");
        key.columns.extend(column);
        key.expressions.extend(expression);
    }
    Ok(())
}

fn foreign_keys(conn: &mut Conn, schema: &str, tables: &mut Tables) -> Result<(), Error> {
    let rows: Vec<(String, String, String, String, String, String)> = conn.query(format!(
        "SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME,
                REFERENCED_COLUMN_NAME
            FROM information_schema.KEY_COLUMN_USAGE
            WHERE TABLE_SCHEMA = {} AND REFERENCED_TABLE_NAME IS NOT NULL
            ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION",
        text(schema)
    ))?;
    let mut foreign: BTreeSet<String> = BTreeSet::new();
    for (table, constraint, column, parent_schema, parent, referenced) in rows {
        let Some(table) = tables.get_mut(&table) else { continue };
        if parent_schema != schema {
            if foreign.insert(constraint.clone()) {
                table.unknown.push(format!("the foreign key {constraint} into the database {parent_schema}"));
            }
            continue;
        }
        if table.foreign_keys.last().is_none_or(|key| key.name != constraint) {
            table.foreign_keys.push(ForeignKeyDescription {
                name: constraint,
                table: parent,
                ..ForeignKeyDescription::default()
            });
        }
        let key = table.foreign_keys.last_mut().expect("it was pushed above");
        key.columns.push(column);
        key.referenced.push(referenced);
    }
    Ok(())
}

fn checks(conn: &mut Conn, schema: &str, is_mariadb: bool, tables: &mut Tables) -> Result<(), Error> {
    let sql = if is_mariadb {
        "SELECT TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS
            WHERE CONSTRAINT_SCHEMA = "
    } else {
        "SELECT TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS
            JOIN information_schema.TABLE_CONSTRAINTS USING (CONSTRAINT_SCHEMA, CONSTRAINT_NAME)
            WHERE CONSTRAINT_SCHEMA = "
    };
    let rows: Vec<(String, String, String)> = conn.query(format!("{sql}{} ORDER BY 1, 2", text(schema)))?;
    for (table, name, condition) in rows {
        if let Some(table) = tables.get_mut(&table) {
            // MySQL writes the quotes of texts with a backslash.
            let condition = condition.replace("\\'", "'");
            table.checks.push(CheckDescription { name, condition });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_with_their_quotes() {
        assert_eq!(labels("enum('a','it''s','b,c')"), ["a", "it's", "b,c"]);
    }

    #[test]
    fn integers_are_as_wide_as_their_type() {
        let of = |data_type: &str, column_type: &str| kind(data_type, column_type, false, None, None, None);
        assert_eq!(of("tinyint", "tinyint(4)"), Kind::Integer { least: -128, greatest: 127 });
        assert_eq!(of("int", "int(10) unsigned"), Kind::Integer { least: 0, greatest: u32::MAX.into() });
        assert_eq!(of("tinyint", "tinyint(1)"), Kind::Boolean);
    }
}
