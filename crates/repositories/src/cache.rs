//! The cache of repositories, which all workspaces of a user share: one bare repository for each, and the files of each
//! commit that was asked for.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::git::{Git, Output, Settings};
use crate::revision::{Found, Resolved, ResolvedKind, find};
use crate::{Address, CommitId, RepositoryError};

/// What was fetched of repositories, and what is fetched when it is needed.
pub struct Cache<'a> {
    pub(crate) root: PathBuf,
    pub(crate) settings: Settings<'a>,
}

impl<'a> Cache<'a> {
    /// The cache in a directory, which is made when something is put into it.
    pub fn new(root: PathBuf, settings: Settings<'a>) -> Self {
        Self { root, settings }
    }

    /// How git is run.
    pub fn settings(&self) -> &Settings<'a> {
        &self.settings
    }

    /// A repository, of which nothing may be here yet.
    pub fn repository(&self, address: &Address) -> Repository<'_> {
        let digest = blake3::hash(address.identity().as_bytes()).to_hex();
        let last = address.identity().rsplit('/').next().unwrap_or_default();
        let word: String = last.chars().filter(|char| char.is_ascii_alphanumeric() || "-_".contains(*char)).collect();
        let directory = self.root.join(format!("{word}-{}", &digest[..16]));
        Repository { cache: self, address: address.clone(), directory }
    }
}

/// A repository, and what is here of it.
pub struct Repository<'c> {
    pub(crate) cache: &'c Cache<'c>,
    pub(crate) address: Address,
    pub(crate) directory: PathBuf,
}

/// The right to change what is here of a repository.
pub(crate) struct Lock {
    pub(crate) file: File,
}

