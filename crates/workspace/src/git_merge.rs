//! Two histories of git become one: merged in an index of our own, so that nothing is seen of it before it is whole.

use std::collections::BTreeMap;
use std::fs;

use crate::Error;
use crate::git::{Git, With};
use crate::git_index::Index;

/// A file as git has it: its mode and the name of its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Such as `100644`.
    pub mode: String,
    /// The name of its content.
    pub id: String,
}

/// A file that differs: its path from the top, how it was, and how it is.
pub type Changed = (String, Option<Blob>, Option<Blob>);
/// What becomes of a file, by its path from the top; `None`: it is removed.
pub type Decided = (String, Option<Blob>);

/// A file as it was before both sides changed it, and as each has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sides {
    /// Before.
    pub base: Option<Blob>,
    /// Here.
    pub ours: Option<Blob>,
    /// In the other repository.
    pub theirs: Option<Blob>,
}

/// Three trees, merged as far as git does it without looking into files.
pub struct Merge<'a> {
    git: &'a Git,
    index: Index,
    /// What it does not decide, by paths from the top.
    pub undecided: BTreeMap<String, Sides>,
}

impl Git {
    /// The commit of a branch in another repository, which is fetched; `None` when it has no such branch.
    pub fn fetch(&self, remote: &str, branch: &str) -> Result<Option<String>, Error> {
        if self.run(&["ls-remote", remote, &format!("refs/heads/{branch}")])?.is_empty() {
            return Ok(None);
        }
        let into = format!("refs/remotes/{remote}/{branch}");
        self.run(&["fetch", "-q", "--no-tags", remote, &format!("+refs/heads/{branch}:{into}")])?;
        self.run(&["rev-parse", "-q", "--verify", &into]).map(Some)
    }

    /// The branch that is checked out; an error when none is.
    pub fn branch(&self) -> Result<String, Error> {
        let output = self.run(&["symbolic-ref", "-q", "--short", "HEAD"]);
        output.map_err(|_| {
            let problem = format!("no branch is checked out in {}", self.directory().display());
            Error::refused(problem, "`git switch BRANCH` goes on one")
        })
    }

    /// The last commit that two have in common.
    pub fn merge_base(&self, one: &str, other: &str) -> Result<Option<String>, Error> {
        if !self.succeeds(&["merge-base", one, other])? {
            return Ok(None);
        }
        self.run(&["merge-base", one, other]).map(Some)
    }

    /// When a commit was made, in seconds since 1970.
    pub fn time_of(&self, commit: &str) -> Result<i64, Error> {
        Ok(self.run(&["show", "-s", "--format=%ct", commit])?.trim().parse().unwrap_or_default())
    }

    /// Which files differ between two commits, at or below a path from the top: as they were and as they are.
    pub fn changed_blobs(&self, before: &str, after: &str, path: &str) -> Result<Vec<Changed>, Error> {
        let mut words = vec!["diff-tree", "-r", "-z", "--raw", "--no-renames", "--full-index", before, after];
        if !path.is_empty() {
            words.extend(["--", path]);
        }
        let bytes = self.bytes_from_top(&words, With::default())?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut words = text.split('\0').filter(|word| !word.is_empty());
        let mut all = Vec::new();
        while let (Some(about), Some(path)) = (words.next(), words.next()) {
            let parts: Vec<&str> = about.trim_start_matches(':').split(' ').collect();
            let [mode_before, mode_after, before, after, _] = parts[..] else { continue };
            let blob =
                |mode: &str, id: &str| (mode != "000000").then(|| Blob { mode: mode.to_owned(), id: id.to_owned() });
            all.push((path.to_owned(), blob(mode_before, before), blob(mode_after, after)));
        }
        Ok(all)
    }

