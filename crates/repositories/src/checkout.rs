//! The files of a commit on the disk: written once, then only looked up.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::process::Child;

use serde::{Deserialize, Serialize};

use crate::cache::{Lock, Repository, make, write_whole};
use crate::files::{self, Entry, Files, Kind};
use crate::{CommitId, RepositoryError};

/// Files of a commit that are on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// The path in it that was asked for.
    pub directory: PathBuf,
    /// The digest of names and contents below that path.
    pub digest: String,
    /// Where other repositories belong that were not fetched; told once, when the files are written.
    pub submodules: Vec<String>,
}

/// What is written down of the files of a commit.
#[derive(Serialize, Deserialize)]
struct Made {
    seedbed_checkout: u32,
    /// The digest of each path that is there as a whole.
    paths: BTreeMap<String, String>,
}

const FORMAT: u32 = 1;
pub(crate) const MADE: &str = "made.json";
/// The file whose time is that of the last use.
pub(crate) const USED: &str = "used";

/// Joins a path to one inside of a repository. `None` when that leads out of it.
pub fn below(base: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    for component in Path::new(path).components() {
        match component {
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::CurDir => {}
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
}

/// Notes that the files of a commit were looked up now; says whether they are still there, which whoever cleans the cache may have
/// changed at this moment.
fn used(place: &Path) -> bool {
    File::create(place.join(USED)).is_ok() && place.join(MADE).is_file()
}

impl Repository<'_> {
    /// Makes the files of a commit below a path appear, and gives their directory. `path` is relative to the root, `.`
    /// all of it; other paths of the same commit lie where they belong beside it. What is there already needs neither
    /// git nor a network. With `wanted` the content must have that digest.
    pub fn checkout(&self, commit: &CommitId, path: &str, wanted: Option<&str>) -> Result<Checkout, RepositoryError> {
        let path = below("", path).ok_or_else(|| self.no_path(commit, path))?;
        let place = self.directory.join("trees").join(commit.as_str());
        let checkout = match made(&place)?.paths.remove(&path) {
            Some(digest) if used(&place) => {
                Checkout { directory: directory(&place, &path), digest, submodules: Vec::new() }
            }
            _ => self.make_checkout(commit, &path, &place, wanted)?,
        };
        self.check_digest(commit, &path, wanted, &checkout.digest)?;
        Ok(checkout)
    }

    /// What a file of a commit holds; `None` when it has no such file.
    pub fn read_file(&self, commit: &CommitId, path: &str) -> Result<Option<Vec<u8>>, RepositoryError> {
        let lock = self.lock()?;
        self.fetch_commit(commit, &lock)?;
        let files = self.list(commit, path)?;
        let Some(entry) = files.entries.first().filter(|entry| entry.path == path && entry.kind != Kind::Link) else {
            return Ok(None);
        };
        self.fetch_contents(commit, path, &files, &lock)?;
        let mut contents = Contents::open(self)?;
        let mut bytes = Vec::new();
        contents.read(&entry.object, &mut |part| {
            bytes.extend_from_slice(part);
            Ok(())
        })?;
        Ok(Some(bytes))
    }

    fn no_path(&self, commit: &CommitId, path: &str) -> RepositoryError {
        RepositoryError::NoPath { address: self.address.to_string(), commit: commit.clone(), path: path.to_owned() }
    }

    fn check_digest(
        &self,
        commit: &CommitId,
        path: &str,
        wanted: Option<&str>,
        found: &str,
    ) -> Result<(), RepositoryError> {
        match wanted.filter(|wanted| *wanted != found) {
            None => Ok(()),
            Some(wanted) => Err(RepositoryError::OtherContent {
                address: self.address.to_string(),
                commit: commit.clone(),
                path: path.to_owned(),
                wanted: wanted.to_owned(),
                found: found.to_owned(),
            }),
        }
    }

    fn make_checkout(
        &self,
        commit: &CommitId,
        path: &str,
        place: &Path,
        wanted: Option<&str>,
    ) -> Result<Checkout, RepositoryError> {
        let lock = self.lock()?;
        let mut known = made(place)?;
        let directory = directory(place, path);
        if let Some(digest) = known.paths.remove(path) {
            return Ok(Checkout { directory, digest, submodules: Vec::new() });
        }
        self.fetch_commit(commit, &lock)?;
        let files = self.list(commit, path)?;
        if files.entries.is_empty() {
            return Err(self.no_path(commit, path));
        }
        self.fetch_contents(commit, path, &files, &lock)?;
        let tree = place.join("tree");
        let writing = Writing { repository: self, commit, tree: &tree, path, known: &known.paths };
        let written = writing.write(&files.entries).and_then(|digest| {
            // What another digest has is not to be found there by anybody.
            self.check_digest(commit, path, wanted, &digest)?;
            settle(&tree)?;
            known.paths.insert(path.to_owned(), digest.clone());
            let text = serde_json::to_vec_pretty(&known).expect("it has string keys");
            write_whole(&place.join(MADE), &text)?;
            Ok(digest)
        });
        if written.is_err() && known.paths.is_empty() {
            // A disk that is full should not stay so.
            let _ = fs::remove_dir_all(place);
        }
        Ok(Checkout { directory, digest: written?, submodules: files.submodules })
    }

    fn list(&self, commit: &CommitId, path: &str) -> Result<Files, RepositoryError> {
        let mut words = vec!["ls-tree", "-r", "-z", "--full-tree", commit.as_str()];
        if path != "." {
            words.extend(["--", path]);
        }
        let listed = self.git(&words).run()?.success()?;
        files::read(&listed.stdout).map_err(|path| RepositoryError::BadName {
            address: self.address.to_string(),
            commit: commit.clone(),
            path: path.escape_debug().to_string(),
        })
    }

    /// Fetches those contents that are not here yet, all at once.
    fn fetch_contents(&self, commit: &CommitId, path: &str, files: &Files, lock: &Lock) -> Result<(), RepositoryError> {
        let missing = match files.entries.as_slice() {
            [only] if only.path == path => {
                let is_here = self.git(&["cat-file", "-e", &only.object]).without_fetching().run()?.succeeded;
                if is_here { String::new() } else { format!("{}\n", only.object) }
            }
            _ => {
                // Below a directory itself: below a commit git would look at the one before, too, which may not be here.
                let object = if path == "." { format!("{commit}^{{tree}}") } else { format!("{commit}:{path}") };
                let words = ["rev-list", "--objects", "--missing=print", &object, "--"];
                let listed = self.git(&words).without_fetching().run()?.success()?.text();
                let missing = listed.lines().filter_map(|line| line.strip_prefix('?'));
                missing.fold(String::new(), |text, object| format!("{text}{object}\n"))
            }
        };
        if missing.is_empty() {
            return Ok(());
        }
        (self.cache.settings.progress)(&format!("fetching files of {}", self.address));
        self.fetch_objects(missing, lock)
    }
}

fn made(place: &Path) -> Result<Made, RepositoryError> {
    let path = place.join(MADE);
    let nothing = Made { seedbed_checkout: FORMAT, paths: BTreeMap::new() };
    match fs::read(&path) {
        // What cannot be understood says nothing: the files are written again.
        Ok(bytes) => {
            let read = serde_json::from_slice::<Made>(&bytes).ok();
            Ok(read.filter(|made| made.seedbed_checkout == FORMAT).unwrap_or(nothing))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(nothing),
        Err(error) => Err(RepositoryError::io("read", &path)(error)),
    }
}

fn directory(place: &Path, path: &str) -> PathBuf {
    let tree = place.join("tree");
    if path == "." { tree } else { tree.join(path) }
}

/// Waits until what was written is on the disk: whoever finds it written down must find it whole.
fn settle(tree: &Path) -> Result<(), RepositoryError> {
    #[cfg(target_os = "linux")]
    return File::open(tree)
        .and_then(|directory| Ok(rustix::fs::syncfs(directory)?))
        .map_err(RepositoryError::io("sync", tree));
    #[cfg(not(target_os = "linux"))]
    File::open(tree).and_then(|directory| directory.sync_all()).map_err(RepositoryError::io("sync", tree))
}

/// Files that are being written.
struct Writing<'a> {
    repository: &'a Repository<'a>,
    commit: &'a CommitId,
    tree: &'a Path,
    path: &'a str,
    known: &'a BTreeMap<String, String>,
}

impl Writing<'_> {
    /// Writes them as they are in the commit: no filter, no change of line ends, no hook. The digest is of names, kinds
    /// and contents, the names relative to the path.
    fn write(&self, entries: &[Entry]) -> Result<String, RepositoryError> {
        let mut contents = Contents::open(self.repository)?;
        let mut digest = blake3::Hasher::new();
        let mut directories: HashSet<PathBuf> = HashSet::new();
        for entry in entries {
            if (self.repository.cache.settings.is_interrupted)() {
                return Err(RepositoryError::Interrupted);
            }
            let to = self.tree.join(&entry.path);
            let parent = to.parent().expect("it is below the tree");
            if directories.insert(parent.to_owned()) {
                make(parent)?;
            }
            let content = if entry.kind == Kind::Link {
                self.link(entry, &to, &mut contents)?
            } else {
                self.file(entry, &to, &mut contents)?
            };
            let name =
                entry.path.strip_prefix(self.path).map_or(entry.path.as_str(), |name| name.trim_start_matches('/'));
            let kind: u8 = match entry.kind {
                Kind::File => 0,
                Kind::Program => 1,
                Kind::Link => 2,
            };
            digest.update(&[kind]).update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
            digest.update(content.as_bytes());
        }
        Ok(format!("blake3:{}", digest.finalize().to_hex()))
    }

    /// Whether a file is there as part of another path: somebody may be using it.
    fn is_there(&self, entry: &Entry) -> bool {
        let has = |path: &String| path == "." || entry.path == *path || entry.path.starts_with(&format!("{path}/"));
        self.known.keys().any(has)
    }

    fn link(&self, entry: &Entry, to: &Path, contents: &mut Contents) -> Result<blake3::Hash, RepositoryError> {
        let mut target = Vec::new();
        contents.read(&entry.object, &mut |part| {
            target.extend_from_slice(part);
            Ok(())
        })?;
        let text = String::from_utf8_lossy(&target).into_owned();
        if !files::stays_within(&entry.path, &text) {
            return Err(RepositoryError::LinkOut {
                address: self.repository.address.to_string(),
                commit: self.commit.clone(),
                path: entry.path.clone(),
                target: text.escape_debug().to_string(),
            });
        }
        if !self.is_there(entry) {
            remove(to)?;
            symlink(&text, to).map_err(RepositoryError::io("write", to))?;
        }
        Ok(blake3::hash(&target))
    }

    fn file(&self, entry: &Entry, to: &Path, contents: &mut Contents) -> Result<blake3::Hash, RepositoryError> {
        let mut hasher = blake3::Hasher::new();
        let mut file = None;
        if !self.is_there(entry) {
            remove(to)?;
            let mode = if entry.kind == Kind::Program { 0o755 } else { 0o644 };
            let opened = File::options().write(true).create_new(true).mode(mode).open(to);
            file = Some(opened.map_err(RepositoryError::io("write", to))?);
        }
        contents.read(&entry.object, &mut |part| {
            hasher.update(part);
            file.as_mut().map_or(Ok(()), |file| file.write_all(part)).map_err(RepositoryError::io("write", to))
        })?;
        Ok(hasher.finalize())
    }
}

