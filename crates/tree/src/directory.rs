//! Directories as nodes: built entry by entry, split by the names themselves, and read entry by entry.
//!
//! A leaf ends after an entry whose name hashes to a multiple of [`SPLIT`], whatever stands beside it. So one new entry
//! in a directory of a million changes one leaf and the few nodes above it.

use std::collections::HashSet;

use store::{ObjectId, ObjectKind, ObjectReader, ObjectWriter, StoreError};

use crate::TreeError;
use crate::digest::DirectoryDigest;
use crate::entry::{self, Entry};
use crate::node::{self, DirectoryNode};

/// Entries of a leaf, and children of an index, on average.
const SPLIT: u64 = 256;

/// Entries of a leaf, and children of an index, at most.
const MOST: usize = 8192;

/// Bytes of a leaf at most, but for one large entry: extended attributes can be long.
const MOST_BYTES: usize = 1 << 20;

/// Levels of indexes that are read; more cannot be built.
const LEVELS: usize = 8;

/// Makes the nodes of one directory from its entries in order.
pub struct DirectoryBuilder {
    digest: DirectoryDigest,
    entries: Vec<u8>,
    children: Vec<ObjectId>,
    count: usize,
    indexes: Vec<Vec<ObjectId>>,
}

impl DirectoryBuilder {
    pub fn new() -> Self {
        Self {
            digest: DirectoryDigest::new(),
            entries: Vec::new(),
            children: Vec::new(),
            count: 0,
            indexes: Vec::new(),
        }
    }

    /// Adds an entry, whose name follows those before it.
    pub fn add(&mut self, entry: &Entry, writer: &dyn ObjectWriter) -> Result<(), StoreError> {
        self.digest.add(entry);
        entry::encode(entry, &mut self.entries, &mut self.children);
        self.count += 1;
        let hash = name_hash(&entry.name);
        if hash.is_multiple_of(SPLIT) || self.count >= MOST || self.entries.len() >= MOST_BYTES {
            self.end_leaf(hash / SPLIT, writer)?;
        }
        Ok(())
    }

    /// Whether nothing has been added.
    pub fn is_empty(&self) -> bool {
        self.count == 0 && self.indexes.is_empty()
    }

    /// The first node and the digest of the content.
    pub fn finish(mut self, writer: &dyn ObjectWriter) -> Result<(ObjectId, [u8; 32]), StoreError> {
        let digest = self.digest.finish();
        if self.indexes.is_empty() {
            let leaf = node::encode_leaf(self.count, &self.entries, &self.children);
            return Ok((put_node(writer, &leaf)?, digest));
        }
        if self.count > 0 {
            self.end_leaf(1, writer)?;
        }
        let mut level = 0;
        loop {
            let children = std::mem::take(&mut self.indexes[level]);
            let highest = level + 1 == self.indexes.len();
            if let ([only], true) = (children.as_slice(), highest) {
                return Ok((*only, digest));
            }
            if !children.is_empty() {
                let index = put_node(writer, &node::encode_index(level as u8 + 1, &children))?;
                if highest {
                    return Ok((index, digest));
                }
                self.indexes[level + 1].push(index);
            }
            level += 1;
        }
    }

    /// `hash` is what is left of the hash of the last name: it decides where the levels above are split.
    fn end_leaf(&mut self, mut hash: u64, writer: &dyn ObjectWriter) -> Result<(), StoreError> {
        let mut id = put_node(writer, &node::encode_leaf(self.count, &self.entries, &self.children))?;
        self.entries.clear();
        self.children.clear();
        self.count = 0;
        for level in 0.. {
            if self.indexes.len() == level {
                self.indexes.push(Vec::new());
            }
            let index = &mut self.indexes[level];
            index.push(id);
            if !hash.is_multiple_of(SPLIT) && index.len() < MOST {
                break;
            }
            hash /= SPLIT;
            id = put_node(writer, &node::encode_index(level as u8 + 1, index))?;
            index.clear();
        }
        Ok(())
    }
}

/// Puts a node and gives its id.
pub fn put_node(writer: &dyn ObjectWriter, bytes: &[u8]) -> Result<ObjectId, StoreError> {
    let id = writer.id(ObjectKind::Node, bytes);
    writer.put(ObjectKind::Node, id, bytes)?;
    Ok(id)
}

/// FNV-1a of 64 bits with a final mix: part of the format.
fn name_hash(name: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ hash >> 33
}

/// Reads the entries of a directory in order, one leaf in memory at a time.
pub struct DirectoryReader<'a> {
    reader: &'a dyn ObjectReader,
    /// Nodes still to be read, those of the deepest level last, each level in reverse.
    levels: Vec<Vec<ObjectId>>,
    leaf: std::vec::IntoIter<Entry>,
    last: Vec<u8>,
    skipped: HashSet<ObjectId>,
}

impl<'a> DirectoryReader<'a> {
    pub fn new(node: ObjectId, reader: &'a dyn ObjectReader) -> Self {
        Self {
            reader,
            levels: vec![vec![node]],
            leaf: Vec::new().into_iter(),
            last: Vec::new(),
            skipped: HashSet::new(),
        }
    }

    /// Passes over these nodes and all that is below them.
    pub fn skipping(mut self, nodes: HashSet<ObjectId>) -> Self {
        self.skipped = nodes;
        self
    }

    /// The next entry, `None` after the last.
    pub fn next(&mut self) -> Result<Option<Entry>, TreeError> {
        loop {
            if let Some(entry) = self.leaf.next() {
                return Ok(Some(entry));
            }
            let Some(level) = self.levels.last_mut() else { return Ok(None) };
            let Some(id) = level.pop() else {
                self.levels.pop();
                continue;
            };
            if self.skipped.contains(&id) {
                continue;
            }
            match node::read_directory(&id, self.reader)? {
                DirectoryNode::Leaf(entries) => {
                    if let (Some(first), Some(last)) = (entries.first(), entries.last()) {
                        if first.name <= self.last {
                            return Err(TreeError::BadNode { id, problem: "its names do not follow those before" });
                        }
                        self.last.clone_from(&last.name);
                    }
                    self.leaf = entries.into_iter();
                }
                DirectoryNode::Index(mut children) => {
                    if self.levels.len() > LEVELS {
                        return Err(TreeError::BadNode { id, problem: "it is too deep below its directory" });
                    }
                    children.reverse();
                    self.levels.push(children);
                }
            }
        }
    }
}

/// The nodes of a directory, leaves included. Leaves are not read, but for the first.
pub fn nodes(node: ObjectId, reader: &dyn ObjectReader) -> Result<HashSet<ObjectId>, TreeError> {
    let mut all = HashSet::from([node]);
    let mut level = vec![node];
    while let Some(first) = level.first() {
        // All nodes of a level are of one kind, so the first tells whether there is a level below.
        if matches!(node::read_directory(first, reader)?, DirectoryNode::Leaf(_)) || all.len() > 1 << 20 {
            break;
        }
        let mut below = Vec::new();
        for id in &level {
            if let DirectoryNode::Index(children) = node::read_directory(id, reader)? {
                below.extend(children);
            }
        }
        all.extend(&below);
        level = below;
    }
    Ok(all)
}
