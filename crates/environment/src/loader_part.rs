//! What a load does in one database: its transaction, what earlier loads made there, and what is written down of this one.

use std::collections::{BTreeMap, HashMap, HashSet};

use database::{Database, DatabaseError, Schema, Transaction};
use dataset::LoadPlan;
use plan::DatabaseId;
use serde_json::Value;

use crate::journal::LoadToUndo;
use crate::journal_rows::{Former, FormerRows, hexadecimal};
use crate::ledger::{self, Did, Entry, LoadIdentity, Named, Piece, PieceHead};
use crate::loader_removal::{Going, Removal};
use crate::{Error, Interrupt};

/// Whether a spec has a row of a piece.
pub(crate) type IsWanted<'a> = dyn Fn(&Piece, usize) -> bool + 'a;

/// The part of a load in one database.
pub(crate) struct Part<'a> {
    pub(crate) transaction: Box<dyn Transaction + 'a>,
    /// What earlier loads have written down.
    pub(crate) entries: Vec<Entry>,
    /// The pieces of this load.
    pub(crate) pieces: Vec<Vec<u8>>,
    /// By table, how many rows it made.
    pub(crate) made: BTreeMap<String, u64>,
    /// By table, the rows that the spec has; only where others are removed.
    pub(crate) wanted: HashMap<String, HashSet<String>>,
    /// Whether rows of earlier loads were removed.
    has_removed: bool,
    /// The rows of other specs' loads and of this spec's, once they were asked for.
    named: Option<(Named, Named)>,
}

impl<'a> Part<'a> {
    pub(crate) fn begin(id: &DatabaseId, database: &'a mut dyn Database) -> Result<Self, DatabaseError> {
        let mut transaction = database.begin()?;
        let entries = ledger::entries(&mut *transaction, &id.name)?;
        Ok(Self {
            transaction,
            entries,
            pieces: Vec::new(),
            made: BTreeMap::new(),
            wanted: HashMap::new(),
            has_removed: false,
            named: None,
        })
    }

    /// The rows that loads of other specs, and those of this one, made or share, of the tables of a plan.
    pub(crate) fn named(
        &mut self,
        id: &DatabaseId,
        plan: &LoadPlan,
        load: &LoadIdentity,
    ) -> Result<&(Named, Named), Error> {
        if self.named.is_none() {
            let tables: HashSet<&str> = plan.batches.iter().map(|batch| batch.table.as_str()).collect();
            let is_asked = |table: &str| tables.contains(table);
            let others = self.entries.iter().filter(|entry| !entry.load.is_same_spec(load));
            let others = Named::read(&mut *self.transaction, &id.name, others, is_asked);
            let others = others.map_err(Error::database(id))?;
            // Without others nothing is shared.
            let own = self.entries.iter().filter(|entry| !others.is_empty() && entry.load.is_same_spec(load));
            let own = Named::read(&mut *self.transaction, &id.name, own, is_asked).map_err(Error::database(id))?;
            self.named = Some((others, own));
        }
        Ok(self.named.as_ref().expect("it was just read"))
    }

    /// Writes down which of some rows that are there loads of other specs made, save those that this spec has already.
    pub(crate) fn share(
        &mut self,
        id: &DatabaseId,
        plan: &LoadPlan,
        load: &LoadIdentity,
        head: PieceHead,
        mut known: Vec<Vec<Value>>,
    ) -> Result<(), Error> {
        let (others, own) = self.named(id, plan, load)?;
        known.retain(|row| {
            let identity = head.identity(row);
            others.has(&head.table, &identity) && !own.has(&head.table, &identity)
        });
        self.pieces.extend(ledger::pieces(head, known));
        Ok(())
    }

