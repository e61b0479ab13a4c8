//! What can go wrong.

use crate::rules::Broken;

/// What can go wrong with lineage.
#[derive(Debug, thiserror::Error)]
pub enum LineageError {
    /// The index cannot be read or written.
    #[error("cannot use the index of lineage")]
    Index(#[from] rusqlite::Error),
    /// A rule would be broken.
    #[error("{0}")]
    Rule(Box<Broken>),
    /// A document is not what it should be.
    #[error("{what}: {why}")]
    Malformed {
        /// Which, with its line.
        what: String,
        /// What is wrong.
        why: String,
    },
}

impl From<Broken> for LineageError {
    fn from(broken: Broken) -> Self {
        Self::Rule(Box::new(broken))
    }
}
