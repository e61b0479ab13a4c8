//! What differs between two trees; what is equal in both is not even read.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use store::{ObjectId, ObjectReader};

use crate::TreeError;
use crate::directory::{self, DirectoryReader};
use crate::entry::{Body, Entry};
use crate::list;
use crate::node::RootNode;
use crate::save::DEPTH;

/// A path at which two trees differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The path below the root; empty for the root itself.
    pub path: PathBuf,
    /// How.
    pub kind: ChangeKind,
    /// The entry of the first tree, if it has one.
    pub before: Option<Entry>,
    /// The entry of the second tree, if it has one.
    pub after: Option<Entry>,
}

/// How two trees differ at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// Only the second tree has it.
    Added,
    /// Only the first tree has it.
    Removed,
    /// It is of another kind, or a file or link of other content.
    Content,
    /// Only mode, owner, time, attributes or hard links differ.
    Metadata,
}

/// Hands out the changes that lead from the tree `before` to the tree `after`, in the order of their paths. A directory
/// is not a change because of what is in it.
pub fn diff(
    before: &ObjectId,
    after: &ObjectId,
    reader: &dyn ObjectReader,
    each: &mut dyn FnMut(Change) -> Result<(), TreeError>,
) -> Result<(), TreeError> {
    if before == after {
        return Ok(());
    }
    let (before, after) = (RootNode::read(before, reader)?.entry, RootNode::read(after, reader)?.entry);
    compare(Path::new(""), before, after, &mut Comparison { reader, each }, 0)
}

struct Comparison<'a> {
    reader: &'a dyn ObjectReader,
    each: &'a mut dyn FnMut(Change) -> Result<(), TreeError>,
}

fn compare(
    path: &Path,
    before: Entry,
    after: Entry,
    comparison: &mut Comparison<'_>,
    depth: usize,
) -> Result<(), TreeError> {
    let directories = match (&before.body, &after.body) {
        (Body::Directory { node: before, .. }, Body::Directory { node: after, .. }) => Some((*before, *after)),
        _ => None,
    };
    let kinds = (before.kind_code(), after.kind_code());
    let kind = if kinds.0 != kinds.1 || (directories.is_none() && before.digest() != after.digest()) {
        Some(ChangeKind::Content)
    } else if metadata(&before) == metadata(&after) {
        None
    } else {
        Some(ChangeKind::Metadata)
    };
    let was_directory = if let Body::Directory { node, .. } = before.body { Some(node) } else { None };
    let is_directory = if let Body::Directory { node, .. } = after.body { Some(node) } else { None };
    if let Some(kind) = kind {
        let (before, after) = (Some(before), Some(after));
        (comparison.each)(Change { path: path.to_owned(), kind, before, after })?;
    }
    match (directories, was_directory, is_directory) {
        (Some((before, after)), ..) if before == after => Ok(()),
        (Some((before, after)), ..) => inside(path, before, after, comparison, depth),
        (None, Some(node), _) => all(path, node, ChangeKind::Removed, comparison, depth),
        (None, _, Some(node)) => all(path, node, ChangeKind::Added, comparison, depth),
        (None, None, None) => Ok(()),
    }
}

fn inside(
    path: &Path,
    before: ObjectId,
    after: ObjectId,
    comparison: &mut Comparison<'_>,
    depth: usize,
) -> Result<(), TreeError> {
    if depth > DEPTH {
        return Err(TreeError::TooDeep { path: path.to_owned(), limit: DEPTH });
    }
    let reader = comparison.reader;
    let nodes = (directory::nodes(before, reader)?, directory::nodes(after, reader)?);
    let common: std::collections::HashSet<_> = nodes.0.intersection(&nodes.1).copied().collect();
    let mut old = DirectoryReader::new(before, reader).skipping(common.clone());
    let mut new = DirectoryReader::new(after, reader).skipping(common);
    let (mut left, mut right) = (old.next()?, new.next()?);
    loop {
        let order = match (&left, &right) {
            (None, None) => return Ok(()),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(left), Some(right)) => left.name.cmp(&right.name),
        };
        let one = if order.is_le() { left.take() } else { None };
        let other = if order.is_ge() { right.take() } else { None };
        match (one, other) {
            (Some(before), Some(after)) => {
                let path = path.join(OsStr::from_bytes(&before.name));
                compare(&path, before, after, comparison, depth + 1)?;
            }
            (Some(before), None) => lone(path, before, ChangeKind::Removed, comparison, depth)?,
            (None, Some(after)) => lone(path, after, ChangeKind::Added, comparison, depth)?,
            (None, None) => return Ok(()),
        }
        if order.is_le() {
            left = old.next()?;
        }
        if order.is_ge() {
            right = new.next()?;
        }
    }
}

/// An entry that only one of the trees has, and all that is in it.
fn lone(
    path: &Path,
    entry: Entry,
    kind: ChangeKind,
    comparison: &mut Comparison<'_>,
    depth: usize,
) -> Result<(), TreeError> {
    let path = path.join(OsStr::from_bytes(&entry.name));
    let node = if let Body::Directory { node, .. } = entry.body { Some(node) } else { None };
    (comparison.each)(change(path.clone(), kind, entry))?;
    node.map_or(Ok(()), |node| all(&path, node, kind, comparison, depth))
}

fn all(
    path: &Path,
    node: ObjectId,
    kind: ChangeKind,
    comparison: &mut Comparison<'_>,
    depth: usize,
) -> Result<(), TreeError> {
    let each = &mut *comparison.each;
    list::below(node, path, comparison.reader, &mut |listed| each(change(listed.path, kind, listed.entry)), depth + 1)
}

fn change(path: PathBuf, kind: ChangeKind, entry: Entry) -> Change {
    let (before, after) = if kind == ChangeKind::Added { (None, Some(entry)) } else { (Some(entry), None) };
    Change { path, kind, before, after }
}

/// What of an entry is metadata. The owner's numbers are; whether a file had holes is not worth a word.
fn metadata(entry: &Entry) -> impl PartialEq + '_ {
    (entry.mode, entry.uid, entry.gid, entry.mtime, &entry.xattrs, entry.link)
}
