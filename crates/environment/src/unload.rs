//! `unload`: what loads of a spec have made is gone, and nothing else.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use database::Database;
use plan::DatabaseId;

use crate::context::{Context, Mode, Target};
use crate::journal::{Journal, LoadToUndo};
use crate::journal_rows::FormerRows;
use crate::ledger::{Did, Entry, Named, piece};
use crate::ledger_identity::{DECLARED, FILL};
use crate::load::relational;
use crate::loader_commit::{Open, Transactions, commit, put_back, remove};
use crate::loader_part::{Part, keep_entry};
use crate::loader_removal::Removal;
use crate::loader_report::LoadReport;
use crate::loader_stages::MadeByOf;
use crate::material::Material;
use crate::provider::Start;
use crate::report::{millis, step_reports};
use crate::session::Session;
use crate::unload_provided::Going;
use crate::{Error, Interrupt, data, times, unload_provided};

/// What to unload.
#[derive(Debug, Clone)]
pub struct UnloadOptions<'a> {
    /// The spec, as it was named when it was loaded: a scenario, a path or an address; it need not be there any more.
    pub spec: &'a str,
    /// Whether rows that no load made, and that refer to what goes, are removed, too.
    pub takes_along: bool,
    /// Whether it is only said what would be done.
    pub is_dry: bool,
}

/// What is unloaded.
pub(crate) struct Unloading {
    /// The spec, as the ledger names it.
    pub(crate) spec: String,
    /// The databases in which something of it may be.
    pub(crate) databases: BTreeSet<DatabaseId>,
    pub(crate) takes_along: bool,
    pub(crate) is_dry: bool,
}

/// Removes what loads of a spec have made and that is still there, and puts back what they changed and that nobody has changed
/// since. Rows that other specs have, too, stay.
pub fn unload(context: &Context<'_>, target: &Target, options: &UnloadOptions<'_>) -> Result<(LoadReport, u64), Error> {
    let session = Session::open(context, target, &Mode::Existing, "unload")?;
    let spec = match options.spec {
        name @ (DECLARED | FILL) => name.to_owned(),
        what => data::location(&session.tree, what).name(&target.root),
    };
    let databases: BTreeSet<DatabaseId> =
        relational(&session).filter(|id| session.observed.databases.contains_key(id)).collect();
    let plan = plan::unload(&session.model, &session.observed, &session.inputs, &databases);
    let (takes_along, is_dry) = (options.takes_along, options.is_dry);
    let unloading = Unloading { spec, databases, takes_along, is_dry };
    let was_running = !session.observed.running.is_empty();
    let execution = session.execute(&plan, &Material { unload: Some(&unloading), ..Material::of("unload") });
    let rested = session.rest(was_running);
    let execution = execution?;
    rested?;
    let total_ms = millis(session.began);
    times::append(&session, "unload", total_ms, &step_reports(&plan, &execution));
    Ok((execution.load.unwrap_or_default(), total_ms))
}

pub(crate) fn carry_out(
    unloading: &Unloading,
    open: &Open<'_>,
    (start, made_by): (&Start<'_>, &MadeByOf<'_>),
    journal: &Journal,
    interrupt: &Interrupt,
) -> Result<LoadReport, Error> {
    let mut databases: BTreeMap<DatabaseId, Box<dyn Database>> = BTreeMap::new();
    for id in &unloading.databases {
        databases.insert(id.clone(), open(id)?);
    }
    let mut going = Going::new();
    for (id, database) in &mut databases {
        let pieces = unload_provided::going(id, &mut **database, &|load| load.spec == unloading.spec)?;
        going.insert(id.clone(), pieces);
    }
    let has_provided = going.values().any(|pieces| !pieces.is_empty());
    let in_databases = |databases| in_databases(unloading, databases, open, journal, interrupt);
    let report = if has_provided {
        // Whether providers can be asked is seen before the first record goes.
        let mut report = unload_provided::count(&going, start, made_by, interrupt)?;
        let unfinished = Error::unfinished("not all of it is unloaded");
        if !unloading.is_dry {
            report = unload_provided::remove(&going, start, made_by, interrupt).map_err(&unfinished)?;
        }
        let rows = in_databases(&mut databases);
        report.extend(if unloading.is_dry { rows? } else { rows.map_err(&unfinished)? });
        report
    } else {
        in_databases(&mut databases)?
    };
    for (id, database) in &mut databases {
        database.tidy_ledger().map_err(Error::database(id))?;
    }
    Ok(report)
}

