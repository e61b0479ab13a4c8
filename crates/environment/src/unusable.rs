//! States that were found and turn out to be of no use: they are set aside, and it is planned again without them.

use std::collections::BTreeSet;
use std::fmt;

use database::DatabaseError;
use plan::{ChainStep, DatabaseId, Key, Plan, StateSource};

use crate::execute::{Execution, kept_state};
use crate::material::Material;
use crate::states_search::{self, Reach};
use crate::{Error, Progress, Session, with_causes};

/// Which state cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnusableState {
    /// Of which database.
    pub database: DatabaseId,
    /// Its key.
    pub key: Key,
    /// The step of the chain that made it.
    pub step: ChainStep,
    /// Where it was found.
    pub source: StateSource,
}

impl fmt::Display for UnusableState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match &self.source {
            StateSource::Engine => "kept in the engine".to_owned(),
            StateSource::Store => "in the store".to_owned(),
            StateSource::Remote(name) => format!("in remote {name}"),
        };
        let (step, key) = (self.step.as_str(), self.key.as_str());
        write!(formatter, "the {step} state {} of {} {place}", key.get(..12).unwrap_or(key), self.database)
    }
}

/// The states that were of no use to this command.
#[derive(Debug, Default)]
pub(crate) struct Unusable(BTreeSet<(DatabaseId, Key, StateSource)>);

impl Unusable {
    /// Whether a state of this place is one.
    pub(crate) fn contains(&self, id: &DatabaseId, key: &Key, source: &StateSource) -> bool {
        !self.0.is_empty() && self.0.contains(&(id.clone(), key.clone(), source.clone()))
    }
}

/// Makes the error of a step that works with a state: it is the state's, unless anything else would fail as well.
pub(crate) fn error(id: &DatabaseId, key: &Key, step: ChainStep, source: &StateSource) -> impl FnOnce(Error) -> Error {
    let state = UnusableState { database: id.clone(), key: key.clone(), step, source: source.clone() };
    move |error| {
        let is_general = error.is_disk_full()
            || matches!(
                error,
                Error::Interrupted
                    | Error::Stopped
                    | Error::Supervisor(_)
                    | Error::Record { .. }
                    | Error::Database { source: DatabaseError::Unreachable { .. }, .. }
            );
        if is_general { error } else { Error::UnusableState(state, Box::new(error)) }
    }
}

/// Whether it is the state itself that is wrong, and not the way to it.
fn is_of_the_state(error: &Error) -> bool {
    error.is_damage() || matches!(error, Error::NotRestored(_) | Error::OtherEngine { .. })
}

impl Session<'_> {
    /// Plans with the states of the `wanted` databases that can be had, and carries the plan out. A state that turns out to be
    /// of no use is set aside with a warning, and it is planned again with the next nearest.
    pub(crate) fn execute_with_states(
        &mut self,
        material: &Material<'_>,
        wanted: impl Fn(&Self) -> BTreeSet<DatabaseId>,
        plan: impl Fn(&Self) -> Plan,
    ) -> Result<(Plan, Execution), Error> {
        loop {
            states_search::find(self, &wanted(self), Reach::Needed)?;
            let mut planned = plan(self);
            // Another command may have run a task meanwhile, or be at it; or somebody has kept what it makes.
            while self.take_turns(&planned, material.command)? || self.bring_outputs(&planned)? {
                planned = plan(self);
            }
            let executed = self.execute(&planned, material);
            self.turns.get_mut().expect("nothing panics while it holds this").clear();
            match executed {
                Err(Error::UnusableState(state, cause)) => {
                    self.set_aside(state, &cause)?;
                    self.observed = self.observe_again()?;
                }
                executed => return Ok((planned, executed?)),
            }
        }
    }

    /// From here on this command does without a state, and so do later ones if it is certain that it is wrong.
    fn set_aside(&mut self, state: UnusableState, cause: &Error) -> Result<(), Error> {
        let mut text = format!("{state} is set aside: {}", with_causes(cause));
        if cause.is_damage() {
            text.push_str(
                "; `seedbed store check --data` says what else is lost, `seedbed store repair` mends what it can",
            );
        }
        self.context.monitor.on(Progress::Note(text));
        let UnusableState { database: id, key, source, .. } = state;
        if source == StateSource::Engine {
            self.change_record(|record| {
                if let Some(kept) = record.kept.get_mut(&id) {
                    kept.remove(key.as_str());
                }
            })?;
            // If there is something left of it, nobody takes it for a state any more.
            let _ = self.database(&id).map(|mut database| database.forget(&kept_state(&key)));
        } else if is_of_the_state(cause)
            && let Ok(store) = self.store()
        {
            // What is made in its place is put there again.
            store.delete_state(key.as_str())?;
        }
        self.unusable.0.insert((id, key, source));
        Ok(())
    }
}
