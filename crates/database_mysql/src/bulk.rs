//! Rows in bulk: LOAD DATA LOCAL, and what it would pass over in silence made an error.

use std::io::Write as _;

use database::{Bulk, BulkTable, DatabaseError, Datum, Rows};
use mysql::prelude::Queryable as _;
use mysql::{Conn, Error, LocalInfileHandler, Row};

use crate::error::{code, constraint, refused};
use crate::literal::{quote, text, within};

/// From how many rows on foreign keys are verified at once at the end, instead of row by row.
const LATE: u64 = 10_000;

/// How many bytes go to the server with one statement.
const PIECE: usize = 4 * 1024 * 1024;

/// Tables that are written in bulk.
pub(crate) struct MysqlBulk<'a> {
    conn: &'a mut Conn,
    database: String,
    schema: String,
    tables: &'a [BulkTable],
    /// Whether foreign keys are verified at the end.
    is_late: bool,
    failed: &'a mut bool,
}

impl<'a> MysqlBulk<'a> {
    pub(crate) fn begin(
        conn: &'a mut Conn,
        database: String,
        schema: String,
        tables: &'a [BulkTable],
        failed: &'a mut bool,
    ) -> Result<Self, DatabaseError> {
        let is_late = tables.iter().any(|table| !table.late.is_empty() || table.rows >= LATE);
        if is_late {
            let late = conn.query_drop("SET SESSION foreign_key_checks = 0");
            late.map_err(refused(&database, "check foreign keys late"))?;
        }
        Ok(Self { conn, database, schema, tables, is_late, failed })
    }

    fn attempt<T>(&mut self, part: impl FnOnce(&mut Self) -> Result<T, DatabaseError>) -> Result<T, DatabaseError> {
        if *self.failed {
            return Err(DatabaseError::Aborted { database: self.database.clone() });
        }
        let result = part(self);
        *self.failed = result.is_err();
        result
    }

    /// Sends some rows with one statement.
    fn send(&mut self, table: &BulkTable, statement: &str, bytes: Vec<u8>, rows: u64) -> Result<(), DatabaseError> {
        let mut bytes = Some(bytes);
        let handler = LocalInfileHandler::new(move |_, writer| writer.write_all(&bytes.take().unwrap_or_default()));
        self.conn.set_local_infile_handler(Some(handler));
        let sent = self.conn.query_drop(statement);
        self.conn.set_local_infile_handler(None);
        let action = format!("load rows into {}", table.name);
        sent.map_err(|error| self.told(error, &action))?;
        let (affected, warnings) = (self.conn.affected_rows(), self.conn.warnings());
        if affected == rows && warnings == 0 {
            return Ok(());
        }
        // What would be an error for INSERT is a warning here, and the row is passed over or changed.
        let said: Vec<Row> = self.conn.query("SHOW WARNINGS").map_err(refused(&self.database, action.as_str()))?;
        let first = said.iter().find(|row| row.get::<String, _>(0).is_some_and(|level| level != "Note"));
        let message = first.and_then(|row| row.get::<String, _>(2));
        match message {
            None if affected == rows => Ok(()),
            message => {
                let detail = message.unwrap_or_else(|| format!("{affected} of {rows} rows were taken"));
                Err(DatabaseError::Constraint {
                    database: self.database.clone(),
                    table: table.name.clone(),
                    constraint: constraint(&detail),
                    detail,
                })
            }
        }
    }

    fn told(&self, error: Error, action: &str) -> DatabaseError {
        /// What the servers say when they do not take files of clients.
        const NOT_ALLOWED: [u16; 4] = [1148, 3948, 2068, 4166];
        if code(&error).is_some_and(|code| NOT_ALLOWED.contains(&code)) {
            return DatabaseError::Refused {
                database: self.database.clone(),
                action: action.to_owned(),
                source: "the server does not take files of clients: its setting local_infile is off".into(),
            };
        }
        refused(&self.database, action)(error)
    }
}

impl Bulk for MysqlBulk<'_> {
    fn write(&mut self, table: usize, rows: &mut dyn Iterator<Item = Rows>) -> Result<u64, DatabaseError> {
        self.attempt(|this| {
            let tables = this.tables;
            let table = &tables[table];
            let mut forms: Option<Vec<Form>> = None;
            let mut statement = String::new();
            let (mut bytes, mut waiting, mut written) = (Vec::new(), 0, 0);
            for rows in rows {
                let forms = match &mut forms {
                    Some(forms) => forms,
                    forms => {
                        let read = read_forms(this.conn, &this.schema, table);
                        let read = read.map_err(refused(&this.database, format!("inspect {}", table.name)))?;
                        statement = load(&this.schema, table, &read);
                        forms.insert(read)
                    }
                };
                for row in &rows {
                    line(&mut bytes, row, forms);
                    waiting += 1;
                    if bytes.len() >= PIECE {
                        this.send(table, &statement, std::mem::take(&mut bytes), waiting)?;
                        written += std::mem::take(&mut waiting);
                    }
                }
            }
            if waiting > 0 {
                this.send(table, &statement, bytes, waiting)?;
            }
            Ok(written + waiting)
        })
    }

    fn finish(mut self: Box<Self>) -> Result<(), DatabaseError> {
        self.attempt(|this| {
            let tables = this.tables;
            if this.is_late {
                let mut tables = tables.iter();
                tables.try_for_each(|table| verify(this.conn, &this.database, &this.schema, &table.name))?;
            }
            Ok(())
        })
    }
}

