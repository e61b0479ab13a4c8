//! What can go wrong between a store and the disk.

use std::io;
use std::path::{Path, PathBuf};

/// An error of a snapshot store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or directory that it was tried on.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A tag names a snapshot already.
    #[error("there is a snapshot with the tag '{0}' already")]
    TagTaken(String),
    /// A tag has a form that cannot be kept.
    #[error("'{0}' cannot be a tag: use letters, digits, '.', '_' and '-', at most 100, the first a letter or digit")]
    BadTag(String),
    /// No snapshot goes by that tag or id.
    #[error("there is no snapshot '{wanted}'")]
    NotFound {
        /// The tag or id that was asked for.
        wanted: String,
        /// The nearest tag, if one is near.
        known: Vec<String>,
    },
    /// The beginning of an id fits several snapshots.
    #[error("'{wanted}' fits several snapshots: {}", ids.join(", "))]
    Ambiguous {
        /// What was asked for.
        wanted: String,
        /// The ids that begin with it.
        ids: Vec<String>,
    },
    /// What is stored is not what was saved.
    #[error("the snapshot is damaged: {} {problem}", path.display())]
    Damaged {
        /// The damaged file.
        path: PathBuf,
        /// How it differs.
        problem: String,
    },
}

impl StoreError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
