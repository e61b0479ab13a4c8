//! A load plan is carried out: each row is found by its key, or else inserted, in all databases or in none.
//!
//! What is made of rows that are there depends on the [mode](LoadMode); what was done stands in the
//! [ledger](crate::ledger) of each database.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use database::{Database, DatabaseError, Schema};
use dataset::{Batch, Cell, ColumnWanted, LoadPlan, MadeBy, Origin, Row, RowId};
use plan::DatabaseId;
use serde_json::Value;
use source::{Place, Problem, Problems};

use crate::journal::Journal;
use crate::journal_rows::FormerRows;
use crate::ledger::{self, Did, LoadIdentity, LoadMode, Piece, PieceHead, identity};
use crate::loader_commit::{Open, Transactions, commit};
use crate::loader_part::Part;
use crate::loader_report::{Difference, LoadReport};
use crate::loader_stages::{self, Stage};
use crate::provider::{Providers, Start};
use crate::unload_provided::Going;
use crate::{Error, Interrupt};

mod copies;
mod provided;
mod rest;

pub(crate) use copies::MakeCopy;
use provided::{PRIMARY_KEY, Told};
pub(crate) use rest::Rest;

/// How records are loaded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Loading {
    /// What is loaded, and in which mode.
    pub(crate) identity: LoadIdentity,
    /// Whether everything is rolled back in the end.
    pub(crate) is_dry: bool,
    /// The databases in which earlier loads may have made what the spec no longer has.
    pub(crate) databases: BTreeSet<DatabaseId>,
}

impl Loading {
    /// Whether what earlier loads made may be removed.
    pub(crate) fn removes(&self) -> bool {
        self.identity.mode == LoadMode::Replace
    }
}

/// Carries out a load plan, or the first copy of it of which nothing is there yet, if copies can be made. When it fails,
/// every database is as it was before.
pub(crate) fn load(
    plan: &LoadPlan,
    loading: &Loading,
    make_copy: Option<&MakeCopy<'_>>,
    hands: Hands<'_, '_>,
) -> Result<Loaded, Error> {
    let copy = match make_copy {
        Some(make) => copies::free_copy(plan, make, loading, hands)?,
        None => None,
    };
    let plan = copy.as_ref().unwrap_or(plan);
    match attempt(plan, loading, hands, None) {
        // The database refused one of many rows and does not say which: row by row it will.
        Err(Failed { batch: Some(batch), error }) if !error.is_disk_full() => {
            // Records are the first part of a load of several, so all that is committed is of this attempt.
            match loader_stages::undo(hands.journal, hands.open, hands.start, &made_by_of(plan)) {
                Ok(()) => attempt(plan, loading, hands, Some(batch)),
                Err(_) => return Err(error),
            }
        }
        result => result,
    }
    .map_err(|failed| failed.error)
}

/// What a load came to.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) report: LoadReport,
    /// What it no longer has and is still there, since it must be removed by others, which cannot be undone.
    pub(crate) rest: Option<Rest>,
}

/// What a load works with.
#[derive(Clone, Copy)]
pub(crate) struct Hands<'a, 's> {
    pub(crate) open: &'a Open<'a>,
    pub(crate) start: &'a Start<'s>,
    pub(crate) journal: &'a Journal,
    pub(crate) interrupt: &'a Interrupt,
}

/// The databases of a load.
type Databases = BTreeMap<DatabaseId, Box<dyn Database>>;

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
    loading: &Loading,
    hands: Hands<'_, '_>,
    row_by_row: Option<usize>,
) -> Result<Loaded, Failed> {
    let mut databases = Databases::new();
    for id in plan.batches.iter().map(database_of).chain(loading.databases.iter().cloned()) {
        if let Entry::Vacant(entry) = databases.entry(id) {
            let database = (hands.open)(entry.key())?;
            entry.insert(database);
        }
    }
    let mut schemas = BTreeMap::new();
    for (id, database) in &mut databases {
        schemas.insert(id.clone(), database.inspect().map_err(Error::database(id))?);
        database.prepare_ledger().map_err(Error::database(id))?;
    }
    let done = in_stages(plan, loading, (&mut databases, &schemas), hands, row_by_row);
    for (id, database) in &mut databases {
        let tidied = database.tidy_ledger().map_err(Error::database(id));
        // Of an empty ledger that stays nobody sees anything; why the load failed is worth more.
        if done.is_ok() {
            tidied?;
        }
    }
    done
}

