//! Rows that are generated: planned from the living schemas, made beside their writing, in one transaction per database.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use database::{
    BulkTable, Database, DatabaseError, Datum, Description, ForeignKeyDescription, KeyDescription, Rows, Transaction,
};
use dataset::Registry;
use factory::{Existing, Given, Impossible, Plan, RecordRef, Spec, Wanted, taken};
use indexmap::IndexMap;
use plan::DatabaseId;
use serde_json::Value;
use source::Problems;

use crate::elsewhere::{self, Referred};
use crate::generation_again::{Again, MadeRows};
use crate::generation_compare::{Comparison, Differing, Givens, Suspects, find_records, givens, resolved};
use crate::generation_copies;
use crate::generation_rows::key_text;
use crate::journal::Journal;
use crate::journal_rows::FormerRows;
use crate::ledger::{Did, LoadIdentity, LoadMode, PieceHead, PieceWriter};
use crate::ledger_identity;
use crate::load::relational;
use crate::loader_commit::{Open, Transactions, commit};
use crate::loader_part::Part;
use crate::loader_report::{Difference, LoadReport};
use crate::session::Session;
use crate::specs::{OwnSpec, datum, json};
use crate::wanted::{Places, Wants, problem, wanted};
use crate::{Error, Interrupt};

/// What is to be generated.
pub(crate) struct Generation<'a> {
    /// What is wanted.
    pub(crate) spec: Spec,
    /// The service of the data types and tables that are named without one.
    pub(crate) service: String,
    /// The databases that have tables to choose from.
    pub(crate) databases: Vec<DatabaseId>,
    /// The databases of which every table is filled, if so many rows are wanted of each.
    pub(crate) filled: BTreeSet<DatabaseId>,
    /// The data types that are declared.
    pub(crate) types: &'a Registry,
    /// What the ledger calls it, and in which mode it is loaded.
    pub(crate) identity: LoadIdentity,
    /// Whether nothing is written.
    pub(crate) is_dry: bool,
}

impl<'a> Generation<'a> {
    /// What a spec wants in the environment of a session.
    pub(crate) fn of(session: &'a Session<'_>, own: &OwnSpec) -> Self {
        let databases: Vec<DatabaseId> = relational(session).collect();
        let filled = databases.iter().filter(|id| id.workspace == own.service).cloned().collect();
        let (spec, service, types) = (own.spec.clone(), own.service.clone(), &session.types);
        let identity = ledger_identity::of_generation(own, LoadMode::Ensure, types);
        Self { spec, service, databases, filled, types, identity, is_dry: false }
    }
}

impl Generation<'_> {
    /// How many times it may commit: what is removed with rows that a spec no longer has is made anew after that.
    pub(crate) fn passes(&self) -> usize {
        if self.identity.mode == LoadMode::Replace { 2 } else { 1 }
    }
}

/// How many rows are made at once; between two of these the user's wish to end is heard.
const AT_ONCE: u64 = 2000;

/// How many pieces wait for the database at most: memory is bounded by them.
const WAITING: usize = 8;

/// How many rows of each table are tried when something of a schema was not understood.
const TRIED: u64 = 20;

/// How many rows of a table can be referred to, of those that are there already.
const REFERABLE: usize = 100_000;

/// Generates what is missing, in all databases or in none.
///
/// Where rows of the spec were removed because they referred to some that it no longer has, they are made anew when that is
/// done.
pub(crate) fn generate(
    generation: &Generation<'_>,
    open: &Open<'_>,
    journal: &Journal,
    interrupt: &Interrupt,
) -> Result<LoadReport, Error> {
    let (mut report, lacks_rows) = once(generation, open, journal, interrupt)?;
    if lacks_rows && !generation.is_dry {
        let (more, _) = once(generation, open, journal, interrupt)?;
        for made in more.types {
            report.of(&made.data_type).created += made.created;
        }
    }
    Ok(report)
}