impl Drop for MysqlBulk<'_> {
    fn drop(&mut self) {
        if self.is_late {
            // If even that fails, the connection is gone, and the setting with it.
            let _ = self.conn.query_drop("SET SESSION foreign_key_checks = 1");
        }
    }
}

/// Finds a row that refers to nothing.
pub(crate) fn verify(conn: &mut Conn, database: &str, schema: &str, table: &str) -> Result<(), DatabaseError> {
    let action = format!("verify the foreign keys of {table}");
    let rows: Vec<(String, String, String, String, String)> = conn
        .query(format!(
            "SELECT CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME,
                    REFERENCED_COLUMN_NAME
                FROM information_schema.KEY_COLUMN_USAGE
                WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} AND REFERENCED_TABLE_NAME IS NOT NULL
                ORDER BY CONSTRAINT_NAME, ORDINAL_POSITION",
            text(schema),
            text(table)
        ))
        .map_err(refused(database, action.as_str()))?;
    let mut start = 0;
    while start < rows.len() {
        let name = &rows[start].0;
        let length = rows[start..].iter().take_while(|row| row.0 == *name).count();
        let key = &rows[start..start + length];
        start += length;
        let equal = key.iter().map(|row| format!("child.{} = parent.{}", quote(&row.1), quote(&row.4)));
        let given = key.iter().map(|row| format!("child.{} IS NOT NULL", quote(&row.1)));
        let sql = format!(
            "SELECT 1 FROM {} child WHERE {} AND NOT EXISTS (SELECT 1 FROM {} parent WHERE {}) LIMIT 1",
            within(schema, table),
            given.collect::<Vec<_>>().join(" AND "),
            within(&key[0].2, &key[0].3),
            equal.collect::<Vec<_>>().join(" AND ")
        );
        let found: Option<u8> = conn.query_first(sql).map_err(refused(database, action.as_str()))?;
        if found.is_some() {
            return Err(DatabaseError::Constraint {
                database: database.to_owned(),
                table: table.to_owned(),
                constraint: name.clone(),
                detail: format!("a row refers to nothing in {}", key[0].3),
            });
        }
    }
    Ok(())
}

/// How the text of a column becomes its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Plain,
    /// From hexadecimal digits.
    Bytes,
    /// From binary digits.
    Bits,
}

fn read_forms(conn: &mut Conn, schema: &str, table: &BulkTable) -> Result<Vec<Form>, Error> {
    let rows: Vec<(String, String)> = conn.query(format!(
        "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
        text(schema),
        text(&table.name)
    ))?;
    let form = |column: &String| match rows.iter().find(|(name, _)| name == column).map(|(_, of)| of.as_str()) {
        Some("binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob") => Form::Bytes,
        Some("bit") => Form::Bits,
        _ => Form::Plain,
    };
    Ok(table.columns.iter().map(form).collect())
}

fn load(schema: &str, table: &BulkTable, forms: &[Form]) -> String {
    let (mut columns, mut sets) = (Vec::new(), Vec::new());
    for (place, (column, form)) in table.columns.iter().zip(forms).enumerate() {
        let column = quote(column);
        if *form == Form::Plain {
            columns.push(column);
            continue;
        }
        columns.push(format!("@c{place}"));
        sets.push(match form {
            Form::Bits => format!("{column} = CAST(CONV(@c{place}, 2, 10) AS UNSIGNED)"),
            _ => format!("{column} = UNHEX(@c{place})"),
        });
    }
    let sets = if sets.is_empty() { String::new() } else { format!(" SET {}", sets.join(", ")) };
    format!(
        "LOAD DATA LOCAL INFILE 'rows' INTO TABLE {} CHARACTER SET utf8mb4
            FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' ({}){sets}",
        within(schema, &table.name),
        columns.join(", ")
    )
}

fn line(bytes: &mut Vec<u8>, row: &[Datum], forms: &[Form]) {
    let mut cell = String::new();
    for (place, (datum, form)) in row.iter().zip(forms).enumerate() {
        if place > 0 {
            bytes.push(b'\t');
        }
        cell.clear();
        match datum {
            Datum::Boolean(value) => cell.push(if *value { '1' } else { '0' }),
            datum => {
                if !datum.write(&mut cell) {
                    bytes.extend_from_slice(b"\\N");
                    continue;
                }
            }
        }
        let text = if *form == Form::Bytes { cell.strip_prefix("\\x").unwrap_or(&cell) } else { &cell };
        for byte in text.bytes() {
            match byte {
                b'\\' => bytes.extend_from_slice(b"\\\\"),
                b'\t' => bytes.extend_from_slice(b"\\t"),
                b'\n' => bytes.extend_from_slice(b"\\n"),
                0 => bytes.extend_from_slice(b"\\0"),
                other => bytes.push(other),
            }
        }
    }
    bytes.push(b'\n');
}
