//! What has to be known of a table to write values into SQL, and to read them.

use database::{DatabaseError, Value};
use mysql::prelude::Queryable as _;
use mysql::{Conn, Error};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use crate::error::refused;
use crate::literal::{quote, text, within};
use crate::schema::is_mariadb;

/// A table's quoted name and its columns.
pub(crate) struct Shape {
    table: String,
    pub(crate) quoted: String,
    columns: Vec<ColumnShape>,
    /// Whether inserted rows can be returned; else they are read again.
    pub(crate) returns_rows: bool,
}

/// How values of a column are written and read.
#[derive(Clone)]
pub(crate) struct ColumnShape {
    pub(crate) name: String,
    pub(crate) quoted: String,
    pub(crate) in_primary_key: bool,
    pub(crate) auto_increment: bool,
    kind: Kind,
    /// Whether documents have a type of their own, and are not texts.
    own_json: bool,
}

/// What values of a column are, in JSON and in SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Integer,
    Boolean,
    Decimal,
    Float,
    Bits,
    Moment,
    DateTime,
    Json,
    Bytes,
    Text,
}

impl Kind {
    fn of(data_type: &str, column_type: &str, is_json: bool) -> Self {
        match data_type {
            "tinyint" if column_type == "tinyint(1)" => Kind::Boolean,
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" => Kind::Integer,
            "decimal" => Kind::Decimal,
            "float" | "double" => Kind::Float,
            "bit" => Kind::Bits,
            "timestamp" => Kind::Moment,
            "datetime" => Kind::DateTime,
            "json" => Kind::Json,
            "longtext" if is_json => Kind::Json,
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "geometry" | "point"
            | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon" | "geometrycollection"
            | "geomcollection" => Kind::Bytes,
            _ => Kind::Text,
        }
    }
}

impl Shape {
    /// Reads a table's columns; `None` when there is no such table.
    pub(crate) fn read(conn: &mut Conn, schema: &str, table: &str) -> Result<Option<Self>, Error> {
        let returns_rows = is_mariadb(conn)?;
        // There a document is a text with a check that has the column's name.
        let is_json = if returns_rows {
            "EXISTS (SELECT 1 FROM information_schema.CHECK_CONSTRAINTS
                WHERE CONSTRAINT_SCHEMA = TABLE_SCHEMA AND CHECK_CONSTRAINTS.TABLE_NAME = COLUMNS.TABLE_NAME
                AND CONSTRAINT_NAME = COLUMN_NAME AND CHECK_CLAUSE LIKE 'json_valid(%')"
        } else {
            "FALSE"
        };
        let rows: Vec<(String, String, String, String, String, bool)> = conn.query(format!(
            "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, COLUMN_KEY, EXTRA, {is_json}
                FROM information_schema.COLUMNS JOIN information_schema.TABLES USING (TABLE_SCHEMA, TABLE_NAME)
                WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')
                ORDER BY ORDINAL_POSITION",
            text(schema),
            text(table)
        ))?;
        if rows.is_empty() {
            return Ok(None);
        }
        let columns = rows.into_iter().map(|(name, data_type, column_type, key, extra, is_json)| ColumnShape {
            quoted: quote(&name),
            name,
            in_primary_key: key == "PRI",
            auto_increment: extra.contains("auto_increment"),
            kind: Kind::of(&data_type, &column_type, is_json),
            own_json: data_type == "json",
        });
        Ok(Some(Shape {
            table: table.to_owned(),
            quoted: within(schema, table),
            columns: columns.collect(),
            returns_rows,
        }))
    }

    /// Finds columns by their names.
    pub(crate) fn columns(&self, database: &str, names: &[String]) -> Result<Vec<ColumnShape>, DatabaseError> {
        let find = |name: &String| {
            self.columns.iter().find(|column| column.name == *name).cloned().ok_or_else(|| {
                DatabaseError::UnknownColumn {
                    database: database.to_owned(),
                    table: self.table.clone(),
                    column: name.clone(),
                }
            })
        };
        names.iter().map(find).collect()
    }

    /// Gives the columns of the primary key.
    pub(crate) fn primary_key(&self) -> impl Iterator<Item = &ColumnShape> {
        self.columns.iter().filter(|column| column.in_primary_key)
    }
}

impl ColumnShape {
    /// Gives the expression that reads the column.
    pub(crate) fn read(&self) -> String {
        match self.kind {
            Kind::Bits => format!("{} + 0", self.quoted),
            _ => self.quoted.clone(),
        }
    }