    /// Removes what earlier loads of the spec made and it does not have any more, and says how many of each data type, and
    /// whether rows that it has went along, since they referred to some that went. Their entries then have what is left; that is
    /// without what providers made and the spec no longer has, where they have removed it.
    pub(crate) fn remove_the_rest(
        &mut self,
        id: &DatabaseId,
        schema: &Schema,
        load: &LoadIdentity,
        former: &mut FormerRows,
        interrupt: &Interrupt,
        (is_wanted, are_provided_gone): (&IsWanted<'_>, bool),
    ) -> Result<(BTreeMap<String, usize>, bool), Error> {
        let transaction = &mut *self.transaction;
        let own: Vec<&Entry> = self.entries.iter().filter(|entry| entry.load.is_same_spec(load)).collect();
        let mut gone: Vec<(String, Piece)> = Vec::new();
        let mut has_provided = false;
        for entry in &own {
            for number in 1..=entry.pieces {
                let mut piece =
                    ledger::piece(transaction, &id.name, entry.number, number).map_err(Error::database(id))?;
                let goes = old_rows(&piece, is_wanted, are_provided_gone);
                if goes.contains(&true) && piece.head.provided {
                    has_provided = true;
                } else if goes.contains(&true) {
                    let mut number = 0..;
                    piece.rows.retain(|_| goes[number.next().expect("numbers do not end")]);
                    gone.push((piece.head.table.clone(), piece));
                }
            }
        }
        if gone.is_empty() && !has_provided {
            return Ok((BTreeMap::new(), false));
        }
        let tables: HashSet<String> = gone.iter().map(|(table, _)| table.clone()).collect();
        let others = self.entries.iter().filter(|entry| !entry.load.is_same_spec(load));
        let others = Named::read(transaction, &id.name, others, |table| tables.contains(table));
        let others = others.map_err(Error::database(id))?;
        let data_types: HashMap<String, String> =
            gone.iter().map(|(table, piece)| (table.clone(), piece.head.data_type.clone())).collect();
        let mut removal = Removal::new(id, schema, interrupt, former, false);
        removal.own = Named::read(transaction, &id.name, own.iter().copied(), |_| true).map_err(Error::database(id))?;
        removal.remove(transaction, &gone, &mut |_, piece| {
            let head = &piece.head;
            let goes = |row: &&Vec<Value>| !others.has(&head.table, &head.identity(row));
            Ok(Going { keys: head.keys.clone(), rows: piece.rows.iter().filter(goes).cloned().collect() })
        })?;
        removal.verdict()?;
        let counts = removal.removed.iter().filter(|(_, rows)| **rows > 0);
        let removed = counts.map(|(table, rows)| {
            let data_type = data_types.get(table).unwrap_or(table).clone();
            (data_type, usize::try_from(*rows).unwrap_or(usize::MAX))
        });
        let removed = removed.collect();
        let taken = std::mem::take(&mut removal.own_taken);
        let is_left = |piece: &Piece, row: usize| {
            let taken = taken.get(&piece.head.table);
            is_wanted(piece, row) && !taken.is_some_and(|taken| taken.contains(&piece.head.identity(&piece.rows[row])))
        };
        for entry in &own {
            let (mut pieces, mut made) = (Vec::new(), BTreeMap::new());
            for number in 1..=entry.pieces {
                let piece = ledger::piece(transaction, &id.name, entry.number, number).map_err(Error::database(id))?;
                let goes = old_rows(&piece, &is_left, are_provided_gone);
                let staying = goes.iter().filter(|goes| !**goes).count() as u64;
                if piece.head.did == Did::Made && staying > 0 {
                    *made.entry(piece.head.table.clone()).or_default() += staying;
                }
                pieces.extend(piece.without(&goes));
            }
            keep_entry(transaction, id, entry, former)?;
            transaction.cut_ledger(entry.number, 0).map_err(Error::database(id))?;
            if !pieces.is_empty() {
                let written = ledger::write(transaction, entry.number, &entry.load, made, &pieces);
                written.map_err(Error::database(id))?;
            }
        }
        self.has_removed = true;
        Ok((removed, !taken.is_empty()))
    }

    /// Writes down what was done, if anything was; by what is written it is seen whether the load has committed.
    pub(crate) fn write(&mut self, id: &DatabaseId, load: &LoadIdentity) -> Result<Option<LoadToUndo>, Error> {
        if self.pieces.is_empty() && !self.has_removed {
            return Ok(None);
        }
        let number = self.entries.last().map_or(0, |entry| entry.number) + 1;
        let written = ledger::write(&mut *self.transaction, number, load, std::mem::take(&mut self.made), &self.pieces);
        written.map_err(Error::database(id))?;
        Ok(Some(LoadToUndo { written: Some(number), removed: Vec::new() }))
    }
}

/// Which rows of a piece go; what was changed can be put back, whatever becomes of it.
pub(crate) fn old_rows(piece: &Piece, is_wanted: &IsWanted<'_>, are_provided_gone: bool) -> Vec<bool> {
    // Only a provider can remove what it made.
    let can_go = piece.head.did != Did::Changed && (!piece.head.provided || are_provided_gone);
    (0..piece.rows.len()).map(|row| can_go && !is_wanted(piece, row)).collect()
}

/// Keeps an entry that is about to be removed, so that it can be put back.
pub(crate) fn keep_entry(
    transaction: &mut dyn Transaction,
    id: &DatabaseId,
    entry: &Entry,
    former: &mut FormerRows,
) -> Result<(), Error> {
    for number in 0..=entry.pieces {
        if !former.is_wanted() {
            return Ok(());
        }
        let content = transaction.ledger_piece(entry.number, number).map_err(Error::database(id))?;
        let content = hexadecimal(&content.unwrap_or_default());
        former.add(id, &Former::Piece { load: entry.number, number, content })?;
    }
    Ok(())
}
