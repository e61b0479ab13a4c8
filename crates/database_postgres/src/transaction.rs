//! Rows found, inserted and deleted in one transaction, in batches.

use std::collections::HashMap;
use std::rc::Rc;

use database::{Bulk, BulkTable, DatabaseError, Transaction, Value, render_row};
use postgres::{Client, Row};

use crate::bulk::{PostgresBulk, deferring};
use crate::error::refused;
use crate::ledger;
use crate::table::{Shape, parameter};

/// How many rows go to the server at once.
const BATCH: usize = 5000;

/// A transaction on the connection of its database.
pub(crate) struct PostgresTransaction<'a> {
    client: &'a mut Client,
    database: String,
    shapes: HashMap<String, Rc<Shape>>,
    /// What makes foreign keys that are checked late what they were.
    prompt: Vec<String>,
    failed: bool,
    ended: bool,
}

impl<'a> PostgresTransaction<'a> {
    pub(crate) fn begin(client: &'a mut Client, database: String) -> Result<Self, DatabaseError> {
        client.batch_execute("BEGIN").map_err(refused(&database, "begin a transaction"))?;
        Ok(PostgresTransaction {
            client,
            database,
            shapes: HashMap::new(),
            prompt: Vec::new(),
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
        let read = Shape::read(self.client, table).map_err(refused(&self.database, format!("inspect {table}")))?;
        let shape =
            Rc::new(read.ok_or_else(|| DatabaseError::UnknownTable {
                database: self.database.clone(),
                table: table.to_owned(),
            })?);
        self.shapes.insert(table.to_owned(), Rc::clone(&shape));
        Ok(shape)
    }

    fn end(&mut self, command: &str, action: &str) -> Result<(), DatabaseError> {
        self.ended = true;
        self.client.batch_execute(command).map_err(refused(&self.database, action))
    }
}

impl Transaction for PostgresTransaction<'_> {
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
            for (batch, place) in keys.chunks(BATCH).zip(found.chunks_mut(BATCH)) {
                let sql = shape.select(&key_shapes, &nulls(batch, key_columns.len()), &wanted);
                let rows = this.client.query(&sql, &[&parameter(batch)]);
                for row in rows.map_err(refused(&this.database, format!("find rows of {table}")))? {
                    let position = usize::try_from(row.get::<_, i64>(0)).expect("positions count from 1") - 1;
                    if place[position].replace(values(&row, 1)).is_some() {
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
            let columns = shape.columns(&this.database, columns)?;
            let wanted = shape.columns(&this.database, wanted)?;
            let sql = shape.insert(&columns, &wanted);
            let action = format!("insert into {table}");
            let mut inserted = Vec::with_capacity(rows.len());
            for batch in rows.chunks(BATCH) {
                let returned = this.client.query(&sql, &[&parameter(batch)]);
                let returned = returned.map_err(refused(&this.database, action.as_str()))?;
                if returned.len() != batch.len() {
                    // A trigger may swallow rows; then it is unknown which ones came back.
                    let source = format!("{} of {} rows were inserted", returned.len(), batch.len()).into();
                    return Err(DatabaseError::Refused { database: this.database.clone(), action, source });
                }
                inserted.extend(returned.iter().map(|row| if wanted.is_empty() { Vec::new() } else { values(row, 0) }));
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
            let columns = shape.columns(&this.database, columns)?;
            let wanted = shape.columns(&this.database, wanted)?;
            let mut found = Vec::new();
            if columns.is_empty() {
                return Ok(found);
            }
            let sql = shape.select_all(&columns, &wanted);
            for batch in keys.chunks(BATCH) {
                let rows = this.client.query(&sql, &[&parameter(batch)]);
                let rows = rows.map_err(refused(&this.database, format!("find rows of {table}")))?;
                found.extend(rows.iter().map(|row| if wanted.is_empty() { Vec::new() } else { values(row, 0) }));
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
            let columns = shape.columns(&this.database, columns)?;
            if key_shapes.is_empty() || columns.is_empty() {
                return Ok(0);
            }
            let mut updated = 0;
            for (batch, values) in keys.chunks(BATCH).zip(values.chunks(BATCH)) {
                let rows = batch.iter().zip(values);
                let rows: Vec<Vec<Value>> = rows.map(|(key, row)| key.iter().chain(row).cloned().collect()).collect();
                let sql = shape.update(&key_shapes, &nulls(batch, key_columns.len()), &columns);
                let count = this.client.execute(&sql, &[&parameter(&rows)]);
                updated += count.map_err(refused(&this.database, format!("update {table}")))?;
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
            for batch in rows.chunks(BATCH) {
                let sql = shape.delete(&shapes, &nulls(batch, columns.len()));
                let count = this.client.execute(&sql, &[&parameter(batch)]);
                deleted += count.map_err(refused(&this.database, format!("delete from {table}")))?;
            }
            Ok(deleted)
        })
    }

    fn check_late(&mut self, tables: &[String]) -> Result<(), DatabaseError> {
        self.attempt(|this| {
            let refused = || refused(&this.database, "check foreign keys late");
            for table in tables {
                let (late, prompt) = deferring(this.client, table, None).map_err(refused())?;
                for statement in late {
                    this.client.batch_execute(&statement).map_err(refused())?;
                }
                this.prompt.extend(prompt);
            }
            this.client.batch_execute("SET CONSTRAINTS ALL DEFERRED").map_err(refused())
        })
    }

    fn check_now(&mut self) -> Result<(), DatabaseError> {
        self.attempt(|this| {
            let refused = || refused(&this.database, "verify the foreign keys");
            this.client.batch_execute("SET CONSTRAINTS ALL IMMEDIATE").map_err(refused())?;
            for statement in std::mem::take(&mut this.prompt) {
                this.client.batch_execute(&statement).map_err(refused())?;
            }
            Ok(())
        })
    }

    fn ledger(&mut self) -> Result<Vec<(u64, Vec<u8>)>, DatabaseError> {
        self.attempt(|this| ledger::heads(this.client).map_err(refused(&this.database, "read the ledger")))
    }

    fn await_ledger(&mut self) -> Result<(), DatabaseError> {
        self.attempt(|this| ledger::wait(this.client).map_err(refused(&this.database, "wait for the ledger")))
    }

    fn ledger_piece(&mut self, load: u64, number: u64) -> Result<Option<Vec<u8>>, DatabaseError> {
        self.attempt(|this| {
            ledger::piece(this.client, load, number).map_err(refused(&this.database, "read the ledger"))
        })
    }

    fn write_ledger(&mut self, load: u64, number: u64, piece: &[u8]) -> Result<(), DatabaseError> {
        self.attempt(|this| {
            ledger::write(this.client, load, number, piece).map_err(refused(&this.database, "write the ledger"))
        })
    }

    fn cut_ledger(&mut self, load: u64, from: u64) -> Result<(), DatabaseError> {
        self.attempt(|this| ledger::cut(this.client, load, from).map_err(refused(&this.database, "write the ledger")))
    }

    fn untouched(&mut self, tables: &[String], loads: &[u64]) -> Result<Option<Vec<u64>>, DatabaseError> {
        self.attempt(|this| {
            let mut counts = Vec::new();
            for table in tables {
                let shape = this.shape(table)?;
                let count = ledger::untouched(this.client, shape.quoted(), loads);
                match count.map_err(refused(&this.database, format!("count the rows of {table}")))? {
                    Some(count) => counts.push(count),
                    None => return Ok(None),
                }
            }
            Ok(Some(counts))
        })
    }

    fn bulk<'b>(&'b mut self, tables: &'b [BulkTable]) -> Result<Box<dyn Bulk + 'b>, DatabaseError> {
        if self.failed {
            return Err(DatabaseError::Aborted { database: self.database.clone() });
        }
        Ok(Box::new(PostgresBulk::begin(self.client, self.database.clone(), tables, &mut self.failed)?))
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

impl Drop for PostgresTransaction<'_> {
    fn drop(&mut self) {
        if !self.ended {
            // If even that fails, the connection is gone, and the transaction with it.
            let _ = self.client.batch_execute("ROLLBACK");
        }
    }
}

/// Says which columns have a NULL in one of the rows.
fn nulls(rows: &[Vec<Value>], columns: usize) -> Vec<bool> {
    (0..columns).map(|column| rows.iter().any(|row| row[column].is_null())).collect()
}

/// Reads the JSON columns of a row from one on.
fn values(row: &Row, from: usize) -> Vec<Value> {
    (from..row.len()).map(|index| row.get::<_, Option<Value>>(index).unwrap_or_default()).collect()
}
