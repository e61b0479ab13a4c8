//! A load plan is carried out: each row is found by its key, or else inserted, in all databases or in none.

use std::collections::{BTreeMap, HashMap};

use database::{Database, DatabaseError, Transaction};
use dataset::{Batch, Cell, ColumnWanted, LoadPlan, Origin, Row, RowId};
use plan::DatabaseId;
use serde_json::Value;
use source::{Problem, Problems};

use crate::journal::{Inserted, Journal};
use crate::{Error, Interrupt};

/// What a load has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// By data type, in the order of loading.
    pub types: Vec<TypeReport>,
    /// Names of the records that were created although no spec names them.
    pub implied: Vec<String>,
}

/// What a load has done to records of one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeReport {
    /// `SERVICE.TYPE`.
    pub data_type: String,
    /// Records that were not there.
    pub created: usize,
    /// Records that were there.
    pub found: usize,
}

impl LoadReport {
    /// Records that were not there before.
    pub fn created(&self) -> usize {
        self.types.iter().map(|report| report.created).sum()
    }

    /// Records that were there before.
    pub fn found(&self) -> usize {
        self.types.iter().map(|report| report.found).sum()
    }

    fn count(&mut self, batch: &Batch, created: usize, found: usize) {
        let data_type = format!("{}.{}", batch.service, batch.data_type);
        if let Some(report) = self.types.iter_mut().find(|report| report.data_type == data_type) {
            report.created += created;
            report.found += found;
        } else {
            self.types.push(TypeReport { data_type, created, found });
        }
    }
}

/// Opens a database of the environment.
pub type Open<'a> = dyn Fn(&DatabaseId) -> Result<Box<dyn Database>, Error> + Sync + 'a;

/// Carries out a load plan. When it fails, every database is as it was before.
pub fn load(plan: &LoadPlan, open: &Open<'_>, journal: &Journal, interrupt: &Interrupt) -> Result<LoadReport, Error> {
    match attempt(plan, open, journal, interrupt, Pace::Batches) {
        // The database refused one of many rows and does not say which: row by row it will.
        Err(Error::Load { .. }) => attempt(plan, open, journal, interrupt, Pace::Rows),
        result => result,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    Batches,
    Rows,
}

fn attempt(
    plan: &LoadPlan,
    open: &Open<'_>,
    journal: &Journal,
    interrupt: &Interrupt,
    pace: Pace,
) -> Result<LoadReport, Error> {
    let mut databases: BTreeMap<DatabaseId, Box<dyn Database>> = BTreeMap::new();
    for batch in &plan.batches {
        let id = database_of(batch);
        if !databases.contains_key(&id) {
            databases.insert(id.clone(), open(&id)?);
        }
    }
    let mut primary_keys = HashMap::new();
    for (id, database) in &mut databases {
        for table in database.inspect().map_err(Error::database(id))?.tables {
            primary_keys.insert((id.clone(), table.name), table.primary_key);
        }
    }
    let mut writer = Writer {
        plan,
        transactions: BTreeMap::new(),
        primary_keys,
        known: HashMap::new(),
        inserted: Vec::new(),
        report: LoadReport::default(),
        refused: Problems::default(),
        pace,
    };
    for (id, database) in &mut databases {
        writer.transactions.insert(id.clone(), database.begin().map_err(Error::database(id))?);
    }
    for batch in &plan.batches {
        if interrupt.is_raised() {
            return Err(Error::Interrupted);
        }
        writer.batch(batch)?;
    }
    if !writer.refused.is_empty() {
        return Err(Error::Problems(writer.refused));
    }
    let Writer { transactions, inserted, report, .. } = writer;
    commit(transactions, inserted, open, journal)?;
    Ok(report)
}

struct Writer<'a> {
    plan: &'a LoadPlan,
    transactions: BTreeMap<DatabaseId, Box<dyn Transaction + 'a>>,
    primary_keys: HashMap<(DatabaseId, String), Vec<String>>,
    /// Columns of rows that later rows refer to.
    known: HashMap<(RowId, String), Value>,
    inserted: Vec<Inserted>,
    report: LoadReport,
    refused: Problems,
    pace: Pace,
}