fn once(
    generation: &Generation<'_>,
    open: &Open<'_>,
    journal: &Journal,
    interrupt: &Interrupt,
) -> Result<(LoadReport, bool), Error> {
    let mut opened: BTreeMap<DatabaseId, (Box<dyn Database>, Description)> = BTreeMap::new();
    for id in &generation.databases {
        let mut database = open(id)?;
        let description = database.describe().map_err(Error::database(id))?;
        opened.insert(id.clone(), (database, description));
    }
    let described: Vec<(&DatabaseId, &Description)> =
        opened.iter().map(|(id, (_, description))| (id, description)).collect();
    let mut wants = wanted(generation, &described).map_err(Error::Problems)?;
    let links: Vec<_> = wants.iter().map(|(id, wants)| (id.clone(), wants.links.clone())).collect();
    let mut report = LoadReport { is_dry: generation.is_dry, ..LoadReport::default() };
    let (load, mode) = (&generation.identity, generation.identity.mode);
    let mut plans: BTreeMap<DatabaseId, Arc<Plan>> = BTreeMap::new();
    let mut order = Vec::new();
    // What others refer to is planned before them: their rows are known then, though none is written.
    for id in elsewhere::order(&links) {
        let Some(Wants { mut wanted, places, links }) = wants.remove(&id) else { continue };
        let givens = givens(&wanted);
        elsewhere::resolve(&links, &mut wanted, &places, &mut |other, take| {
            let Some((database, description)) = opened.get_mut(other) else { return Ok(()) };
            take(Referred { database: &mut **database, description, plan: plans.get(other).cloned() })
        })?;
        let is_only = is_only(generation, &id);
        let (database, description) = opened.get_mut(&id).expect("what is wanted is wanted of one of these");
        let (database, description) = (&mut **database, description.clone());
        let mut work = Work { id: &id, database, description, is_only, places, load, interrupt, report: &mut report };
        if mode == LoadMode::Add {
            wanted = work.free_copy(&wanted)?;
        }
        let plan = work.plan_what_is_missing(&wanted)?;
        let suspects = if mode == LoadMode::Add { Suspects::default() } else { work.compare(&wanted, &givens)? };
        let places = work.places;
        let is_concerned = plan.is_some() || mode.updates();
        plans.extend(plan.map(|plan| (id.clone(), Arc::new(plan))));
        if is_concerned {
            order.push((id, wanted, places, (givens, suspects)));
        }
    }
    if mode == LoadMode::Replace {
        // There may be something that an earlier form of the spec wanted.
        let others = opened.keys().filter(|id| order.iter().all(|(other, ..)| other != *id));
        let nothing = |id: &DatabaseId| (id.clone(), Wanted::default(), Places::new(), Default::default());
        let others: Vec<_> = others.map(nothing).collect();
        order.extend(others);
    }
    let mut planned: Vec<Planned> = Vec::new();
    for (id, wanted, places, (givens, suspects)) in order {
        let (database, description) = opened.remove(&id).expect("it was opened");
        let (plan, is_only) = (plans.get(&id).cloned(), is_only(generation, &id));
        planned.push(Planned { id, database, description, is_only, wanted, givens, suspects, plan, places });
    }
    let mut lacks_rows = false;
    if !generation.is_dry || mode.updates() {
        let how = (load, generation.is_dry);
        lacks_rows = write(how, &mut planned, &mut report, open, journal, interrupt)?;
    }
    Ok((report, lacks_rows))
}

/// Whether the service of a database has no other one.
fn is_only(generation: &Generation<'_>, id: &DatabaseId) -> bool {
    generation.databases.iter().filter(|other| other.workspace == id.workspace).count() == 1
}

/// A database, what it is like, what is wanted and where, and what is made in it.
struct Planned {
    id: DatabaseId,
    database: Box<dyn Database>,
    description: Description,
    is_only: bool,
    wanted: Wanted,
    givens: Givens,
    /// The rows that are there and may hold something else than is wanted.
    suspects: Suspects,
    plan: Option<Arc<Plan>>,
    places: Places,
}

/// Writes what is planned, in one transaction of each database; says whether rows that the spec has are missing now.
fn write(
    how: (&LoadIdentity, bool),
    planned: &mut [Planned],
    report: &mut LoadReport,
    open: &Open<'_>,
    journal: &Journal,
    interrupt: &Interrupt,
) -> Result<bool, Error> {
    for Planned { id, database, .. } in &mut *planned {
        database.prepare_ledger().map_err(Error::database(id))?;
    }
    let written = write_all(how, planned, report, open, journal, interrupt);
    for Planned { id, database, .. } in planned {
        let tidied = database.tidy_ledger().map_err(Error::database(id));
        // Of an empty ledger that stays nobody sees anything; why the load failed is worth more.
        if written.is_ok() {
            tidied?;
        }
    }
    written
}

