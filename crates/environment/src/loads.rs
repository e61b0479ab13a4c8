//! `loads`: what loads have written down of themselves in the databases.

use std::collections::BTreeMap;

use plan::DatabaseId;

use crate::context::{Context, Mode, Target};
use crate::databases::reachable;
use crate::ledger::{self, Did};
use crate::load::relational;
use crate::session::Session;
use crate::{Error, LoadMode};

/// What one load has left in one database.
#[derive(Debug, Clone)]
pub struct LoadInfo {
    /// The database.
    pub database: String,
    /// Its number there, from 1.
    pub number: u64,
    /// The spec, by its path below the workspace.
    pub spec: String,
    /// The service of which it was.
    pub service: String,
    /// How what was there was treated.
    pub mode: LoadMode,
    /// The digest of what the spec asked for.
    pub digest: String,
    /// The digest of the data types.
    pub types: String,
    /// What generated values depend on.
    pub seed: u64,
    /// The version of what generated them.
    pub generator: u32,
    /// The parameters that were set.
    pub parameters: BTreeMap<String, String>,
    /// By data type, what became of rows.
    pub rows: Vec<LoadedRows>,
}

/// What one load did to rows of one data type.
#[derive(Debug, Clone, Default)]
pub struct LoadedRows {
    /// `SERVICE.TYPE`.
    pub data_type: String,
    /// Rows that it made.
    pub made: u64,
    /// Of these, how many are still there.
    pub there: u64,
    /// Rows that loads of other specs made and that it found.
    pub shared: u64,
    /// Rows that it changed.
    pub changed: u64,
}

/// Lists the loads of all databases.
pub fn loads(context: &Context<'_>, target: &Target) -> Result<Vec<LoadInfo>, Error> {
    if crate::record::Record::read(target.place(context).directory())?.is_none() {
        return Err(Error::NoEnvironment(target.name.clone()));
    }
    let session = Session::open(context, target, &Mode::Look(None), "loads")?;
    let mut infos = Vec::new();
    for id in relational(&session).filter(|id| session.observed.databases.contains_key(id)) {
        infos.extend(of_database(&session, &id)?);
    }
    Ok(infos)
}

fn of_database(session: &Session<'_>, id: &DatabaseId) -> Result<Vec<LoadInfo>, Error> {
    let mut database = reachable(session, id)?;
    let mut transaction = database.begin().map_err(Error::database(id))?;
    let entries = ledger::entries(&mut *transaction, &id.name).map_err(Error::database(id))?;
    let mut infos = Vec::new();
    for entry in entries {
        let mut rows: Vec<LoadedRows> = Vec::new();
        for number in 1..=entry.pieces {
            let piece =
                ledger::piece(&mut *transaction, &id.name, entry.number, number).map_err(Error::database(id))?;
            let data_type = format!("{}.{}", id.workspace, piece.head.data_type);
            let place = rows.iter().position(|of| of.data_type == data_type).unwrap_or_else(|| {
                rows.push(LoadedRows { data_type, ..LoadedRows::default() });
                rows.len() - 1
            });
            let (of, count) = (&mut rows[place], piece.rows.len() as u64);
            match piece.head.did {
                Did::Shared => of.shared += count,
                Did::Changed => of.changed += count,
                Did::Made => {
                    of.made += count;
                    // Only its provider could say whether it still has them.
                    if piece.head.provided {
                        of.there += count;
                        continue;
                    }
                    let found = transaction.find(&piece.head.table, &piece.head.keys, &piece.rows, &[]);
                    of.there += found.map_err(Error::database(id))?.iter().flatten().count() as u64;
                }
            }
        }
        let load = entry.load;
        infos.push(LoadInfo {
            database: id.to_string(),
            number: entry.number,
            spec: load.spec,
            service: load.service,
            mode: load.mode,
            digest: load.digest,
            types: load.types,
            seed: load.seed,
            generator: load.generator,
            parameters: load.parameters,
            rows,
        });
    }
    transaction.rollback().map_err(Error::database(id))?;
    Ok(infos)
}
