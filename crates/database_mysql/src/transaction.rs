//! Rows found, inserted and deleted in one transaction, in batches.

use std::collections::HashMap;
use std::rc::Rc;

use database::{Bulk, BulkTable, DatabaseError, Transaction, Value, render_row};
use mysql::prelude::Queryable as _;
use mysql::{Conn, Error, Row};

use crate::bulk::{MysqlBulk, verify};
use crate::error::{constraint, is_constraint, message, refused};
use crate::ledger;
use crate::table::{ColumnShape, Shape};

/// How many rows are inserted by one statement.
const INSERT_BATCH: usize = 1000;

/// How many keys are looked for, or rows deleted, by one statement.
const KEY_BATCH: usize = 200;

/// A transaction on the connection of its database.
pub(crate) struct MysqlTransaction<'a> {
    conn: &'a mut Conn,
    database: String,
    schema: String,
    shapes: HashMap<String, Rc<Shape>>,
    /// The tables whose foreign keys are verified later.
    late: Vec<String>,
    failed: bool,
    ended: bool,
}

impl<'a> MysqlTransaction<'a> {
    pub(crate) fn begin(conn: &'a mut Conn, database: String, schema: String) -> Result<Self, DatabaseError> {
        conn.query_drop("START TRANSACTION").map_err(refused(&database, "begin a transaction"))?;
        Ok(MysqlTransaction {
            conn,
            database,
            schema,
            shapes: HashMap::new(),
            late: Vec::new(),
            failed: false,
            ended: false,
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
        let read = Shape::read(self.conn, &self.schema, table);
        let read = read.map_err(refused(&self.database, format!("inspect {table}")))?;
        let shape =
            Rc::new(read.ok_or_else(|| DatabaseError::UnknownTable {
                database: self.database.clone(),
                table: table.to_owned(),
            })?);
        self.shapes.insert(table.to_owned(), Rc::clone(&shape));
        Ok(shape)
    }

    /// Inserts some rows with one statement.
    fn insert_batch(
        &mut self,
        shape: &Shape,
        columns: &[ColumnShape],
        rows: &[Vec<Value>],
        wanted: &[ColumnShape],
    ) -> Result<Vec<Vec<Value>>, Error> {
        let names: Vec<_> = columns.iter().map(|column| column.quoted.as_str()).collect();
        let values: Vec<_> = rows.iter().map(|row| format!("({})", literals(columns, row).join(", "))).collect();
        let insert = format!("INSERT INTO {} ({}) VALUES {}", shape.quoted, names.join(", "), values.join(", "));
        if wanted.is_empty() {
            self.conn.query_drop(insert)?;
            return Ok(vec![Vec::new(); usize::try_from(self.conn.affected_rows()).unwrap_or(usize::MAX)]);
        }
        if shape.returns_rows {
            let returned: Vec<Row> = self.conn.query(format!("{insert} RETURNING {}", list(wanted)))?;
            return Ok(returned.iter().map(|row| read(row, wanted, 0)).collect());
        }
        // Rows come one by one here: each is found again by its key, which was given or was just made.
        self.conn.query_drop(insert)?;
        let made = self.conn.last_insert_id();
        let row = rows.first().map_or(&[][..], Vec::as_slice);
        let conditions =
            shape.primary_key().map(|key| match columns.iter().position(|column| column.name == key.name) {
                Some(place) if !(key.auto_increment && row[place].is_null()) => key.equals(&row[place]),
                _ => format!("{} = {made}", key.quoted),
            });
        let conditions: Vec<_> = conditions.collect();
        if conditions.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!("SELECT {} FROM {} WHERE {}", list(wanted), shape.quoted, conditions.join(" AND "));
        let found: Vec<Row> = self.conn.query(sql)?;
        Ok(found.iter().map(|row| read(row, wanted, 0)).collect())
    }

    /// Finds the row that breaks a constraint, by inserting one after the other: the server names only the constraint.
    fn culprit<'r>(
        &mut self,
        shape: &Shape,
        columns: &[ColumnShape],
        rows: &'r [Vec<Value>],
        error: Error,
    ) -> (Option<&'r Vec<Value>>, Error) {
        for row in rows {
            if let Err(error) = self.insert_batch(shape, columns, std::slice::from_ref(row), &[]) {
                return (Some(row), error);
            }
        }
        (None, error)
    }

    /// Makes the error of rows that break a constraint, or another one.
    fn violation(
        &self,
        table: &str,
        names: &[String],
        row: Option<&Vec<Value>>,
        error: Error,
        action: &str,
    ) -> DatabaseError {
        if !is_constraint(&error) {
            return refused(&self.database, format!("{action} {table}"))(error);
        }
        let said = message(&error);
        let values = row.map(|row| format!(": {}", render_row(names, row))).unwrap_or_default();
        DatabaseError::Constraint {
            database: self.database.clone(),
            table: table.to_owned(),
            constraint: constraint(&said),
            detail: format!("{said}{values}"),
        }
    }

    fn end(&mut self, command: &str, action: &str) -> Result<(), DatabaseError> {
        self.ended = true;
        self.conn.query_drop(command).map_err(refused(&self.database, action))
    }
}

impl Transaction for MysqlTransaction<'_> {
    fn find(
        &mut self,
        table: &str,
        key_columns: &[String],
        keys: &[Vec<Value>],
        wanted: &[String],
    ) -> Result<Vec<Option<Vec<Value>>>, DatabaseError> {
        self.attempt(|this| {
            let shape = this.shape(table)?;
            let key_shapes = shape.columns(&this.database, key_columns)?;
            let wanted = shape.columns(&this.database, wanted)?;
            let mut found = vec![None; keys.len()];
            for (batch, place) in keys.chunks(KEY_BATCH).zip(found.chunks_mut(KEY_BATCH)) {
                // A part for each key, so that each uses an index with the column's own way to compare.
                let parts = batch.iter().enumerate().map(|(position, key)| {
                    let select = std::iter::once(position.to_string()).chain(wanted.iter().map(ColumnShape::read));
                    let select: Vec<_> = select.collect();
                    let condition = equal(&key_shapes, key);
                    format!("(SELECT {} FROM {} WHERE {condition} LIMIT 2)", select.join(", "), shape.quoted)
                });
                let sql = parts.collect::<Vec<_>>().join(" UNION ALL ");
                let rows: Vec<Row> =
                    this.conn.query(sql).map_err(refused(&this.database, format!("find rows of {table}")))?;
                for row in rows {
                    let position: usize = row.get(0).expect("the position is the first column");
                    if place[position].replace(read(&row, &wanted, 1)).is_some() {
                        return Err(DatabaseError::Ambiguous {
                            database: this.database.clone(),
                            table: table.to_owned(),
                            key: render_row(key_columns, &batch[position]),
                        });
                    }
                }
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
            let shapes = shape.columns(&this.database, columns)?;
            let wanted = shape.columns(&this.database, wanted)?;
            let size = if wanted.is_empty() || shape.returns_rows { INSERT_BATCH } else { 1 };
            let mut inserted = Vec::with_capacity(rows.len());
            for batch in rows.chunks(size) {
                let returned = match this.insert_batch(&shape, &shapes, batch, &wanted) {
                    Ok(returned) => returned,
                    Err(error) => {
                        let (row, error) = if is_constraint(&error) {
                            this.culprit(&shape, &shapes, batch, error)
                        } else {
                            (None, error)
                        };
                        return Err(this.violation(table, columns, row, error, "insert into"));
                    }
                };
                if returned.len() != batch.len() {
                    // Without a key it is unknown which row was inserted.
                    let source = format!("{} of {} rows came back", returned.len(), batch.len()).into();
                    let action = format!("insert into {table}");
                    return Err(DatabaseError::Refused { database: this.database.clone(), action, source });
                }
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
            let shapes = shape.columns(&this.database, columns)?;
            let wanted = shape.columns(&this.database, wanted)?;
            let mut found = Vec::new();
            if columns.is_empty() {
                return Ok(found);
            }
            let selected = if wanted.is_empty() { "1".to_owned() } else { list(&wanted) };
            let known = |key: &&Vec<Value>| !key.iter().any(Value::is_null);
            let keys: Vec<&Vec<Value>> = keys.iter().filter(known).collect();
            for batch in keys.chunks(KEY_BATCH) {
                let conditions: Vec<_> = batch.iter().map(|key| format!("({})", equal(&shapes, key))).collect();
                let sql = format!("SELECT {selected} FROM {} WHERE {}", shape.quoted, conditions.join(" OR "));
                let rows: Vec<Row> =
                    this.conn.query(sql).map_err(refused(&this.database, format!("find rows of {table}")))?;
                found.extend(rows.iter().map(|row| read(row, &wanted, 0)));
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
            let key_shapes = shape.columns(&this.database, key_columns)?;
            let shapes = shape.columns(&this.database, columns)?;
            if key_columns.is_empty() || columns.is_empty() {
                return Ok(0);
            }
            let mut updated = 0;
            for (key, row) in keys.iter().zip(values) {
                let sets = shapes.iter().zip(row);
                let sets: Vec<_> =
                    sets.map(|(column, value)| format!("{} = {}", column.quoted, column.literal(value))).collect();
                let condition = equal(&key_shapes, key);
                let sql = format!("UPDATE {} SET {} WHERE {condition}", shape.quoted, sets.join(", "));
                if let Err(error) = this.conn.query_drop(sql) {
                    return Err(this.violation(table, columns, Some(row), error, "update"));
                }
                // What already had these values counts too: the server says how many rows it found.
                updated += found_rows(this.conn);
            }
            Ok(updated)
        })
    }

    fn delete(&mut self, table: &str, columns: &[String], rows: &[Vec<Value>]) -> Result<u64, DatabaseError> {
        self.attempt(|this| {
            let shape = this.shape(table)?;
            let shapes = shape.columns(&this.database, columns)?;
            if columns.is_empty() {
                return Ok(0);
            }
            let mut deleted = 0;
            for batch in rows.chunks(KEY_BATCH) {
                let conditions: Vec<_> = batch.iter().map(|row| format!("({})", equal(&shapes, row))).collect();
                let sql = format!("DELETE FROM {} WHERE {}", shape.quoted, conditions.join(" OR "));
                if let Err(error) = this.conn.query_drop(sql) {
                    return Err(this.violation(table, columns, None, error, "delete from"));
                }
                deleted += this.conn.affected_rows();
            }
            Ok(deleted)
        })
    }

    fn check_late(&mut self, tables: &[String]) -> Result<(), DatabaseError> {
        self.attempt(|this| {
            let late = this.conn.query_drop("SET SESSION foreign_key_checks = 0");
            late.map_err(refused(&this.database, "check foreign keys late"))?;
            this.late.extend_from_slice(tables);
            Ok(())
        })
    }

    fn check_now(&mut self) -> Result<(), DatabaseError> {
        self.attempt(|this| {
            for table in &this.late {
                verify(this.conn, &this.database, &this.schema, table)?;
            }
            this.late.clear();
            let prompt = this.conn.query_drop("SET SESSION foreign_key_checks = 1");
            prompt.map_err(refused(&this.database, "verify the foreign keys"))
        })
    }

    fn ledger(&mut self) -> Result<Vec<(u64, Vec<u8>)>, DatabaseError> {
        self.attempt(|this| ledger::heads(this.conn, &this.schema).map_err(refused(&this.database, "read the ledger")))
    }

    fn await_ledger(&mut self) -> Result<(), DatabaseError> {
        self.attempt(|this| {
            ledger::wait(this.conn, &this.schema).map_err(refused(&this.database, "wait for the ledger"))
        })
    }

    fn ledger_piece(&mut self, load: u64, number: u64) -> Result<Option<Vec<u8>>, DatabaseError> {
        self.attempt(|this| {
            let piece = ledger::piece(this.conn, &this.schema, load, number);
            piece.map_err(refused(&this.database, "read the ledger"))
        })
    }

    fn write_ledger(&mut self, load: u64, number: u64, piece: &[u8]) -> Result<(), DatabaseError> {
        self.attempt(|this| {
            let written = ledger::write(this.conn, &this.schema, load, number, piece);
            written.map_err(refused(&this.database, "write the ledger"))
        })
    }

    fn cut_ledger(&mut self, load: u64, from: u64) -> Result<(), DatabaseError> {
        self.attempt(|this| {
            let cut = ledger::cut(this.conn, &this.schema, load, from);
            cut.map_err(refused(&this.database, "write the ledger"))
        })
    }

    fn bulk<'b>(&'b mut self, tables: &'b [BulkTable]) -> Result<Box<dyn Bulk + 'b>, DatabaseError> {
        if self.failed {
            return Err(DatabaseError::Aborted { database: self.database.clone() });
        }
        let (database, schema) = (self.database.clone(), self.schema.clone());
        Ok(Box::new(MysqlBulk::begin(self.conn, database, schema, tables, &mut self.failed)?))
    }

    fn commit(mut self: Box<Self>) -> Result<(), DatabaseError> {
        if self.failed {
            return Err(DatabaseError::Aborted { database: self.database.clone() });
        }
        self.end("COMMIT", "commit")
    }

    fn rollback(mut self: Box<Self>) -> Result<(), DatabaseError> {
        self.end("ROLLBACK", "roll back")
    }
}

impl Drop for MysqlTransaction<'_> {
    fn drop(&mut self) {
        if !self.ended {
            // If even that fails, the connection is gone, and the transaction with it.
            let _ = self.conn.query_drop("ROLLBACK");
        }
        if !self.late.is_empty() {
            let _ = self.conn.query_drop("SET SESSION foreign_key_checks = 1");
        }
    }
}

fn list(columns: &[ColumnShape]) -> String {
    columns.iter().map(ColumnShape::read).collect::<Vec<_>>().join(", ")
}

fn literals(columns: &[ColumnShape], row: &[Value]) -> Vec<String> {
    columns.iter().zip(row).map(|(column, value)| column.literal(value)).collect()
}

/// Gives the condition that a row has the given values; without columns every row has them.
fn equal(columns: &[ColumnShape], row: &[Value]) -> String {
    let conditions: Vec<_> = columns.iter().zip(row).map(|(column, value)| column.equals(value)).collect();
    if conditions.is_empty() { "TRUE".to_owned() } else { conditions.join(" AND ") }
}

/// How many rows the last update has found: it says so in words, since what it changed may be fewer.
fn found_rows(conn: &Conn) -> u64 {
    let said = conn.info_str().into_owned();
    let digits = said.split_once("Rows matched: ").map(|(_, rest)| rest.split(' ').next().unwrap_or_default());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or_else(|| conn.affected_rows())
}

/// Reads the columns of a row from one on.
fn read(row: &Row, columns: &[ColumnShape], from: usize) -> Vec<Value> {
    let value = |(index, column): (usize, &ColumnShape)| {
        row.as_ref(from + index).map_or(Value::Null, |value| column.value(value))
    };
    columns.iter().enumerate().map(value).collect()
}