/// What the database said of rows of a table, with the place at which these are wanted.
fn refused(table: Option<String>, places: &Places, source: DatabaseError) -> Error {
    let place = table
        .as_ref()
        .and_then(|table| places.get(table))
        .map(|(place, _)| format!("{}:{}", place.file().name(), place.line()));
    let record = table.map_or_else(|| "the generated rows".to_owned(), |table| format!("the rows of {table}"));
    Error::Load { record, place, is_copy: false, source }
}

fn write_all(
    (load, is_dry): (&LoadIdentity, bool),
    planned: &mut [Planned],
    report: &mut LoadReport,
    open: &Open<'_>,
    journal: &Journal,
    interrupt: &Interrupt,
) -> Result<bool, Error> {
    let mut lacks_rows = false;
    let is_undoable = (planned.len() > 1 || journal.keeps_undoable()) && load.mode.updates() && !is_dry;
    let mut former = FormerRows::new(journal.rows(), is_undoable);
    let (mut transactions, mut loads) = (Transactions::new(), BTreeMap::new());
    for Planned { id, database, description, is_only, wanted, givens, suspects, plan, places } in planned {
        let schema = database.inspect().map_err(Error::database(id))?;
        let mut part = Part::begin(id, &mut **database).map_err(Error::database(id))?;
        let mut again = Again { id, description, schema: &schema, wanted, load, interrupt, former: &mut former };
        if load.mode == LoadMode::Replace {
            let (removed, is_lacking) = again.remove(&mut part)?;
            lacks_rows |= is_lacking;
            for (table, rows) in removed {
                report.of(&named(id, *is_only, &table)).removed += rows;
            }
        }
        if let Some(plan) = plan.as_ref().filter(|_| !is_dry) {
            let tables = plan.bulk_tables();
            let mut made = Made::new(description, plan, &tables, givens);
            let filled = fill(&mut *part.transaction, plan, &tables, interrupt, Some(&mut made));
            filled.map_err(|(table, error)| match error {
                None => match plan.failure() {
                    Some(failure) => Error::Problems([problem(&failure, places)].into_iter().collect()),
                    None => Error::Interrupted,
                },
                Some(source) => refused(table, places, source),
            })?;
            for table in &tables {
                *part.made.entry(table.name.clone()).or_default() += table.rows;
            }
            part.pieces.extend(made.pieces());
        }
        if load.mode.updates() {
            // After what is new, so that rows can refer to that.
            for (table, rows) in again.update(&mut part, suspects)? {
                report.of(&named(id, *is_only, &table)).changed += rows;
            }
        }
        loads.extend(part.write(id, load)?.map(|load| (id.clone(), load)));
        transactions.insert(id.clone(), part.transaction);
    }
    if is_dry {
        for (id, transaction) in transactions {
            transaction.rollback().map_err(Error::database(&id))?;
        }
    } else {
        commit(transactions, &loads, former, open, journal)?;
    }
    Ok(lacks_rows)
}

/// A table as reports name it: with its database only where the service has several.
fn named(id: &DatabaseId, is_only: bool, table: &str) -> String {
    if is_only { format!("{}.{table}", id.workspace) } else { format!("{id}.{table}") }
}

/// What is written down of rows while they are made.
struct Made<'g> {
    givens: &'g Givens,
    /// By table: where its keys stand in a row, what is written down, and the group of the last row.
    tables: Vec<(Vec<usize>, PieceWriter, Option<u64>)>,
}

