//! What was found when the plan was made.

use std::collections::{BTreeMap, BTreeSet};

use supervisor::UnitId;

use crate::{DatabaseId, Key};

/// The world as the planner sees it.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// What the supervisor runs now.
    pub running: BTreeMap<UnitId, RunningUnit>,
    /// Tasks that the supervisor knows, by the key under which it was told of them.
    pub watched: BTreeMap<UnitId, String>,
    /// What is known of the databases; one that is missing here was never made.
    pub databases: BTreeMap<DatabaseId, DatabaseObserved>,
    /// What is known of tasks that ran before.
    pub tasks: BTreeMap<UnitId, TaskObserved>,
    /// The images of containers that are there.
    pub images: BTreeSet<String>,
    /// By database: the states of its chain, and their ancestors, that can be had without making them.
    pub states: BTreeMap<DatabaseId, BTreeMap<Key, StateFound>>,
}

impl Observed {
    /// Where this state of a database can be had.
    pub(crate) fn state(&self, id: &DatabaseId, key: &Key) -> Option<&StateFound> {
        self.states.get(id)?.get(key)
    }

    /// A state of this database from which its schema step has only a part of the way to go.
    pub(crate) fn ancestor(&self, id: &DatabaseId) -> Option<(&Key, &StateFound)> {
        self.states.get(id)?.iter().find(|(_, found)| found.ancestor.is_some())
    }
}

/// A state that can be had without making it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateFound {
    /// Where.
    pub source: StateSource,
    /// For a state that is not of the chain itself, but one from which the schema step can go on: what that has still to
    /// do, in words.
    pub ancestor: Option<String>,
}

/// Where a state can be had.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum StateSource {
    /// In the engine: a copy inside it.
    Engine,
    /// In the store of the workspace.
    Store,
    /// In a remote, by its name.
    Remote(String),
}

/// A step of a [`Chain`](crate::Chain).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChainStep {
    /// An empty database.
    Create,
    /// The content of a base.
    Base,
    /// The schema step.
    Schema,
    /// The declared data.
    Data,
}

impl ChainStep {
    /// Its name, for people and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Base => "base",
            Self::Schema => "schema",
            Self::Data => "data",
        }
    }
}

/// A unit with a living process, or one that sleeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningUnit {
    /// The digest of the spec that it was started with.
    pub digest: String,
    /// Whether its readiness was seen, or it sleeps.
    pub ready: bool,
    /// Whether it sleeps, without a process.
    pub asleep: bool,
}

/// A database that exists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatabaseObserved {
    /// Key of the schema step that last succeeded on it.
    pub schema: Option<Key>,
    /// Key of the declared state that was last loaded.
    pub data: Option<Key>,
}

/// A task that succeeded before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskObserved {
    /// Its key then.
    pub key: Key,
    /// The first declared output that is no longer there.
    pub missing_output: Option<String>,
    /// The first thing that it made and that somebody has changed.
    pub changed_output: Option<String>,
}

/// Digests of the files that steps declare as their inputs, as they are now.
#[derive(Debug, Clone, Default)]
pub struct InputDigests {
    /// By task: names and contents of its inputs.
    pub tasks: BTreeMap<UnitId, String>,
    /// By database: names and contents of the inputs of its schema step.
    pub schemas: BTreeMap<DatabaseId, String>,
    /// By database: the content of its base, its digest if it is declared with one.
    pub bases: BTreeMap<DatabaseId, String>,
    /// All data types and specs that `up` loads.
    pub data: String,
    /// The databases that `up` loads records into.
    pub loaded: BTreeSet<DatabaseId>,
}
