//! A spec with generated rows that is loaded again: rows that it no longer has are removed, and what it gives of others is
//! brought to what it says now.

use std::collections::BTreeMap;

use database::{Datum, Description, KeyDescription, Schema, Transaction};
use factory::{Given, Group, Plan, Wanted};
use plan::DatabaseId;
use serde_json::Value;

use crate::journal_rows::FormerRows;
use crate::ledger::{self, Did, Entry, LoadIdentity, LoadMode, Piece, PieceHead, identity};
use crate::loader_part::Part;
use crate::specs::json;
use crate::{Error, Interrupt};

/// How many rows are compared at once.
const AT_ONCE: u64 = 2000;

/// What became of rows of one table.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) changed: usize,
    pub(crate) removed: usize,
}

/// The rows that loads of a spec have made, by table and group: runs of them, each by the index of its first one.
#[derive(Debug, Default)]
pub(crate) struct MadeRows(BTreeMap<(String, u64), BTreeMap<u64, u64>>);

impl MadeRows {
    pub(crate) fn read(transaction: &mut dyn Transaction, id: &DatabaseId, load: &LoadIdentity) -> Result<Self, Error> {
        let mut made = Self::default();
        let entries = ledger::entries(transaction, &id.name).map_err(Error::database(id))?;
        for entry in entries.iter().filter(|entry| entry.load.is_same_spec(load)) {
            for number in 1..=entry.pieces {
                let piece = ledger::piece(transaction, &id.name, entry.number, number).map_err(Error::database(id))?;
                if let (Some((group, first)), Did::Made) = (piece.head.group, piece.head.did) {
                    made.0.entry((piece.head.table, group)).or_default().insert(first, piece.rows.len() as u64);
                }
            }
        }
        Ok(made)
    }

    /// How many rows of a group there are, and the index after the last one; `None` when nothing is known of it.
    pub(crate) fn count(&self, table: &str, group: u64) -> Option<(u64, u64)> {
        let runs = self.0.get(&(table.to_owned(), group))?;
        Some((runs.values().sum(), runs.last_key_value().map_or(0, |(first, rows)| first + rows)))
    }

    /// How many rows of the group come before a run.
    fn before(&self, table: &str, group: u64, first: u64) -> u64 {
        let runs = self.0.get(&(table.to_owned(), group));
        runs.map_or(0, |runs| runs.range(..first).map(|(_, rows)| rows).sum())
    }
}

/// The records of a spec that are there, by table: the values of their primary keys, and what is given.
type Records = BTreeMap<String, Vec<(Vec<Value>, Group)>>;

/// One database in which a spec is loaded again.
pub(crate) struct Again<'a> {
    pub(crate) id: &'a DatabaseId,
    pub(crate) description: &'a Description,
    pub(crate) schema: &'a Schema,
    pub(crate) wanted: &'a Wanted,
    pub(crate) load: &'a LoadIdentity,
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) former: &'a mut FormerRows,
    /// Whether rows that the spec has were removed, since they referred to some that it no longer has.
    pub(crate) lacks_rows: bool,
}

/// Rows that are there, and what the spec gives of them.
struct Compared<'a> {
    head: &'a PieceHead,
    columns: &'a [String],
    keys: Vec<Vec<Value>>,
    given: Vec<Vec<Value>>,
}

