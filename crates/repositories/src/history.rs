//! What lies between two commits.

use crate::cache::Repository;
use crate::{CommitId, RepositoryError};

/// A commit, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its first digits.
    pub id: String,
    /// The first line of its message.
    pub subject: String,
}

/// What lies between two commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// How many commits the second has that the first does not have.
    pub ahead: usize,
    /// How many commits the first has that the second does not have.
    pub behind: usize,
    /// The newest of those that the second has.
    pub newest: Vec<Commit>,
    /// Whether there may be more than was looked at.
    pub is_cut: bool,
}

/// How much of a history is looked at: a huge one is not fetched to count what is new.
const DEPTH: usize = 1000;
const NEWEST: usize = 10;

impl Repository<'_> {
    /// Says what lies between two commits; fetches as much of the history as is looked at, without files.
    pub fn history(&self, from: &CommitId, to: &CommitId) -> Result<History, RepositoryError> {
        let lock = self.lock()?;
        let depth = format!("--depth={DEPTH}");
        let words =
            ["fetch", "--progress", "--no-tags", "--no-write-fetch-head", "--filter=tree:0", "--recurse-submodules=no"];
        let fetched = self.git(&[&words[..], &[&depth, "origin", to.as_str()]].concat()).holding(&lock.file).run()?;
        // A host that does not give away commits by their names: what is here is counted.
        let _ = fetched;
        let known = self.has_commit(from)? && self.has_commit(to)?;
        if !known {
            return Ok(History { ahead: 0, behind: 0, newest: Vec::new(), is_cut: true });
        }
        let range = format!("{from}...{to}");
        let counted = self.git(&["rev-list", "--left-right", "--count", &range, "--"]).run()?.success()?.text();
        let mut numbers = counted.split_whitespace().map(|number| number.parse::<usize>().unwrap_or(0));
        let (behind, ahead) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        let base = self.git(&["merge-base", from.as_str(), to.as_str()]).run()?.succeeded;
        let range = format!("{from}..{to}");
        let limit = format!("-{NEWEST}");
        let log = self.git(&["log", &limit, "--format=%h%x09%s", "--abbrev=10", &range, "--"]).run()?.success()?.text();
        let newest = log.lines().filter_map(|line| line.split_once('\t')).map(|(id, subject)| Commit {
            id: id.to_owned(),
            // A message is anybody's text: what moves the cursor of a terminal is left out.
            subject: subject.chars().filter(|char| !char.is_control()).collect(),
        });
        Ok(History { ahead, behind, newest: newest.collect(), is_cut: !base })
    }
}