impl<'g> Made<'g> {
    fn new(description: &Description, plan: &Plan, tables: &[BulkTable], givens: &'g Givens) -> Self {
        let of_table = |(number, table): (usize, &BulkTable)| {
            let place = |column: &String| table.columns.iter().position(|written| written == column);
            let described = description.table(&table.name);
            let keys = described.into_iter().flat_map(|described| &described.keys);
            // The primary key is the first one. Without a key of which all is known, a row is known by all of it.
            let is_plain = |key: &&KeyDescription| key.expressions.is_empty() && key.condition.is_none();
            let key = keys.filter(is_plain).find(|key| key.columns.iter().all(|column| place(column).is_some()));
            let columns = key.map_or_else(|| table.columns.clone(), |key| key.columns.clone());
            let head = PieceHead {
                did: Did::Made,
                table: table.name.clone(),
                data_type: table.name.clone(),
                primary: if key.is_some_and(|key| key.primary) { columns.len() } else { 0 },
                keys: columns,
                provided: false,
                changed: Vec::new(),
                group: None,
                given: None,
                generated: true,
                implied: plan.is_implied(number),
            };
            (head.keys.iter().filter_map(place).collect(), PieceWriter::new(head), None)
        };
        Self { givens, tables: tables.iter().enumerate().map(of_table).collect() }
    }

    fn add(&mut self, plan: &Plan, number: usize, from: u64, rows: &Rows) {
        let (places, writer, last) = &mut self.tables[number];
        for (position, row) in (from..).zip(rows) {
            let place = plan.group(number, position);
            let group = place.map(|(group, _)| group);
            if group != *last {
                let given = group.and_then(|group| self.givens.get(&(writer.table().to_owned(), group)));
                writer.give(given.cloned());
                *last = group;
            }
            writer.go_to(place);
            writer.add(places.iter().map(|place| json(&row[*place])));
        }
    }

    fn pieces(self) -> Vec<Vec<u8>> {
        self.tables.into_iter().flat_map(|(_, writer, _)| writer.finish()).collect()
    }
}

struct Work<'a> {
    id: &'a DatabaseId,
    database: &'a mut dyn Database,
    description: Description,
    /// Whether its service has no other database.
    is_only: bool,
    places: Places,
    load: &'a LoadIdentity,
    interrupt: &'a Interrupt,
    report: &'a mut LoadReport,
}

