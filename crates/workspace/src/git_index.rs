//! What git is going to have, before it has it: files as trees and commits, without a change that anybody sees.
//!
//! A copy of the index keeps what git knows of files that have not changed, so that they are not read again. What was made
//! becomes visible by one change of a reference.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::git::{EMPTY_TREE, Git, With};
use crate::kind::State;

/// What copies of the index are called, in the directory of git.
const COPY: &str = "seedbed-index-";

/// An index of our own; it goes when this is dropped.
#[derive(Debug)]
pub struct Index {
    path: PathBuf,
}

impl Index {
    /// One that is not there yet, for a repository.
    pub(crate) fn fresh(git: &Git) -> Self {
        Self { path: git.own.join(format!("{COPY}{:016x}", fastrand::u64(..))) }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        // Who was given another name has none any more; what a dead process left is removed by the next command.
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(self.path.with_extension("lock"));
    }
}

/// Files as they are, as a tree of git.
#[derive(Debug)]
pub struct Staged {
    /// The tree of the whole repository.
    pub tree: String,
    index: Index,
}

impl Git {
    /// Removes what commands that were killed have left.
    pub(crate) fn tidy(&self) {
        let entries = fs::read_dir(&self.own).into_iter().flatten().flatten();
        let lock = self.own.join("index.lock");
        let inode = |path: &Path| fs::metadata(path).map(|about| (about.dev(), about.ino())).ok();
        for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(COPY)) {
            // What was about to become the index has two names.
            if inode(&lock).is_some() && inode(&lock) == inode(&entry.path()) {
                let _ = fs::remove_file(&lock);
            }
            // One that cannot be removed is in nobody's way.
            let _ = fs::remove_file(entry.path());
        }
    }

    fn copy_of_index(&self) -> Result<Index, Error> {
        let index = Index::fresh(self);
        let mut from = match File::open(self.own.join("index")) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(index),
            from => from.map_err(Error::io("open", &self.own.join("index")))?,
        };
        let copied = File::create(&index.path).and_then(|mut to| {
            std::io::copy(&mut from, &mut to)?;
            // Git reads again what was modified as late as the index: a later time would hide changes of the same second.
            to.set_modified(from.metadata()?.modified()?)
        });
        copied.map_err(Error::io("write", &index.path))?;
        Ok(index)
    }

    /// The files of these paths as they are now, and all others as a commit has them.
    pub fn stage(&self, base: Option<&str>, paths: &[String]) -> Result<Staged, Error> {
        let index = self.copy_of_index()?;
        let with = With { index: Some(&index.path), input: None };
        match base {
            Some(commit) => self.run_with(&["read-tree", "--reset", commit], with)?,
            None => self.run_with(&["read-tree", "--empty"], with)?,
        };
        self.add(paths, with)?;
        let tree = self.run_with(&["write-tree"], with)?;
        Ok(Staged { tree, index })
    }

    /// Further files as they are now.
    pub(crate) fn stage_more(&self, staged: &Staged, paths: &[String]) -> Result<(), Error> {
        self.add(paths, With { index: Some(&staged.index.path), input: None })
    }

    /// The tree that what is staged makes, also what was staged later.
    pub(crate) fn tree_of_index(&self, staged: &Staged) -> Result<String, Error> {
        self.run_with(&["write-tree"], With { index: Some(&staged.index.path), input: None })
    }

    fn add(&self, paths: &[String], with: With<'_>) -> Result<(), Error> {
        let known = |path: &&String| {
            let there = self.directory().join(path).symlink_metadata().is_ok();
            there || self.bytes(&["ls-files", "-z", "--", path], with).is_ok_and(|files| !files.is_empty())
        };
        let paths: Vec<&str> = paths.iter().filter(known).map(String::as_str).collect();
        if paths.is_empty() {
            return Ok(());
        }
        let list = Index { path: self.own.join(format!("{COPY}{:016x}", fastrand::u64(..))) };
        fs::write(&list.path, paths.join("\0")).map_err(Error::io("write", &list.path))?;
        let from = format!("--pathspec-from-file={}", list.path.display());
        self.run_with(&["add", "-A", &from, "--pathspec-file-nul"], with)?;
        Ok(())
    }

    /// A commit of a tree that nobody sees yet. The parent itself, when it has that tree.
    pub fn commit_tree(&self, tree: &str, parent: Option<&str>, message: &str) -> Result<String, Error> {
        if let Some(parent) = parent
            && self.tree_of(parent)? == tree
        {
            return Ok(parent.to_owned());
        }
        let mut arguments = vec!["commit-tree", tree, "-m", message];
        if let Some(parent) = parent {
            arguments.extend(["-p", parent]);
        }
        self.run(&arguments)
    }

    /// Keeps the tree of a state from being collected, under a name of ours.
    pub(crate) fn hold(&self, state: &State, name: &str) -> Result<(), Error> {
        let Some(tree) = &state.hash else { return Ok(()) };
        let commit = if let Some(commit) = &state.commit {
            commit.clone()
        } else {
            if tree == EMPTY_TREE {
                self.run_with(&["mktree"], With { input: Some(b""), ..With::default() })?;
            }
            self.run(&["commit-tree", tree, "-m", "Kept by seedbed"])?
        };
        let stem = crate::names::file_stem(name).replace('%', "_");
        self.run(&["update-ref", &format!("refs/seedbed/{stem}"), &commit])?;
        Ok(())
    }

    /// Makes a commit the one that is checked out, whose tree the staged files are; `before` was that until now. What somebody has
    /// staged besides stays staged.
    pub fn advance(&self, before: Option<&str>, commit: &str, staged: &Staged, paths: &[String]) -> Result<(), Error> {
        if before == Some(commit) {
            return Ok(());
        }
        // Before the reference moves: afterwards all that it brings would look staged.
        let is_all = self.stages_nothing_else(before, staged)?;
        let nothing = "0000000000000000000000000000000000000000";
        self.run(&["update-ref", "-m", "seedbed", "HEAD", commit, before.unwrap_or(nothing)])?;
        let lock = self.own.join("index.lock");
        if is_all && fs::hard_link(&staged.index.path, &lock).is_ok() {
            let index = self.own.join("index");
            return fs::rename(&lock, &index).map_err(Error::io("write", &index));
        }
        let mut arguments = vec!["reset", "-q", commit, "--"];
        arguments.extend(paths.iter().map(String::as_str));
        self.run(&arguments)?;
        Ok(())
    }

    /// Whether the index has nothing but what the commit has, or what is now staged: then the copy can take its place.
    fn stages_nothing_else(&self, before: Option<&str>, staged: &Staged) -> Result<bool, Error> {
        let now = match self.run(&["write-tree"]) {
            // With conflicts in it there is no tree.
            Err(Error::Git { .. }) => return Ok(false),
            other => other?,
        };
        let tree = before.map_or(Ok(EMPTY_TREE.to_owned()), |before| self.tree_of(before))?;
        Ok(now == tree || now == staged.tree)
    }

    /// Stages files as they are and commits them, with the message; returns the commit, which is the old one when nothing has
    /// changed.
    pub fn commit(&self, paths: &[String], message: &str) -> Result<Option<String>, Error> {
        let before = self.head()?;
        let staged = self.stage(before.as_deref(), paths)?;
        if before.is_none() && staged.tree == EMPTY_TREE {
            return Ok(None);
        }
        let commit = self.commit_tree(&staged.tree, before.as_deref(), message)?;
        self.advance(before.as_deref(), &commit, &staged, paths)?;
        Ok(Some(commit))
    }

    /// Makes the files of a directory be those of a tree, whatever they are now; files that git ignores stay. Neither the index nor
    /// any reference changes. Can be repeated, and called for another tree, at whatever point it was cut off.
    pub fn switch(&self, path: &str, tree: &str) -> Result<(), Error> {
        let directory = self.directory().join(path);
        fs::create_dir_all(&directory).map_err(Error::io("create", &directory))?;
        let staged = self.stage(self.head()?.as_deref(), &[path.to_owned()])?;
        let now = self.subtree(&staged.tree, path)?;
        if now == tree {
            return Ok(());
        }
        let wanted = self.with_subtree(&staged.tree, path, tree)?;
        let with = With { index: Some(&staged.index.path), input: None };
        self.run_from_top(&["read-tree", "-m", "-u", &staged.tree, &wanted], with)?;
        // Git takes away a directory in which nothing is left.
        fs::create_dir_all(&directory).map_err(Error::io("create", &directory))
    }

    /// The tree of the whole repository with another tree in place of a directory.
    fn with_subtree(&self, whole: &str, path: &str, tree: &str) -> Result<String, Error> {
        let path = self.path_from_top(path);
        if path.is_empty() {
            return Ok(tree.to_owned());
        }
        let index = Index::fresh(self);
        let with = With { index: Some(&index.path), input: None };
        self.run_from_top(&["read-tree", whole], with)?;
        self.run_from_top(&["rm", "-r", "-q", "--cached", "--ignore-unmatch", "--", &path], with)?;
        if tree != EMPTY_TREE {
            self.run_from_top(&["read-tree", &format!("--prefix={path}/"), tree], with)?;
        }
        self.run_with(&["write-tree"], with)
    }

    /// Runs git where the working tree begins.
    pub(crate) fn run_from_top(&self, arguments: &[&str], with: With<'_>) -> Result<String, Error> {
        let bytes = self.bytes_from_top(arguments, with)?;
        Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned())
    }

    /// The same, with the bytes that it says.
    pub(crate) fn bytes_from_top(&self, arguments: &[&str], with: With<'_>) -> Result<Vec<u8>, Error> {
        let up: String = "../".repeat(self.prefix.matches('/').count());
        let directory = if up.is_empty() { "." } else { &up };
        self.bytes(&[&["-C", directory], arguments].concat(), with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files of the same size, written in the same second, more often than the clock of the file system ticks.
    #[test]
    fn changes_of_the_same_second_are_seen() {
        let directory = tempfile::tempdir().unwrap();
        let git = Git::create(directory.path()).unwrap().with_identity("ann", "larch");
        let write = |text: &str| {
            fs::create_dir_all(directory.path().join("code")).unwrap();
            (0..20).for_each(|number| fs::write(directory.path().join(format!("code/{number}")), text).unwrap());
        };
        let paths = ["code".to_owned()];
        let mut trees = Vec::new();
        for text in ["one", "two"] {
            write(text);
            let commit = git.commit(&paths, text).unwrap().unwrap();
            trees.push(git.subtree(&git.tree_of(&commit).unwrap(), "code").unwrap());
        }
        assert_ne!(trees[0], trees[1]);
        for number in 0..12 {
            let at = number % 2;
            git.switch("code", &trees[at]).unwrap();
            git.commit(&paths, "switched").unwrap();
            let read = |number: usize| fs::read_to_string(directory.path().join(format!("code/{number}"))).unwrap();
            assert!((0..20).all(|number| read(number) == ["one", "two"][at]), "switch {number}");
        }
        assert!(git.run(&["status", "--porcelain"]).unwrap().is_empty());
    }

    #[test]
    fn what_is_staged_besides_stays_staged() {
        let directory = tempfile::tempdir().unwrap();
        let git = Git::create(directory.path()).unwrap().with_identity("ann", "larch");
        fs::create_dir_all(directory.path().join("code")).unwrap();
        fs::write(directory.path().join("code/a"), "1").unwrap();
        git.commit(&["code".to_owned()], "first").unwrap();
        fs::write(directory.path().join("mine"), "1").unwrap();
        git.run(&["add", "mine"]).unwrap();
        fs::write(directory.path().join("code/a"), "2").unwrap();
        git.commit(&["code".to_owned()], "second").unwrap();
        assert_eq!(git.run(&["status", "--porcelain"]).unwrap(), "A  mine");
        assert_eq!(git.run(&["ls-tree", "-r", "--name-only", "HEAD"]).unwrap(), "code/a");
    }
}
