//! The configuration that was applied to an environment, beside what its files say.

use std::collections::BTreeMap;

use source::{Entry, Problem, Problems, SourceFile, parse};

/// What the configuration that was applied is called where a place of it is shown.
pub const APPLIED: &str = "the applied configuration";

/// The configuration that was applied to an environment, beside what its files say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The profile whose settings are in force; its services and databases are not.
    pub profile: Option<String>,
    /// Values by `WORKSPACE.KEY`, each as it would stand in a manifest.
    pub values: BTreeMap<String, String>,
}

impl Applied {
    /// Whether nothing was applied.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The values by workspace, each with a place to be shown at.
    pub(crate) fn read(&self, problems: &mut Problems) -> Vec<(String, Entry)> {
        let lines: Vec<String> = self.values.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let file = SourceFile::new(APPLIED, lines.join("\n"));
        let tree = match parse(&file) {
            Ok(tree) => tree,
            Err(problem) => {
                problems.push(problem);
                return Vec::new();
            }
        };
        let split = |entry: &Entry| {
            let (workspace, key) = entry.key.split_once('.')?;
            Some((workspace.to_owned(), Entry { key: key.to_owned(), ..entry.clone() }))
        };
        let mut values = Vec::new();
        for entry in tree.as_map().unwrap_or_default() {
            match split(entry) {
                Some(value) => values.push(value),
                None => problems.push(
                    Problem::error("manifest::setting", format!("`{}` is not the name of a setting", entry.key))
                        .at(&entry.key_place, "no workspace is named")
                        .help("write `WORKSPACE.KEY`"),
                ),
            }
        }
        values
    }
}