    /// What these files have in them, by the names of their contents.
    pub fn read_blobs(&self, ids: &[&str]) -> Result<BTreeMap<String, Vec<u8>>, Error> {
        let mut all = BTreeMap::new();
        if ids.is_empty() {
            return Ok(all);
        }
        let input = ids.join("\n") + "\n";
        let bytes = self.bytes(&["cat-file", "--batch"], With { input: Some(input.as_bytes()), ..With::default() })?;
        let mut rest = bytes.as_slice();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let head = String::from_utf8_lossy(&rest[..end]).into_owned();
            let mut words = head.split(' ');
            let (Some(id), Some("blob"), Some(size)) = (words.next(), words.next(), words.next()) else {
                let said = format!("git has not all files of the two histories: {head}");
                return Err(Error::Git {
                    command: "cat-file".to_owned(),
                    directory: self.directory().to_owned(),
                    said,
                });
            };
            let size: usize = size.parse().unwrap_or_default();
            all.insert(id.to_owned(), rest[end + 1..end + 1 + size].to_owned());
            rest = &rest[end + 2 + size..];
        }
        Ok(all)
    }

    /// Gives git a file.
    pub fn write_blob(&self, bytes: &[u8]) -> Result<String, Error> {
        self.run_with(&["hash-object", "-w", "--stdin"], With { input: Some(bytes), ..With::default() })
    }

    /// Files that are otherwise than in the commit that is checked out, or that git does not know; paths from the top.
    pub fn uncommitted(&self) -> Result<Vec<String>, Error> {
        let words = ["status", "--porcelain", "-z", "--no-renames", "--untracked-files=all"];
        let bytes = self.bytes_from_top(&words, With::default())?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(text.split('\0').filter_map(|line| line.get(3..).map(str::to_owned)).collect())
    }

    /// What git would call the content of a file as it is now; `None` when there is no such file.
    pub fn blob_of_file(&self, path: &str) -> Result<Option<String>, Error> {
        match self.run_from_top(&["hash-object", "--", path], With::default()) {
            Err(Error::Git { .. }) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Moves files, index and branch from one commit to another; what is changed beside that stays changed. Can be done again when
    /// it was cut off.
    pub fn move_to(&self, before: &str, after: &str, why: &str) -> Result<(), Error> {
        // It says by its exit code that files differ, which is no failure.
        self.succeeds(&["update-index", "-q", "--refresh"])?;
        self.run_from_top(&["read-tree", "-m", "-u", before, after], With::default())?;
        self.run(&["update-ref", "-m", why, "HEAD", after, before])?;
        Ok(())
    }

    /// Begins to merge two commits.
    pub fn merge(&self, base: &str, ours: &str, theirs: &str) -> Result<Merge<'_>, Error> {
        let index = Index::fresh(self);
        let with = With { index: Some(index.path()), input: None };
        self.run_from_top(&["read-tree", "-i", "-m", "--aggressive", base, ours, theirs], with)?;
        let bytes = self.bytes_from_top(&["ls-files", "-u", "-z"], with)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut undecided: BTreeMap<String, Sides> = BTreeMap::new();
        for line in text.split('\0').filter(|line| !line.is_empty()) {
            let Some((about, path)) = line.split_once('\t') else { continue };
            let parts: Vec<&str> = about.split(' ').collect();
            let [mode, id, stage] = parts[..] else { continue };
            let blob = Some(Blob { mode: mode.to_owned(), id: id.to_owned() });
            let sides = undecided.entry(path.to_owned()).or_default();
            match stage {
                "1" => sides.base = blob,
                "2" => sides.ours = blob,
                _ => sides.theirs = blob,
            }
        }
        Ok(Merge { git: self, index, undecided })
    }

    /// Merges what two have done with a text, line by line; `None` when they have changed the same lines, or it is no text.
    pub fn merge_texts(&self, base: &[u8], ours: &[u8], theirs: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        // Under the names of indexes, so that the next command removes what a dead process left.
        let files = [ours, base, theirs].map(|bytes| (Index::fresh(self), bytes));
        for (file, bytes) in &files {
            fs::write(file.path(), bytes).map_err(Error::io("write", file.path()))?;
        }
        let paths = files.each_ref().map(|(file, _)| file.path().to_string_lossy().into_owned());
        let words = ["merge-file", "-p", &paths[0], &paths[1], &paths[2]];
        match self.bytes(&words, With::default()) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(Error::Git { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Merge<'_> {
    /// Decides what becomes of files; `None` removes one.
    pub fn decide(&self, decided: &[Decided]) -> Result<(), Error> {
        const NOTHING: &str = "0000000000000000000000000000000000000000";
        let mut input = Vec::new();
        for (path, blob) in decided {
            // First all that is undecided of it goes.
            input.extend(format!("0 {NOTHING}\t{path}\0").bytes());
            if let Some(blob) = blob {
                input.extend(format!("{} {}\t{path}\0", blob.mode, blob.id).bytes());
            }
        }
        let with = With { index: Some(self.index.path()), input: Some(&input) };
        self.git.run_from_top(&["update-index", "-z", "--index-info"], with)?;
        Ok(())
    }

    /// The commit that has both, with everything decided.
    pub fn commit(&self, ours: &str, theirs: &str, message: &str) -> Result<String, Error> {
        let with = With { index: Some(self.index.path()), input: None };
        let tree = self.git.run_with(&["write-tree"], with)?;
        self.git.run(&["commit-tree", &tree, "-p", ours, "-p", theirs, "-m", message])
    }
}
