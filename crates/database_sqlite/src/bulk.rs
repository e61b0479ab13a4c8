//! Rows in bulk: one prepared statement for each table, in the transaction of its connection.

use database::{Bulk, BulkTable, DatabaseError, Datum, Rows};
use rusqlite::types::Value as SqliteValue;
use rusqlite::{Connection, ErrorCode, params_from_iter};

use crate::error::{code, constraint, refused};
use crate::table::quote;

/// Tables that are written in bulk.
pub(crate) struct SqliteBulk<'a> {
    connection: &'a Connection,
    database: String,
    tables: &'a [BulkTable],
    failed: &'a mut bool,
}

impl<'a> SqliteBulk<'a> {
    pub(crate) fn begin(
        connection: &'a Connection,
        database: String,
        tables: &'a [BulkTable],
        failed: &'a mut bool,
    ) -> Result<Self, DatabaseError> {
        if tables.iter().any(|table| !table.late.is_empty()) {
            // Until the transaction ends; what is wrong then is found when the bulk is finished.
            let late = connection.execute_batch("PRAGMA defer_foreign_keys = ON");
            late.map_err(refused(&database, "check foreign keys late"))?;
        }
        Ok(Self { connection, database, tables, failed })
    }

    fn attempt<T>(&mut self, part: impl FnOnce(&mut Self) -> Result<T, DatabaseError>) -> Result<T, DatabaseError> {
        if *self.failed {
            return Err(DatabaseError::Aborted { database: self.database.clone() });
        }
        let result = part(self);
        *self.failed = result.is_err();
        result
    }
}

impl Bulk for SqliteBulk<'_> {
    fn write(&mut self, table: usize, rows: &mut dyn Iterator<Item = Rows>) -> Result<u64, DatabaseError> {
        self.attempt(|this| {
            let table = &this.tables[table];
            let action = format!("insert into {}", table.name);
            let columns: Vec<String> = table.columns.iter().map(|column| quote(column)).collect();
            let marks = vec!["?"; columns.len()].join(", ");
            let sql = format!("INSERT INTO {} ({}) VALUES ({marks})", quote(&table.name), columns.join(", "));
            let mut statement = this.connection.prepare(&sql).map_err(refused(&this.database, action.as_str()))?;
            let mut written = 0;
            for rows in rows {
                for row in &rows {
                    let inserted = statement.execute(params_from_iter(row.iter().map(bind)));
                    inserted.map_err(|error| violation(&this.database, table, row, error))?;
                    written += 1;
                }
            }
            Ok(written)
        })
    }

    fn finish(mut self: Box<Self>) -> Result<(), DatabaseError> {
        self.attempt(|this| {
            let late = this.tables.iter().filter(|table| !table.late.is_empty());
            for table in late {
                verify(this.connection, &this.database, &table.name)?;
            }
            Ok(())
        })
    }
}

/// Finds a row of a table that refers to nothing.
pub(crate) fn verify(connection: &Connection, database: &str, table: &str) -> Result<(), DatabaseError> {
    let refused = || refused(database, "check foreign keys");
    let sql = "SELECT \"table\", rowid, parent FROM pragma_foreign_key_check(?) LIMIT 1";
    let mut statement = connection.prepare(sql).map_err(refused())?;
    let mut found = statement.query([table]).map_err(refused())?;
    let Some(row) = found.next().map_err(refused())? else { return Ok(()) };
    let parent: String = row.get(2).map_err(refused())?;
    Err(DatabaseError::Constraint {
        database: database.to_owned(),
        table: table.to_owned(),
        constraint: format!("a reference to {parent}"),
        detail: "nothing to refer to".to_owned(),
    })
}

fn bind(datum: &Datum) -> SqliteValue {
    match datum {
        Datum::Null => SqliteValue::Null,
        Datum::Boolean(value) => SqliteValue::Integer((*value).into()),
        Datum::Integer(value) => SqliteValue::Integer(*value),
        Datum::Float(value) => SqliteValue::Real(*value),
        Datum::Bytes(bytes) => SqliteValue::Blob(bytes.clone()),
        // The column's affinity makes a number of a text that is one.
        other => SqliteValue::Text(other.text().unwrap_or_default()),
    }
}

fn violation(database: &str, table: &BulkTable, row: &[Datum], error: rusqlite::Error) -> DatabaseError {
    if code(&error) != Some(ErrorCode::ConstraintViolation) {
        return refused(database, format!("insert into {}", table.name))(error);
    }
    let (constraint, problem) = constraint(&error);
    let values: Vec<String> = table
        .columns
        .iter()
        .zip(row)
        .map(|(column, datum)| format!("{column} = {}", datum.text().unwrap_or_else(|| "NULL".to_owned())))
        .collect();
    DatabaseError::Constraint {
        database: database.to_owned(),
        table: table.name.clone(),
        constraint,
        detail: format!("{problem} ({})", values.join(", ")),
    }
}