/// Carries out the stages of a plan; without providers, and where nothing is to be written, there is one.
fn in_stages(
    plan: &LoadPlan,
    loading: &Loading,
    (databases, schemas): (&mut Databases, &BTreeMap<DatabaseId, Schema>),
    hands: Hands<'_, '_>,
    row_by_row: Option<usize>,
) -> Result<Loaded, Failed> {
    let mut stages = loader_stages::cut(plan);
    if loading.is_dry {
        stages = vec![Stage { batches: 0..plan.batches.len(), is_provided: false }];
    }
    let is_staged = stages.len() > 1;
    // A load that spans databases can come to stand with some of its rows committed and others not; and one in the course
    // of a command that has protected databases is undone with that command.
    let is_undoable = databases.len() > 1 || is_staged || hands.journal.keeps_undoable();
    // Rows may be in use by what providers have made and the spec no longer has, so they go after that.
    let going = if loading.removes() { rest::going(databases, &loading.identity)? } else { Going::new() };
    let removes_rows = loading.removes() && going.values().all(Vec::is_empty);
    let mut providers = Providers::new(hands.start, hands.interrupt);
    let mut carried = Carried {
        sources: sources(plan, schemas).map_err(Error::Problems)?,
        report: LoadReport { is_dry: loading.is_dry, ..LoadReport::default() },
        ..Carried::default()
    };
    let mut work = || {
        let mut stages = stages.iter().peekable();
        while let Some(stage) = stages.next() {
            let is_last = stages.peek().is_none();
            let scene = Scene { plan, loading, schemas, hands, row_by_row, is_undoable, is_last, removes_rows };
            carry_out(stage, &scene, databases, &mut providers, &mut carried)?;
        }
        Ok(())
    };
    let done: Result<(), Failed> = if is_staged {
        loader_stages::together(hands.journal, hands.open, hands.start, &made_by_of(plan), work)
    } else {
        work()
    };
    let ended = providers.end();
    done.and_then(|()| Ok(ended?))?;
    let rest = (loading.removes() && !removes_rows).then(|| Rest::new(going, carried.wanted, carried.kept));
    Ok(Loaded { report: carried.report, rest })
}

/// How the provider of a data type of a plan is found.
fn made_by_of(plan: &LoadPlan) -> impl Fn(&str) -> Option<MadeBy> + Sync {
    |data_type| {
        let is_of = |batch: &&Batch| format!("{}.{}", batch.service, batch.data_type) == data_type;
        plan.batches.iter().find(is_of)?.made_by.clone()
    }
}

/// What the stages of a load have in common.
struct Scene<'a, 's> {
    plan: &'a LoadPlan,
    loading: &'a Loading,
    schemas: &'a BTreeMap<DatabaseId, Schema>,
    hands: Hands<'a, 's>,
    row_by_row: Option<usize>,
    is_undoable: bool,
    is_last: bool,
    /// Whether rows that the spec no longer has are removed in the last stage.
    removes_rows: bool,
}

/// By database and table, what rows are known by.
type Identities = BTreeMap<DatabaseId, HashMap<String, HashSet<String>>>;

/// Whether rows of this kind are wanted: those that are generated are the business of others.
fn is_wanted(wanted: &HashMap<String, HashSet<String>>, piece: &Piece, row: usize) -> bool {
    let identity = piece.head.identity(&piece.rows[row]);
    piece.head.generated || wanted.get(&piece.head.table).is_some_and(|wanted| wanted.contains(&identity))
}

/// What one stage of a load leaves to the next.
#[derive(Default)]
struct Carried {
    sources: Vec<Source>,
    report: LoadReport,
    /// The rows that the spec has; only where others are removed.
    wanted: Identities,
    /// The records of providers that it has.
    kept: Identities,
    /// What providers have made, to be written down.
    told: BTreeMap<DatabaseId, Told>,
}

