//! The transactions of a load: one in each database, committed one after the other, and taken back where that ends in the
//! middle.
//!
//! An entry in the ledger is committed together with the rows that it names. So a database has a load, or has not, and the
//! journal needs to know no more than the number of the entry.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use database::{Database, Schema, Transaction};
use plan::DatabaseId;
use serde_json::Value;

use crate::journal::{Journal, LoadToUndo};
use crate::journal_rows::{self, Former, FormerRows};
use crate::ledger::{self, Did, Entry, Piece};
use crate::loader_removal::{Going, Removal};
use crate::{Error, Interrupt};

/// Opens a database of the environment.
pub type Open<'a> = dyn Fn(&DatabaseId) -> Result<Box<dyn Database>, Error> + Sync + 'a;

/// A transaction of each database.
pub(crate) type Transactions<'a> = BTreeMap<DatabaseId, Box<dyn Transaction + 'a>>;

/// Commits one database after the other. Between the first and the last commit, the journal can take all of it back.
///
/// `loads` has those databases to which something was written.
pub(crate) fn commit(
    transactions: Transactions<'_>,
    loads: &BTreeMap<DatabaseId, LoadToUndo>,
    former: FormerRows,
    open: &Open<'_>,
    journal: &Journal,
) -> Result<(), Error> {
    // Where a protected database may get its old content back, the rows of the others must go with the new one.
    let is_kept = journal.keeps_undoable();
    let several = loads.len() > 1 || is_kept && !loads.is_empty();
    if several {
        journal.reserve()?;
        former.finish()?;
        journal.load(loads.iter().map(|(id, load)| (id.to_string(), load.clone())).collect())?;
    }
    let mut failed = None;
    for (id, transaction) in transactions {
        // One that is not committed is rolled back when it is dropped.
        if failed.is_none() {
            failed = transaction.commit().map_err(Error::database(&id)).err();
        }
    }
    match failed {
        None if several && !is_kept => journal.settle_load(),
        None if journal.is_staged() => journal.stage_committed(),
        None => Ok(()),
        Some(error) if !several => {
            // The answer to a commit can be lost when it is done.
            let has_committed = |(id, load)| has_committed(id, load, open).unwrap_or(false);
            if !loads.is_empty() && loads.iter().all(has_committed) { Ok(()) } else { Err(error) }
        }
        Some(error) => {
            // Also of the one that failed it is not known whether it has committed. What cannot be taken back now stays in
            // the journal, and is taken back before anything else is done.
            journal.release()?;
            let left = |(id, load): &(&DatabaseId, &LoadToUndo)| take_back(id, load, &journal.rows(), open).is_err();
            // Each of them, whatever becomes of the others.
            if loads.iter().filter(left).count() == 0 {
                journal.settle_load()?;
            }
            Err(error)
        }
    }
}

/// Makes one database what it was before a load, if it has the load: what was made is removed, what was changed or removed is
/// put back.
pub(crate) fn take_back(id: &DatabaseId, load: &LoadToUndo, rows: &Path, open: &Open<'_>) -> Result<(), Error> {
    let mut database = open(id)?;
    let schema = database.inspect().map_err(Error::database(id))?;
    database.prepare_ledger().map_err(Error::database(id))?;
    let mut transaction = database.begin().map_err(Error::database(id))?;
    // Its connection may be lost and its commit still under way.
    transaction.await_ledger().map_err(Error::database(id))?;
    let entries = ledger::entries(&mut *transaction, &id.name).map_err(Error::database(id))?;
    if is_in(&entries, load) {
        let written: Vec<&Entry> = entries.iter().filter(|entry| Some(entry.number) == load.written).collect();
        restore(&mut *transaction, id, &schema, &written, rows)?;
    }
    transaction.commit().map_err(Error::database(id))?;
    database.tidy_ledger().map_err(Error::database(id))
}

/// Whether a database has a load.
fn has_committed(id: &DatabaseId, load: &LoadToUndo, open: &Open<'_>) -> Result<bool, Error> {
    let mut database = open(id)?;
    let mut transaction = database.begin().map_err(Error::database(id))?;
    // Its connection may be lost and its commit still under way.
    transaction.await_ledger().map_err(Error::database(id))?;
    let entries = ledger::entries(&mut *transaction, &id.name).map_err(Error::database(id))?;
    Ok(is_in(&entries, load))
}

fn is_in(entries: &[Entry], load: &LoadToUndo) -> bool {
    let is_there = |number: &u64| entries.iter().any(|entry| entry.number == *number);
    load.written.as_ref().map_or_else(|| !load.removed.iter().any(is_there), is_there)
}

