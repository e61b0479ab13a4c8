//! Whose the servers are that databases live in.

use source::Tree;

/// Whose the servers are that databases live in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Servers {
    /// Each environment has its own.
    Own,
    /// Environments share them, each with its own databases and role.
    Shared,
}

impl Servers {
    pub(crate) const WORDS: [&'static str; 2] = ["own", "shared"];

    pub(crate) fn read(tree: Option<&Tree>) -> Option<Self> {
        match tree?.as_str()? {
            "own" => Some(Self::Own),
            "shared" => Some(Self::Shared),
            _ => None,
        }
    }
}
