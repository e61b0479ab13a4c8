//! A load goes in stages where it commits more than once: what a provider is to see must be committed before, and what it
//! makes is committed by itself; and rows that are generated are planned from what is there. When a stage fails, those before
//! it are undone in reverse.
//!
//! [The design](../../../docs/design/018-providers.md) says why.

use std::ops::Range;

use database::DatabaseError;
use dataset::{LoadPlan, MadeBy};
use plan::DatabaseId;

use crate::journal::{Journal, ProvidedRecord, ProvidedToUndo, StageToUndo};
use crate::loader_commit::{Open, take_back};
use crate::provider::{Asked, AskedType, ProviderFailure, Providers, Start};
use crate::{Error, Interrupt, with_causes};

/// Batches that are carried out one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stage {
    pub(crate) batches: Range<usize>,
    /// Whether a provider makes their records.
    pub(crate) is_provided: bool,
}

/// Cuts a plan into stages. The last one is of rows, be there any or not: in it is written down what was made.
pub(crate) fn cut(plan: &LoadPlan) -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    for (index, batch) in plan.batches.iter().enumerate() {
        let is_provided = batch.made_by.is_some();
        match stages.last_mut() {
            Some(stage) if stage.is_provided == is_provided => stage.batches.end = index + 1,
            _ => stages.push(Stage { batches: index..index + 1, is_provided }),
        }
    }
    if stages.last().is_none_or(|last| last.is_provided) {
        let end = plan.batches.len();
        stages.push(Stage { batches: end..end, is_provided: false });
    }
    stages
}

/// How a provider is found that has made records of a data type: `SERVICE.TYPE`.
pub(crate) type MadeByOf<'a> = dyn Fn(&str) -> Option<MadeBy> + Sync + 'a;

/// Does work that commits more than once, all of it or nothing: when it fails, what it has committed is undone.
pub(crate) fn together<T, E: From<Error>>(
    journal: &Journal,
    open: &Open<'_>,
    start: &Start<'_>,
    made_by: &MadeByOf<'_>,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    // What is a part of more is undone with that.
    if journal.is_staged() {
        return work();
    }
    journal.begin_stages();
    let done = work();
    let is_to_stay = match &done {
        // Where a protected database may get its old content back, all of it must go when the command fails later.
        Ok(_) => journal.contents().protected.is_empty(),
        // What cannot be undone now stays in the journal, and is undone before anything else is done.
        Err(_) => undo(journal, open, start, made_by).is_ok(),
    };
    if is_to_stay {
        journal.settle_stages()?;
    }
    done
}

/// Undoes the stages of a load, the last first. What cannot be undone stays in the journal.
pub(crate) fn undo(journal: &Journal, open: &Open<'_>, start: &Start<'_>, made_by: &MadeByOf<'_>) -> Result<(), Error> {
    // What is undone must come to its end.
    let interrupt = Interrupt::default();
    let mut providers = Providers::new(start, &interrupt);
    // A stage of which some commits were not taken back comes before the others; its file of rows is known by their number.
    for (name, load) in journal.contents().loads {
        take_back(&database(&name), &load, &journal.rows(), open)?;
    }
    if !journal.contents().loads.is_empty() {
        journal.settle_load()?;
    }
    while let Some(stage) = journal.contents().stages.pop() {
        match &stage {
            StageToUndo::Rows(loads) => {
                let rows = journal.rows_of(journal.contents().stages.len() - 1);
                for (name, load) in loads {
                    take_back(&database(name), load, &rows, open)?;
                }
            }
            StageToUndo::Provided(provided) => undo_provided(provided, &mut providers, made_by)?,
        }
        journal.stage_undone()?;
    }
    providers.end()
}

fn database(name: &str) -> DatabaseId {
    DatabaseId::parse(name).expect("the journal has names of databases")
}