fn remove(path: &Path) -> Result<(), RepositoryError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(RepositoryError::io("replace", path)(error)),
        _ => Ok(()),
    }
}

/// Takes the next part of a content.
type Take<'t> = &'t mut dyn FnMut(&[u8]) -> Result<(), RepositoryError>;

/// A git that gives the contents of objects, one after the other.
struct Contents {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Contents {
    fn open(repository: &Repository<'_>) -> Result<Self, RepositoryError> {
        let mut child = repository.git(&["cat-file", "--batch"]).without_fetching().converse()?;
        let answers = BufReader::new(child.stdout.take().expect("it is a pipe"));
        Ok(Self { child, answers })
    }

    /// Reads a content in parts, so that a large one needs no memory.
    fn read(&mut self, object: &str, take: Take<'_>) -> Result<(), RepositoryError> {
        const PART: usize = 128 * 1024;
        let failed = |said: String| RepositoryError::Git { command: "cat-file --batch".to_owned(), said };
        let broken = |error: io::Error| failed(error.to_string());
        let stdin = self.child.stdin.as_mut().expect("it is a pipe");
        stdin.write_all(format!("{object}\n").as_bytes()).and_then(|()| stdin.flush()).map_err(broken)?;
        let mut line = String::new();
        self.answers.read_line(&mut line).map_err(broken)?;
        let mut words = line.split_whitespace();
        let size = match (words.next(), words.next(), words.next()) {
            (Some(_), Some("blob"), Some(size)) => size.parse::<u64>().ok(),
            _ => None,
        };
        let mut left = size.ok_or_else(|| failed(format!("{object}: {}", line.trim())))?;
        let mut buffer = vec![0; PART];
        while left > 0 {
            let part = usize::try_from(left).map_or(PART, |left| left.min(PART));
            let count = self.answers.read(&mut buffer[..part]).map_err(broken)?;
            if count == 0 {
                return Err(failed(format!("{object} ends too early")));
            }
            take(&buffer[..count])?;
            left -= count as u64;
        }
        self.answers.read_exact(&mut buffer[..1]).map_err(broken)
    }
}

impl Drop for Contents {
    fn drop(&mut self) {
        // It has been told all that it was asked for, or nobody wants the rest.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::below;

    #[test]
    fn paths_stay_in_the_repository() {
        for (base, path, joined) in [
            (".", "", "."),
            ("lms", "../commerce", "commerce"),
            ("a/b", "..", "a"),
            ("a", "..", "."),
            ("", "./x/./y", "x/y"),
        ] {
            assert_eq!(below(base, path).as_deref(), Some(joined), "{base} {path}");
        }
        for (base, path) in [(".", ".."), ("a", "../../b"), ("a", "/etc"), ("", "x/../../y")] {
            assert_eq!(below(base, path), None, "{base} {path}");
        }
    }
}
