//! Which files a unit is made of: globs, less what is ignored.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use globset::{Glob, GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};
use ignore::Match;
use ignore::gitignore::Gitignore;
use supervisor::WatchSpec;

/// What editors and systems leave beside the files that people mean.
const USUAL: [&str; 8] =
    ["**/*.swp", "**/*.swx", "**/*~", "**/.#*", "**/#*#", "**/4913", "**/.DS_Store", "**/*.tmp.[0-9]*"];

/// Directories that are none of the user's files.
const NEVER: [&str; 2] = [".git", ".seedbed"];

/// The files of one unit.
#[derive(Clone)]
pub(crate) struct Patterns(Arc<Inner>);

struct Inner {
    root: PathBuf,
    roots: Vec<Root>,
    ignore: GlobSet,
}

/// A pattern: the directories before the first wildcard, and the rest.
struct Root {
    base: PathBuf,
    /// None for a file, or for all below a directory.
    rest: Option<GlobMatcher>,
}

impl Patterns {
    /// Takes what was checked when the manifest was read; a pattern that is no glob names nothing.
    pub(crate) fn new(watch: &WatchSpec) -> Self {
        let roots = watch.patterns.iter().filter_map(|pattern| {
            let (fixed, rest) = split(pattern);
            let rest = if rest.is_empty() { None } else { Some(glob(rest)?.compile_matcher()) };
            Some(Root { base: plain(&watch.root, fixed), rest })
        });
        let mut ignore = GlobSetBuilder::new();
        for pattern in USUAL.into_iter().chain(watch.ignore.iter().map(String::as_str)) {
            if let Some(glob) = glob(pattern) {
                ignore.add(glob);
            }
        }
        let ignore = ignore.build().unwrap_or_default();
        Self(Arc::new(Inner { root: watch.root.clone(), roots: roots.collect(), ignore }))
    }

    /// Where the patterns begin: directories, or files, that may not be there yet.
    pub(crate) fn bases(&self) -> impl Iterator<Item = &Path> {
        self.0.roots.iter().map(|root| root.base.as_path())
    }

    /// Whether a file is one of these.
    pub(crate) fn matches(&self, path: &Path) -> bool {
        let is_named = |root: &Root| {
            let Ok(below) = path.strip_prefix(&root.base) else { return false };
            root.rest.as_ref().is_none_or(|rest| rest.is_match(below))
        };
        self.0.roots.iter().any(is_named) && !self.ignores(path, false)
    }

    /// Whether a path is hidden by a `.gitignore`, or by what is said here.
    pub(crate) fn ignores(&self, path: &Path, is_directory: bool) -> bool {
        if self.hides(path) {
            return true;
        }
        for directory in path.ancestors().skip(1) {
            let file = directory.join(".gitignore");
            if file.is_file() {
                let (rules, _) = Gitignore::new(&file);
                match rules.matched_path_or_any_parents(path, is_directory) {
                    Match::Ignore(_) => return true,
                    Match::Whitelist(_) => return false,
                    Match::None => {}
                }
            }
            if directory.join(".git").exists() {
                break;
            }
        }
        false
    }

    /// Whether a path is hidden whatever `.gitignore` says.
    pub(crate) fn hides(&self, path: &Path) -> bool {
        let below = path.strip_prefix(&self.0.root).unwrap_or(path);
        let is_never = |part: std::path::Component<'_>| NEVER.iter().any(|never| part.as_os_str() == *never);
        below.components().any(is_never) || self.0.ignore.is_match(below)
    }

    /// What people call a file.
    pub(crate) fn name(&self, path: &Path) -> String {
        path.strip_prefix(&self.0.root).unwrap_or(path).display().to_string()
    }
}

/// The directories before the first part with a wildcard, and the rest.
fn split(pattern: &str) -> (&str, &str) {
    let Some(wild) = pattern.find(['*', '?', '[', '{']) else { return (pattern.trim_end_matches('/'), "") };
    match pattern[..wild].rfind('/') {
        Some(slash) => (&pattern[..slash], &pattern[slash + 1..]),
        None => ("", pattern),
    }
}

fn glob(pattern: &str) -> Option<Glob> {
    GlobBuilder::new(pattern).literal_separator(true).build().ok()
}

/// Joins without `.` and `..`, as changes are told of.
fn plain(root: &Path, below: &str) -> PathBuf {
    let mut path = root.to_owned();
    for part in Path::new(below).components() {
        match part {
            std::path::Component::ParentDir => {
                path.pop();
            }
            std::path::Component::CurDir => {}
            other => path.push(other),
        }
    }
    path
}
