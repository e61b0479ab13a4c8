//! Files of which a change starts a unit anew.

use std::path::PathBuf;
use std::time::Duration;

/// The files that a unit is made of while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchSpec {
    /// What the patterns are relative to; absolute.
    pub root: PathBuf,
    /// Globs; a directory stands for all below it.
    pub patterns: Vec<String>,
    /// Globs of what is not looked at, beside what `.gitignore` hides.
    pub ignore: Vec<String>,
    /// How long nothing more must have changed.
    pub debounce: Duration,
}
