//! A checkout that a person works in.

use std::path::{Path, PathBuf};

use crate::git::{Git, Settings};
use crate::{Address, CommitId, RepositoryError};

/// A checkout that a person works in.
pub struct WorkingCopy<'a> {
    settings: &'a Settings<'a>,
    directory: PathBuf,
}

/// How far a working copy is from a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distance {
    /// The branch that it is on, if it is on one.
    pub branch: Option<String>,
    /// The commit that it is at.
    pub commit: CommitId,
    /// Commits that it has beyond the other one, and commits that it lacks; `None` when it does not have that one.
    pub counts: Option<(usize, usize)>,
    /// Files that differ from its commit.
    pub changed: usize,
}

impl<'a> WorkingCopy<'a> {
    /// The working copy that a directory is in.
    pub fn new(settings: &'a Settings<'a>, directory: &Path) -> Self {
        Self { settings, directory: directory.to_owned() }
    }

    fn git(&self, words: &[&str]) -> Git<'a> {
        Git::new(self.settings, &self.directory, words).without_fetching()
    }

    /// The root of the working copy, and the addresses that it is fetched from; nothing when it is not one of git's.
    pub fn origins(&self) -> Result<Option<(PathBuf, Vec<Address>)>, RepositoryError> {
        let root = self.git(&["rev-parse", "--show-toplevel"]).run()?;
        if !root.succeeded {
            return Ok(None);
        }
        let root = PathBuf::from(root.text().trim_end_matches('\n'));
        let listed = self.git(&["config", "--get-regexp", "^remote\\..*\\.url$"]).run()?.text();
        let addresses = listed.lines().filter_map(|line| Address::parse(line.split_once(' ')?.1).ok());
        Ok(Some((root, addresses.collect())))
    }

    /// How far it is from a commit; nothing when it is no working copy, or has no commit yet.
    pub fn distance(&self, from: Option<&CommitId>) -> Result<Option<Distance>, RepositoryError> {
        let head = self.git(&["rev-parse", "--verify", "--quiet", "HEAD"]).run()?;
        let Some(commit) = CommitId::parse(head.text().trim()) else { return Ok(None) };
        let branch = self.git(&["symbolic-ref", "--short", "--quiet", "HEAD"]).run()?;
        let branch = branch.succeeded.then(|| branch.text().trim().to_owned());
        let counts = match from {
            None => None,
            Some(from) => {
                let range = format!("{from}...{commit}");
                let counted = self.git(&["rev-list", "--left-right", "--count", &range, "--"]).run()?;
                let text = counted.text();
                let mut numbers = text.split_whitespace().filter_map(|number| number.parse::<usize>().ok());
                let pair = (numbers.next(), numbers.next());
                if let (true, (Some(behind), Some(ahead))) = (counted.succeeded, pair) {
                    Some((ahead, behind))
                } else {
                    None
                }
            }
        };
        let status = self.git(&["status", "--porcelain", "--", "."]).run()?.text();
        Ok(Some(Distance { branch, commit, counts, changed: status.lines().count() }))
    }

    /// Whether git would commit a file that is not there yet.
    pub fn would_commit(&self, file: &str) -> Result<bool, RepositoryError> {
        let inside = self.git(&["rev-parse", "--is-inside-work-tree"]).run()?;
        Ok(inside.succeeded && !self.git(&["check-ignore", "--quiet", "--", file]).run()?.succeeded)
    }
}
