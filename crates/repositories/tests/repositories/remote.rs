//! A repository that is fetched from, and a cache to fetch it into.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use repositories::{Address, Cache, CommitId, Settings};
use tempfile::TempDir;

/// A directory with a repository that others fetch from, and a cache.
pub struct Remote {
    top: TempDir,
    variables: BTreeMap<String, String>,
    pub told: Mutex<Vec<String>>,
}

impl Remote {
    /// An empty one, that gives away parts as large hosts do.
    pub fn new() -> Self {
        let top = tempfile::tempdir().unwrap();
        let path = std::env::var("PATH").unwrap();
        let variables = [
            ("PATH", path.as_str()),
            ("HOME", top.path().to_str().unwrap()),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_AUTHOR_NAME", "A"),
            ("GIT_AUTHOR_EMAIL", "a@example.com"),
            ("GIT_COMMITTER_NAME", "A"),
            ("GIT_COMMITTER_EMAIL", "a@example.com"),
            ("GIT_AUTHOR_DATE", "2025-01-01T00:00:00Z"),
            ("GIT_COMMITTER_DATE", "2025-01-01T00:00:00Z"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let remote = Self { top, variables, told: Mutex::default() };
        fs::create_dir_all(remote.root()).unwrap();
        remote.git(&["init", "--quiet", "--initial-branch=main"]);
        remote.git(&["config", "uploadpack.allowFilter", "true"]);
        remote
    }

    /// The working copy of the repository that others fetch from.
    pub fn root(&self) -> PathBuf {
        self.top.path().join("remote")
    }

    pub fn cache_directory(&self) -> PathBuf {
        self.top.path().join("cache")
    }

    pub fn address(&self) -> Address {
        Address::parse(&format!("file://{}", self.root().display())).unwrap()
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn link(&self, path: &str, target: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    /// Commits all that is there.
    pub fn commit(&self, message: &str) -> CommitId {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.head()
    }

    pub fn head(&self) -> CommitId {
        CommitId::parse(self.git(&["rev-parse", "HEAD"]).trim()).unwrap()
    }

    #[track_caller]
    pub fn git(&self, words: &[&str]) -> String {
        self.git_with(words, "")
    }

    #[track_caller]
    pub fn git_with(&self, words: &[&str], input: &str) -> String {
        let mut command = Command::new("git");
        command.env_clear().envs(&self.variables).args(words).current_dir(self.root());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Makes a commit of entries as `git mktree` takes them, which no working copy could hold.
    pub fn commit_of_tree(&self, entries: &str) -> CommitId {
        let tree = self.git_with(&["mktree", "--missing"], entries);
        let commit = self.git(&["commit-tree", "-m", "made", tree.trim()]);
        self.git(&["update-ref", "refs/heads/made", commit.trim()]);
        CommitId::parse(commit.trim()).unwrap()
    }

    /// Works with the cache, as a process does.
    pub fn with_cache<T>(&self, work: impl FnOnce(&Cache<'_>) -> T) -> T {
        let progress = |text: &str| self.told.lock().unwrap().push(text.to_owned());
        let settings =
            Settings { variables: &self.variables, may_ask: false, is_interrupted: &|| false, progress: &progress };
        work(&Cache::new(self.cache_directory(), settings))
    }

    /// What a checkout of this path has, and its digest.
    pub fn checkout(&self, commit: &CommitId, path: &str) -> Result<(PathBuf, String), repositories::RepositoryError> {
        self.with_cache(|cache| {
            let checkout = cache.repository(&self.address()).checkout(commit, path, None)?;
            Ok((checkout.directory, checkout.digest))
        })
    }

    /// As if there were no network.
    pub fn vanish(&self) {
        fs::rename(self.root(), self.top.path().join("gone")).unwrap();
    }

    pub fn appear(&self) {
        fs::rename(self.top.path().join("gone"), self.root()).unwrap();
    }
}

/// All files below a directory, with their contents.
pub fn files(directory: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(next) = directories.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                directories.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap().display().to_string();
                found.push((name, fs::read_to_string(&path).unwrap_or_default()));
            }
        }
    }
    found.sort();
    found
}

/// The bytes of all files below a directory.
pub fn size(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let of = |path: PathBuf| if path.is_dir() { size(&path) } else { fs::symlink_metadata(&path).unwrap().len() };
    entries.map(of).sum()
}