    /// Gives the condition that the column equals a value; NULL equals NULL.
    pub(crate) fn equals(&self, value: &Value) -> String {
        match (self.kind, value) {
            (_, Value::Null) => format!("{} IS NULL", self.quoted),
            (Kind::Json, value) if self.own_json => format!("{} = CAST({} AS JSON)", self.quoted, self.literal(value)),
            (Kind::Json, value) => format!("JSON_COMPACT({}) = JSON_COMPACT({})", self.quoted, self.literal(value)),
            (_, value) => format!("{} = {}", self.quoted, self.literal(value)),
        }
    }

    /// Writes a value for the column.
    pub(crate) fn literal(&self, value: &Value) -> String {
        match (self.kind, value) {
            (_, Value::Null) => "NULL".to_owned(),
            (Kind::Json, value) => text(&value.to_string()),
            (Kind::Text, Value::Number(number)) => text(&number.to_string()),
            (Kind::Text, Value::Bool(boolean)) => text(&boolean.to_string()),
            (_, Value::Bool(boolean)) => u8::from(*boolean).to_string(),
            (_, Value::Number(number)) => number.to_string(),
            (Kind::Boolean, Value::String(word)) if word == "true" => "1".to_owned(),
            (Kind::Boolean, Value::String(word)) if word == "false" => "0".to_owned(),
            (Kind::Bytes, Value::String(word)) => match word.strip_prefix("\\x") {
                Some(digits) if digits.len() % 2 == 0 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
                    format!("x'{digits}'")
                }
                _ => text(word),
            },
            (Kind::Moment | Kind::DateTime, Value::String(word)) => text(&moment(word)),
            (_, Value::String(word)) => text(word),
            (_, Value::Array(_) | Value::Object(_)) => text(&value.to_string()),
        }
    }

    /// Reads a value as the server's text has it.
    pub(crate) fn value(&self, given: &mysql::Value) -> Value {
        let mysql::Value::Bytes(bytes) = given else { return Value::Null };
        if self.kind == Kind::Bytes {
            return Value::String(hexadecimal(bytes));
        }
        let word = String::from_utf8_lossy(bytes).into_owned();
        match self.kind {
            Kind::Boolean if word == "0" || word == "1" => Value::Bool(word == "1"),
            Kind::Integer | Kind::Boolean | Kind::Bits => integer(word),
            // What has places, or more digits than JSON's readers keep, is text.
            Kind::Decimal if word.len() <= 15 && !word.contains('.') => integer(word),
            Kind::Float => word.parse::<f64>().map_or(Value::String(word), Value::from),
            Kind::Json => serde_json::from_str(&word).unwrap_or(Value::String(word)),
            Kind::Moment => Value::String(format!("{}+00:00", with_t(&word))),
            Kind::DateTime => Value::String(with_t(&word)),
            _ => Value::String(word),
        }
    }
}

fn integer(word: String) -> Value {
    match (word.parse::<i64>(), word.parse::<u64>()) {
        (Ok(number), _) => number.into(),
        (_, Ok(number)) => number.into(),
        _ => Value::String(word),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).expect("a nibble is a digit");
    let digits = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    "\\x".chars().chain(digits).collect()
}

/// Writes a moment as the server reads it: in UTC, the session's time zone. What is no RFC 3339 is left to the server.
fn moment(word: &str) -> String {
    let Ok(moment) = OffsetDateTime::parse(word, &Rfc3339) else { return word.replacen('T', " ", 1) };
    let moment = moment.to_offset(UtcOffset::UTC);
    let (date, time) = (moment.date(), moment.time());
    format!("{date} {:02}:{:02}:{:02}.{:06}", time.hour(), time.minute(), time.second(), time.microsecond())
}

/// Writes `2025-01-01 10:00:00.500000` as ISO 8601 has it, without zeros at the end.
fn with_t(word: &str) -> String {
    let shortened = match word.split_once('.') {
        Some((_, places)) => {
            word[..word.len() - (places.len() - places.trim_end_matches('0').len())].trim_end_matches('.')
        }
        None => word,
    };
    shortened.replacen(' ', "T", 1)
}

/// Takes one row, as the texts of its values.
type Each<'a> = dyn FnMut(&[Option<String>]) -> Result<(), DatabaseError> + 'a;