/// Undoes what a load has committed to one database, as the journal has it: the last stage first. Says what stays, and why.
pub(crate) fn undo_in(
    id: &DatabaseId,
    journal: &Journal,
    open: &Open<'_>,
    start: &Start<'_>,
    made_by: &MadeByOf<'_>,
) -> Result<Vec<String>, Error> {
    // What is undone must come to its end.
    let interrupt = Interrupt::default();
    let mut providers = Providers::new(start, &interrupt);
    let mut staying = Vec::new();
    let name = id.to_string();
    journal.release()?;
    let load = journal.contents().loads.remove(&name).unwrap_or_default();
    let in_use = || format!("rows that a load has left in {id} are in use by now, and stay");
    match take_back(id, &load, &journal.rows(), open) {
        Err(Error::InTheWay(_) | Error::Database { source: DatabaseError::Constraint { .. }, .. }) => {
            staying.push(in_use());
        }
        result => result?,
    }
    for (number, stage) in journal.contents().stages.iter().enumerate().rev() {
        match stage {
            StageToUndo::Rows(loads) => {
                let Some(load) = loads.get(&name) else { continue };
                match take_back(id, load, &journal.rows_of(number), open) {
                    Err(Error::InTheWay(_)) => staying.push(in_use()),
                    result => result?,
                }
            }
            StageToUndo::Provided(provided) if provided.database == name => {
                // A provider that cannot be asked any more must not be in the way of all that follows.
                if let Err(error) = undo_provided(provided, &mut providers, made_by) {
                    let names = provided.created.iter().chain(&provided.changed).map(|record| record.name.as_str());
                    let names: Vec<&str> = names.collect();
                    staying.push(format!("{} stay as a load left them: {}", listed(&names), with_causes(&error)));
                }
            }
            StageToUndo::Provided(_) => {}
        }
    }
    Ok(staying)
}

/// Asks a provider to remove what it has created, and to give back to the others what they had.
fn undo_provided(
    provided: &ProvidedToUndo,
    providers: &mut Providers<'_, '_>,
    made_by: &MadeByOf<'_>,
) -> Result<(), Error> {
    let Some(made_by) = made_by(&provided.data_type) else {
        let gone = ProviderFailure::new("its data type is not declared any more");
        let record = provided.created.first().map(|record| record.name.clone());
        return Err(Error::Provider { provider: provided.data_type.clone(), record, place: None, source: gone });
    };
    let name = &made_by.provider.name;
    let work = providers.get(&made_by.provider)?;
    let (_, type_name) = provided.data_type.split_once('.').expect("data types are called SERVICE.TYPE");
    let of = AskedType { name: type_name, made_by: &made_by, fields: &[] };
    let asked = |record: &ProvidedRecord| Asked {
        key: record.key.clone(),
        fields: record.fields.clone(),
        traits: Vec::new(),
        made: record.made.clone(),
    };
    let changed: Vec<Asked> = provided.changed.iter().map(asked).collect();
    let created: Vec<Asked> = provided.created.iter().rev().map(asked).collect();
    let failed = |source| Error::provider(name, source);
    if !changed.is_empty() {
        // One that was removed meanwhile has nothing to be given back.
        let found = work.find(&of, &changed).map_err(failed)?;
        let there = changed.into_iter().zip(found).filter(|(_, found)| found.is_some());
        let there: Vec<Asked> = there.map(|(asked, _)| asked).collect();
        work.update(&of, &there).map_err(failed)?;
    }
    if !created.is_empty() {
        work.remove(&of, &created).map_err(failed)?;
    }
    Ok(())
}

/// The first of some names, and how many more there are.
fn listed(names: &[&str]) -> String {
    const FIRST: usize = 5;
    let first = names.iter().take(FIRST).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(FIRST) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_as_far_as_they_can_be_read() {
        assert_eq!(listed(&["a", "b"]), "a, b");
        assert_eq!(listed(&["a", "b", "c", "d", "e", "f", "g"]), "a, b, c, d, e and 2 more");
    }

    #[test]
    fn a_plan_without_anything_is_one_stage() {
        assert_eq!(cut(&LoadPlan::default()), [Stage { batches: 0..0, is_provided: false }]);
    }
}
