//! What a place must be able to do so that a store can live there.

use std::error::Error;
use std::path::PathBuf;

/// A flat namespace of files: a directory, a bucket, a registry.
///
/// Names are like `packs/ab/abcdef…`: of the characters `a-z0-9._/-`, with no empty part and no part that begins with a
/// dot. Calls come from several threads.
pub trait Backend: Send + Sync {
    /// What people know the place by, for messages: `directory /x`, `s3://bucket/prefix`. Holds no secrets.
    fn describe(&self) -> String;

    /// The whole file. [`BackendError::NotFound`] when it is missing.
    fn read(&self, name: &str) -> Result<Vec<u8>, BackendError>;

    /// Exactly `length` bytes from `offset`, or an error; a file that ends before is an error.
    fn read_range(&self, name: &str, offset: u64, length: u64) -> Result<Vec<u8>, BackendError>;

    /// The same into a buffer, which then has these bytes and no others: for who reads often, memory that is there
    /// already costs less than new memory.
    fn read_range_into(&self, name: &str, offset: u64, length: u64, bytes: &mut Vec<u8>) -> Result<(), BackendError> {
        *bytes = self.read_range(name, offset, length)?;
        Ok(())
    }

    /// How many bytes are best read at once: many where each request has to be waited for, and no more than stay in the
    /// processor's cache where it has not.
    fn run_bytes(&self) -> u64 {
        4 << 20
    }

    /// Writes a file; whole and durable when this returns. Whoever reads sees all of it or nothing. Overwriting a file
    /// with the same bytes is fine.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), BackendError>;

    /// Appends to a file that has no name yet, for who knows its name only at its end. Nobody sees it before
    /// [`Backend::finish`].
    fn append(&self, draft: &mut Draft, bytes: &[u8]) -> Result<(), BackendError> {
        draft.held.extend_from_slice(bytes);
        Ok(())
    }

    /// Gives a draft its name, as if all of it had been given to [`Backend::write`]. If that fails, the draft is gone.
    fn finish(&self, draft: Draft, name: &str) -> Result<(), BackendError> {
        self.write(name, &draft.held)
    }

    /// Removes a draft that is not wanted any more.
    fn discard(&self, _draft: Draft) {}

    /// The whole file with the version that [`Backend::write_if`] compares; `None` when it is missing.
    fn read_versioned(&self, name: &str) -> Result<Option<(Vec<u8>, Version)>, BackendError>;

    /// Writes a file if it is as expected, else [`BackendError::Conflict`]. Of several that race, one wins.
    fn write_if(&self, name: &str, bytes: &[u8], expect: &Expect) -> Result<Version, BackendError>;

    /// Removes a file; fine when there is none.
    fn delete(&self, name: &str) -> Result<(), BackendError>;

    /// Hands out every file whose name begins with `prefix`, in any order, without holding all of them in memory.
    fn list(&self, prefix: &str, each: &mut dyn FnMut(Entry) -> Result<(), BackendError>) -> Result<(), BackendError>;

    /// Removes what writers that died left half written, where a place can have such. Others may write meanwhile.
    fn tidy(&self) -> Result<(), BackendError> {
        Ok(())
    }
}

/// A file on its way to a place, without a name. One that is neither finished nor discarded is removed by
/// [`Backend::tidy`] when its process is gone.
#[derive(Debug, Default)]
pub struct Draft {
    /// What was appended, where it can only be written as a whole.
    held: Vec<u8>,
    /// Where it stands, where it can be written bit by bit.
    pub(crate) path: Option<PathBuf>,
}

/// What a file was when it was read: an etag, or a digest of the bytes. Says nothing but equal or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(pub String);

/// What a conditional write expects to find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// No file.
    Absent,
    /// The file as it was read.
    Version(Version),
}

/// A file in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its full name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

/// What can go wrong between a store and the place where it lives. `place` is what [`Backend::describe`] says.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// There is no such file.
    #[error("there is no '{name}' in {place}")]
    NotFound {
        /// The file.
        name: String,
        /// Where it was looked for.
        place: String,
    },
    /// A conditional write found something else than was expected.
    #[error("'{name}' in {place} was changed by somebody else")]
    Conflict {
        /// The file.
        name: String,
        /// Where it is.
        place: String,
    },
    /// The place does not let us.
    #[error("{place} does not let us {action} '{name}'")]
    Denied {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file.
        name: String,
        /// Where it is; may add which credentials were used, never a secret.
        place: String,
        /// What the place said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The place can only be read.
    #[error("{place} can only be read")]
    ReadOnly {
        /// The place.
        place: String,
    },
    /// The place is full.
    #[error("cannot write '{name}': {place} is full")]
    Full {
        /// The file that did not fit.
        name: String,
        /// The place.
        place: String,
        /// What the place said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Anything else.
    #[error("cannot {action} '{name}' in {place}")]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file.
        name: String,
        /// Where it is.
        place: String,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl BackendError {
    /// Whether it says that a file is missing.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// Whether it says that a conditional write lost.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. })
    }
}
