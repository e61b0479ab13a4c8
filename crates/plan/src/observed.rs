//! What was found when the plan was made.

use std::collections::BTreeMap;

use supervisor::UnitId;

use crate::{DatabaseId, Key};

/// The world as the planner sees it.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// What the supervisor runs now.
    pub running: BTreeMap<UnitId, RunningUnit>,
    /// What is known of the databases; one that is missing here was never made.
    pub databases: BTreeMap<DatabaseId, DatabaseObserved>,
    /// What is known of tasks that ran before.
    pub tasks: BTreeMap<UnitId, TaskObserved>,
}

/// A unit with a living process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningUnit {
    /// The digest of the spec that it was started with.
    pub digest: String,
    /// Whether its readiness was seen.
    pub ready: bool,
}

/// A database that exists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatabaseObserved {
    /// Key of the schema step that last succeeded on it.
    pub schema: Option<Key>,
    /// Key of the declared state that was last loaded.
    pub data: Option<Key>,
    /// Key of the declared state that a kept copy holds.
    pub kept: Option<Key>,
}

/// A task that succeeded before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskObserved {
    /// Its key then.
    pub key: Key,
    /// The first declared output that is no longer there.
    pub missing_output: Option<String>,
}

/// Digests of the files that steps declare as their inputs, as they are now.
#[derive(Debug, Clone, Default)]
pub struct InputDigests {
    /// By task: names and contents of its inputs.
    pub tasks: BTreeMap<UnitId, String>,
    /// By database: names and contents of the inputs of its schema step.
    pub schemas: BTreeMap<DatabaseId, String>,
    /// All data types and specs that `up` loads.
    pub data: String,
}
