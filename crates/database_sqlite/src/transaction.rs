//! Rows found, inserted and deleted in one transaction, on a connection of its own.

use std::collections::HashMap;
use std::rc::Rc;

use database::{Bulk, BulkTable, DatabaseError, Schema, Transaction, Value, render_row};
use rusqlite::{Connection, ErrorCode, Statement, params_from_iter};

use crate::bulk::{SqliteBulk, verify};
use crate::error::{code, constraint, is_foreign_key, refused};
use crate::table::{Shape, bind, quote};
use crate::value::Kind;
use crate::{ledger, schema};

/// A transaction that ends with its connection.
pub(crate) struct SqliteTransaction {
    connection: Connection,
    database: String,
    schema: Schema,
    shapes: HashMap<String, Rc<Shape>>,
    failed: bool,
    /// The tables whose foreign keys are verified later.
    late: Vec<String>,
}

impl SqliteTransaction {
    /// Begins with the right to write, so that no later statement finds the database locked.
    pub(crate) fn begin(connection: Connection, database: &str) -> Result<Self, DatabaseError> {
        connection.execute_batch("BEGIN IMMEDIATE").map_err(refused(database, "begin a transaction"))?;
        let schema = schema::inspect(&connection).map_err(refused(database, "inspect the schema"))?;
        Ok(SqliteTransaction {
            connection,
            database: database.to_owned(),
            schema,
            shapes: HashMap::new(),
            failed: false,
            late: Vec::new(),
        })
    }

    /// Runs a part of the transaction; after an error of one, there is no commit.
    fn attempt<T>(&mut self, part: impl FnOnce(&mut Self) -> Result<T, DatabaseError>) -> Result<T, DatabaseError> {
        if self.failed {
            return Err(DatabaseError::Aborted { database: self.database.clone() });
        }
        let result = part(self);
        self.failed = result.is_err();
        result
    }

    fn shape(&mut self, table: &str) -> Result<Rc<Shape>, DatabaseError> {
        if let Some(shape) = self.shapes.get(table) {
            return Ok(Rc::clone(shape));
        }
        let found = self
            .schema
            .table(table)
            .ok_or_else(|| DatabaseError::UnknownTable { database: self.database.clone(), table: table.to_owned() })?;
        let shape = Rc::new(Shape::of(found));
        self.shapes.insert(table.to_owned(), Rc::clone(&shape));
        Ok(shape)
    }

    fn prepare(&self, sql: &str, action: &str) -> Result<Statement<'_>, DatabaseError> {
        self.connection.prepare(sql).map_err(refused(&self.database, action))
    }

    /// Says which constraint a row violates, and with which values.
    fn violation(&self, table: &str, columns: &[String], row: &[Value], error: rusqlite::Error) -> DatabaseError {
        if code(&error) != Some(ErrorCode::ConstraintViolation) {
            return refused(&self.database, format!("insert into {table} the row {}", render_row(columns, row)))(error);
        }
        let (mut constraint, mut problem) = constraint(&error);
        if is_foreign_key(&error)
            && let Some(missing) = self.missing_parent(table, columns, row)
        {
            (constraint, problem) = (missing, "nothing to refer to".to_owned());
        }
        DatabaseError::Constraint {
            database: self.database.clone(),
            table: table.to_owned(),
            constraint,
            detail: format!("{problem} ({})", render_row(columns, row)),
        }
    }

    /// Finds the foreign key of a row that refers to nothing, since SQLite does not say which one it is.
    fn missing_parent(&self, table: &str, columns: &[String], row: &[Value]) -> Option<String> {
        let values: HashMap<&str, &Value> = columns.iter().map(String::as_str).zip(row).collect();
        self.schema.table(table)?.foreign_keys.iter().find_map(|key| {
            let given: Option<Vec<_>> = key.columns.iter().map(|column| values.get(column.as_str()).copied()).collect();
            let given = given.filter(|given| !given.iter().any(|value| value.is_null()))?;
            let condition: Vec<_> = key.referenced.iter().map(|column| format!("{} = ?", quote(column))).collect();
            let sql = format!("SELECT 1 FROM {} WHERE {}", quote(&key.table), condition.join(" AND "));
            let mut statement = self.connection.prepare(&sql).ok()?;
            let there = statement.exists(params_from_iter(given.iter().map(|value| Kind::Plain.bind(value)))).ok()?;
            let name = format!("{} → {} ({})", key.columns.join(", "), key.table, key.referenced.join(", "));
            (!there).then_some(name)
        })
    }
}

