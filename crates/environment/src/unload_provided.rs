//! `unload` of records that providers made: they are asked to remove them, the last made first.
//!
//! It comes before the rows of tables go. A provider commits by itself, so what it has removed stays removed when something
//! fails later; the ledger has it until all of the spec is gone, and the next `unload` goes on.

use std::collections::BTreeMap;

use database::Database;
use plan::DatabaseId;
use serde_json::Value;

use crate::ledger::{self, Did, Entry, Named, PieceHead};
use crate::loader_report::LoadReport;
use crate::loader_stages::MadeByOf;
use crate::provider::{Asked, AskedType, ProviderFailure, Providers, Start};
use crate::unload::Unloading;
use crate::{Error, Interrupt};

/// How many records a provider is asked for at once.
const AT_ONCE: usize = 100;

/// The records of one piece of the ledger.
type Pieces = Vec<(PieceHead, Vec<Vec<Value>>)>;

/// Has what loads of a spec made removed by its providers, or only counts it.
pub(crate) fn carry_out(
    unloading: &Unloading,
    databases: &mut BTreeMap<DatabaseId, Box<dyn Database>>,
    start: &Start<'_>,
    made_by: &MadeByOf<'_>,
    interrupt: &Interrupt,
) -> Result<LoadReport, Error> {
    let mut report = LoadReport { is_dry: unloading.is_dry, ..LoadReport::default() };
    let mut providers = Providers::new(start, interrupt);
    for (id, database) in databases {
        let pieces = going(id, &mut **database, &unloading.spec).map_err(Error::database(id))?;
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
                let work = providers.get(&made_by.provider)?;
                let removed = if unloading.is_dry {
                    work.find(&of, &asked).map(|found| found.iter().flatten().count())
                } else {
                    work.remove(&of, &asked).map(|removed| removed.iter().filter(|removed| **removed).count())
                };
                report.of(&data_type).removed += removed.map_err(|source| Error::provider(name, source))?;
            }
        }
    }
    providers.end()?;
    Ok(report)
}

/// The records of a database that go with a spec, in the order in which they were made: those that no other spec has.
fn going(id: &DatabaseId, database: &mut dyn Database, spec: &str) -> Result<Pieces, database::DatabaseError> {
    let mut transaction = database.begin()?;
    let entries = ledger::entries(&mut *transaction, &id.name)?;
    let (own, others): (Vec<&Entry>, Vec<&Entry>) = entries.iter().partition(|entry| entry.load.spec == spec);
    let mut pieces = Vec::new();
    for entry in own {
        for number in 1..=entry.pieces {
            let piece = ledger::piece(&mut *transaction, &id.name, entry.number, number)?;
            if piece.head.provided && piece.head.did == Did::Made {
                pieces.push((piece.head, piece.rows));
            }
        }
    }
    let tables: Vec<String> = pieces.iter().map(|(head, _): &(PieceHead, _)| head.table.clone()).collect();
    let is_asked = |table: &str| tables.iter().any(|asked| asked == table);
    let others = Named::read(&mut *transaction, &id.name, others.into_iter(), is_asked)?;
    for (head, rows) in &mut pieces {
        rows.retain(|row| !others.has(&head.table, &head.identity(row)));
    }
    transaction.rollback()?;
    Ok(pieces)
}

fn asked(head: &PieceHead, row: &[Value]) -> Asked {
    let (made, key) = row.split_last().expect("the last of the keys is what was made");
    let names = head.keys.iter().zip(key);
    let key = names.map(|(name, value)| (name.clone(), value.clone())).collect();
    Asked { key, made: Some(made.clone()).filter(|made| !made.is_null()), ..Asked::default() }
}
