//! Records that providers made and that go, with `unload` or since the spec no longer has them: the providers are asked to remove
//! them, the last made first.
//!
//! It comes before the rows of tables go. A provider commits by itself, so what it has removed stays removed when something
//! fails later; the ledger has it until all that goes is gone, and the same command goes on.

use std::collections::BTreeMap;

use database::{Database, DatabaseError, Transaction};
use plan::DatabaseId;
use serde_json::Value;

use crate::ledger::{self, Did, Entry, LoadIdentity, Named, PieceHead};
use crate::loader_report::LoadReport;
use crate::loader_stages::MadeByOf;
use crate::provider::{Asked, AskedType, ProviderFailure, Providers, Start, Work};
use crate::{Error, Interrupt};

/// How many records a provider is asked for at once.
const AT_ONCE: usize = 100;

/// The records of one piece of the ledger.
pub(crate) type Pieces = Vec<(PieceHead, Vec<Vec<Value>>)>;

/// What goes of each database, in the order in which it was made.
pub(crate) type Going = BTreeMap<DatabaseId, Pieces>;

/// Has records removed by their providers, the last made first. Whoever asks [how many](count) before knows that they can all be
/// asked.
pub(crate) fn remove(
    going: &Going,
    start: &Start<'_>,
    made_by: &MadeByOf<'_>,
    interrupt: &Interrupt,
) -> Result<LoadReport, Error> {
    let mut providers = Providers::new(start, interrupt);
    let removed = ask(going, &mut providers, made_by, interrupt, &|work, of, asked| {
        Ok(work.remove(of, asked)?.iter().filter(|removed| **removed).count())
    });
    let ended = providers.end();
    removed.and_then(|removed| ended.map(|()| removed))
}

/// How many records their providers would remove.
pub(crate) fn count(
    going: &Going,
    start: &Start<'_>,
    made_by: &MadeByOf<'_>,
    interrupt: &Interrupt,
) -> Result<LoadReport, Error> {
    let mut providers = Providers::new(start, interrupt);
    let found = ask(going, &mut providers, made_by, interrupt, &|work, of, asked| {
        Ok(work.find(of, asked)?.iter().flatten().count())
    });
    let ended = providers.end();
    found.and_then(|found| ended.map(|()| found))
}

type Question<'q> = &'q dyn Fn(&mut dyn Work, &AskedType<'_>, &[Asked]) -> Result<usize, ProviderFailure>;

/// Asks for all that goes, and counts the answers as what is removed.
fn ask(
    going: &Going,
    providers: &mut Providers<'_, '_>,
    made_by: &MadeByOf<'_>,
    interrupt: &Interrupt,
    question: Question<'_>,
) -> Result<LoadReport, Error> {
    let mut report = LoadReport::default();
    for (id, pieces) in going {
        for (head, rows) in pieces.iter().rev() {
            let data_type = format!("{}.{}", id.workspace, head.data_type);
            let Some(made_by) = made_by(&data_type) else {
                let source = ProviderFailure::new(format!("the data type {data_type} is not declared any more"));
                return Err(Error::Provider { provider: head.table.clone(), record: None, place: None, source });
            };
            let name = &made_by.provider.name;
            let of = AskedType { name: &head.data_type, made_by: &made_by, fields: &[] };
            for chunk in rows.rchunks(AT_ONCE) {
                if interrupt.is_raised() {
                    return Err(Error::Interrupted);
                }
                let asked: Vec<Asked> = chunk.iter().rev().map(|row| asked(head, row)).collect();
                let count = question(providers.get(&made_by.provider)?, &of, &asked);
                report.of(&data_type).removed += count.map_err(|source| Error::provider(name, source))?;
            }
        }
    }
    Ok(report)
}

/// The records of a database that loads of a spec have made through providers, in the order in which they were made: those that
/// no other spec has.
pub(crate) fn going(
    id: &DatabaseId,
    database: &mut dyn Database,
    is_own: &dyn Fn(&LoadIdentity) -> bool,
) -> Result<Pieces, Error> {
    let read = |transaction: &mut dyn Transaction| -> Result<Pieces, DatabaseError> {
        let entries = ledger::entries(transaction, &id.name)?;
        let (own, others): (Vec<&Entry>, Vec<&Entry>) = entries.iter().partition(|entry| is_own(&entry.load));
        let mut pieces = Vec::new();
        for entry in own {
            for number in 1..=entry.pieces {
                let piece = ledger::piece(transaction, &id.name, entry.number, number)?;
                if piece.head.provided && piece.head.did == Did::Made {
                    pieces.push((piece.head, piece.rows));
                }
            }
        }
        let tables: Vec<String> = pieces.iter().map(|(head, _): &(PieceHead, _)| head.table.clone()).collect();
        let is_asked = |table: &str| tables.iter().any(|asked| asked == table);
        let others = Named::read(transaction, &id.name, others.into_iter(), is_asked)?;
        for (head, rows) in &mut pieces {
            rows.retain(|row| !others.has(&head.table, &head.identity(row)));
        }
        Ok(pieces)
    };
    let mut transaction = database.begin().map_err(Error::database(id))?;
    let pieces = read(&mut *transaction).map_err(Error::database(id))?;
    transaction.rollback().map_err(Error::database(id))?;
    Ok(pieces)
}

fn asked(head: &PieceHead, row: &[Value]) -> Asked {
    let (made, key) = row.split_last().expect("the last of the keys is what was made");
    let names = head.keys.iter().zip(key);
    let key = names.map(|(name, value)| (name.clone(), value.clone())).collect();
    Asked { key, made: Some(made.clone()).filter(|made| !made.is_null()), ..Asked::default() }
}
