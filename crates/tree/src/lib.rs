//! Directory trees as objects: files are cut into chunks, directories are Merkle nodes, and back again.
//!
//! [`save`] puts a directory into a store and [`restore`] makes a directory be what was saved, writing only what
//! differs. A stat cache beside each directory remembers which content a file had, so that what has not changed is not
//! read again. The bytes of the nodes are described in `docs/formats/tree.md`. Nothing here knows what the files mean,
//! but for where the pages of databases begin.

// Windows, segments and chunks are bounded by constants far below 4 GiB, and a `usize` has 64 bits where this runs.
#![allow(clippy::cast_possible_truncation)]

mod chunking;
mod codec;
mod content;
mod diff;
mod digest;
mod directory;
mod entry;
mod error;
mod journal;
mod list;
mod metadata;
mod names;
mod node;
mod owners;
mod parallel;
mod read;
mod restore;
mod rules;
mod save;
mod stat_cache;
mod sums;
mod target;

pub use diff::{Change, ChangeKind, diff};
pub use entry::{Body, Class, Entry, FileContent, Form, HoleReason, Timestamp};
pub use error::TreeError;
pub use journal::{interrupted, settle};
pub use list::{Listed, list, summary};
pub use node::RootNode;
pub use read::{read_file, restore_file};
pub use restore::{RestoreOptions, Restored, restore};
pub use rules::{PageRule, Rules};
pub use save::{Hole, Progress, Saved, Watch, save, save_file, unwatched};

/// For measurements and fuzzing of the format, not for use.
#[doc(hidden)]
pub mod format {
    pub use crate::chunking::{Piece, cut_bytes};
    pub use crate::node::decode_any;
}