/// How many values are asked for at once.
const AT_ONCE: usize = 1000;

/// Hands out the rows of a table as texts, in order.
pub(crate) fn read_rows(
    conn: &mut Conn,
    database: &str,
    (schema, table): (&str, &str),
    each: &mut Each<'_>,
) -> Result<(), DatabaseError> {
    read_rows_where(conn, database, (schema, table), "", each)
}

/// Hands out the rows of which these columns hold one of these values.
pub(crate) fn read_rows_with(
    conn: &mut Conn,
    database: &str,
    (schema, table): (&str, &str),
    (columns, values): (&[String], &[Vec<String>]),
    each: &mut Each<'_>,
) -> Result<(), DatabaseError> {
    if columns.is_empty() {
        return Ok(());
    }
    let columns: Vec<String> = columns.iter().map(|column| quote(column)).collect();
    for some in values.chunks(AT_ONCE) {
        let equal = |row: &Vec<String>| {
            let parts: Vec<String> =
                columns.iter().zip(row).map(|(column, cell)| format!("{column} = {}", text(cell))).collect();
            format!("({})", parts.join(" AND "))
        };
        let condition = format!(" WHERE {}", some.iter().map(equal).collect::<Vec<_>>().join(" OR "));
        read_rows_where(conn, database, (schema, table), &condition, each)?;
    }
    Ok(())
}

fn read_rows_where(
    conn: &mut Conn,
    database: &str,
    (schema, table): (&str, &str),
    condition: &str,
    each: &mut Each<'_>,
) -> Result<(), DatabaseError> {
    let refused = |action: &str| refused(database, format!("{action} {table}"));
    let shape = Shape::read(conn, schema, table).map_err(refused("inspect"))?;
    let shape =
        shape.ok_or_else(|| DatabaseError::UnknownTable { database: database.to_owned(), table: table.to_owned() })?;
    let key = primary_key(conn, schema, table).map_err(refused("inspect"))?;
    let order = if key.is_empty() { shape.columns.iter().map(|column| column.quoted.clone()).collect() } else { key };
    let columns: Vec<_> = shape.columns.iter().map(ColumnShape::read).collect();
    let sql = format!("SELECT {} FROM {}{condition} ORDER BY {}", columns.join(", "), shape.quoted, order.join(", "));
    let mut rows = conn.query_iter(sql).map_err(refused("read"))?;
    let mut texts = Vec::with_capacity(columns.len());
    for row in rows.by_ref() {
        let row = row.map_err(refused("read"))?;
        texts.clear();
        texts.extend(shape.columns.iter().enumerate().map(|(index, column)| match row.as_ref(index) {
            Some(mysql::Value::Bytes(bytes)) if column.kind == Kind::Bytes => Some(hexadecimal(bytes)),
            Some(mysql::Value::Bytes(bytes)) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        }));
        each(&texts)?;
    }
    Ok(())
}

/// Gives the columns of the primary key, quoted, in its order.
fn primary_key(conn: &mut Conn, schema: &str, table: &str) -> Result<Vec<String>, Error> {
    let columns: Vec<String> = conn.query(format!(
        "SELECT COLUMN_NAME FROM information_schema.STATISTICS
            WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} AND INDEX_NAME = 'PRIMARY' ORDER BY SEQ_IN_INDEX",
        text(schema),
        text(table)
    ))?;
    Ok(columns.iter().map(|column| quote(column)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_go_in_as_utc_and_come_out_as_iso_8601() {
        let cases = [
            ("2025-01-01T10:00:00+02:00", "2025-01-01 08:00:00.000000"),
            ("2025-01-01T00:30:00.5-01:00", "2025-01-01 01:30:00.500000"),
            ("2025-01-01T10:00:00Z", "2025-01-01 10:00:00.000000"),
            ("2025-01-01T10:00", "2025-01-01 10:00"),
            ("2025-01-01 10:00:00", "2025-01-01 10:00:00"),
            ("no time", "no time"),
        ];
        for (given, expected) in cases {
            assert_eq!(moment(given), expected);
        }
        let cases = [
            ("2025-01-01 10:00:00", "2025-01-01T10:00:00"),
            ("2025-01-01 10:00:00.000000", "2025-01-01T10:00:00"),
            ("2025-01-01 10:00:10.120", "2025-01-01T10:00:10.12"),
        ];
        for (given, expected) in cases {
            assert_eq!(with_t(given), expected);
        }
    }
}