impl Again<'_> {
    /// Removes and changes, and says by table how many rows.
    pub(crate) fn carry_out(&mut self, part: &mut Part<'_>) -> Result<BTreeMap<String, Change>, Error> {
        let mut changes: BTreeMap<String, Change> = BTreeMap::new();
        let records = self.records(&mut *part.transaction)?;
        if self.load.mode == LoadMode::Replace {
            let (wanted, load) = (self.wanted, self.load);
            let made = MadeRows::read(&mut *part.transaction, self.id, load)?;
            let is_wanted = |piece: &Piece, row: usize| is_wanted(wanted, &made, &records, piece, row);
            let (removed, lacks_rows) =
                part.remove_the_rest(self.id, self.schema, load, self.former, self.interrupt, (&is_wanted, false))?;
            self.lacks_rows = lacks_rows;
            for (table, rows) in removed {
                changes.entry(table).or_default().removed += rows;
            }
        }
        for (table, rows) in self.update(part, records)? {
            changes.entry(table).or_default().changed += rows;
        }
        Ok(changes)
    }

    /// Looks for the records of the spec.
    fn records(&self, transaction: &mut dyn Transaction) -> Result<Records, Error> {
        let mut records = Records::new();
        for (name, groups) in &self.wanted.tables {
            let (Some(described), Some(table)) = (self.description.table(name), self.schema.table(name)) else {
                continue;
            };
            let is_plain = |key: &&KeyDescription| key.expressions.is_empty() && key.condition.is_none();
            for group in groups.iter().filter(|group| group.is_record && !table.primary_key.is_empty()) {
                let given = |column: &String| match group.given.get(column) {
                    Some(Given::Value(value)) if *value != Datum::Null => Some(json(value)),
                    _ => None,
                };
                for key in described.keys.iter().filter(is_plain) {
                    let Some(values) = key.columns.iter().map(given).collect::<Option<Vec<Value>>>() else { continue };
                    let found = transaction.find(name, &key.columns, &[values], &table.primary_key);
                    if let Some(known) = found.map_err(Error::database(self.id))?.pop().flatten() {
                        records.entry(name.clone()).or_default().push((known, group.clone()));
                        break;
                    }
                }
            }
        }
        Ok(records)
    }

    /// Changes what the spec gives another value than is there, and says by table of how many rows.
    fn update(&mut self, part: &mut Part<'_>, records: Records) -> Result<BTreeMap<String, usize>, Error> {
        let mut changed: BTreeMap<String, usize> = BTreeMap::new();
        for (table, records) in records {
            let primary = self.schema.table(&table).map(|table| table.primary_key.clone()).unwrap_or_default();
            for (known, group) in records {
                let steady = |(column, given): (&String, &Given)| match given {
                    Given::Value(value) if !primary.contains(column) => Some((column.clone(), json(value))),
                    _ => None,
                };
                let (columns, given): (Vec<String>, Vec<Value>) = group.given.iter().filter_map(steady).unzip();
                let head = PieceHead {
                    did: Did::Changed,
                    table: table.clone(),
                    data_type: table.clone(),
                    primary: primary.len(),
                    keys: primary.clone(),
                    changed: Vec::new(),
                    group: None,
                    generated: true,
                    provided: false,
                    implied: false,
                };
                let compared = Compared { head: &head, columns: &columns, keys: vec![known], given: vec![given] };
                *changed.entry(table.clone()).or_default() += self.compare(part, &compared)?;
            }
        }
        // As if nothing were there: rows are worked out by their place in their group.
        let made = MadeRows::read(&mut *part.transaction, self.id, self.load)?;
        let mut all = self.wanted.clone();
        for (table, groups) in &mut all.tables {
            for (number, group) in (0..).zip(groups.iter_mut().filter(|group| !group.is_record)) {
                group.count = group.count.max(made.count(table, number).map_or(0, |(_, next)| next));
            }
        }
        if let Ok(plan) = Plan::make(self.description, &all, &BTreeMap::new(), &BTreeMap::new()) {
            self.update_groups(part, (&plan, &all), &mut changed)?;
        }
        changed.retain(|_, rows| *rows > 0);
        Ok(changed)
    }

    fn update_groups(
        &mut self,
        part: &mut Part<'_>,
        (plan, all): (&Plan, &Wanted),
        changed: &mut BTreeMap<String, usize>,
    ) -> Result<(), Error> {
        // As they are now: rows may have been removed from them.
        let entries = ledger::entries(&mut *part.transaction, &self.id.name).map_err(Error::database(self.id))?;
        let own: Vec<&Entry> = entries.iter().filter(|entry| entry.load.is_same_spec(self.load)).collect();
        for entry in own {
            for number in 1..=entry.pieces {
                let piece = ledger::piece(&mut *part.transaction, &self.id.name, entry.number, number);
                let piece = piece.map_err(Error::database(self.id))?;
                if piece.head.did == Did::Made {
                    *changed.entry(piece.head.table.clone()).or_default() +=
                        self.update_piece(part, (plan, all), &piece)?;
                }
            }
        }
        Ok(())
    }

    /// Changes rows of one group.
    fn update_piece(
        &mut self,
        part: &mut Part<'_>,
        (plan, all): (&Plan, &Wanted),
        piece: &Piece,
    ) -> Result<usize, Error> {
        let name = &piece.head.table;
        let tables = plan.bulk_tables();
        let Some(number) = tables.iter().position(|table| table.name == *name) else { return Ok(0) };
        let Some((group, first)) = piece.head.group else { return Ok(0) };
        let Some((before, wanted)) = group_of(all, name, group) else { return Ok(0) };
        let (written, total) = (&tables[number].columns, tables[number].rows);
        let is_steady = |place: &usize| {
            let column = &written[*place];
            wanted.given.get(column).is_some_and(Given::is_steady) && !piece.head.keys.contains(column)
        };
        let places: Vec<usize> = (0..written.len()).filter(is_steady).collect();
        let columns: Vec<String> = places.iter().map(|place| written[*place].clone()).collect();
        let (mut changed, mut keys) = (0, piece.rows.iter());
        let (mut from, last) = (first, wanted.count.min(first + piece.rows.len() as u64));
        while from < last && !columns.is_empty() {
            let to = (from + AT_ONCE).min(last);
            let (start, end) = (before + from, before + to);
            // Where keys have run out, another row would stand there.
            let is_there = |position: u64, index: u64| plan.group(number, position) == Some((group, index));
            if end > total || !is_there(start, from) || !is_there(end - 1, to - 1) {
                break;
            }
            let made = plan.rows(number, start, end);
            let given = made.iter().map(|row| places.iter().map(|place| json(&row[*place])).collect()).collect();
            let keys = keys.by_ref().take(made.len()).cloned().collect();
            changed += self.compare(part, &Compared { head: &piece.head, columns: &columns, keys, given })?;
            from = to;
        }
        Ok(changed)
    }

    /// Compares rows with what is given, and changes what differs.
    fn compare(&mut self, part: &mut Part<'_>, compared: &Compared<'_>) -> Result<usize, Error> {
        if self.interrupt.is_raised() {
            return Err(Error::Interrupted);
        }
        let Compared { head, columns, keys, given } = compared;
        if columns.is_empty() {
            return Ok(0);
        }
        let refused = Error::database;
        let there = part.transaction.find(&head.table, &head.keys, keys, columns).map_err(refused(self.id))?;
        let mut suspects: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (row, there) in there.iter().enumerate() {
            for (column, value) in there.iter().flatten().enumerate() {
                if *value != given[row][column] {
                    suspects.entry(column).or_default().push(row);
                }
            }
        }
        let mut differing: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (column, rows) in suspects {
            let condition = [&head.keys[..], &columns[column..=column]].concat();
            let wanted: Vec<Vec<Value>> =
                rows.iter().map(|row| [&keys[*row][..], &given[*row][column..=column]].concat()).collect();
            // Whether another text is another value, the database knows.
            let same = part.transaction.find(&head.table, &condition, &wanted, &[]).map_err(refused(self.id))?;
            for row in rows.iter().zip(same).filter(|(_, same)| same.is_none()).map(|(row, _)| *row) {
                differing.entry(row).or_default().push(column);
            }
        }
        let count = differing.len();
        // Rows of which the same columns differ are changed together.
        let mut alike: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for (row, columns) in differing {
            alike.entry(columns).or_default().push(row);
        }
        for (places, rows) in alike {
            let changed: Vec<String> = places.iter().map(|place| columns[*place].clone()).collect();
            let pick = |row: &[Value]| places.iter().map(|place| row[*place].clone()).collect::<Vec<_>>();
            let known: Vec<Vec<Value>> = rows.iter().map(|row| keys[*row].clone()).collect();
            let new: Vec<Vec<Value>> = rows.iter().map(|row| pick(&given[*row])).collect();
            let updated = part.transaction.update(&head.table, &head.keys, &known, &changed, &new);
            updated.map_err(refused(self.id))?;
            let told = rows.iter().zip(&new).map(|(row, new)| {
                let old = pick(there[*row].as_deref().unwrap_or_default());
                [&keys[*row][..], &old, new].concat()
            });
            let head = PieceHead { did: Did::Changed, changed, group: None, ..(*head).clone() };
            part.pieces.extend(ledger::pieces(head, told.collect()));
        }
        Ok(count)
    }
}

