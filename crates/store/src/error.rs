//! What can go wrong with a store.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use crate::{BackendError, ObjectId};

/// An error of a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refused, in the cache.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or directory that it was tried on.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The place where the store lives failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// There is no store in this place.
    #[error("there is no store in {place}")]
    NoStore {
        /// The place.
        place: String,
    },
    /// There is a store in this place already.
    #[error("there is a store in {place} already")]
    StoreExists {
        /// The place.
        place: String,
    },
    /// The store was made by a later version.
    #[error("the store in {place} has the format {format}, which this version of seedbed does not know")]
    Format {
        /// The place.
        place: String,
        /// Its format.
        format: u64,
    },
    /// None of the given keys opens the store.
    #[error("the store in {place} is encrypted, and none of the given keys opens it")]
    NoKey {
        /// The place.
        place: String,
    },
    /// The given key may write and not read.
    #[error("the given key for the store in {place} may write, but not read")]
    WriteOnly {
        /// The place.
        place: String,
    },
    /// A tag names a snapshot already.
    #[error("there is a snapshot with the tag '{0}' already")]
    TagTaken(String),
    /// A tag has a form that cannot be kept.
    #[error("'{0}' cannot be a tag: use letters, digits, '.', '_' and '-', at most 100, the first a letter or digit")]
    BadTag(String),
    /// A reference has a form that cannot be kept.
    #[error("'{0}' cannot be the name of a reference")]
    BadReference(String),
    /// No snapshot goes by that tag or id.
    #[error("there is no snapshot '{wanted}'")]
    NotFound {
        /// The tag or id that was asked for.
        wanted: String,
        /// The tags that there are.
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
    #[error("the store in {place} is damaged: {name} {problem}")]
    Damaged {
        /// The damaged file of the store.
        name: String,
        /// The place of the store.
        place: String,
        /// How it differs.
        problem: String,
    },
    /// The store has no such object.
    #[error("the store has no object {id}")]
    NoObject {
        /// The object.
        id: ObjectId,
    },
    /// An object is used as a node and is none.
    #[error("the object {id} is not a node")]
    NotANode {
        /// The object.
        id: ObjectId,
    },
    /// An object is longer than a store keeps.
    #[error("an object of {bytes} bytes is too large for a store")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// The store was collected while something was written to it, so that what it relied on may be gone.
    #[error("the store in {place} was collected while it was written to; write again")]
    Outrun {
        /// The place.
        place: String,
    },
    /// Another collection is at work, or one elsewhere died.
    #[error("another collection of the store in {place} is at work")]
    Collecting {
        /// The place.
        place: String,
    },
    /// An earlier call of this writer failed.
    #[error("an earlier object could not be written")]
    WriterFailed,
    /// What a caller's closure failed with.
    #[error(transparent)]
    Other(Box<dyn Error + Send + Sync>),
}

impl StoreError {
    /// An error of a caller, to be passed through a closure that the store calls.
    pub fn other(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Other(error.into())
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// Whether it says that a compare and swap lost.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Backend(error) if error.is_conflict())
    }
}