/// Carries out one stage, and commits it.
fn carry_out<'a, 's>(
    stage: &Stage,
    scene: &Scene<'a, 's>,
    databases: &mut Databases,
    providers: &mut Providers<'a, 's>,
    carried: &mut Carried,
) -> Result<(), Failed> {
    let Scene { plan, loading, schemas, hands, row_by_row, is_undoable, is_last, removes_rows } = *scene;
    let mut parts: BTreeMap<DatabaseId, Part<'_>> = BTreeMap::new();
    // Whoever makes records outside of our transactions must not wait for them.
    for (id, database) in databases.iter_mut().filter(|_| !stage.is_provided) {
        let mut part = Part::begin(id, &mut **database).map_err(Error::database(id))?;
        part.wanted = carried.wanted.remove(id).unwrap_or_default();
        if let Some(told) = carried.told.remove(id) {
            (part.pieces, part.made) = (told.pieces, told.made);
            for (head, found) in told.found {
                part.share(id, plan, &loading.identity, head, found)?;
            }
        }
        parts.insert(id.clone(), part);
    }
    let mut writer = Writer {
        plan,
        loading,
        interrupt: hands.interrupt,
        journal: hands.journal,
        schemas,
        parts,
        providers,
        owners: owners(plan),
        sources: std::mem::take(&mut carried.sources),
        former: FormerRows::new(hands.journal.rows(), is_undoable && !loading.is_dry),
        report: std::mem::take(&mut carried.report),
        told: std::mem::take(&mut carried.told),
        kept: std::mem::take(&mut carried.kept),
        refused: Problems::default(),
    };
    for index in stage.batches.clone() {
        let at_once = if row_by_row == Some(index) { 1 } else { AT_ONCE };
        writer.batch(index, at_once).map_err(|error| {
            let batch = matches!(error, Error::Load { .. }).then_some(index).filter(|_| at_once > 1);
            Failed { error, batch }
        })?;
    }
    if !writer.refused.is_empty() {
        return Err(Error::Problems(writer.refused).into());
    }
    if is_last && removes_rows {
        writer.remove_the_rest()?;
    }
    let mut loads = BTreeMap::new();
    for (id, part) in &mut writer.parts {
        loads.extend(part.write(id, &loading.identity)?.map(|load| (id.clone(), load)));
    }
    let Writer { mut parts, former, report, sources, told, kept, .. } = writer;
    carried.wanted.extend(parts.iter_mut().map(|(id, part)| (id.clone(), std::mem::take(&mut part.wanted))));
    (carried.report, carried.sources, carried.told, carried.kept) = (report, sources, told, kept);
    let transactions: Transactions<'_> = parts.into_iter().map(|(id, part)| (id, part.transaction)).collect();
    if loading.is_dry {
        for (id, transaction) in transactions {
            transaction.rollback().map_err(Error::database(&id))?;
        }
        return Ok(());
    }
    commit(transactions, &loads, former, hands.open, hands.journal)?;
    Ok(())
}

/// How many rows the database is given at once; between two of these the user's wish to end is heard.
const AT_ONCE: usize = 1000;

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
        let primary_key = match &batch.made_by {
            Some(_) => vec![PRIMARY_KEY.to_owned()],
            None => table.map(|table| table.primary_key.clone()).unwrap_or_default(),
        };
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
        // What is declared is compared with what is there.
        for position in batch.rows.iter().flat_map(|row| &row.declared) {
            if !columns.contains(&batch.columns[*position]) {
                columns.push(batch.columns[*position].clone());
            }
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

struct Writer<'a, 'd, 's> {
    plan: &'a LoadPlan,
    loading: &'a Loading,
    interrupt: &'a Interrupt,
    journal: &'a Journal,
    schemas: &'a BTreeMap<DatabaseId, Schema>,
    /// None while a provider makes records.
    parts: BTreeMap<DatabaseId, Part<'d>>,
    providers: &'d mut Providers<'a, 's>,
    owners: Vec<usize>,
    sources: Vec<Source>,
    /// What is removed or changed, if it may have to be put back after a commit.
    former: FormerRows,
    report: LoadReport,
    told: BTreeMap<DatabaseId, Told>,
    kept: Identities,
    refused: Problems,
}

impl<'a> Writer<'a, '_, '_> {
    /// Finds the rows of a batch and inserts those that are missing, so many at once.
    fn batch(&mut self, index: usize, at_once: usize) -> Result<(), Error> {
        let batch: &'a Batch = &self.plan.batches[index];
        if batch.made_by.is_some() {
            return self.provide(index);
        }
        let mut values: Vec<Option<Vec<Value>>> = batch.rows.iter().map(|row| self.values(row)).collect();
        let mut rows = self.find(index, &values, at_once)?;

        let missing = self.count(batch, &rows);
        // Once something is refused nothing more is written, but what else is missing shall be named too, as far as it
        // can be looked for.
        if self.refused.is_empty() {
            self.compare(index, &values, &rows)?;
            self.share(index, &values, &rows)?;
            // Where nothing is written, what refers to a record that a provider would make is not known.
            let known: Vec<usize> = missing.into_iter().filter(|row| values[*row].is_some()).collect();
            for chunk in known.chunks(at_once) {
                let given: Vec<Vec<Value>> = chunk.iter().filter_map(|row| values[*row].take()).collect();
                for (row, read) in chunk.iter().zip(self.insert(index, chunk, &given)?) {
                    rows[*row] = Some(read);
                }
            }
            if self.loading.identity.mode == LoadMode::Replace {
                let head = head(batch, &self.sources[index], Did::Made);
                let length = if head.primary == 0 { head.keys.len() } else { head.primary };
                let part = self.parts.get_mut(&database_of(batch)).expect("every batch's database was opened");
                let wanted = part.wanted.entry(batch.table.clone()).or_default();
                // A table without a primary key is known by what is read of it: its natural key.
                wanted.extend(rows.iter().flatten().map(|row| identity(&row[..length])));
            }
        }
        self.sources[index].rows = rows;
        Ok(())
    }

