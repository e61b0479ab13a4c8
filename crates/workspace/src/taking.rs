//! That a snapshot was taken: when, by whom, and what was said of it.

use std::collections::BTreeMap;

use serde_json::Value;

/// One taking of a snapshot. The same state can be taken several times, by several people: the snapshot is the same then.
#[derive(Debug, Clone, PartialEq)]
pub struct Taking {
    /// The hash of the snapshot.
    pub snapshot: String,
    /// When: in UTC with a `Z` at the end, or in the time of its machine without.
    pub time: String,
    /// By whom; empty when that was not written down.
    pub by: String,
    /// On which machine.
    pub host: String,
    /// What it is.
    pub message: String,
    /// The tags of the snapshot.
    pub tags: Vec<String>,
    /// The number that the taking had in its copy of the workspace.
    pub number: Option<u64>,
    /// Where the results were moved to, below each results resource.
    pub results: Option<String>,
    /// The metrics of `results.json`.
    pub metrics: Option<Value>,
    /// For resources in git: the commit that has what they held.
    pub commits: BTreeMap<String, Option<String>>,
    /// The branch that it was taken on.
    pub branch: Option<String>,
}
