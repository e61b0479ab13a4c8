//! What is in a tree, without restoring it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use store::{ObjectId, ObjectReader};

use crate::TreeError;
use crate::directory::DirectoryReader;
use crate::entry::{Body, Entry};
use crate::node::RootNode;
use crate::save::DEPTH;

/// An entry of a tree with its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The path below the root; empty for a tree of one file.
    pub path: PathBuf,
    /// The entry.
    pub entry: Entry,
}

/// What is said once for a whole tree: sizes, owners, the root itself.
pub fn summary(root: &ObjectId, reader: &dyn ObjectReader) -> Result<RootNode, TreeError> {
    RootNode::read(root, reader)
}

/// Hands out the entries of a tree, each directory before what is in it. A tree of one file is that file.
pub fn list(
    root: &ObjectId,
    reader: &dyn ObjectReader,
    each: &mut dyn FnMut(Listed) -> Result<(), TreeError>,
) -> Result<(), TreeError> {
    let entry = RootNode::read(root, reader)?.entry;
    match entry.body {
        Body::Directory { node, .. } => below(node, &PathBuf::new(), reader, each, 0),
        _ => each(Listed { path: PathBuf::new(), entry }),
    }
}

/// Hands out what is in a directory.
pub fn below(
    node: ObjectId,
    path: &std::path::Path,
    reader: &dyn ObjectReader,
    each: &mut dyn FnMut(Listed) -> Result<(), TreeError>,
    depth: usize,
) -> Result<(), TreeError> {
    if depth > DEPTH {
        return Err(TreeError::TooDeep { path: path.to_owned(), limit: DEPTH });
    }
    let mut entries = DirectoryReader::new(node, reader);
    while let Some(entry) = entries.next()? {
        let path = path.join(OsStr::from_bytes(&entry.name));
        let directory = match entry.body {
            Body::Directory { node, .. } => Some(node),
            _ => None,
        };
        each(Listed { path: path.clone(), entry })?;
        if let Some(node) = directory {
            below(node, &path, reader, each, depth + 1)?;
        }
    }
    Ok(())
}
