//! A workspace that must be there.

use source::{Place, Problem, Tree};

use crate::reading::Reading;

/// Another workspace that this one needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Where it is, relative to this workspace.
    pub path: String,
    /// Where the path stands.
    pub place: Place,
}

impl Dependency {
    pub(crate) fn read(tree: &Tree, reading: &mut Reading<'_>) -> Option<Self> {
        let path = tree.get("path").unwrap_or(tree);
        let text = path.as_str()?;
        if text.is_empty() || text.starts_with('/') {
            reading.problems.push(
                Problem::error("manifest::path", "the path of a dependency is relative")
                    .at(&path.place, "not a relative path")
                    .help("write it relative to this file, such as `../commerce`"),
            );
            return None;
        }
        Some(Self { path: text.to_owned(), place: path.place.clone() })
    }
}