impl Work<'_> {
    /// What is to be made, if anything is; and writes down what is there.
    fn plan_what_is_missing(&mut self, wanted: &Wanted) -> Result<Option<Plan>, Error> {
        let counts = self.database.row_counts().map_err(Error::database(self.id))?;
        let mut existing: BTreeMap<String, Existing> =
            counts.iter().map(|(name, rows)| (name.clone(), Existing { rows: *rows, ..Existing::default() })).collect();
        let (wanted, found) = self.look_for_records(wanted)?;
        for (table, records) in &found {
            if let Some(existing) = existing.get_mut(table) {
                existing.records = *records;
            }
        }
        self.count_what_is_due(&wanted, &mut existing)?;
        // Counting is cheap, and often all there is to do.
        let mut concerned = self.missing(&wanted, &existing);
        self.count_found(&wanted, &existing, &found);
        if concerned.is_empty() {
            return Ok(None);
        }
        self.add_implied(&existing, &mut concerned);
        self.read_existing(&concerned, &mut existing)?;
        let left_out = self.try_out(&wanted, &existing)?;
        let plan = self.plan(&wanted, &existing, &left_out)?;
        self.note(&plan);
        for (number, table) in plan.bulk_tables().iter().enumerate() {
            let created = usize::try_from(table.rows).unwrap_or(usize::MAX);
            let data_type = self.named(&table.name);
            if plan.is_implied(number) {
                self.report.notes.push(format!("{data_type}: implied, since others refer to it"));
            }
            self.report.of(&data_type).created += created;
        }
        Ok(Some(plan))
    }

    fn named(&self, table: &str) -> String {
        named(self.id, self.is_only, table)
    }

    /// Compares what is there with what is given of it: says what differs, or, where that will be changed, what may.
    fn compare(&mut self, wanted: &Wanted, givens: &Givens) -> Result<Suspects, Error> {
        let failed = Error::database(self.id);
        let mut transaction = self.database.begin().map_err(&failed)?;
        let wanted = resolved(&mut *transaction, self.id, &self.description, wanted)?;
        transaction.rollback().map_err(&failed)?;
        let (id, description, load) = (self.id, &self.description, self.load);
        let comparison = Comparison { id, description, load, interrupt: self.interrupt };
        let suspects = comparison.suspects(self.database, &wanted, givens)?;
        if load.mode.updates() {
            return Ok(suspects);
        }
        let mut transaction = self.database.begin().map_err(&failed)?;
        let (is_only, report) = (self.is_only, &mut *self.report);
        let mut told = |_: &mut dyn Transaction, found: &Differing<'_>| {
            let table = named(id, is_only, &found.head.table);
            for (row, columns) in &found.rows {
                let known: Vec<String> = found.shown[*row].iter().map(key_text).collect();
                for column in columns {
                    report.differs(Difference {
                        record: format!("{table}[{}]", known.join(", ")),
                        field: found.columns[*column].clone(),
                        is: found.there[*row].as_ref().map_or(Value::Null, |there| there[*column].clone()),
                        declared: found.given[*row][*column].clone(),
                    });
                }
            }
            Ok(())
        };
        let records = find_records(&mut *transaction, id, description, &wanted)?;
        comparison.records(&mut *transaction, &wanted, &records, &mut told)?;
        comparison.differing(&mut *transaction, &wanted, &suspects, &mut told)?;
        transaction.rollback().map_err(&failed)?;
        Ok(Suspects::default())
    }

    /// How many rows of groups, or of a fill, a table shall have; and whether records of it are missing.
    fn asked(wanted: &Wanted, table: &str) -> (u64, bool) {
        match wanted.tables.get(table) {
            Some(groups) => {
                let counts = groups.iter().filter(|group| !group.is_record).map(|group| group.count).sum();
                (counts, groups.iter().any(|group| group.is_record))
            }
            None => (wanted.fill.unwrap_or(0), false),
        }
    }

    /// Where rows of a group do not count by how many there are in the table: which of them are to be made.
    fn count_what_is_due(&mut self, wanted: &Wanted, existing: &mut BTreeMap<String, Existing>) -> Result<(), Error> {
        if !matches!(self.load.mode, LoadMode::Add | LoadMode::Replace) {
            return Ok(());
        }
        let mut transaction = self.database.begin().map_err(Error::database(self.id))?;
        let made = MadeRows::read(&mut *transaction, self.id, self.load)?;
        transaction.rollback().map_err(Error::database(self.id))?;
        for (name, there) in existing {
            let groups = wanted.tables.get(name);
            let counts: Vec<u64> = match groups {
                Some(groups) => groups.iter().filter(|group| !group.is_record).map(|group| group.count).collect(),
                None => wanted.fill.into_iter().collect(),
            };
            let known = |group: usize| made.count(name, group as u64);
            let is_known = (0..counts.len()).any(|group| known(group).is_some());
            let due = |(group, count): (usize, &u64)| {
                let (there, next) = known(group).unwrap_or_default();
                (next, if self.load.mode == LoadMode::Add { *count } else { count.saturating_sub(there) })
            };
            // What others made counts as long as nothing is known of it.
            if self.load.mode == LoadMode::Add || is_known && groups.is_some() {
                there.due = Some(counts.iter().enumerate().map(due).collect());
            }
        }
        Ok(())
    }

    /// The tables that lack rows.
    fn missing(&self, wanted: &Wanted, existing: &BTreeMap<String, Existing>) -> BTreeSet<String> {
        let lacks = |name: &&String| {
            let (asked, has_records) = Self::asked(wanted, name);
            if let Some(due) = existing.get(*name).and_then(|there| there.due.as_ref()) {
                return has_records || due.iter().any(|(_, count)| *count > 0);
            }
            let there = existing.get(*name).map_or(0, |there| there.rows.saturating_sub(there.records));
            has_records || asked > there
        };
        self.description.tables.iter().map(|table| &table.name).filter(lacks).cloned().collect()
    }

    /// Adds the empty tables to which rows would refer, which may get some for that.
    fn add_implied(&self, existing: &BTreeMap<String, Existing>, concerned: &mut BTreeSet<String>) {
        loop {
            let tables = self.description.tables.iter().filter(|table| concerned.contains(&table.name));
            let parents = tables.flat_map(|table| &table.foreign_keys).map(|key| &key.table);
            let is_empty = |name: &&String| existing.get(*name).is_none_or(|there| there.rows == 0);
            let new: Vec<String> =
                parents.filter(is_empty).filter(|name| !concerned.contains(*name)).cloned().collect();
            if new.is_empty() {
                return;
            }
            concerned.extend(new);
        }
    }

    /// Writes down which rows of those that are wanted are there.
    fn count_found(&mut self, wanted: &Wanted, existing: &BTreeMap<String, Existing>, found: &BTreeMap<String, u64>) {
        for table in &self.description.tables {
            let there = existing.get(&table.name).map_or(0, |existing| existing.rows);
            let records = found.get(&table.name).copied().unwrap_or(0);
            let found = there.min(Self::asked(wanted, &table.name).0 + records);
            if found > 0 {
                let found = usize::try_from(found).unwrap_or(usize::MAX);
                let data_type = self.named(&table.name);
                self.report.of(&data_type).found += found;
            }
        }
    }

    /// Says what is not as it was wanted.
    fn note(&mut self, plan: &Plan) {
        let tables = plan.bulk_tables();
        for (table, reason) in &plan.left_out {
            self.report.notes.push(format!("{}: left out: {reason}", self.named(table)));
        }
        for (table, wanted) in &plan.fewer {
            let rows = tables.iter().find(|made| made.name == *table).map_or(0, |made| made.rows);
            let note = format!("{}: {rows} of {wanted} rows: its keys have no more values", self.named(table));
            self.report.notes.push(note);
        }
    }

    fn plan(
        &self,
        wanted: &Wanted,
        existing: &BTreeMap<String, Existing>,
        left_out: &BTreeMap<String, String>,
    ) -> Result<Plan, Error> {
        Plan::make(&self.description, wanted, existing, left_out)
            .map_err(|impossible| Error::Problems(self.problems(&impossible)))
    }

    fn problems(&self, impossible: &[Impossible]) -> Problems {
        let mut problems = Problems::default();
        for impossible in impossible {
            problems.push(problem(impossible, &self.places));
        }
        problems
    }

    /// The first copy of what is wanted of whose records none is there.
    fn free_copy(&mut self, wanted: &Wanted) -> Result<Wanted, Error> {
        for number in 1.. {
            if self.interrupt.is_raised() {
                return Err(Error::Interrupted);
            }
            let copy = generation_copies::copy(wanted, &self.description, number);
            let copy = copy.map_err(|impossible| Error::Problems(self.problems(&impossible)))?;
            if let Some(copy) = copy
                && self.look_for_records(&copy)?.1.is_empty()
            {
                return Ok(copy);
            }
        }
        unreachable!("there are more numbers than records")
    }

    /// Takes the records that are there out of what is wanted, and resolves references to rows that are there.
    fn look_for_records(&mut self, wanted: &Wanted) -> Result<(Wanted, BTreeMap<String, u64>), Error> {
        let mut wanted = wanted.clone();
        let mut found: BTreeMap<String, u64> = BTreeMap::new();
        let has_records = wanted
            .tables
            .values()
            .flatten()
            .any(|group| group.is_record || group.given.values().any(|given| matches!(given, Given::Records(_))));
        if !has_records {
            return Ok((wanted, found));
        }
        let mut transaction = self.database.begin().map_err(Error::database(self.id))?;
        for (name, groups) in &mut wanted.tables {
            let Some(table) = self.description.table(name) else { continue };
            for group in groups.iter_mut() {
                for key in &table.foreign_keys {
                    refer(&mut *transaction, &self.description, key, &mut group.given)
                        .map_err(Error::database(self.id))?;
                }
            }
            let mut kept = Vec::new();
            for group in groups.drain(..) {
                let is_there = group.is_record && {
                    let mut is_there = false;
                    for key in table.keys.iter().filter(|key| key.expressions.is_empty() && key.condition.is_none()) {
                        let values: Option<Vec<Value>> = key
                            .columns
                            .iter()
                            .map(|column| match group.given.get(column) {
                                Some(Given::Value(value)) if *value != Datum::Null => Some(json(value)),
                                _ => None,
                            })
                            .collect();
                        if let Some(values) = values {
                            let found = transaction.find(name, &key.columns, &[values], &key.columns);
                            is_there |= found.map_err(Error::database(self.id))?[0].is_some();
                        }
                    }
                    is_there
                };
                if is_there {
                    *found.entry(name.clone()).or_default() += 1;
                } else {
                    kept.push(group);
                }
            }
            *groups = kept;
        }
        transaction.rollback().map_err(Error::database(self.id))?;
        Ok((wanted, found))
    }

    /// Reads what new rows can refer to, and which keys are taken.
    fn read_existing(
        &mut self,
        concerned: &BTreeSet<String>,
        existing: &mut BTreeMap<String, Existing>,
    ) -> Result<(), Error> {
        let tables = self.description.tables.clone();
        for table in &tables {
            let Some(there) = existing.get_mut(&table.name).filter(|there| there.rows > 0) else { continue };
            let position = |name: &String| table.columns.iter().position(|column| column.name == *name);
            let mut referable: Vec<(Vec<String>, Vec<usize>)> = Vec::new();
            for other in tables.iter().filter(|other| concerned.contains(&other.name)) {
                for key in other.foreign_keys.iter().filter(|key| key.table == table.name) {
                    let positions: Option<Vec<usize>> = key.referenced.iter().map(position).collect();
                    if let Some(positions) = positions
                        && !referable.iter().any(|(columns, _)| *columns == key.referenced)
                    {
                        referable.push((key.referenced.clone(), positions));
                    }
                }
            }
            let is_concerned = concerned.contains(&table.name);
            let keys: Vec<Vec<usize>> = if is_concerned {
                table.keys.iter().map(|key| key.columns.iter().filter_map(position).collect()).collect()
            } else {
                Vec::new()
            };
            if referable.is_empty() && keys.is_empty() {
                continue;
            }
            there.taken = vec![std::collections::HashSet::new(); keys.len()];
            there.referable = referable.iter().map(|(columns, _)| (columns.clone(), Vec::new())).collect();
            let read = self.database.read_rows(&table.name, &mut |row| {
                for (positions, taken_keys) in keys.iter().zip(&mut there.taken) {
                    taken_keys.extend(taken(positions.iter().map(|position| row[*position].as_deref())));
                }
                for ((_, positions), (_, rows)) in referable.iter().zip(&mut there.referable) {
                    let tuple: Option<Vec<Datum>> =
                        positions.iter().map(|position| row[*position].clone().map(Datum::Text)).collect();
                    if let Some(tuple) = tuple.filter(|_| rows.len() < REFERABLE) {
                        rows.push(tuple);
                    }
                }
                Ok(())
            });
            read.map_err(Error::database(self.id))?;
        }
        Ok(())
    }

    /// Where something of the schema was not understood, lets the database refuse a few rows, and leaves out the tables of
    /// which it does.
    fn try_out(
        &mut self,
        wanted: &Wanted,
        existing: &BTreeMap<String, Existing>,
    ) -> Result<BTreeMap<String, String>, Error> {
        let mut few = wanted.clone();
        few.fill = few.fill.map(|fill| fill.min(TRIED));
        for group in few.tables.values_mut().flatten() {
            group.count = group.count.min(TRIED);
        }
        // A few rows more than there are.
        let shrunk: BTreeMap<String, Existing> = existing.clone();
        for (name, there) in &shrunk {
            if let Some(groups) = few.tables.get_mut(name) {
                for group in groups.iter_mut().filter(|group| !group.is_record) {
                    group.count += there.rows;
                }
            }
        }
        let mut left_out: BTreeMap<String, String> = BTreeMap::new();
        loop {
            let plan = self.plan(&few, &shrunk, &left_out)?;
            if plan.doubts.is_empty() {
                return Ok(left_out);
            }
            let Err((table, error)) = self.try_rows(&plan) else { return Ok(left_out) };
            let DatabaseError::Constraint { table: violated, constraint, detail, .. } = &error else {
                return Err(Error::database(self.id)(error));
            };
            let doubts = &plan.doubts;
            let is_doubtful = |name: &String| doubts.contains_key(name);
            let culprit = table.clone().filter(is_doubtful).or_else(|| {
                let ending = format!(".{violated}");
                doubts.keys().find(|name| *name == violated || name.ends_with(&ending)).cloned()
            });
            let Some(culprit) = culprit.filter(|name| !wanted.tables.contains_key(name)) else {
                return Err(refused(table, &self.places, error));
            };
            let reason = format!(
                "{} was not understood, and rows made without it are refused ({constraint}: {detail})",
                doubts[&culprit].join(" and ")
            );
            left_out.insert(culprit, reason);
        }
    }

    /// Writes the rows of a plan, and takes them back.
    fn try_rows(&mut self, plan: &Plan) -> Result<(), (Option<String>, DatabaseError)> {
        let tables = plan.bulk_tables();
        let mut transaction = self.database.begin().map_err(|error| (None, error))?;
        match fill(&mut *transaction, plan, &tables, self.interrupt, None) {
            // What is interrupted has not failed; that is seen elsewhere.
            Ok(()) | Err((_, None)) => transaction.rollback().map_err(|error| (None, error)),
            Err((table, Some(error))) => Err((table, error)),
        }
    }
}

