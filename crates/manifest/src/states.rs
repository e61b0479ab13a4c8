//! How much is kept of the states that finished steps have left.

use std::time::Duration;

use source::Tree;

use crate::{duration, size};

/// What is kept of finished steps, so that they need not be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct States {
    /// How many states of each step of each database; 0: none.
    pub keep: usize,
    /// How many bytes all of them may take together.
    pub size_bytes: u64,
    /// How long a state stays: in the store since it was made, in an engine since it was used.
    pub age: Duration,
    /// How many ready copies of the declared state are held for the next `reset`: 0 or 1.
    pub spares: usize,
}

impl Default for States {
    fn default() -> Self {
        Self { keep: 10, size_bytes: 5_000_000_000, age: Duration::from_hours(30 * 24), spares: 1 }
    }
}

impl States {
    pub(crate) fn read(tree: Option<&Tree>) -> Self {
        let default = Self::default();
        let Some(tree) = tree else { return default };
        let count = |key: &str| tree.get(key).and_then(Tree::as_integer).and_then(|count| usize::try_from(count).ok());
        Self {
            keep: count("keep").unwrap_or(default.keep),
            size_bytes: tree.get("size").and_then(size::read).unwrap_or(default.size_bytes),
            age: tree.get("age").and_then(duration::read_age).unwrap_or(default.age),
            spares: count("spares").unwrap_or(default.spares),
        }
    }
}