impl Transaction for SqliteTransaction {
    fn find(
        &mut self,
        table: &str,
        key_columns: &[String],
        keys: &[Vec<Value>],
        wanted: &[String],
    ) -> Result<Vec<Option<Vec<Value>>>, DatabaseError> {
        self.attempt(|this| {
            let shape = this.shape(table)?;
            let key_kinds = shape.kinds(&this.database, key_columns)?;
            let kinds = shape.kinds(&this.database, wanted)?;
            let action = format!("find rows of {table}");
            let mut statement = this.prepare(&shape.select(key_columns, wanted), &action)?;
            let mut found = Vec::with_capacity(keys.len());
            for key in keys {
                let rows = read_rows(&mut statement, &bind(&key_kinds, key), &kinds);
                let mut rows = rows.map_err(refused(&this.database, action.as_str()))?;
                if rows.len() > 1 {
                    return Err(DatabaseError::Ambiguous {
                        database: this.database.clone(),
                        table: table.to_owned(),
                        key: render_row(key_columns, key),
                    });
                }
                found.push(rows.pop());
            }
            Ok(found)
        })
    }

    fn insert(
        &mut self,
        table: &str,
        columns: &[String],
        rows: &[Vec<Value>],
        wanted: &[String],
    ) -> Result<Vec<Vec<Value>>, DatabaseError> {
        self.attempt(|this| {
            let shape = this.shape(table)?;
            let given_kinds = shape.kinds(&this.database, columns)?;
            let kinds = shape.kinds(&this.database, wanted)?;
            let mut statement = this.prepare(&shape.insert(columns, wanted), &format!("insert into {table}"))?;
            let mut inserted = Vec::with_capacity(rows.len());
            for row in rows {
                let returned = read_rows(&mut statement, &bind(&given_kinds, row), &kinds)
                    .map_err(|error| this.violation(table, columns, row, error))?;
                inserted.extend(returned);
            }
            Ok(inserted)
        })
    }

    fn find_all(
        &mut self,
        table: &str,
        columns: &[String],
        keys: &[Vec<Value>],
        wanted: &[String],
    ) -> Result<Vec<Vec<Value>>, DatabaseError> {
        self.attempt(|this| {
            let shape = this.shape(table)?;
            let key_kinds = shape.kinds(&this.database, columns)?;
            let kinds = shape.kinds(&this.database, wanted)?;
            let mut found = Vec::new();
            if columns.is_empty() {
                return Ok(found);
            }
            let action = format!("find rows of {table}");
            let mut statement = this.prepare(&shape.select_all(columns, wanted), &action)?;
            for key in keys {
                let rows = read_rows(&mut statement, &bind(&key_kinds, key), &kinds);
                found.extend(rows.map_err(refused(&this.database, action.as_str()))?);
            }
            Ok(found)
        })
    }

    fn update(
        &mut self,
        table: &str,
        key_columns: &[String],
        keys: &[Vec<Value>],
        columns: &[String],
        values: &[Vec<Value>],
    ) -> Result<u64, DatabaseError> {
        self.attempt(|this| {
            let shape = this.shape(table)?;
            let key_kinds = shape.kinds(&this.database, key_columns)?;
            let kinds = shape.kinds(&this.database, columns)?;
            if key_columns.is_empty() || columns.is_empty() {
                return Ok(0);
            }
            let mut statement = this.prepare(&shape.update(key_columns, columns), &format!("update {table}"))?;
            let mut updated = 0;
            for (key, row) in keys.iter().zip(values) {
                let mut given = bind(&kinds, row);
                given.extend(bind(&key_kinds, key));
                let count = statement.execute(params_from_iter(given));
                updated += count.map_err(|error| this.violation(table, columns, row, error))? as u64;
            }
            Ok(updated)
        })
    }

    fn delete(&mut self, table: &str, columns: &[String], rows: &[Vec<Value>]) -> Result<u64, DatabaseError> {
        self.attempt(|this| {
            let shape = this.shape(table)?;
            let kinds = shape.kinds(&this.database, columns)?;
            if columns.is_empty() {
                return Ok(0);
            }
            let mut statement = this.prepare(&shape.delete(columns), &format!("delete from {table}"))?;
            let mut deleted = 0;
            for row in rows {
                let count = statement.execute(params_from_iter(bind(&kinds, row)));
                deleted += count.map_err(|error| this.violation(table, columns, row, error))? as u64;
            }
            Ok(deleted)
        })
    }

