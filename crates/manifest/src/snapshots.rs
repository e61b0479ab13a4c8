//! How snapshots are taken.

use source::Tree;

use crate::size;

/// How snapshots are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshots {
    /// How databases are written.
    pub form: SnapshotForm,
    /// From how many bytes on the databases of a server are written as its files, where that is decided by their size.
    pub files_from_bytes: u64,
}

impl Default for Snapshots {
    fn default() -> Self {
        // What a dump and its restore take longer is then more than what it takes to stop the server and to start it.
        Self { form: SnapshotForm::default(), files_from_bytes: 128_000_000 }
    }
}

impl Snapshots {
    pub(crate) fn read(tree: Option<&Tree>) -> Self {
        let default = Self::default();
        let Some(tree) = tree else { return default };
        Self {
            form: SnapshotForm::read(tree),
            files_from_bytes: tree.get("files_from").and_then(size::read).unwrap_or(default.files_from_bytes),
        }
    }
}

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

    fn read(tree: &Tree) -> Self {
        match tree.get("form").and_then(Tree::as_str) {
            Some("logical") => Self::Logical,
            Some("physical") => Self::Physical,
            _ => Self::Auto,
        }
    }
}
