//! Where dependencies lie, for whoever follows them.

use std::path::{Path, PathBuf};

use source::Problem;

use crate::Dependency;

/// A dependency that is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The directory of the workspace that wants it.
    pub from: &'a Path,
    /// The names that lead there: that of the root workspace, then those of dependencies.
    pub chain: &'a [String],
    /// The name that the dependent has for it.
    pub alias: &'a str,
    /// What the dependent says of it.
    pub dependency: &'a Dependency,
}

/// Knows where dependencies lie that are not simply at their path.
pub trait Locator {
    /// Says where a dependency lies; `None` for one that lies at its path.
    fn locate(&mut self, wanted: &Wanted<'_>) -> Option<Result<PathBuf, Problem>>;

    /// A workspace reads what lies at these paths, relative to it and outside of it.
    fn beside(&mut self, directory: &Path, paths: &[String]);

    /// Whether what was located stays as it is. When not, all dependencies are followed once more: one that came later
    /// has changed where an earlier one lies.
    fn is_settled(&mut self) -> bool;
}

/// Only knows paths.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByPath;

impl Locator for ByPath {
    fn locate(&mut self, _wanted: &Wanted<'_>) -> Option<Result<PathBuf, Problem>> {
        None
    }

    fn beside(&mut self, _directory: &Path, _paths: &[String]) {}

    fn is_settled(&mut self) -> bool {
        true
    }
}