fn in_databases(
    unloading: &Unloading,
    databases: &mut BTreeMap<DatabaseId, Box<dyn Database>>,
    open: &Open<'_>,
    journal: &Journal,
    interrupt: &Interrupt,
) -> Result<LoadReport, Error> {
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut parts = Vec::new();
    for (id, database) in databases {
        let schema = database.inspect().map_err(Error::database(id))?;
        let part = Part::begin(id, &mut **database).map_err(Error::database(id))?;
        known.extend(part.entries.iter().map(|entry| entry.load.spec.clone()));
        if part.entries.iter().any(|entry| entry.load.spec == unloading.spec) {
            parts.push((id, schema, part));
        }
    }
    if parts.is_empty() {
        let (spec, known) = (unloading.spec.clone(), known.into_iter().collect());
        return Err(Error::NothingLoaded { spec, known });
    }
    let mut report = LoadReport { is_dry: unloading.is_dry, ..LoadReport::default() };
    // What one database removes is put back when another one refuses.
    let mut former = FormerRows::new(journal.rows(), parts.len() > 1 && !unloading.is_dry);
    let (mut transactions, mut loads, mut in_the_way) = (Transactions::new(), BTreeMap::new(), Vec::new());
    for (id, schema, mut part) in parts {
        let (own, others): (Vec<&Entry>, Vec<&Entry>) =
            part.entries.iter().partition(|entry| entry.load.spec == unloading.spec);
        let transaction = &mut *part.transaction;
        let names = names(transaction, id, &own)?;
        let tables: HashSet<&str> = names.keys().map(String::as_str).collect();
        let others = Named::read(transaction, &id.name, others.into_iter(), |table| tables.contains(table));
        let others = others.map_err(Error::database(id))?;
        let restored = put_back(transaction, id, &own, &mut former)?;
        let mut removal = Removal::new(id, &schema, interrupt, &mut former, unloading.takes_along);
        remove(transaction, &mut removal, &own, &|table, identity| !others.has(table, identity))?;
        in_the_way.extend(removal.in_the_way.values().cloned());
        for (table, rows) in restored.iter().filter(|(_, rows)| **rows > 0) {
            report.of(&named(id, &names, table)).changed += count(*rows);
        }
        for (table, rows) in removal.removed.iter().filter(|(_, rows)| **rows > 0) {
            report.of(&named(id, &names, table)).removed += count(*rows);
        }
        for (table, rows) in &removal.taken_along {
            report
                .notes
                .push(format!("{id}.{table}: rows that no load made, removed with what they referred to: {rows}"));
        }
        for entry in &own {
            keep_entry(transaction, id, entry, &mut former)?;
            transaction.cut_ledger(entry.number, 0).map_err(Error::database(id))?;
        }
        let removed = own.iter().map(|entry| entry.number).collect();
        loads.insert(id.clone(), LoadToUndo { written: None, removed });
        transactions.insert(id.clone(), part.transaction);
    }
    if !in_the_way.is_empty() {
        return Err(Error::InTheWay(in_the_way));
    }
    if unloading.is_dry {
        for (id, transaction) in transactions {
            transaction.rollback().map_err(Error::database(&id))?;
        }
        return Ok(report);
    }
    commit(transactions, &loads, former, open, journal)?;
    Ok(report)
}

/// The data type of each table of which entries name rows.
fn names(
    transaction: &mut dyn database::Transaction,
    id: &DatabaseId,
    entries: &[&Entry],
) -> Result<BTreeMap<String, String>, Error> {
    let mut names = BTreeMap::new();
    for entry in entries {
        for number in 1..=entry.pieces {
            let head = piece(transaction, &id.name, entry.number, number).map_err(Error::database(id))?.head;
            if head.did != Did::Changed || !names.contains_key(&head.table) {
                names.insert(head.table, head.data_type);
            }
        }
    }
    Ok(names)
}

fn named(id: &DatabaseId, names: &BTreeMap<String, String>, table: &str) -> String {
    format!("{}.{}", id.workspace, names.get(table).map_or(table, String::as_str))
}

fn count(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}
