//! How snapshots are taken.

use source::Tree;

/// How databases are written into a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SnapshotForm {
    /// As the files of their server where that is faster, and else as dumps.
    #[default]
    Auto,
    /// As dumps, which any server of the engine can read.
    Logical,
    /// As the files of their server, for engines that can do that.
    Physical,
}

impl SnapshotForm {
    pub(crate) const WORDS: [&'static str; 3] = ["auto", "logical", "physical"];

    /// Reads `snapshots`.
    pub(crate) fn read(tree: Option<&Tree>) -> Self {
        match tree.and_then(|tree| tree.get("form")).and_then(Tree::as_str) {
            Some("logical") => Self::Logical,
            Some("physical") => Self::Physical,
            _ => Self::Auto,
        }
    }
}