    /// Writes down which rows of a batch were found, and which of the others may not be made; gives the missing ones.
    fn count<T>(&mut self, batch: &Batch, rows: &[Option<T>]) -> Vec<usize> {
        let missing: Vec<usize> = (0..rows.len()).filter(|row| rows[*row].is_none()).collect();
        let report = self.report.of_batch(batch);
        report.created += missing.len();
        report.found += rows.len() - missing.len();
        for &row in &missing {
            let row = &batch.rows[row];
            if !matches!(row.origin, Origin::Declared(_)) {
                self.report.implied.push(row.name.clone());
            }
            self.refused.extend(refusal(self.plan, row));
        }
        missing
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
            let part = self.parts.get_mut(&database_of(batch)).expect("every batch's database was opened");
            let found = part.transaction.find(&batch.table, &batch.key_columns, &keys, columns);
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
        let (source, mode) = (&self.sources[index], self.loading.identity.mode);
        let part = self.parts.get_mut(&database_of(batch)).expect("every batch's database was opened");
        let read = part
            .transaction
            .insert(&batch.table, &batch.columns, given, &source.columns)
            .map_err(|source| of_mode(mode, failure(batch, chunk, source)))?;
        let rows = given.iter().zip(&read).map(|(given, read)| known_by(batch, source, given, read)).collect();
        *part.made.entry(batch.table.clone()).or_default() += read.len() as u64;
        part.pieces.extend(ledger::pieces(head(batch, source, Did::Made), rows));
        Ok(read)
    }

    /// Compares what is declared of rows with what is there, and changes that where the mode says so.
    fn compare(
        &mut self,
        index: usize,
        values: &[Option<Vec<Value>>],
        rows: &[Option<Vec<Value>>],
    ) -> Result<(), Error> {
        let batch: &'a Batch = &self.plan.batches[index];
        let source = &self.sources[index];
        let part = self.parts.get_mut(&database_of(batch)).expect("every batch's database was opened");
        let place = |column: &String| source.columns.iter().position(|read| read == column);
        // By column: rows in which another text stands. Whether that is another value, the database knows.
        let mut suspects: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (number, (given, read)) in values.iter().zip(rows).enumerate() {
            let (Some(given), Some(read)) = (given, read) else { continue };
            for &position in &batch.rows[number].declared {
                let place = place(&batch.columns[position]).expect("what is declared is read");
                if read[place] != given[position] {
                    suspects.entry(position).or_default().push(number);
                }
            }
        }
        let keys = key_positions(batch);
        let mut differing: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (position, suspects) in suspects {
            let mut columns = batch.key_columns.clone();
            columns.push(batch.columns[position].clone());
            let places = || keys.iter().copied().chain([position]);
            let row = |number: &usize| values[*number].as_ref().expect("it was compared");
            let wanted: Vec<Vec<Value>> =
                suspects.iter().map(|number| places().map(|place| row(number)[place].clone()).collect()).collect();
            let same = part.transaction.find(&batch.table, &columns, &wanted, &[]);
            let same = same.map_err(|source| failure(batch, &suspects, source))?;
            for number in suspects.iter().zip(same).filter(|(_, same)| same.is_none()).map(|(number, _)| *number) {
                differing.entry(number).or_default().push(position);
            }
        }
        if !self.loading.identity.mode.updates() {
            for (number, position) in differing.iter().flat_map(|(row, all)| all.iter().map(move |at| (*row, *at))) {
                let (given, read) = (values[number].as_ref(), rows[number].as_ref());
                let place = place(&batch.columns[position]).expect("what is declared is read");
                self.report.differs(Difference {
                    record: batch.rows[number].name.clone(),
                    field: batch.fields[position].clone(),
                    is: read.expect("it was compared")[place].clone(),
                    declared: given.expect("it was compared")[position].clone(),
                });
            }
            return Ok(());
        }
        self.report.of_batch(batch).changed += differing.len();
        // Rows of which the same columns differ are changed together.
        let mut alike: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for (number, positions) in differing {
            alike.entry(positions).or_default().push(number);
        }
        for (positions, numbers) in alike {
            for chunk in numbers.chunks(AT_ONCE) {
                if self.interrupt.is_raised() {
                    return Err(Error::Interrupted);
                }
                let changed: Vec<String> = positions.iter().map(|at| batch.columns[*at].clone()).collect();
                let (mut known, mut set, mut told) = (Vec::new(), Vec::new(), Vec::new());
                for number in chunk {
                    let given = values[*number].as_ref().expect("it was compared");
                    let read = rows[*number].as_ref().expect("it was compared");
                    let new: Vec<Value> = positions.iter().map(|at| given[*at].clone()).collect();
                    let old = changed.iter().map(|column| read[place(column).expect("it is read")].clone());
                    let mut row = known_by(batch, source, given, read);
                    row.extend(old.chain(new.iter().cloned()));
                    told.push(row);
                    known.push(keys.iter().map(|at| given[*at].clone()).collect::<Vec<_>>());
                    set.push(new);
                }
                let updated = part.transaction.update(&batch.table, &batch.key_columns, &known, &changed, &set);
                updated.map_err(|source| failure(batch, chunk, source))?;
                let head = PieceHead { changed, ..head(batch, source, Did::Changed) };
                part.pieces.extend(ledger::pieces(head, told));
            }
        }
        Ok(())
    }

