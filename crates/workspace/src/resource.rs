//! A resource as it is declared: a name, a kind, a role, and parameters.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::Role;

/// A versioned collection of a data workspace.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// What people call it; unique in the workspace.
    pub name: String,
    /// The kind, such as `local-files`.
    pub kind: String,
    /// What it is for.
    pub role: Role,
    /// Parameters that all copies of the workspace share.
    pub parameters: Map<String, Value>,
    /// Parameters of this copy alone; they stand over the others.
    pub local: Map<String, Value>,
}

/// The parameter that says where files are: below the root of the workspace when it is relative.
pub const PATH: &str = "path";
/// Whether the content is kept; a resource without is only compared.
pub const CONTENT: &str = "content";
/// Patterns of paths that belong to it.
pub const INCLUDE: &str = "include";
/// Patterns of paths that do not.
pub const EXCLUDE: &str = "exclude";
/// Names that it had before; snapshots hold it under the one that it had then.
pub const FORMERLY: &str = "formerly";
/// Whether lineage goes with it to other workspaces.
pub const EXPORT: &str = "export";

impl Resource {
    /// A parameter; that of this copy comes first.
    pub fn parameter(&self, name: &str) -> Option<&Value> {
        let own = self.local.get(name).filter(|value| !value.is_null());
        own.or_else(|| self.parameters.get(name).filter(|value| !value.is_null()))
    }

    /// A parameter that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.parameter(name).and_then(Value::as_str)
    }

    /// A parameter that is yes or no.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.parameter(name).and_then(Value::as_bool)
    }

    /// A parameter that is a list of texts.
    pub fn list(&self, name: &str) -> Vec<String> {
        let values = self.parameter(name).and_then(Value::as_array);
        values.into_iter().flatten().filter_map(|value| value.as_str().map(str::to_owned)).collect()
    }

    /// Where its files are on this machine, if it has files.
    pub fn directory(&self, root: &Path) -> Option<PathBuf> {
        self.text(PATH).map(|path| if path == "." { root.to_owned() } else { root.join(path) })
    }

    /// Whether its content is kept.
    pub fn keeps_content(&self) -> bool {
        self.flag(CONTENT).unwrap_or(true)
    }

    /// Patterns of what is left out, as the trees of a store take them: a glob without a slash is for names at any depth.
    pub fn excluded(&self) -> Vec<String> {
        patterns(self.list(EXCLUDE))
    }

    /// Patterns of what is taken; all when there are none.
    pub fn included(&self) -> Vec<String> {
        patterns(self.list(INCLUDE))
    }
}

fn patterns(globs: Vec<String>) -> Vec<String> {
    let deep = |glob: String| if glob.contains('/') { vec![glob] } else { vec![format!("**/{glob}"), glob] };
    globs.into_iter().flat_map(deep).collect()
}
