//! What providers have made and a spec no longer has. It is removed when all that the spec has is loaded, since nobody can undo
//! that; the rows of tables that the spec no longer has go after it, as they may be in use by it.

use std::collections::BTreeMap;

use plan::DatabaseId;

use super::{Databases, Hands, Identities, Loading, is_wanted};
use crate::Error;
use crate::journal_rows::FormerRows;
use crate::ledger::{self, LoadIdentity, Piece};
use crate::loader_commit::{Transactions, commit};
use crate::loader_part::{Part, old_rows};
use crate::loader_report::LoadReport;
use crate::loader_stages::MadeByOf;
use crate::unload_provided::{self, Going};

/// What is still to be removed.
#[derive(Debug)]
pub(crate) struct Rest {
    going: Going,
    /// The rows and records that the spec has.
    wanted: Identities,
}

/// What loads of a spec have made through providers, whether it still has it or not.
pub(super) fn going(databases: &mut Databases, load: &LoadIdentity) -> Result<Going, Error> {
    let going = databases.iter_mut().map(|(id, database)| {
        let pieces = unload_provided::going(id, &mut **database, &|other| other.is_same_spec(load))?;
        Ok((id.clone(), pieces))
    });
    going.collect()
}

impl Rest {
    /// Of what is going, what the spec does not have.
    pub(super) fn new(mut going: Going, mut wanted: Identities, kept: Identities) -> Self {
        for (id, pieces) in &mut going {
            let kept = kept.get(id);
            for (head, rows) in pieces {
                let kept = kept.and_then(|kept| kept.get(&head.table));
                rows.retain(|row| kept.is_none_or(|kept| !kept.contains(&head.identity(row))));
            }
        }
        for (id, tables) in kept {
            for (table, records) in tables {
                wanted.entry(id.clone()).or_default().entry(table).or_default().extend(records);
            }
        }
        Self { going, wanted }
    }

    /// Removes it, and says how much.
    pub(crate) fn remove(
        &self,
        loading: &Loading,
        hands: Hands<'_, '_>,
        made_by: &MadeByOf<'_>,
    ) -> Result<LoadReport, Error> {
        let mut databases = BTreeMap::new();
        for id in &loading.databases {
            databases.insert(id.clone(), (hands.open)(id)?);
        }
        if loading.is_dry {
            let mut report = unload_provided::count(&self.going, hands.start, made_by, hands.interrupt)?;
            report.extend(self.count_rows(&mut databases, loading)?);
            return Ok(report);
        }
        let unfinished = Error::unfinished("the spec is loaded, but not all that it no longer has is removed");
        // Whether they can be asked is seen before the first record goes.
        let found = unload_provided::count(&self.going, hands.start, made_by, hands.interrupt);
        let removed = found.and_then(|_| unload_provided::remove(&self.going, hands.start, made_by, hands.interrupt));
        let mut report = removed.map_err(&unfinished)?;
        report.extend(self.remove_rows(&mut databases, loading, hands).map_err(&unfinished)?);
        for (id, database) in &mut databases {
            database.tidy_ledger().map_err(Error::database(id))?;
        }
        Ok(report)
    }

    fn is_wanted(&self, id: &DatabaseId, piece: &Piece, row: usize) -> bool {
        self.wanted.get(id).map_or(piece.head.generated, |wanted| is_wanted(wanted, piece, row))
    }

    /// Removes the rows of tables, and what is written down of all that is gone.
    fn remove_rows(
        &self,
        databases: &mut Databases,
        loading: &Loading,
        hands: Hands<'_, '_>,
    ) -> Result<LoadReport, Error> {
        let mut report = LoadReport::default();
        let is_undoable = databases.len() > 1 || hands.journal.keeps_undoable();
        let mut former = FormerRows::new(hands.journal.rows(), is_undoable);
        let (mut transactions, mut loads) = (Transactions::new(), BTreeMap::new());
        for (id, database) in databases {
            let schema = database.inspect().map_err(Error::database(id))?;
            database.prepare_ledger().map_err(Error::database(id))?;
            let mut part = Part::begin(id, &mut **database).map_err(Error::database(id))?;
            let load = &loading.identity;
            let is_wanted = |piece: &Piece, row: usize| self.is_wanted(id, piece, row);
            let removed = part.remove_the_rest(id, &schema, load, &mut former, hands.interrupt, (&is_wanted, true))?.0;
            for (data_type, rows) in removed {
                report.of(&format!("{}.{data_type}", id.workspace)).removed += rows;
            }
            loads.extend(part.write(id, load)?.map(|load| (id.clone(), load)));
            transactions.insert(id.clone(), part.transaction);
        }
        commit(transactions, &loads, former, hands.open, hands.journal)?;
        Ok(report)
    }

    /// How many rows of tables would be removed.
    fn count_rows(&self, databases: &mut Databases, loading: &Loading) -> Result<LoadReport, Error> {
        let mut report = LoadReport::default();
        for (id, database) in databases {
            let mut transaction = database.begin().map_err(Error::database(id))?;
            let entries = ledger::entries(&mut *transaction, &id.name).map_err(Error::database(id))?;
            for entry in entries.iter().filter(|entry| entry.load.is_same_spec(&loading.identity)) {
                for number in 1..=entry.pieces {
                    let piece = ledger::piece(&mut *transaction, &id.name, entry.number, number);
                    let piece = piece.map_err(Error::database(id))?;
                    let goes = old_rows(&piece, &|piece, row| self.is_wanted(id, piece, row), false);
                    let data_type = format!("{}.{}", id.workspace, piece.head.data_type);
                    report.of(&data_type).removed += goes.iter().filter(|goes| **goes).count();
                }
            }
            transaction.rollback().map_err(Error::database(id))?;
        }
        Ok(report)
    }
}