/// Whether the spec still has a row that an earlier load of it made.
fn is_wanted(wanted: &Wanted, made: &MadeRows, records: &Records, piece: &Piece, row: usize) -> bool {
    let table = &piece.head.table;
    // What is implied is what others refer to; what is declared is none of this.
    if piece.head.implied || !piece.head.generated {
        return true;
    }
    let Some((group, first)) = piece.head.group else {
        let known = piece.head.identity(&piece.rows[row]);
        return records.get(table).is_some_and(|records| records.iter().any(|(key, _)| identity(key) == known));
    };
    // Of more rows than the group has, the first ones stay.
    let place = made.before(table, group, first) + row as u64;
    let count = if wanted.tables.contains_key(table) {
        group_of(wanted, table, group).map_or(0, |(_, group)| group.count)
    } else {
        wanted.fill.unwrap_or(0)
    };
    place < count
}

/// A group of a table, and how many rows come before it.
fn group_of<'w>(wanted: &'w Wanted, table: &str, group: u64) -> Option<(u64, &'w Group)> {
    let (mut before, mut left) = (0, group);
    for found in wanted.tables.get(table)? {
        if !found.is_record {
            if left == 0 {
                return Some((before, found));
            }
            left -= 1;
        }
        before += found.count;
    }
    None
}
