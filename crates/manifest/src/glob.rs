//! A glob for something that is not an input or output of the workspace.

use globset::GlobBuilder;
use source::{Place, Problem, Tree};

use crate::reading::Reading;

/// A glob: for files, or for the names of tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    /// The glob as it is written.
    pub pattern: String,
    /// Where it stands.
    pub place: Place,
}

impl Glob {
    /// Reads globs for files below a directory, to which they are relative.
    pub(crate) fn read_files(tree: Option<&Tree>, reading: &mut Reading<'_>) -> Vec<Self> {
        Self::read_all(tree, reading, |pattern| {
            (pattern.starts_with('/') || pattern.split('/').any(|part| part == ".."))
                .then_some("it is relative to `path`, and does not lead out of it")
        })
    }

    /// Reads globs for the names of tables.
    pub(crate) fn read_names(tree: Option<&Tree>, reading: &mut Reading<'_>) -> Vec<Self> {
        Self::read_all(tree, reading, |_| None)
    }

    fn read_all(
        tree: Option<&Tree>,
        reading: &mut Reading<'_>,
        wrong: impl Fn(&str) -> Option<&'static str>,
    ) -> Vec<Self> {
        let globs = tree.and_then(Tree::as_list).unwrap_or_default();
        let read = |tree: &Tree| {
            let pattern = tree.as_str()?;
            let reason = if pattern.is_empty() {
                Some("it is empty".to_owned())
            } else if let Some(reason) = wrong(pattern) {
                Some(reason.to_owned())
            } else {
                let built = GlobBuilder::new(pattern).literal_separator(true).build();
                built.err().map(|error| error.kind().to_string())
            };
            if let Some(reason) = reason {
                let problem = Problem::error("manifest::glob", format!("`{pattern}` matches nothing"));
                reading.problems.push(problem.at(&tree.place, reason));
                return None;
            }
            Some(Self { pattern: pattern.to_owned(), place: tree.place.clone() })
        };
        globs.iter().filter_map(read).collect()
    }
}