    /// Notes rows that are there because loads of other specs made them: they stay while this spec has them.
    fn share(&mut self, index: usize, values: &[Option<Vec<Value>>], rows: &[Option<Vec<Value>>]) -> Result<(), Error> {
        let batch: &'a Batch = &self.plan.batches[index];
        let (id, source) = (database_of(batch), &self.sources[index]);
        let part = self.parts.get_mut(&id).expect("every batch's database was opened");
        let (others, _) = part.named(&id, self.plan, &self.loading.identity)?;
        if others.is_empty() {
            return Ok(());
        }
        let known = values.iter().zip(rows).filter_map(|(given, read)| Some((given.as_ref()?, read.as_ref()?)));
        let known = known.map(|(given, read)| known_by(batch, source, given, read)).collect();
        part.share(&id, self.plan, &self.loading.identity, head(batch, source, Did::Shared), known)
    }

    /// Removes what earlier loads of the spec made and it does not have any more.
    fn remove_the_rest(&mut self) -> Result<(), Error> {
        for (id, part) in &mut self.parts {
            let wanted = std::mem::take(&mut part.wanted);
            let is_wanted = |piece: &Piece, row: usize| is_wanted(&wanted, piece, row);
            let (load, schema) = (&self.loading.identity, &self.schemas[id]);
            // What is declared refers to nothing that is not.
            let removed =
                part.remove_the_rest(id, schema, load, &mut self.former, self.interrupt, (&is_wanted, false))?.0;
            for (data_type, rows) in removed {
                self.report.of(&format!("{}.{data_type}", id.workspace)).removed += rows;
            }
        }
        Ok(())
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

/// How rows of a batch are known in the ledger: by their primary key, and by what else there is of the natural one.
fn head(batch: &Batch, source: &Source, did: Did) -> PieceHead {
    let natural = batch.key_columns.iter().filter(|column| !source.primary_key.contains(column));
    PieceHead {
        did,
        table: batch.table.clone(),
        data_type: batch.data_type.clone(),
        keys: source.primary_key.iter().chain(natural).cloned().collect(),
        primary: source.primary_key.len(),
        provided: false,
        changed: Vec::new(),
        group: None,
        given: None,
        generated: false,
        implied: false,
    }
}

/// The values of the keys of [`head`] for a row.
fn known_by(batch: &Batch, source: &Source, given: &[Value], read: &[Value]) -> Vec<Value> {
    // The columns that are read begin with those of the primary key.
    let primary = read[..source.primary_key.len()].iter();
    let natural = batch.key_columns.iter().zip(key_positions(batch));
    let natural = natural.filter(|(column, _)| !source.primary_key.contains(column));
    primary.cloned().chain(natural.map(|(_, position)| given[position].clone())).collect()
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
    Error::Load { record, place, is_copy: false, source }
}

/// Says of what was refused whether it was a copy, of which not all that must be new is.
fn of_mode(mode: LoadMode, mut error: Error) -> Error {
    if let Error::Load { is_copy, source: DatabaseError::Constraint { .. }, .. } = &mut error {
        *is_copy = mode == LoadMode::Add;
    }
    error
}

#[cfg(test)]
mod modes;
#[cfg(test)]
mod tests;
