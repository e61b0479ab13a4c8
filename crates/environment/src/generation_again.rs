//! A spec with generated rows that is loaded again: rows that it no longer has are removed, and what it gives of others is
//! brought to what it says now.

use std::collections::BTreeMap;

use database::{DatabaseError, Description, Schema, Transaction};
use factory::{Group, Wanted};
use plan::DatabaseId;
use serde_json::Value;

use crate::generation_compare::{Comparison, Differing, Records, Suspects, find_records, resolved};
use crate::journal_rows::FormerRows;
use crate::ledger::{self, Did, LoadIdentity, Piece, PieceHead, identity};
use crate::loader_part::Part;
use crate::{Error, Interrupt};

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

/// One database in which a spec is loaded again.
pub(crate) struct Again<'a> {
    pub(crate) id: &'a DatabaseId,
    pub(crate) description: &'a Description,
    pub(crate) schema: &'a Schema,
    pub(crate) wanted: &'a Wanted,
    pub(crate) load: &'a LoadIdentity,
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) former: &'a mut FormerRows,
}

impl Again<'_> {
    /// Removes what the spec no longer has; says by table how many rows, and whether rows that it has went along, since they
    /// referred to some of those.
    pub(crate) fn remove(&mut self, part: &mut Part<'_>) -> Result<(BTreeMap<String, usize>, bool), Error> {
        let transaction = &mut *part.transaction;
        let wanted = resolved(transaction, self.id, self.description, self.wanted)?;
        let records = find_records(transaction, self.id, self.description, &wanted)?;
        let made = MadeRows::read(transaction, self.id, self.load)?;
        let is_wanted = |piece: &Piece, row: usize| is_wanted(&wanted, &made, &records, piece, row);
        part.remove_the_rest(self.id, self.schema, self.load, self.former, self.interrupt, (&is_wanted, false))
    }

    /// Changes what the spec gives another value than is there, and says by table of how many rows.
    pub(crate) fn update(
        &mut self,
        part: &mut Part<'_>,
        suspects: &Suspects,
    ) -> Result<BTreeMap<String, usize>, Error> {
        let transaction = &mut *part.transaction;
        let wanted = resolved(transaction, self.id, self.description, self.wanted)?;
        let records = find_records(transaction, self.id, self.description, &wanted)?;
        let (id, description, load) = (self.id, self.description, self.load);
        let comparison = Comparison { id, description, load, interrupt: self.interrupt };
        let (mut changed, mut pieces) = (BTreeMap::new(), Vec::new());
        let mut change = |transaction: &mut dyn Transaction, found: &Differing<'_>| {
            *changed.entry(found.head.table.clone()).or_default() += found.rows.len();
            pieces.extend(change(transaction, found).map_err(Error::database(id))?);
            Ok(())
        };
        comparison.records(transaction, &wanted, &records, &mut change)?;
        comparison.differing(transaction, &wanted, suspects, &mut change)?;
        part.pieces.extend(pieces);
        Ok(changed)
    }
}

/// Brings rows to what is given of them; the pieces tell what they were.
fn change(transaction: &mut dyn Transaction, found: &Differing<'_>) -> Result<Vec<Vec<u8>>, DatabaseError> {
    let Differing { head, columns, keys, there, given, rows, .. } = found;
    // Rows of which the same columns differ are changed together.
    let mut alike: BTreeMap<&[usize], Vec<usize>> = BTreeMap::new();
    for (row, places) in rows {
        alike.entry(places).or_default().push(*row);
    }
    let mut pieces = Vec::new();
    for (places, rows) in alike {
        let changed: Vec<String> = places.iter().map(|place| columns[*place].clone()).collect();
        let pick = |row: &[Value]| places.iter().map(|place| row[*place].clone()).collect::<Vec<_>>();
        let known: Vec<Vec<Value>> = rows.iter().map(|row| keys[*row].clone()).collect();
        let new: Vec<Vec<Value>> = rows.iter().map(|row| pick(&given[*row])).collect();
        transaction.update(&head.table, &head.keys, &known, &changed, &new)?;
        let told = rows.iter().zip(&new).map(|(row, new)| {
            let old = pick(there[*row].as_deref().unwrap_or_default());
            [&keys[*row][..], &old, new].concat()
        });
        let head = PieceHead { did: Did::Changed, changed, group: None, given: None, ..(*head).clone() };
        pieces.extend(ledger::pieces(head, told.collect()));
    }
    Ok(pieces)
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
        return records.get(table).is_some_and(|records| records.iter().any(|(key, ..)| identity(key) == known));
    };
    // Of more rows than the group has, the first ones stay.
    let place = made.before(table, group, first) + row as u64;
    let count = if wanted.tables.contains_key(table) {
        group_of(wanted, table, group).map_or(0, |group| group.count)
    } else {
        wanted.fill.unwrap_or(0)
    };
    place < count
}

/// A group of a table.
fn group_of<'w>(wanted: &'w Wanted, table: &str, group: u64) -> Option<&'w Group> {
    let mut groups = wanted.tables.get(table)?.iter().filter(|group| !group.is_record);
    groups.nth(usize::try_from(group).ok()?)
}
