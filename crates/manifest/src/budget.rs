//! What an environment may take of the machine.

use source::Tree;

use crate::size;

/// What an environment may take of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// How much memory its services may need together, in bytes; `None`: as much as the machine has.
    pub memory: Option<u64>,
}

impl Budget {
    pub(crate) fn read(tree: Option<&Tree>) -> Self {
        Self { memory: tree.and_then(|tree| tree.get("memory")).and_then(size::read) }
    }
}
