//! What is to be made in one database: how many rows of each table are missing, and the plan that makes them.

use std::collections::{BTreeMap, BTreeSet};

use database::{Database, DatabaseError, Description, Transaction};
use factory::{Existing, Impossible, Operand, Plan, Wanted};
use plan::DatabaseId;
use serde_json::Value;
use source::Problems;

use crate::generation::named;
use crate::generation_again::MadeRows;
use crate::generation_compare::{Comparison, Differing, Givens, Suspects, find_records, resolved};
use crate::generation_copies;
use crate::generation_fill::fill;
use crate::generation_rows::key_text;
use crate::ledger::{LoadIdentity, LoadMode};
use crate::loader_report::{Difference, LoadReport};
use crate::wanted::{Places, problem, refused};
use crate::{Error, Interrupt};

/// How many rows of each table are tried when something of a schema was not understood.
const TRIED: u64 = 20;

/// How often rows that would have a key of others are worked out otherwise, before all keys are read.
const MOST_TRIES: usize = 16;

/// Which database it is, and what is known of it.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) id: &'a DatabaseId,
    /// Whether its service has no other database.
    pub(crate) is_only: bool,
    pub(crate) places: &'a Places,
    /// What is looked at of rows that are referred to, beside what is wanted: by table.
    pub(crate) looks: &'a [(String, Operand)],
}

/// The work on one database.
pub(crate) struct Work<'a> {
    pub(crate) at: At<'a>,
    pub(crate) database: &'a mut dyn Database,
    pub(crate) description: Description,
    pub(crate) load: &'a LoadIdentity,
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) report: &'a mut LoadReport,
}

impl Work<'_> {
    /// What is to be made, if anything is; and writes down what is there.
    pub(crate) fn plan_what_is_missing(&mut self, wanted: &Wanted) -> Result<Option<Plan>, Error> {
        let counts = self.database.row_counts().map_err(Error::database(self.at.id))?;
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
        let mut asked = self.asked_for_keys(&wanted, &existing, &concerned);
        self.read_existing(&wanted, (&concerned, &asked), &mut existing)?;
        // What may be refused must not be so for a key that nobody has looked for.
        if !asked.is_empty() && !self.plan(&wanted, &existing, &BTreeMap::new())?.doubts.is_empty() {
            asked.clear();
            self.read_existing(&wanted, (&concerned, &asked), &mut existing)?;
        }
        let left_out = self.try_out(&wanted, &existing)?;
        let mut plan = self.plan(&wanted, &existing, &left_out)?;
        let mut tries = 0;
        while !asked.is_empty() && self.ask_for_keys(&plan, &asked, &mut existing)? {
            tries += 1;
            if tries == MOST_TRIES {
                asked.clear();
                self.read_existing(&wanted, (&concerned, &asked), &mut existing)?;
            }
            plan = self.plan(&wanted, &existing, &left_out)?;
        }
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
        named(self.at.id, self.at.is_only, table)
    }

    /// Compares what is there with what is given of it: says what differs, or, where that will be changed, what may.
    pub(crate) fn compare(&mut self, wanted: &Wanted, givens: &Givens) -> Result<Suspects, Error> {
        let failed = Error::database(self.at.id);
        let mut transaction = self.database.begin().map_err(&failed)?;
        let wanted = resolved(&mut *transaction, self.at.id, &self.description, wanted)?;
        transaction.rollback().map_err(&failed)?;
        let (id, description, load) = (self.at.id, &self.description, self.load);
        let comparison = Comparison { id, description, load, interrupt: self.interrupt };
        let suspects = comparison.suspects(self.database, &wanted, givens)?;
        if load.mode.updates() {
            return Ok(suspects);
        }
        let mut transaction = self.database.begin().map_err(&failed)?;
        let (is_only, report) = (self.at.is_only, &mut *self.report);
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
    pub(crate) fn asked(wanted: &Wanted, table: &str) -> (u64, bool) {
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
        let mut transaction = self.database.begin().map_err(Error::database(self.at.id))?;
        let made = MadeRows::read(&mut *transaction, self.at.id, self.load)?;
        transaction.rollback().map_err(Error::database(self.at.id))?;
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
            problems.push(problem(impossible, self.at.places));
        }
        problems
    }

    /// The first copy of what is wanted of whose records none is there.
    pub(crate) fn free_copy(&mut self, wanted: &Wanted) -> Result<Wanted, Error> {
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
                return Err(Error::database(self.at.id)(error));
            };
            let doubts = &plan.doubts;
            let is_doubtful = |name: &String| doubts.contains_key(name);
            let culprit = table.clone().filter(is_doubtful).or_else(|| {
                let ending = format!(".{violated}");
                doubts.keys().find(|name| *name == violated || name.ends_with(&ending)).cloned()
            });
            let Some(culprit) = culprit.filter(|name| !wanted.tables.contains_key(name)) else {
                return Err(refused(table, self.at.places, error));
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
