//! Which resources there are, and where their files are.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use lineage::{Place, Subject, WORKSPACE};

use crate::RecorderError;

/// What of a workspace's own directory is no content of it.
const OF_TOOLS: [&str; 3] = [".git", ".seedbed", ".dataworkspace"];

/// The resources of a workspace.
#[derive(Debug, Clone)]
pub struct Catalogue {
    /// The name of the workspace.
    pub name: String,
    /// Its directory, as the system resolves it.
    pub root: PathBuf,
    /// By name.
    pub resources: BTreeMap<String, Resource>,
}

/// A resource.
#[derive(Debug, Clone, Default)]
pub struct Resource {
    /// What it is: `file`, `git`, `database` …
    pub kind: String,
    /// Its role; empty if it has none.
    pub role: String,
    /// Where its files are, if they are files here.
    pub directory: Option<PathBuf>,
    /// Patterns of paths in it that are no part of it.
    pub exclude: Vec<String>,
    /// Whether lineage is exported for other workspaces with it.
    pub export: bool,
    /// Whether it comes from another workspace.
    pub imported: bool,
}

/// What is meant by a word on a command line.
pub type Named = Subject;

impl Catalogue {
    /// The place of a path, which is absolute or from a directory.
    pub fn locate(&self, path: &Path, from: &Path) -> Result<Place, RecorderError> {
        let resolved = resolve(&from.join(path));
        let inside = |directory: &Path| resolved.strip_prefix(directory).ok().map(Path::to_owned);
        let mut nearest: Option<(usize, &str, PathBuf)> = None;
        for (name, resource) in &self.resources {
            let Some(directory) = resource.directory.as_deref().map(resolve) else { continue };
            let depth = directory.components().count();
            if let Some(rest) = inside(&directory).filter(|_| nearest.as_ref().is_none_or(|(known, ..)| *known < depth))
            {
                nearest = Some((depth, name, rest));
            }
        }
        let (resource, rest) = if let Some((_, name, rest)) = nearest {
            (name, rest)
        } else {
            let outside = || RecorderError::Outside { path: path.to_owned(), root: self.root.clone() };
            (WORKSPACE, inside(&self.root).ok_or_else(outside)?)
        };
        let text = rest.to_str().ok_or_else(|| RecorderError::NoText { path: path.to_owned() })?;
        Ok(Place::new(resource, text))
    }

    /// What a word means: a URL, `RESOURCE:PATH`, a resource without files, a path from a directory.
    pub fn named(&self, word: &str, from: &Path) -> Result<Named, RecorderError> {
        if word.contains("://") {
            return Ok(Subject::External(word.to_owned()));
        }
        if let Some((resource, path)) = word.split_once(':').filter(|(name, _)| self.resources.contains_key(*name)) {
            return Ok(Subject::Place(Place::new(resource, path)));
        }
        let is_of_no_files = self.resources.get(word).is_some_and(|resource| resource.directory.is_none());
        if is_of_no_files {
            return Ok(Subject::Place(Place::new(word, "")));
        }
        self.locate(Path::new(word), from).map(Subject::Place)
    }

    /// Where the files of a place are, if they are files here.
    pub fn path_of(&self, place: &Place) -> Option<PathBuf> {
        let directory = if place.resource == WORKSPACE {
            self.root.clone()
        } else {
            self.resources.get(&place.resource)?.directory.clone()?
        };
        Some(if place.path.is_empty() { directory } else { directory.join(&place.path) })
    }

    /// What of a resource is no part of it.
    pub(crate) fn exclude(&self, resource: &str) -> Vec<String> {
        let known = self.resources.get(resource);
        let mut exclude = known.map(|resource| resource.exclude.clone()).unwrap_or_default();
        // A resource may be all of the workspace, too.
        if resource == WORKSPACE || known.is_some_and(|resource| resource.directory.as_ref() == Some(&self.root)) {
            exclude.extend(OF_TOOLS.map(str::to_owned));
        }
        exclude
    }

    /// Whether a path below the workspace belongs to a tool and not to the work.
    pub(crate) fn is_of_tools(place: &Place) -> bool {
        let first = place.path.split('/').next().unwrap_or_default();
        place.resource == WORKSPACE && OF_TOOLS.contains(&first)
    }

    /// The resource of a name.
    pub fn resource(&self, name: &str) -> Result<&Resource, RecorderError> {
        self.resources.get(name).ok_or_else(|| RecorderError::NoResource {
            wanted: name.to_owned(),
            known: self.resources.keys().cloned().collect(),
        })
    }
}

/// A path without links and dots; of what is not there, as much as is there is resolved.
pub(crate) fn resolve(path: &Path) -> PathBuf {
    if let Ok(resolved) = path.canonicalize() {
        return resolved;
    }
    match (path.parent(), path.components().next_back()) {
        (Some(parent), Some(Component::Normal(name))) => resolve(parent).join(name),
        (Some(parent), Some(Component::ParentDir)) => {
            let above = resolve(parent);
            above.parent().map(Path::to_owned).unwrap_or(above)
        }
        (Some(parent), Some(Component::CurDir)) => resolve(parent),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn words_mean_places() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("data/raw")).unwrap();
        fs::create_dir_all(root.join("code")).unwrap();
        std::os::unix::fs::symlink(root.join("data"), root.join("code/link")).unwrap();
        let files = |path: &str| Resource { directory: Some(root.join(path)), ..Resource::default() };
        let catalogue = Catalogue {
            name: "q".to_owned(),
            root: root.clone(),
            resources: [("data", files("data")), ("raw", files("data/raw")), ("shop", Resource::default())]
                .map(|(name, resource)| (name.to_owned(), resource))
                .into(),
        };
        let named = |word: &str| catalogue.named(word, &root.join("code")).map(|subject| subject.to_string());
        for (word, meant) in [
            ("../data/a.csv", "data:a.csv"),
            ("../data/./new/../b", "data:b"),
            ("../data/raw/x", "raw:x"),
            ("link/a.csv", "data:a.csv"),
            ("train.py", "code/train.py"),
            ("data:a", "data:a"),
            ("shop", "shop"),
            ("shop:orders", "shop:orders"),
            ("https://example.com/a", "https://example.com/a"),
            ("no:resource", "code/no:resource"),
        ] {
            assert_eq!(named(word).unwrap(), meant, "{word}");
        }
        assert!(matches!(named("/"), Err(RecorderError::Outside { .. })));
        assert_eq!(catalogue.path_of(&Place::new("raw", "x")), Some(root.join("data/raw/x")));
    }
}
