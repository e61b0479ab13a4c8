//! What makes a copy of a database harmless.

use source::{Place, Tree};

use crate::FileReference;
use crate::reading::Reading;

/// What makes a copy of a database harmless, so that it sends no mail and takes up no work of the original.
#[derive(Clone, Debug, PartialEq)]
pub struct Cold {
    /// Scripts that are executed in this order.
    pub sql: Vec<FileReference>,
    /// Where it stands.
    pub place: Place,
}

impl Cold {
    /// Reads what stands under `cold`, which the grammar has checked.
    pub(crate) fn read(tree: &Tree, reading: &mut Reading<'_>) -> Option<Self> {
        tree.as_map()?;
        Some(Self { sql: FileReference::read_all(tree.get("sql"), reading), place: tree.place.clone() })
    }
}
