//! A snapshot: what it holds and how it is named.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ObjectId, decode_node, encode_node};

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

/// One thing that a snapshot holds: the state of a database, a directory, a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// What it is the state of, such as `lms/lms`.
    pub name: String,
    /// What can read it: `sqlite`, `postgres`, `mysql`, `redis`, `files`, `server`.
    pub kind: String,
    /// How it is written down: `logical`, `physical` or `files`. No part of the snapshot's id.
    pub form: String,
    /// A digest of the state itself, however it is written down.
    pub fingerprint: String,
    /// The node in the store that has all of it.
    pub root: ObjectId,
    /// Its size when it is restored.
    pub bytes: u64,
    /// What else is to be remembered of it; no part of the snapshot's id.
    pub notes: BTreeMap<String, String>,
}

/// A content as JSON.
#[derive(Serialize, Deserialize)]
pub(crate) struct ContentJson {
    name: String,
    kind: String,
    form: String,
    fingerprint: String,
    root: String,
    bytes: u64,
    #[serde(default)]
    notes: BTreeMap<String, String>,
}

impl ContentJson {
    pub(crate) fn of(content: &Content) -> Self {
        let Content { name, kind, form, fingerprint, root, bytes, notes } = content.clone();
        Self { name, kind, form, fingerprint, root: root.to_string(), bytes, notes }
    }

    pub(crate) fn into_content(self) -> Option<Content> {
        let root = self.root.parse().ok()?;
        let Self { name, kind, form, fingerprint, bytes, notes, .. } = self;
        Some(Content { name, kind, form, fingerprint, root, bytes, notes })
    }
}

/// All that was kept at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its name.
    pub id: SnapshotId,
    /// What it holds, by name.
    pub contents: Vec<Content>,
}

#[derive(Serialize, Deserialize)]
struct SnapshotJson {
    seedbed_snapshot: u32,
    contents: Vec<ContentJson>,
}

impl Snapshot {
    /// A snapshot of these contents.
    pub fn new(mut contents: Vec<Content>) -> Self {
        contents.sort_by(|one, other| one.name.cmp(&other.name));
        let id = SnapshotId::of(contents.iter().map(|content| (&*content.name, &*content.kind, &*content.fingerprint)));
        Self { id, contents }
    }

    /// The bytes of the node that it is kept as.
    pub(crate) fn to_node(&self) -> Vec<u8> {
        let children: Vec<ObjectId> = self.contents.iter().map(|content| content.root).collect();
        let json = SnapshotJson { seedbed_snapshot: 1, contents: self.contents.iter().map(ContentJson::of).collect() };
        encode_node(&children, &serde_json::to_vec(&json).expect("these types have string keys"))
    }

    /// The snapshot that a node is; `None` when it is none that this version knows.
    pub(crate) fn of_node(bytes: &[u8]) -> Option<Self> {
        let (_, payload) = decode_node(bytes)?;
        let json: SnapshotJson = serde_json::from_slice(payload).ok()?;
        let contents = json.contents.into_iter().map(ContentJson::into_content).collect::<Option<_>>()?;
        (json.seedbed_snapshot == 1).then(|| Self::new(contents))
    }
}
