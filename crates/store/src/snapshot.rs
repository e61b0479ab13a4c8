//! The words of a snapshot store: snapshot, content, record, draft.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crate::StoreError;

/// The name of a state: a digest of what the snapshot holds and of nothing else.
///
/// Two machines that hold the same state give it the same id; tag, message and time are not part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotId(String);

impl SnapshotId {
    /// The id of the contents with these names, kinds and fingerprints.
    pub fn of<'a>(contents: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>) -> Self {
        let mut lines: Vec<String> =
            contents.into_iter().map(|(name, kind, fingerprint)| format!("{name}\0{kind}\0{fingerprint}\n")).collect();
        lines.sort();
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"seedbed snapshot 1\n");
        for line in &lines {
            hasher.update(line.as_bytes());
        }
        Self(hasher.finalize().to_hex().to_string())
    }

    /// Takes 64 hexadecimal digits; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let valid = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        valid.then(|| Self(text.to_owned()))
    }

    /// All 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.short())
    }
}

/// One thing that goes into a snapshot: a database's dump.
#[derive(Debug, Clone)]
pub struct NewContent {
    /// What it is the state of, such as `lms/lms`.
    pub name: String,
    /// What can read it, such as `sqlite`.
    pub kind: String,
    /// A digest of the state itself, however it is written down.
    pub fingerprint: String,
    /// What else is to be remembered of it; not part of the snapshot's id.
    pub notes: BTreeMap<String, String>,
}

/// One thing that a snapshot holds; its file was verified when this was made.
#[derive(Debug, Clone)]
pub struct Content {
    /// What it is the state of, such as `lms/lms`.
    pub name: String,
    /// What can read it, such as `sqlite`.
    pub kind: String,
    /// A digest of the state itself, however it is written down.
    pub fingerprint: String,
    /// What else is to be remembered of it; not part of the snapshot's id.
    pub notes: BTreeMap<String, String>,
    /// The copy.
    pub file: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
}

/// A state with everything that it holds.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Its name.
    pub id: SnapshotId,
    /// What it holds, by name.
    pub contents: Vec<Content>,
}

/// What was said of a snapshot when it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordDetails {
    /// The word that it is asked for by.
    pub tag: String,
    /// A sentence by the person who took it; may be empty.
    pub message: String,
    /// When, in RFC 3339, UTC.
    pub created: String,
}

/// A snapshot in the list: its id, size and what was said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The state that it names.
    pub id: SnapshotId,
    /// What was said of it.
    pub details: RecordDetails,
    /// Size of all copies in bytes.
    pub bytes: u64,
    /// Names of what it holds.
    pub names: Vec<String>,
}

/// A place where snapshots are kept.
///
/// A snapshot whose [`Draft::commit`] returned is never lost or changed by anything but [`SnapshotStore::delete`].
pub trait SnapshotStore: Send + Sync {
    /// Begins a snapshot. Nothing of it is seen by others before it is committed. `tag` is checked now, so that a
    /// taken one is known before the work.
    fn draft(&self, tag: &str) -> Result<Box<dyn Draft>, StoreError>;

    /// All records, the oldest first.
    fn records(&self) -> Result<Vec<Record>, StoreError>;

    /// The record with this tag, or whose id begins with these 7 or more digits.
    fn find(&self, tag_or_id: &str) -> Result<Record, StoreError>;

    /// What a snapshot holds, with every byte compared against the digest that was taken when it was saved.
    fn open(&self, id: &SnapshotId) -> Result<Snapshot, StoreError>;

    /// Removes a record, and the copies when no other record names them.
    fn delete(&self, tag: &str) -> Result<(), StoreError>;
}

/// A snapshot that is being taken. Dropped without [`Draft::commit`], it leaves nothing.
pub trait Draft: Send {
    /// The file that the content with this name is to be written to.
    fn place(&self, name: &str) -> PathBuf;

    /// Takes in what was written to [`Draft::place`].
    fn add(&mut self, content: NewContent) -> Result<(), StoreError>;

    /// Makes the snapshot durable and seen, all at once.
    fn commit(self: Box<Self>, message: &str, created: &str) -> Result<Record, StoreError>;
}
