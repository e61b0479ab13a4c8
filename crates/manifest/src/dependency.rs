//! A workspace that must be there.

use source::{Entry, Place, Problem, Tree};

use crate::Name;
use crate::format::REPOSITORY;
use crate::reading::Reading;

/// Another workspace that this one needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Dependency {
    /// Where it comes from.
    pub source: DependencySource,
    /// The name that its workspace has in the environment, if that is not its own: then it is there at a revision of its own, beside
    /// others of its repository.
    pub called: Option<(Name, Place)>,
    /// The mode that it is taken in; all of it when none is named.
    pub mode: Option<(String, Place)>,
    /// Values for settings of it.
    pub config: Vec<Entry>,
    /// Where the path or address stands.
    pub place: Place,
}

/// Where a dependency comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DependencySource {
    /// A directory, relative to this workspace.
    Path(String),
    /// A repository of git.
    Git {
        /// Its address, as it is written.
        url: String,
        /// A branch, tag or commit; the default branch when none is named.
        reference: Option<(String, Place)>,
        /// Where the workspace is in it; `.` is its root.
        path: String,
    },
}

impl Dependency {
    pub(crate) fn read(tree: &Tree, reading: &mut Reading<'_>) -> Option<Self> {
        let text = |key: &str| tree.get(key).and_then(|value| Some((value.as_str()?.to_owned(), value.place.clone())));
        let short = tree.as_str().map(|text| (text.to_owned(), tree.place.clone()));
        let (short_path, short_url) =
            if short.as_ref().is_some_and(|(text, _)| is_address(text)) { (None, short) } else { (short, None) };
        let (path, url, reference) =
            (short_path.or_else(|| text("path")), short_url.or_else(|| text("git")), text("ref"));
        let mode = text("mode");
        let called = text("as").and_then(|(name, place)| Some((Name::new(&name)?, place)));
        let config = tree.get("config").and_then(Tree::as_map).unwrap_or_default().to_vec();
        // That it is none was said when its form was looked at.
        if tree.get("git").is_some() && url.as_ref().is_some_and(|(url, _)| !REPOSITORY.matches(url)) {
            return None;
        }
        let Some((url, place)) = url else {
            if let Some((_, place)) = &called {
                reading.problems.push(
                    Problem::error("manifest::dependency", "a directory is there once, under the name that it has")
                        .at(place, "only for dependencies with `git`")
                        .help(
                            "leave `as` out; `git: ADDRESS` names a repository, of which several revisions can be had",
                        ),
                );
            }
            if let Some((_, place)) = &reference {
                reading.problems.push(
                    Problem::error("manifest::dependency", "a directory has no `ref`")
                        .at(place, "only for dependencies with `git`")
                        .help("what is checked out there is used; `git: ADDRESS` names a repository"),
                );
            }
            let (path, place) = path.or_else(|| {
                if tree.as_map().is_some() && tree.get("path").is_none() {
                    reading.problems.push(
                        Problem::error("manifest::dependency", "a dependency has a `path` or a `git`")
                            .at(&tree.place, "neither is here")
                            .help("`path: ../lms` is a directory, `git: https://HOST/lms` a repository"),
                    );
                }
                None
            })?;
            let path = relative(path, &place, reading)?;
            return Some(Self { source: DependencySource::Path(path), called: None, mode, config, place });
        };
        let path = match path {
            Some((path, place)) => inside(path, &place, reading)?,
            None => ".".to_owned(),
        };
        Some(Self { source: DependencySource::Git { url, reference, path }, called, mode, config, place })
    }
}

/// Whether a text alone is the address of a repository, and no path.
fn is_address(text: &str) -> bool {
    let before_slash = text.split('/').next().unwrap_or_default();
    text.contains("://") || before_slash.contains('@') && before_slash.contains(':')
}

fn relative(path: String, place: &Place, reading: &mut Reading<'_>) -> Option<String> {
    if path.is_empty() || path.starts_with('/') {
        reading.problems.push(
            Problem::error("manifest::path", "the path of a dependency is relative")
                .at(place, "not a relative path")
                .help("write it relative to this file, such as `../commerce`"),
        );
        return None;
    }
    Some(path)
}

fn inside(path: String, place: &Place, reading: &mut Reading<'_>) -> Option<String> {
    if path.is_empty() || path.starts_with('/') || path.split('/').any(|part| part == "..") {
        reading.problems.push(
            Problem::error("manifest::path", format!("`{path}` is not a path inside of the repository"))
                .at(place, "leads out of the repository")
                .help("write it relative to the root of the repository, without `..`"),
        );
        return None;
    }
    Some(path)
}
