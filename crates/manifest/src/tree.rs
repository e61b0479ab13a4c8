//! The root workspace and everything it depends on.

use std::collections::{BTreeMap, HashMap};
use std::ops::Index;
use std::path::{Component, Path, PathBuf};

use indexmap::IndexMap;
use source::{Problem, Problems, SourceFile};

use crate::document::Document;
use crate::import::Surroundings;
use crate::loader::Loader;
use crate::{Applied, Local, Locator, Manifest};

/// Name of the manifest's file, in the root of a workspace.
pub const FILE_NAME: &str = "seedbed.yaml";

/// A workspace of a [`WorkspaceTree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkspaceId(pub(crate) usize);

/// The root workspace and everything it depends on.
#[derive(Clone, Debug)]
pub struct WorkspaceTree {
    /// The workspace that was asked for.
    pub root: WorkspaceId,
    /// All of them: a dependency before those that depend on it, unless they depend on each other. Always in the same
    /// order for the same manifests.
    pub workspaces: Vec<Workspace>,
}

/// One workspace: a directory and its manifest.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// Its root, absolute and without links.
    pub directory: PathBuf,
    /// What its `seedbed.yaml` says, under the chosen profile.
    pub manifest: Manifest,
    /// The workspaces that it depends on, by the name that it has for them.
    pub dependencies: IndexMap<String, WorkspaceId>,
    /// Its `seedbed.yaml`, or what stands in its place.
    pub file: SourceFile,
}

impl WorkspaceTree {
    /// Returns a workspace.
    pub fn workspace(&self, id: WorkspaceId) -> &Workspace {
        &self.workspaces[id.0]
    }

    /// Goes through the workspaces in their order.
    pub fn iter(&self) -> impl Iterator<Item = (WorkspaceId, &Workspace)> {
        self.workspaces.iter().enumerate().map(|(index, workspace)| (WorkspaceId(index), workspace))
    }

    /// Finds a workspace by its name.
    pub fn find(&self, name: &str) -> Option<WorkspaceId> {
        self.iter().find(|(_, workspace)| workspace.manifest.name.as_str() == name).map(|(id, _)| id)
    }
}

impl Index<WorkspaceId> for WorkspaceTree {
    type Output = Workspace;

    fn index(&self, id: WorkspaceId) -> &Workspace {
        self.workspace(id)
    }
}

/// Files of other formats that a manifest can take services from, and that do not make a workspace of a directory alone: a key
/// of the manifest, and the name of the file.
const IMPORTABLE: [(&str, &str); 1] = [("procfile", "Procfile")];

/// Finds a file in a directory that a manifest could take services from: the key of the manifest, and the file.
pub fn importable(directory: &Path) -> Option<(&'static str, &'static str)> {
    IMPORTABLE.into_iter().find(|(_, name)| directory.join(name).is_file())
}

/// Says what would be wrong with the manifest of a directory if it were this text; dependencies are not followed.
pub fn check_text(directory: &Path, text: &str, variables: &BTreeMap<String, String>) -> Problems {
    let variables = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let around = Surroundings { directory, shown_from: directory, variables: &variables };
    let mut problems = Problems::new();
    Document::read(&SourceFile::new(FILE_NAME, text), Some(&around), None, &mut problems);
    problems
}

/// Reads the manifest of a workspace and of everything that it depends on.
///
/// Dependencies may form circles; each directory is read once. All problems of all manifests are returned at once, and
/// there is a tree if and only if none of them is an error. The profile applies to every workspace that declares it, what
/// one person has otherwise to the root; what was applied is laid over settings. Files are shown relative to `root`. `variables` are those of the user, which
/// Compose files may name.
pub fn load(
    root: &Path,
    profile: Option<&str>,
    variables: &BTreeMap<String, String>,
    local: &Local,
    applied: &Applied,
    locator: &mut dyn Locator,
) -> (Option<WorkspaceTree>, Problems) {
    let mut problems = Problems::new();
    let root = match root.canonicalize() {
        Ok(root) => root,
        Err(error) => {
            let message = format!("cannot open `{}`: {error}", root.display());
            problems.push(Problem::error("manifest::no-workspace", message));
            return (None, problems);
        }
    };
    let variables = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut loader = Loader {
        root,
        profile,
        variables,
        local,
        applied,
        locator,
        read: HashMap::new(),
        taken: HashMap::new(),
        loaded: Vec::new(),
        by_directory: HashMap::new(),
        order: Vec::new(),
    };
    loader.follow_all(&mut problems);
    loader.check_names(&mut problems);
    loader.check_profile(profile, &mut problems);
    loader.check_profile(applied.profile.as_deref(), &mut problems);
    for loaded in &loader.loaded {
        loader.check_foreign(loaded, &mut problems);
        loaded.check_files(&mut problems);
        loaded.check_remotes(&mut problems);
    }
    let tree = if problems.has_errors() { None } else { loader.into_tree(&mut problems) };
    let tree = tree.filter(|_| !problems.has_errors());
    (tree, problems.sorted().into_iter().cloned().collect())
}

/// A path without `.` and `..`, for what may not be there.
pub(crate) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}
