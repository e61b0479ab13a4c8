//! What can go wrong between a tree and its files.

use std::io;
use std::path::{Path, PathBuf};

use store::{ObjectId, StoreError};

/// An error of saving, restoring or reading a tree.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
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
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something changed each time it was read.
    #[error("{} changes while it is saved", path.display())]
    Changed {
        /// The file or directory that changed.
        path: PathBuf,
    },
    /// Whoever watched wanted no more of it.
    #[error("interrupted")]
    Interrupted,
    /// A device, which is not content and cannot be saved.
    #[error("{} is a device and cannot be saved", path.display())]
    Device {
        /// The device.
        path: PathBuf,
    },
    /// Directories stand too deep in each other.
    #[error("{} is more than {limit} directories deep", path.display())]
    TooDeep {
        /// The directory that is too deep.
        path: PathBuf,
        /// How many levels there may be.
        limit: usize,
    },
    /// An object is not the node that it should be.
    #[error("the object {id} is not a valid node: {problem}")]
    BadNode {
        /// The object.
        id: ObjectId,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A pattern is not one.
    #[error("'{glob}' is not a pattern of paths")]
    BadGlob {
        /// The pattern.
        glob: String,
        /// What is wrong with it.
        source: globset::Error,
    },
    /// A size of pages cannot be used.
    #[error("pages of {bytes} bytes cannot be chunks: use a power of two from 4096 to 1048576")]
    BadPage {
        /// The size that was asked for.
        bytes: u32,
    },
    /// The tree has no such file.
    #[error("there is no file {} in the tree", path.display())]
    NoFile {
        /// The path that was asked for.
        path: PathBuf,
    },
    /// A file was wanted and the tree is a directory, or the other way round.
    #[error("the object {id} is a tree of another kind: {problem}")]
    WrongKind {
        /// The root.
        id: ObjectId,
        /// What it is and should be.
        problem: &'static str,
    },
}

impl TreeError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn os(action: &'static str, path: &Path) -> impl FnOnce(rustix::io::Errno) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source: source.into() }
    }
}