impl Writer<'_> {
    fn batch(&mut self, batch: &Batch) -> Result<(), Error> {
        let id = database_of(batch);
        let primary_key = self.primary_keys.get(&(id.clone(), batch.table.clone())).cloned().unwrap_or_default();
        let mut wanted: Vec<String> = batch.wanted.iter().map(|column| name_of(column, &primary_key)).collect();
        wanted.extend(primary_key.iter().cloned());
        wanted.sort();
        wanted.dedup();
        // A table without a primary key, to which nobody refers, has its key to be known by.
        if wanted.is_empty() {
            wanted.clone_from(&batch.key_columns);
        }

        let values: Vec<Vec<Value>> = batch.rows.iter().map(|row| self.values(row)).collect();
        let columns = &batch.columns;
        let positions: Vec<usize> =
            batch.key_columns.iter().filter_map(|key| columns.iter().position(|column| column == key)).collect();
        let keys: Vec<Vec<Value>> =
            values.iter().map(|row| positions.iter().map(|position| row[*position].clone()).collect()).collect();

        let transaction = self.transactions.get_mut(&id).expect("every batch's database was opened");
        let found = transaction
            .find(&batch.table, &batch.key_columns, &keys, &wanted)
            .map_err(|source| failure(batch, &batch.rows, source))?;
        let mut missing = Vec::new();
        for (index, (row, found)) in batch.rows.iter().zip(found).enumerate() {
            match found {
                Some(cells) => remember(&mut self.known, row, &wanted, &cells),
                None => missing.push(index),
            }
        }
        self.report.count(batch, missing.len(), batch.rows.len() - missing.len());

        for &index in &missing {
            let row = &batch.rows[index];
            if !matches!(row.origin, Origin::Declared(_)) {
                self.report.implied.push(row.name.clone());
            }
            self.refused.extend(refusal(self.plan, row));
        }
        if !self.refused.is_empty() {
            // Nothing more is written, but what else is missing shall be named too, as far as it can be looked for.
            for &index in &missing {
                let cells: Vec<Value> = wanted.iter().map(|_| Value::Null).collect();
                remember(&mut self.known, &batch.rows[index], &wanted, &cells);
            }
            return Ok(());
        }

        let transaction = self.transactions.get_mut(&id).expect("every batch's database was opened");
        let at_once = if self.pace == Pace::Rows { 1 } else { missing.len().max(1) };
        let mut taken_back_by = Inserted {
            database: id.to_string(),
            table: batch.table.clone(),
            columns: batch.key_columns.iter().cloned().chain(primary_key.iter().cloned()).collect(),
            rows: Vec::new(),
        };
        for chunk in missing.chunks(at_once) {
            let rows: Vec<Vec<Value>> = chunk.iter().map(|index| values[*index].clone()).collect();
            let returned = transaction.insert(&batch.table, columns, &rows, &wanted).map_err(|source| {
                let rows: Vec<Row> = chunk.iter().map(|index| batch.rows[*index].clone()).collect();
                failure(batch, &rows, source)
            })?;
            for (index, cells) in chunk.iter().zip(returned) {
                remember(&mut self.known, &batch.rows[*index], &wanted, &cells);
                let mut identity = keys[*index].clone();
                identity.extend(primary_key.iter().map(|column| {
                    let position = wanted.iter().position(|name| name == column);
                    cells[position.expect("the primary key is wanted")].clone()
                }));
                taken_back_by.rows.push(identity);
            }
        }
        if !taken_back_by.rows.is_empty() {
            self.inserted.push(taken_back_by);
        }
        Ok(())
    }

    fn values(&self, row: &Row) -> Vec<Value> {
        let value = |cell: &Cell| match cell {
            Cell::Value(value) => value.clone(),
            Cell::Reference { row: target, column } => {
                let batch = self.plan.batches.iter().find(|batch| {
                    batch.rows.first().is_some_and(|first| first.id <= *target)
                        && batch.rows.last().is_some_and(|last| *target <= last.id)
                });
                let primary_key = batch
                    .and_then(|batch| self.primary_keys.get(&(database_of(batch), batch.table.clone())))
                    .cloned()
                    .unwrap_or_default();
                self.known.get(&(*target, name_of(column, &primary_key))).cloned().unwrap_or(Value::Null)
            }
        };
        row.cells.iter().map(|(_, cell)| value(cell)).collect()
    }
}

