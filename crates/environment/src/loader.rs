//! A load plan is carried out: each row is found by its key, or else inserted, in all databases or in none.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use database::{Database, DatabaseError, Schema, Transaction};
use dataset::{Batch, Cell, ColumnWanted, LoadPlan, Origin, Row, RowId};
use plan::DatabaseId;
use serde_json::Value;
use source::{Place, Problem, Problems};

use crate::journal::{Inserted, Journal};
use crate::{Error, Interrupt};

/// What a load has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// By data type, in the order of loading.
    pub types: Vec<TypeReport>,
    /// Names of the records that were created although no spec names them.
    pub implied: Vec<String>,
    /// What else there is to know of generated rows: tables that are left out or have fewer, and why.
    pub notes: Vec<String>,
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
    #[must_use]
    pub fn created(&self) -> usize {
        self.types.iter().map(|report| report.created).sum()
    }

    /// Records that were there before.
    #[must_use]
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
    match attempt(plan, open, journal, interrupt, None) {
        // The database refused one of many rows and does not say which: row by row it will.
        Err(Failed { batch: Some(batch), error }) if !error.is_disk_full() => {
            attempt(plan, open, journal, interrupt, Some(batch))
        }
        result => result,
    }
    .map_err(|failed| failed.error)
}

/// Why an attempt failed.
struct Failed {
    error: Error,
    /// The batch of which the database refused some row.
    batch: Option<usize>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, batch: None }
    }
}

/// Carries out a load plan; one batch of it row by row, if wanted.
fn attempt(
    plan: &LoadPlan,
    open: &Open<'_>,
    journal: &Journal,
    interrupt: &Interrupt,
    row_by_row: Option<usize>,
) -> Result<LoadReport, Failed> {
    let mut databases: BTreeMap<DatabaseId, Box<dyn Database>> = BTreeMap::new();
    for batch in &plan.batches {
        if let Entry::Vacant(entry) = databases.entry(database_of(batch)) {
            let database = open(entry.key())?;
            entry.insert(database);
        }
    }
    let mut schemas = BTreeMap::new();
    for (id, database) in &mut databases {
        schemas.insert(id.clone(), database.inspect().map_err(Error::database(id))?);
    }
    let sources = sources(plan, &schemas).map_err(Error::Problems)?;
    // A load that spans databases can come to stand with some of its rows committed and others not; and one in the course
    // of a command that has protected databases is undone with that command.
    let is_undoable = databases.len() > 1 || !journal.contents().protected.is_empty();
    let mut transactions: Transactions<'_> = BTreeMap::new();
    for (id, database) in &mut databases {
        transactions.insert(id.clone(), database.begin().map_err(Error::database(id))?);
    }
    let mut writer = Writer {
        plan,
        interrupt,
        transactions,
        owners: owners(plan),
        sources,
        inserted: Vec::new(),
        is_undoable,
        report: LoadReport::default(),
        refused: Problems::default(),
    };
    for index in 0..plan.batches.len() {
        let at_once = if row_by_row == Some(index) { 1 } else { AT_ONCE };
        writer.batch(index, at_once).map_err(|error| {
            let batch = matches!(error, Error::Load { .. }).then_some(index).filter(|_| at_once > 1);
            Failed { error, batch }
        })?;
    }
    if !writer.refused.is_empty() {
        return Err(Error::Problems(writer.refused).into());
    }
    let Writer { transactions, inserted, report, .. } = writer;
    commit(transactions, inserted, open, journal)?;
    Ok(report)
}

/// How many rows the database is given at once; between two of these the user's wish to end is heard.
const AT_ONCE: usize = 1000;

type Transactions<'a> = BTreeMap<DatabaseId, Box<dyn Transaction + 'a>>;

/// What is known of the rows of one batch once it was carried out.
struct Source {
    /// The columns of its table's primary key; none if it has none.
    primary_key: Vec<String>,
    /// The columns that are read of each row: what later batches refer to, and what the row is known by.
    columns: Vec<String>,
    /// The id of its first row.
    first: usize,
    /// By row: what is in those columns; `None` for a row that is refused, and for those that refer to one.
    rows: Vec<Option<Vec<Value>>>,
}

impl Source {
    /// The position of a column that later rows refer to.
    fn position(&self, column: &ColumnWanted) -> usize {
        let name = match column {
            ColumnWanted::Named(name) => name,
            ColumnWanted::PrimaryKey => &self.primary_key[0],
        };
        self.columns.iter().position(|column| column == name).expect("a batch lists what is wanted of its rows")
    }
}