impl Repository<'_> {
    /// Asks where a branch, a tag or the default branch points to now. The whole name of a commit needs no answer.
    pub fn resolve(&self, reference: Option<&str>) -> Result<Resolved, RepositoryError> {
        if let Some(commit) = reference.and_then(CommitId::parse) {
            return Ok(Resolved { commit, kind: ResolvedKind::Commit });
        }
        let address = self.address.as_str();
        (self.cache.settings.progress)(&format!("asking {address}"));
        let listed = Git::new(&self.cache.settings, Path::new("/"), &["ls-remote", "--", address]).run()?;
        let listed = self.reached(listed)?.text();
        let address = address.to_owned();
        match (find(&listed, reference), reference) {
            (Found::One(resolved), _) => Ok(resolved),
            (Found::Both { branch, tag }, reference) => {
                let reference = reference.unwrap_or_default().to_owned();
                Err(RepositoryError::Ambiguous { address, reference, branch, tag })
            }
            (Found::Nothing, None) => Err(RepositoryError::NoHead { address }),
            (Found::Nothing, Some(reference)) => {
                let names = listed.lines().filter_map(|line| Some(line.split_once('\t')?.1));
                let short = names
                    .filter_map(|name| name.strip_prefix("refs/heads/").or_else(|| name.strip_prefix("refs/tags/")));
                let known = short.filter(|name| !name.ends_with("^{}")).map(str::to_owned).collect();
                Err(RepositoryError::NoReference { address, reference: reference.to_owned(), known })
            }
        }
    }

    /// What git says of the repository, if it could be reached.
    pub(crate) fn reached(&self, output: Output) -> Result<Output, RepositoryError> {
        if output.succeeded {
            return Ok(output);
        }
        let said = if output.said.is_empty() { "git gives no reason".to_owned() } else { output.said };
        Err(RepositoryError::Unreachable { address: self.address.to_string(), said })
    }

    pub(crate) fn bare(&self) -> PathBuf {
        self.directory.join("git")
    }

    pub(crate) fn git(&self, words: &[&str]) -> Git<'_> {
        Git::new(&self.cache.settings, &self.bare(), words)
    }

    /// Waits for the right to change what is here; makes the bare repository when there is none.
    pub(crate) fn lock(&self) -> Result<Lock, RepositoryError> {
        const PAUSE: Duration = Duration::from_millis(5);
        make(&self.directory)?;
        // Files that git should not see are listed in each repository itself, and not in what is above the cache.
        let ignore = self.cache.root.join(".gitignore");
        if !ignore.exists() {
            fs::write(&ignore, "!*\n").map_err(RepositoryError::io("write", &ignore))?;
        }
        let path = self.directory.join("lock");
        let mut has_told = false;
        let file = loop {
            let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
            let file = opened.map_err(RepositoryError::io("open", &path))?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) if is_at(&file, &path) => break file,
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => {
                    if (self.cache.settings.is_interrupted)() {
                        return Err(RepositoryError::Interrupted);
                    }
                    if !has_told {
                        (self.cache.settings.progress)(&format!("another command fetches {}", self.address));
                        has_told = true;
                    }
                    std::thread::sleep(PAUSE);
                }
                Err(error) => return Err(RepositoryError::io("lock", &path)(error.into())),
            }
        };
        self.make_bare()?;
        Ok(Lock { file })
    }

    /// Nobody else works here now: a lock of git's own that is left is of a git that was killed.
    fn make_bare(&self) -> Result<(), RepositoryError> {
        let bare = self.bare();
        for left in ["config.lock", "shallow.lock", "packed-refs.lock", "HEAD.lock"] {
            match fs::remove_file(bare.join(left)) {
                Err(error)
                    if error.kind() != io::ErrorKind::NotFound && error.kind() != io::ErrorKind::NotADirectory =>
                {
                    return Err(RepositoryError::io("remove", &bare.join(left))(error));
                }
                _ => {}
            }
        }
        if bare.join("config").is_file() && bare.join("made").is_file() {
            // The same repository can be had by several ways; the one that is asked for now is used.
            let known = fs::read_to_string(bare.join("made")).unwrap_or_default();
            if known != self.address.as_str() {
                self.git(&["config", "remote.origin.url", self.address.as_str()]).run()?.success()?;
                self.write_made()?;
            }
            return Ok(());
        }
        make(&bare)?;
        self.git(&["init", "--quiet", "--bare", "--template=", "."]).run()?.success()?;
        for (name, value) in [
            ("remote.origin.url", self.address.as_str()),
            ("remote.origin.promisor", "true"),
            ("remote.origin.partialclonefilter", "blob:none"),
            // A promise to fetch what is missing is an extension of the format.
            ("core.repositoryformatversion", "1"),
            ("extensions.partialClone", "origin"),
        ] {
            self.git(&["config", name, value]).run()?.success()?;
        }
        self.write_made()
    }

    fn write_made(&self) -> Result<(), RepositoryError> {
        let path = self.bare().join("made");
        write_whole(&path, self.address.as_str().as_bytes())
    }

    /// Makes sure that a commit is here, with its directories but without the contents of its files.
    pub(crate) fn fetch_commit(&self, commit: &CommitId, lock: &Lock) -> Result<(), RepositoryError> {
        if self.has_commit(commit)? {
            return self.fetch_directories(commit, lock);
        }
        (self.cache.settings.progress)(&format!("fetching {} at {}", self.address, commit.short()));
        let name = commit.as_str();
        let words = ["fetch", "--progress", "--no-tags", "--no-write-fetch-head", "--depth=1", "--filter=blob:none"];
        let words = [&words[..], &["--recurse-submodules=no", "origin", name]].concat();
        let fetched = self.git(&words).holding(&lock.file).run()?;
        if fetched.succeeded {
            return Ok(());
        }
        let refuses = ["not our ref", "couldn't find remote ref", "unadvertised object", "no such remote ref"];
        if !refuses.iter().any(|word| fetched.said.contains(word)) {
            return self.reached(fetched).map(drop);
        }
        // Some hosts give away only what a branch or tag points to: then all of them are fetched, with their history.
        let mut words = vec!["fetch", "--progress", "--tags", "--no-write-fetch-head", "--filter=blob:none"];
        if self.bare().join("shallow").exists() {
            words.push("--unshallow");
        }
        words.extend(["--recurse-submodules=no", "origin", "+refs/heads/*:refs/remotes/origin/*"]);
        self.reached(self.git(&words).holding(&lock.file).run()?)?;
        if self.has_commit(commit)? {
            return self.fetch_directories(commit, lock);
        }
        Err(RepositoryError::NoCommit { address: self.address.to_string(), commit: commit.clone() })
    }

    /// Makes sure that the directories of a commit are here: a history is fetched without them.
    fn fetch_directories(&self, commit: &CommitId, lock: &Lock) -> Result<(), RepositoryError> {
        let tree = self.git(&["rev-parse", &format!("{commit}^{{tree}}")]).without_fetching().run()?.success()?.text();
        if self.git(&["cat-file", "-e", tree.trim()]).without_fetching().run()?.succeeded {
            return Ok(());
        }
        self.fetch_objects(tree, lock)
    }

    /// Fetches objects by their names, one a line, all at once.
    pub(crate) fn fetch_objects(&self, names: String, _lock: &Lock) -> Result<(), RepositoryError> {
        let words = [
            "-c",
            "fetch.negotiationAlgorithm=noop",
            "fetch",
            "--progress",
            "--no-tags",
            "--no-write-fetch-head",
            "--recurse-submodules=no",
            "--filter=blob:none",
            "--stdin",
            "origin",
        ];
        // A git that outlives this process writes only objects, each whole or not at all.
        self.reached(self.git(&words).run_with(Some(names))?).map(drop)
    }

    pub(crate) fn has_commit(&self, commit: &CommitId) -> Result<bool, RepositoryError> {
        let object = format!("{commit}^{{commit}}");
        Ok(self.git(&["cat-file", "-e", &object]).without_fetching().run()?.succeeded)
    }
}

/// Whether this is the file that has that path now.
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    let own = file.metadata().map(|own| (own.dev(), own.ino()));
    own.is_ok_and(|own| fs::metadata(path).is_ok_and(|there| own == (there.dev(), there.ino())))
}

/// Makes a directory that only its owner can enter.
pub(crate) fn make(directory: &Path) -> Result<(), RepositoryError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(RepositoryError::io("create", directory))
}

/// Replaces a file: after a crash there is the old one or the new one.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), RepositoryError> {
    use std::io::Write;
    let temporary = path.with_extension(format!("new-{}", std::process::id()));
    let written = File::create(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&temporary);
        RepositoryError::io("write", path)(error)
    })
}