fn remember(known: &mut HashMap<(RowId, String), Value>, row: &Row, wanted: &[String], cells: &[Value]) {
    for (column, cell) in wanted.iter().zip(cells) {
        known.insert((row.id, column.clone()), cell.clone());
    }
}

/// Commits one database after the other. Between the first and the last commit, the journal can take all of it back.
fn commit(
    transactions: BTreeMap<DatabaseId, Box<dyn Transaction + '_>>,
    inserted: Vec<Inserted>,
    open: &Open<'_>,
    journal: &Journal,
) -> Result<(), Error> {
    let written: std::collections::BTreeSet<&str> = inserted.iter().map(|rows| rows.database.as_str()).collect();
    // Where a protected database may get its old content back, the rows of the others must go with the new one.
    let is_protecting = !journal.contents().protected.is_empty();
    let several = written.len() > 1 || is_protecting;
    if several {
        journal.insert(inserted)?;
    }
    let mut failed = None;
    for (id, transaction) in transactions {
        let ended = if failed.is_none() { transaction.commit() } else { transaction.rollback() };
        if let (Err(error), None) = (ended, &failed) {
            failed = Some(Error::database(&id)(error));
        }
    }
    match failed {
        None if several && !is_protecting => journal.settle_rows(),
        None => Ok(()),
        Some(error) => {
            if several {
                take_back(&journal.contents().inserted, open)?;
                journal.settle_rows()?;
            }
            Err(error)
        }
    }
}

/// Deletes rows that a load inserted and that are there, by natural and primary key, the last inserted first.
pub fn take_back(inserted: &[Inserted], open: &Open<'_>) -> Result<(), Error> {
    let mut ids: Vec<DatabaseId> = inserted.iter().filter_map(|rows| DatabaseId::parse(&rows.database)).collect();
    ids.sort();
    ids.dedup();
    for id in ids {
        let mut database = open(&id)?;
        let mut transaction = database.begin().map_err(Error::database(&id))?;
        for rows in inserted.iter().rev().filter(|rows| rows.database == id.to_string()) {
            transaction.delete(&rows.table, &rows.columns, &rows.rows).map_err(Error::database(&id))?;
        }
        transaction.commit().map_err(Error::database(&id))?;
    }
    Ok(())
}

/// Why a row that is not there may not be created, if it may not.
fn refusal(plan: &LoadPlan, row: &Row) -> Option<Problem> {
    let (by, place) = match &row.origin {
        Origin::Declared(_) => return None,
        Origin::Implied { by, place } | Origin::Referenced { by, place } => (plan.row(*by)?, place),
    };
    if let Some(missing) = row.missing.first() {
        let message = format!("{} does not exist and cannot be made from its key alone", row.name);
        return Some(
            Problem::error("load::cannot-imply", message)
                .at(place, format!("wanted by {}", by.name))
                .at(&missing.place, format!("a spec must give `{}`", missing.field))
                .help("declare it in a spec, or give the field a default in the data type"),
        );
    }
    let is_reference = matches!(row.origin, Origin::Referenced { .. });
    (plan.strict && is_reference).then(|| {
        Problem::error("load::not-declared", format!("{} is neither in the specs nor in the database", row.name))
            .at(place, format!("referred to by {}", by.name))
            .help("declare it in a spec; without --strict it would be made from its data type")
    })
}

fn database_of(batch: &Batch) -> DatabaseId {
    DatabaseId { workspace: batch.service.clone(), name: batch.database.clone() }
}

fn name_of(column: &ColumnWanted, primary_key: &[String]) -> String {
    match column {
        ColumnWanted::Named(name) => name.clone(),
        // A key of several columns has no single value; the database will say that there is no such column.
        ColumnWanted::PrimaryKey => primary_key.join(", "),
    }
}

fn failure(batch: &Batch, rows: &[Row], source: DatabaseError) -> Error {
    let record = match rows {
        [row] => row.name.clone(),
        rows => format!("{} records of {}.{}", rows.len(), batch.service, batch.data_type),
    };
    let place = rows.first().and_then(|row| match &row.origin {
        Origin::Declared(places) => places.first(),
        Origin::Implied { place, .. } | Origin::Referenced { place, .. } => Some(place),
    });
    let place = place.map(|place| format!("{}:{}", place.file().name(), place.line()));
    Error::Load { record, place, source }
}
