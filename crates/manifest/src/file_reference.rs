//! A file, or files, that the manifest names.

use std::path::{Component, Path};

use globset::GlobBuilder;
use source::{Place, Problem, Tree};

use crate::reading::Reading;

/// A path or glob of the manifest, relative to the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReference {
    /// The path as it is written; in `inputs` and `outputs` a glob.
    pub path: String,
    /// Where it stands.
    pub place: Place,
}

impl FileReference {
    /// Reads a file that must be below the workspace; whether it exists is checked with the tree of workspaces.
    pub(crate) fn read(tree: &Tree, reading: &mut Reading<'_>) -> Option<Self> {
        let path = below(tree, reading)?;
        let reference = Self { path, place: tree.place.clone() };
        reading.files.push(reference.clone());
        Some(reference)
    }

    /// Reads a file or directory that must be below the workspace; whether it exists is checked later, too.
    pub(crate) fn read_path(tree: &Tree, reading: &mut Reading<'_>) -> Option<Self> {
        let path = below(tree, reading)?;
        let reference = Self { path, place: tree.place.clone() };
        reading.paths.push(reference.clone());
        Some(reference)
    }

    /// Reads one file or a list of files.
    pub(crate) fn read_all(tree: Option<&Tree>, reading: &mut Reading<'_>) -> Vec<Self> {
        let Some(tree) = tree else { return Vec::new() };
        let files = tree.as_list().unwrap_or(std::slice::from_ref(tree));
        files.iter().filter_map(|file| Self::read(file, reading)).collect()
    }

    /// Reads a list of globs, which may begin with `..`.
    pub(crate) fn read_globs(tree: Option<&Tree>, reading: &mut Reading<'_>) -> Vec<Self> {
        let globs = tree.and_then(Tree::as_list).unwrap_or_default();
        globs.iter().filter_map(|glob| Self::read_glob(glob, reading)).collect()
    }

    fn read_glob(tree: &Tree, reading: &mut Reading<'_>) -> Option<Self> {
        let glob = tree.as_str()?;
        let problem =
            |label: &str| Problem::error("manifest::glob", format!("`{glob}` names no files")).at(&tree.place, label);
        if glob.is_empty() || glob.starts_with('/') {
            reading.problems.push(problem("a glob is relative to the workspace"));
            return None;
        }
        if let Err(error) = GlobBuilder::new(glob).literal_separator(true).build() {
            reading.problems.push(problem(&error.kind().to_string()));
            return None;
        }
        let wildcard = glob.find(['*', '?', '[', '{']).unwrap_or(glob.len());
        if glob[wildcard..].split('/').any(|part| part == "..") {
            reading.problems.push(problem("`..` stands before the first wildcard"));
            return None;
        }
        Some(Self { path: glob.to_owned(), place: tree.place.clone() })
    }
}

/// Reads a path that is relative and leads nowhere but below the workspace.
pub(crate) fn below(tree: &Tree, reading: &mut Reading<'_>) -> Option<String> {
    let path = tree.as_str()?;
    let inside = |component| matches!(component, Component::Normal(_) | Component::CurDir);
    if !path.is_empty() && Path::new(path).components().all(inside) {
        return Some(path.to_owned());
    }
    if path.is_empty() {
        reading.problems.push(Problem::error("manifest::path", "the path is empty").at(&tree.place, "no path"));
        return None;
    }
    reading.problems.push(
        Problem::error("manifest::path", format!("`{path}` is not a path inside of the workspace"))
            .at(&tree.place, "leads out of the workspace")
            .help("write it relative to the workspace, without `..`"),
    );
    None
}