/// What is to be read of each batch; a problem where a key is referred to that is not one value.
fn sources(plan: &LoadPlan, schemas: &BTreeMap<DatabaseId, Schema>) -> Result<Vec<Source>, Problems> {
    let mut problems = Problems::default();
    let mut sources = Vec::with_capacity(plan.batches.len());
    for batch in &plan.batches {
        let table = schemas.get(&database_of(batch)).and_then(|schema| schema.table(&batch.table));
        let primary_key = table.map(|table| table.primary_key.clone()).unwrap_or_default();
        let mut columns = primary_key.clone();
        for wanted in &batch.wanted {
            match wanted {
                ColumnWanted::Named(name) if columns.contains(name) => {}
                ColumnWanted::Named(name) => columns.push(name.clone()),
                // That there is no such table is said by the database.
                ColumnWanted::PrimaryKey if primary_key.len() == 1 || table.is_none() => {}
                ColumnWanted::PrimaryKey => problems.push(no_single_key(batch, &primary_key)),
            }
        }
        // A table without a primary key, to which nobody refers, has its natural key to be known by.
        if columns.is_empty() {
            columns.clone_from(&batch.key_columns);
        }
        let first = batch.rows.first().map_or(0, |row| row.id.0);
        sources.push(Source { primary_key, columns, first, rows: Vec::with_capacity(batch.rows.len()) });
    }
    problems.into_result(sources)
}

fn no_single_key(batch: &Batch, primary_key: &[String]) -> Problem {
    let has = match primary_key {
        [] => "no primary key".to_owned(),
        columns => format!("a primary key of several columns: {}", columns.join(", ")),
    };
    let message = format!("table `{}` has {has}, and a record refers to one of its rows", batch.table);
    let problem = Problem::error("load::no-single-key", message);
    let problem = match batch.rows.first().and_then(place_of) {
        Some(place) => problem.at(place, format!("such a {}", batch.data_type)),
        None => problem,
    };
    problem.help("say under `value` of the field that refers to it which column it stores")
}

/// By row id: the index of its batch.
fn owners(plan: &LoadPlan) -> Vec<usize> {
    let batches = plan.batches.iter().enumerate();
    batches.flat_map(|(index, batch)| std::iter::repeat_n(index, batch.rows.len())).collect()
}

struct Writer<'a> {
    plan: &'a LoadPlan,
    interrupt: &'a Interrupt,
    transactions: Transactions<'a>,
    owners: Vec<usize>,
    sources: Vec<Source>,
    /// What was inserted, if it may have to be taken back after a commit.
    inserted: Vec<Inserted>,
    is_undoable: bool,
    report: LoadReport,
    refused: Problems,
}

impl<'a> Writer<'a> {
    /// Finds the rows of a batch and inserts those that are missing, so many at once.
    fn batch(&mut self, index: usize, at_once: usize) -> Result<(), Error> {
        let batch: &'a Batch = &self.plan.batches[index];
        let mut values: Vec<Option<Vec<Value>>> = batch.rows.iter().map(|row| self.values(row)).collect();
        let mut rows = self.find(index, &values, at_once)?;

        let missing: Vec<usize> = (0..rows.len()).filter(|row| rows[*row].is_none()).collect();
        self.report.count(batch, missing.len(), rows.len() - missing.len());
        for &row in &missing {
            let row = &batch.rows[row];
            if !matches!(row.origin, Origin::Declared(_)) {
                self.report.implied.push(row.name.clone());
            }
            self.refused.extend(refusal(self.plan, row));
        }
        // Once something is refused nothing more is written, but what else is missing shall be named too, as far as it
        // can be looked for.
        if self.refused.is_empty() {
            for chunk in missing.chunks(at_once) {
                let given: Vec<Vec<Value>> = chunk.iter().filter_map(|row| values[*row].take()).collect();
                for (row, read) in chunk.iter().zip(self.insert(index, chunk, &given)?) {
                    rows[*row] = Some(read);
                }
            }
        }
        self.sources[index].rows = rows;
        Ok(())
    }

    /// Looks for the rows of a batch by their keys.
    fn find(
        &mut self,
        index: usize,
        values: &[Option<Vec<Value>>],
        at_once: usize,
    ) -> Result<Vec<Option<Vec<Value>>>, Error> {
        let batch = &self.plan.batches[index];
        let positions = key_positions(batch);
        let key = |row: &Vec<Value>| positions.iter().map(|position| row[*position].clone()).collect();
        let known: Vec<usize> = (0..values.len()).filter(|row| values[*row].is_some()).collect();
        let mut rows = vec![None; values.len()];
        for chunk in known.chunks(at_once) {
            self.heed_interrupt()?;
            let keys: Vec<Vec<Value>> = chunk.iter().filter_map(|row| values[*row].as_ref()).map(key).collect();
            let columns = &self.sources[index].columns;
            let found = self.transactions.get_mut(&database_of(batch)).expect("every batch's database was opened");
            let found = found.find(&batch.table, &batch.key_columns, &keys, columns);
            for (row, found) in chunk.iter().zip(found.map_err(|source| failure(batch, chunk, source))?) {
                rows[*row] = found;
            }
        }
        Ok(rows)
    }