/// The table that was written, and what the database said; nothing: it was given up.
type Refused = (Option<String>, Option<DatabaseError>);

/// Makes rows on one thread and writes them on another.
fn fill(
    transaction: &mut dyn Transaction,
    plan: &Plan,
    tables: &[BulkTable],
    interrupt: &Interrupt,
    mut made: Option<&mut Made<'_>>,
) -> Result<(), Refused> {
    let mut bulk = transaction.bulk(tables).map_err(|error| (None, Some(error)))?;
    for (number, table) in tables.iter().enumerate() {
        let (sender, receiver) = sync_channel::<Rows>(WAITING);
        let written = std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut from = 0;
                while from < table.rows && !interrupt.is_raised() {
                    let to = (from + AT_ONCE).min(table.rows);
                    // Whoever does not listen any more has failed, and says so.
                    if sender.send(plan.rows(number, from, to)).is_err() {
                        return;
                    }
                    from = to;
                }
            });
            let mut written = 0;
            bulk.write(
                number,
                &mut receiver.into_iter().inspect(|rows| {
                    if let Some(made) = &mut made {
                        made.add(plan, number, written, rows);
                    }
                    written += rows.len() as u64;
                }),
            )
        });
        written.map_err(|error| (Some(table.name.clone()), Some(error)))?;
        if interrupt.is_raised() || plan.failure().is_some() {
            return Err((None, None));
        }
    }
    bulk.finish().map_err(|error| (None, Some(error)))
}