fn restore(
    transaction: &mut dyn Transaction,
    id: &DatabaseId,
    schema: &Schema,
    written: &[&Entry],
    rows: &Path,
) -> Result<(), Error> {
    let mut concerned: BTreeSet<String> = BTreeSet::new();
    journal_rows::read(rows, id, &mut |former| {
        concerned.extend(match former {
            Former::Rows { table, .. } | Former::Values { table, .. } => Some(table),
            Former::Piece { .. } => None,
        });
        Ok(())
    })?;
    // Where rows come back, what refers to them may come back before.
    if !concerned.is_empty() {
        let refers = |table: &&database::Table| !table.foreign_keys.is_empty();
        let tables: Vec<String> = schema.tables.iter().filter(refers).map(|table| table.name.clone()).collect();
        transaction.check_late(&tables).map_err(Error::database(id))?;
    }
    let (interrupt, mut nothing) = (Interrupt::default(), FormerRows::new(rows.to_owned(), false));
    put_back(transaction, id, written, &mut nothing)?;
    let mut removal = Removal::new(id, schema, &interrupt, &mut nothing, false);
    removal.is_late = !concerned.is_empty();
    remove(transaction, &mut removal, written, &|_, _| true)?;
    removal.verdict()?;
    for entry in written {
        transaction.cut_ledger(entry.number, 0).map_err(Error::database(id))?;
    }
    journal_rows::read(rows, id, &mut |former| {
        let done = match former {
            Former::Rows { table, columns, rows } => transaction.insert(&table, &columns, &rows, &[]).map(drop),
            Former::Values { table, keys, columns, rows } => {
                let (known, values): (Vec<_>, Vec<_>) = rows
                    .into_iter()
                    .map(|mut row| {
                        let values = row.split_off(keys.len());
                        (row, values)
                    })
                    .unzip();
                transaction.update(&table, &keys, &known, &columns, &values).map(drop)
            }
            Former::Piece { load, number, content } => {
                if number == 0 {
                    // Another load may have written it anew, with less in it.
                    transaction.cut_ledger(load, 0).map_err(Error::database(id))?;
                }
                let content = journal_rows::bytes(&content).unwrap_or_default();
                transaction.write_ledger(load, number, &content)
            }
        };
        done.map_err(Error::database(id))
    })?;
    if !concerned.is_empty() {
        transaction.check_now().map_err(Error::database(id))?;
    }
    Ok(())
}

/// Puts old values back where loads changed them, the last load first; what somebody has changed since stays.
pub(crate) fn put_back(
    transaction: &mut dyn Transaction,
    id: &DatabaseId,
    entries: &[&Entry],
    former: &mut FormerRows,
) -> Result<BTreeMap<String, u64>, Error> {
    let mut restored: BTreeMap<String, u64> = BTreeMap::new();
    for entry in entries.iter().rev() {
        for number in (1..=entry.pieces).rev() {
            let piece = ledger::piece(transaction, &id.name, entry.number, number).map_err(Error::database(id))?;
            if piece.head.did != Did::Changed {
                continue;
            }
            let count = put_piece_back(transaction, id, &piece, former)?;
            *restored.entry(piece.head.table).or_default() += count;
        }
    }
    Ok(restored)
}

fn put_piece_back(
    transaction: &mut dyn Transaction,
    id: &DatabaseId,
    piece: &Piece,
    former: &mut FormerRows,
) -> Result<u64, Error> {
    let (keys, changed) = (&piece.head.keys, &piece.head.changed);
    let mut condition = keys.clone();
    condition.extend_from_slice(changed);
    let split = |row: &Vec<Value>| {
        let (known, values) = row.split_at(keys.len());
        let (old, new) = values.split_at(changed.len());
        ([known, new].concat(), old.to_vec())
    };
    let (present, old): (Vec<_>, Vec<_>) = piece.rows.iter().map(split).unzip();
    if former.is_wanted() {
        let rows = present.iter().map(|row| row[..keys.len()].to_vec()).collect::<Vec<_>>();
        let found = transaction.find(&piece.head.table, &condition, &present, &[]).map_err(Error::database(id))?;
        let still = rows.into_iter().zip(&present).zip(found).filter(|(_, found)| found.is_some());
        let rows = still.map(|((known, row), _)| [&known[..], &row[keys.len()..]].concat()).collect();
        let (table, keys, columns) = (piece.head.table.clone(), keys.clone(), changed.clone());
        former.add(id, &Former::Values { table, keys, columns, rows })?;
    }
    transaction.update(&piece.head.table, &condition, &present, changed, &old).map_err(Error::database(id))
}

/// Removes the rows that entries made or share, save those that are to stay.
pub(crate) fn remove(
    transaction: &mut dyn Transaction,
    removal: &mut Removal<'_>,
    entries: &[&Entry],
    goes: &dyn Fn(&str, &str) -> bool,
) -> Result<(), Error> {
    let id = removal.id;
    let mut parts: Vec<(String, (u64, u64))> = Vec::new();
    for entry in entries {
        for number in 1..=entry.pieces {
            let piece = ledger::piece(transaction, &id.name, entry.number, number).map_err(Error::database(id))?;
            if piece.head.did != Did::Changed {
                parts.push((piece.head.table, (entry.number, number)));
            }
        }
    }
    removal.remove(transaction, &parts, &mut |transaction, (entry, number)| {
        let Piece { head, mut rows } =
            ledger::piece(transaction, &id.name, *entry, *number).map_err(Error::database(id))?;
        rows.retain(|row| goes(&head.table, &head.identity(row)));
        Ok(Going { keys: head.keys, rows })
    })
}
