//! Stores and contents for tests.
#![allow(dead_code, unused_imports, missing_docs, clippy::unwrap_used)]

mod place;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use store::{
    Backend, Content, CreateOptions, DirectoryBackend, ObjectId, ObjectKind, ObjectReader, ObjectWriter, Record,
    RecordDetails, Store, StoreError, Writer, decode_node, encode_node,
};

pub use place::{Asked, Place};

/// Bytes that differ for each seed; half of them compress well.
pub fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if seed.is_multiple_of(2) {
            bytes.extend_from_slice(&state.to_le_bytes());
        } else {
            bytes.extend_from_slice(format!("row {} of {seed}; ", state % 1000).as_bytes());
        }
    }
    bytes.truncate(length);
    bytes
}

pub fn create(directory: &Path) -> Store {
    let backend = Arc::new(DirectoryBackend::new(directory.join("store")));
    Store::create(backend, &directory.join("cache"), &CreateOptions::default()).unwrap()
}

pub fn open(directory: &Path) -> Store {
    try_open(Arc::new(DirectoryBackend::new(directory.join("store"))), &directory.join("cache")).unwrap()
}

pub fn try_open(backend: Arc<dyn Backend>, cache: &Path) -> Result<Store, StoreError> {
    Store::open(backend, cache, &[])
}

/// Puts some data objects and a node over them; the node's payload lists the lengths.
pub fn put_tree(writer: &Writer, parts: &[Vec<u8>]) -> Result<ObjectId, StoreError> {
    let mut children = Vec::new();
    for part in parts {
        let id = writer.id(ObjectKind::Data, part);
        writer.put(ObjectKind::Data, id, part)?;
        children.push(id);
    }
    let node = encode_node(&children, b"a tree of the tests");
    let id = writer.id(ObjectKind::Node, &node);
    writer.put(ObjectKind::Node, id, &node)?;
    Ok(id)
}

/// All data under a node, in order.
pub fn read_tree(store: &Store, root: &ObjectId) -> Result<Vec<Vec<u8>>, StoreError> {
    let node = store.get(root)?;
    let (children, _) = decode_node(&node).unwrap();
    let mut parts = vec![Vec::new(); children.len()];
    store.get_many(&children, &mut |at, bytes| {
        parts[at] = bytes.to_vec();
        Ok(())
    })?;
    Ok(parts)
}

pub fn content(name: &str, root: ObjectId, parts: &[Vec<u8>]) -> Content {
    Content {
        name: name.to_owned(),
        kind: "files".to_owned(),
        form: "files".to_owned(),
        fingerprint: blake3::hash(&parts.concat()).to_hex().to_string(),
        root,
        bytes: parts.iter().map(|part| part.len() as u64).sum(),
        notes: std::collections::BTreeMap::new(),
    }
}

pub fn details(tag: &str) -> RecordDetails {
    RecordDetails { tag: tag.to_owned(), created: "2026-11-21T12:00:00Z".to_owned(), ..RecordDetails::default() }
}

/// Takes a snapshot of these parts.
pub fn commit(store: &Store, tag: &str, parts: &[Vec<u8>]) -> Result<Record, StoreError> {
    let writer = store.writer()?;
    let root = put_tree(&writer, parts)?;
    store.commit(writer, vec![content("lms/lms", root, parts)], details(tag))
}

/// The parts of a snapshot, proved.
pub fn restore(store: &Store, tag: &str) -> Result<Vec<Vec<u8>>, StoreError> {
    let record = store.find(tag)?;
    let snapshot = store.snapshot(&record)?;
    read_tree(store, &snapshot.contents[0].root)
}

/// All files below, but those that begin with a dot; sorted.
pub fn files_of(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with('.') {
            continue;
        }
        if path.is_dir() {
            files.extend(files_of(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}