    fn check_late(&mut self, tables: &[String]) -> Result<(), DatabaseError> {
        self.attempt(|this| {
            // Until the transaction ends; what is wrong then is found when it is verified.
            let late = this.connection.execute_batch("PRAGMA defer_foreign_keys = ON");
            late.map_err(refused(&this.database, "check foreign keys late"))?;
            this.late.extend_from_slice(tables);
            Ok(())
        })
    }

    fn check_now(&mut self) -> Result<(), DatabaseError> {
        self.attempt(|this| {
            for table in std::mem::take(&mut this.late) {
                verify(&this.connection, &this.database, &table)?;
            }
            let prompt = this.connection.execute_batch("PRAGMA defer_foreign_keys = OFF");
            prompt.map_err(refused(&this.database, "verify foreign keys"))
        })
    }

    fn ledger(&mut self) -> Result<Vec<(u64, Vec<u8>)>, DatabaseError> {
        self.attempt(|this| ledger::heads(&this.connection).map_err(refused(&this.database, "read the ledger")))
    }

    fn await_ledger(&mut self) -> Result<(), DatabaseError> {
        // There is one transaction that writes at a time, and this is it.
        Ok(())
    }

    fn ledger_piece(&mut self, load: u64, number: u64) -> Result<Option<Vec<u8>>, DatabaseError> {
        self.attempt(|this| {
            ledger::piece(&this.connection, load, number).map_err(refused(&this.database, "read the ledger"))
        })
    }

    fn write_ledger(&mut self, load: u64, number: u64, piece: &[u8]) -> Result<(), DatabaseError> {
        self.attempt(|this| {
            let written = ledger::write(&this.connection, load, number, piece);
            written.map_err(refused(&this.database, "write the ledger"))
        })
    }

    fn cut_ledger(&mut self, load: u64, from: u64) -> Result<(), DatabaseError> {
        self.attempt(|this| {
            ledger::cut(&this.connection, load, from).map_err(refused(&this.database, "write the ledger"))
        })
    }

    fn bulk<'b>(&'b mut self, tables: &'b [BulkTable]) -> Result<Box<dyn Bulk + 'b>, DatabaseError> {
        if self.failed {
            return Err(DatabaseError::Aborted { database: self.database.clone() });
        }
        Ok(Box::new(SqliteBulk::begin(&self.connection, self.database.clone(), tables, &mut self.failed)?))
    }

    fn commit(self: Box<Self>) -> Result<(), DatabaseError> {
        if self.failed {
            return Err(DatabaseError::Aborted { database: self.database });
        }
        self.connection.execute_batch("COMMIT").map_err(|error| {
            if is_foreign_key(&error)
                && let Some((table, parent)) = dangling(&self.connection)
            {
                return DatabaseError::Constraint {
                    database: self.database.clone(),
                    constraint: format!("a deferred reference to {parent}"),
                    table,
                    detail: "nothing to refer to".to_owned(),
                };
            }
            refused(&self.database, "commit")(error)
        })
    }

    fn rollback(self: Box<Self>) -> Result<(), DatabaseError> {
        self.connection.execute_batch("ROLLBACK").map_err(refused(&self.database, "roll back"))
    }
}

/// Runs a statement to its end, since constraints may speak up only there.
fn read_rows(
    statement: &mut Statement<'_>,
    values: &[rusqlite::types::Value],
    kinds: &[Kind],
) -> Result<Vec<Vec<Value>>, rusqlite::Error> {
    let mut rows = statement.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let cells = kinds.iter().enumerate().map(|(index, kind)| Ok(kind.read(row.get_ref(index)?)));
        found.push(cells.collect::<Result<_, rusqlite::Error>>()?);
    }
    Ok(found)
}

/// Finds a table with a reference to nothing, and the table that it refers to.
fn dangling(connection: &Connection) -> Option<(String, String)> {
    connection.query_row("PRAGMA foreign_key_check", [], |row| Ok((row.get(0)?, row.get(2)?))).ok()
}
