//! What an environment may take of the machine, and of the time of those who wait for it.

use std::time::Duration;

use indexmap::IndexMap;
use source::{Entry, Tree};

use crate::{duration, size};

/// What an environment may take of the machine, and of the time of those who wait for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// How much memory its services may need together, in bytes; `None`: as much as the machine has.
    pub memory: Option<u64>,
    /// How long `up` may take from nothing, for `check`.
    pub up: Option<Duration>,
    /// How long `down` may take.
    pub down: Option<Duration>,
    /// How long each step of `up` may take.
    pub step: Option<Duration>,
    /// How long single steps may take, by their titles.
    pub steps: IndexMap<String, Duration>,
}

impl Budget {
    pub(crate) fn read(tree: Option<&Tree>) -> Self {
        let key = |key: &str| tree.and_then(|tree| tree.get(key));
        let time = |name: &str| key(name).and_then(duration::read);
        let steps = key("steps").and_then(Tree::as_map).unwrap_or_default().iter();
        let step = |entry: &Entry| Some((entry.key.clone(), duration::read(&entry.value)?));
        Self {
            memory: key("memory").and_then(size::read),
            up: time("up"),
            down: time("down"),
            step: time("step"),
            steps: steps.filter_map(step).collect(),
        }
    }
}