/// Replaces references to records by what their rows hold, where those are there; else what of the records is there.
pub(crate) fn refer(
    transaction: &mut dyn Transaction,
    description: &Description,
    key: &ForeignKeyDescription,
    given: &mut IndexMap<String, Given>,
) -> Result<(), DatabaseError> {
    let is_record = |column: &&String| matches!(given.get(*column), Some(Given::Records(_)));
    let Some(column) = key.columns.iter().find(is_record) else { return Ok(()) };
    let Some(Given::Records(records)) = given.get_mut(column) else { return Ok(()) };
    for (record, _) in records.iter_mut() {
        let RecordRef::By(values) = record else { continue };
        for above in description.table(&key.table).into_iter().flat_map(|table| &table.foreign_keys) {
            refer(transaction, description, above, values)?;
        }
        let known = values.iter().map(|(name, value)| match value {
            Given::Value(value) => Some((name.clone(), json(value))),
            _ => None,
        });
        // What refers to a record that is not there is not there either.
        let Some(known) = known.collect::<Option<Vec<_>>>() else { continue };
        let (columns, row): (Vec<String>, Vec<Value>) = known.into_iter().unzip();
        let found = transaction.find(&key.table, &columns, &[row], &key.referenced)?;
        if let Some(Some(row)) = found.into_iter().next() {
            *record = RecordRef::There(row.into_iter().map(datum).collect());
        }
    }
    // One row that is there is what a unique key can be told by.
    if let [(RecordRef::There(values), _)] = &records[..] {
        for (column, value) in key.columns.iter().zip(values.clone()) {
            given.insert(column.clone(), Given::Value(value));
        }
    }
    Ok(())
}
