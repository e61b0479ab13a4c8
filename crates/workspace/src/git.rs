//! Git, asked about the repository that a directory is in.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use crate::Error;

/// What git calls a directory without files.
pub const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// A repository of git, seen from a directory in it.
#[derive(Debug, Clone)]
pub struct Git {
    directory: PathBuf,
    /// The directory `.git`, or what stands for it.
    pub(crate) own: PathBuf,
    /// The path of the directory below the top of the working tree; empty, or ends with `/`.
    pub(crate) prefix: String,
    /// Who commits where git does not know.
    identity: Option<(String, String)>,
    /// A file that what is called keeps open.
    held: Option<Arc<File>>,
}

/// What a call of git needs beside its arguments.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct With<'a> {
    /// The index that it works with.
    pub index: Option<&'a Path>,
    /// Its standard input.
    pub input: Option<&'a [u8]>,
}

impl Git {
    /// The repository that a directory is in; `None` when it is in none.
    pub fn find(directory: &Path) -> Result<Option<Self>, Error> {
        let mut git = Self::outside(directory);
        let output = git.output(&["rev-parse", "--absolute-git-dir", "--show-prefix"], With::default())?;
        if !output.status.success() {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut lines = text.lines();
        git.own = lines.next().map(PathBuf::from).unwrap_or_default();
        lines.next().unwrap_or_default().clone_into(&mut git.prefix);
        Ok(Some(git))
    }

    /// Git in a directory that need not be in a repository.
    pub(crate) fn outside(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), own: PathBuf::new(), prefix: String::new(), identity: None, held: None }
    }

    /// Makes a repository in a directory.
    pub fn create(directory: &Path) -> Result<Self, Error> {
        Self::outside(directory).run(&["init", "-q"])?;
        Ok(Self::find(directory)?.expect("it was just made"))
    }

    /// Commits as this person where git knows nobody.
    #[must_use]
    pub fn with_identity(mut self, user: &str, host: &str) -> Self {
        let ident = self.output(&["var", "GIT_COMMITTER_IDENT"], With::default());
        if !ident.is_ok_and(|output| output.status.success()) {
            self.identity = Some((user.to_owned(), format!("{user}@{host}")));
        }
        self
    }

    /// Lets every call keep a file open, as its standard input.
    #[must_use]
    pub(crate) fn holding(self, held: Option<Arc<File>>) -> Self {
        Self { held, ..self }
    }

    /// The directory from which it is asked.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Runs git and returns what it says, without the line end.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Result<String, Error> {
        self.run_with(arguments, With::default())
    }

    /// The same with more around it.
    pub(crate) fn run_with<A: AsRef<OsStr>>(&self, arguments: &[A], with: With<'_>) -> Result<String, Error> {
        let bytes = self.bytes(arguments, with)?;
        Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned())
    }

    /// Runs git and returns the bytes that it says.
    pub(crate) fn bytes<A: AsRef<OsStr>>(&self, arguments: &[A], with: With<'_>) -> Result<Vec<u8>, Error> {
        let output = self.output(arguments, with)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("; ");
        let command: Vec<_> = arguments.iter().map(|word| word.as_ref().to_string_lossy()).take(2).collect();
        Err(Error::Git { command: command.join(" "), directory: self.directory.clone(), said })
    }

    /// Whether git succeeds with this.
    pub(crate) fn succeeds<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Result<bool, Error> {
        Ok(self.output(arguments, With::default())?.status.success())
    }

    fn output<A: AsRef<OsStr>>(&self, arguments: &[A], with: With<'_>) -> Result<std::process::Output, Error> {
        let mut command = Command::new("git");
        command.args(["-c", "core.quotePath=false", "-c", "core.fsmonitor=false", "-c", "advice.detachedHead=false"]);
        command.args(arguments).current_dir(&self.directory);
        // What stands in the environment of a hook is about another repository.
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY"] {
            command.env_remove(name);
        }
        command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GIT_LITERAL_PATHSPECS", "1");
        if let Some(index) = with.index {
            command.env("GIT_INDEX_FILE", index);
        }
        if let Some((name, mail)) = &self.identity {
            for role in ["AUTHOR", "COMMITTER"] {
                command.env(format!("GIT_{role}_NAME"), name).env(format!("GIT_{role}_EMAIL"), mail);
            }
        }
        let held = self.held.as_ref().and_then(|held| held.try_clone().ok());
        command.stdin(match (with.input, held) {
            (Some(_), _) => Stdio::piped(),
            (None, Some(held)) => Stdio::from(held),
            (None, None) => Stdio::null(),
        });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|source| Error::NoGit { source })?;
        if let (Some(mut pipe), Some(input)) = (child.stdin.take(), with.input) {
            // It says itself why it did not read all of it.
            let _ = pipe.write_all(input);
        }
        child.wait_with_output().map_err(|source| Error::NoGit { source })
    }

    /// The commit that is checked out; `None` before the first.
    pub fn head(&self) -> Result<Option<String>, Error> {
        let output = self.output(&["rev-parse", "-q", "--verify", "HEAD^{commit}"], With::default())?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(Some(text).filter(|text| output.status.success() && !text.is_empty()))
    }

    /// The tree of a commit.
    pub fn tree_of(&self, commit: &str) -> Result<String, Error> {
        self.run(&["rev-parse", "-q", "--verify", &format!("{commit}^{{tree}}")])
    }

    /// The tree of a directory below the one that git is asked from, in the tree of the whole repository; that of an empty one when
    /// it is not there.
    pub fn subtree(&self, tree: &str, path: &str) -> Result<String, Error> {
        let path = self.path_from_top(path);
        if path.is_empty() {
            return Ok(tree.to_owned());
        }
        let output = self.output(&["rev-parse", "-q", "--verify", &format!("{tree}:{path}")], With::default())?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(if output.status.success() { text } else { EMPTY_TREE.to_owned() })
    }

    /// Whether git has an object.
    pub fn has(&self, object: &str) -> Result<bool, Error> {
        Ok(object == EMPTY_TREE || self.succeeds(&["cat-file", "-e", object])?)
    }

    /// A path below the directory that git is asked from, as a path below the top of the working tree.
    pub(crate) fn path_from_top(&self, path: &str) -> String {
        let path = if path == "." { "" } else { path.trim_end_matches('/') };
        format!("{}{path}", self.prefix).trim_end_matches('/').to_owned()
    }

    /// Which files differ between two trees: a letter for how, and the path.
    pub fn changed_files(&self, before: &str, after: &str) -> Result<Vec<(char, String)>, Error> {
        for tree in [before, after] {
            if tree == EMPTY_TREE {
                // It need not be there.
                self.run_with(&["mktree"], With { input: Some(b""), ..With::default() })?;
            }
        }
        let bytes = self.bytes(&["diff-tree", "-r", "-z", "--name-status", before, after], With::default())?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut words = text.split('\0').filter(|word| !word.is_empty());
        let mut all = Vec::new();
        while let (Some(how), Some(path)) = (words.next(), words.next()) {
            all.push((how.chars().next().unwrap_or('M'), path.to_owned()));
        }
        Ok(all)
    }

    /// The first parent of a commit.
    pub fn parent(&self, commit: &str) -> Result<Option<String>, Error> {
        let output = self.output(&["rev-parse", "-q", "--verify", &format!("{commit}^")], With::default())?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(Some(text).filter(|text| output.status.success() && !text.is_empty()))
    }

    /// Whether git has all files of a tree; what a clone has left out is not there.
    pub fn is_whole(&self, tree: &str) -> Result<bool, Error> {
        if tree == EMPTY_TREE {
            return Ok(true);
        }
        let arguments = ["rev-list", "--objects", "--missing=print", "--no-object-names", &format!("{tree}^{{tree}}")];
        let output = self.output(&arguments, With::default())?;
        Ok(output.status.success() && !output.stdout.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"?")))
    }
}