    /// Inserts some rows of a batch and returns what is read of them.
    fn insert(&mut self, index: usize, chunk: &[usize], given: &[Vec<Value>]) -> Result<Vec<Vec<Value>>, Error> {
        self.heed_interrupt()?;
        let batch = &self.plan.batches[index];
        let id = database_of(batch);
        let source = &self.sources[index];
        let transaction = self.transactions.get_mut(&id).expect("every batch's database was opened");
        let read = transaction
            .insert(&batch.table, &batch.columns, given, &source.columns)
            .map_err(|source| failure(batch, chunk, source))?;
        if self.is_undoable {
            let positions = key_positions(batch);
            // The columns that are read begin with those of the primary key.
            let identity = |(given, read): (&Vec<Value>, &Vec<Value>)| {
                let natural = positions.iter().map(|position| given[*position].clone());
                natural.chain(read[..source.primary_key.len()].iter().cloned()).collect()
            };
            self.inserted.push(Inserted {
                database: id.to_string(),
                table: batch.table.clone(),
                columns: batch.key_columns.iter().chain(&source.primary_key).cloned().collect(),
                rows: given.iter().zip(&read).map(identity).collect(),
            });
        }
        Ok(read)
    }

    /// The cells of a row; `None` when it refers to a row that is refused.
    fn values(&self, row: &Row) -> Option<Vec<Value>> {
        let value = |cell: &Cell| match cell {
            Cell::Value(value) => Some(value.clone()),
            Cell::Reference { row: RowId(target), column } => {
                let source = &self.sources[self.owners[*target]];
                let row = source.rows[*target - source.first].as_ref()?;
                Some(row[source.position(column)].clone())
            }
        };
        row.cells.iter().map(|(_, cell)| value(cell)).collect()
    }

    fn heed_interrupt(&self) -> Result<(), Error> {
        if self.interrupt.is_raised() { Err(Error::Interrupted) } else { Ok(()) }
    }
}

/// Where the natural key stands among the columns of a batch.
fn key_positions(batch: &Batch) -> Vec<usize> {
    let position = |key| batch.columns.iter().position(|column| column == key);
    let positions = batch.key_columns.iter().map(position);
    positions.map(|position| position.expect("each row has a cell for each column of its key")).collect()
}

/// Commits one database after the other. Between the first and the last commit, the journal can take all of it back.
fn commit(
    transactions: Transactions<'_>,
    inserted: Vec<Inserted>,
    open: &Open<'_>,
    journal: &Journal,
) -> Result<(), Error> {
    let written: BTreeSet<&str> = inserted.iter().map(|rows| rows.database.as_str()).collect();
    // Where a protected database may get its old content back, the rows of the others must go with the new one.
    let is_protecting = !journal.contents().protected.is_empty();
    let several = written.len() > 1 || is_protecting;
    if several {
        journal.insert(inserted)?;
    }
    let mut failed = None;
    let mut committed = BTreeSet::new();
    for (id, transaction) in transactions {
        // One that is not committed is rolled back when it is dropped.
        if failed.is_none() {
            failed = transaction.commit().map_err(Error::database(&id)).err();
            if failed.is_none() {
                committed.insert(id.to_string());
            }
        }
    }
    match failed {
        None if several && !is_protecting => journal.settle_rows(),
        None => Ok(()),
        Some(error) => {
            // What cannot be taken back now stays in the journal, and is taken back before anything else is done.
            let mut inserted = journal.contents().inserted;
            inserted.retain(|rows| committed.contains(&rows.database));
            if several && take_back(&inserted, open).is_ok() {
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

/// Where the user wants a row.
fn place_of(row: &Row) -> Option<&Place> {
    match &row.origin {
        Origin::Declared(places) => places.first(),
        Origin::Implied { place, .. } | Origin::Referenced { place, .. } => Some(place),
    }
}

/// Names the rows of a batch with which the database failed.
fn failure(batch: &Batch, rows: &[usize], source: DatabaseError) -> Error {
    let record = match rows {
        [row] => batch.rows[*row].name.clone(),
        rows => format!("{} records of {}.{}", rows.len(), batch.service, batch.data_type),
    };
    let place = rows.first().and_then(|row| place_of(&batch.rows[*row]));
    let place = place.map(|place| format!("{}:{}", place.file().name(), place.line()));
    Error::Load { record, place, source }
}

#[cfg(test)]
mod tests;
