//! Digests of files and directories, with what is remembered of those that have not changed.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lineage::Content;
use serde_json::{Value, json};
use store::{ObjectId, ObjectKind, ObjectWriter, StoreError};
use tree::{Rules, TreeError};

/// What programs leave behind beside their code, and nobody means.
const LEFT_BEHIND: [&str; 4] = ["__pycache__", "*/__pycache__", ".ipynb_checkpoints", "*/.ipynb_checkpoints"];

/// A file whose times are as near to the present as this may change without that being seen.
const RACY: Duration = Duration::from_secs(2);

/// Device, inode, size, and the times of content and state in seconds and nanoseconds.
type Identity = [i64; 7];

/// Takes digests.
pub(crate) struct Digester {
    /// Where it remembers.
    directory: PathBuf,
    files: HashMap<PathBuf, (Identity, String)>,
    is_changed: bool,
}

impl Digester {
    /// Remembers what is in a directory, which need not be there.
    pub(crate) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), files: read(&directory.join("files.json")), is_changed: false }
    }

    /// The content of a file or directory. What is in the patterns is left out.
    pub(crate) fn content(&mut self, path: &Path, exclude: &[String], now: SystemTime) -> Result<Content, TreeError> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Content::Absent);
            }
            Err(source) => return Err(TreeError::Io { action: "look at", path: path.to_owned(), source }),
        };
        if metadata.is_dir() {
            return self.tree(path, exclude).map(Content::Digest);
        }
        let identity = identity(&metadata);
        if let Some((known, digest)) = self.files.get(path)
            && *known == identity
        {
            return Ok(Content::Digest(digest.clone()));
        }
        let digest = tree::save_file(path, &Nowhere, &tree::unwatched)?.content;
        let recent = now.checked_sub(RACY).and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        let is_racy = [identity[3], identity[5]].iter().all(|seconds| *seconds >= recent.as_secs().cast_signed());
        if !is_racy {
            self.files.insert(path.to_owned(), (identity, digest.clone()));
            self.is_changed = true;
        }
        Ok(Content::Digest(digest))
    }

    fn tree(&self, path: &Path, exclude: &[String]) -> Result<String, TreeError> {
        let caches = self.directory.join("trees");
        fs::create_dir_all(&caches).map_err(|source| TreeError::Io {
            action: "create",
            path: caches.clone(),
            source,
        })?;
        let name = blake3::hash(format!("{}\0{}", path.display(), exclude.join("\0")).as_bytes()).to_hex();
        let rules = Rules {
            exclude: exclude.iter().cloned().chain(LEFT_BEHIND.map(str::to_owned)).collect(),
            // A socket is no content.
            allow_holes: true,
            ..Rules::default()
        };
        Ok(tree::save(path, &rules, &caches.join(&name[..32]), &Nowhere, &tree::unwatched)?.content)
    }

    /// Writes down what is remembered. It is only a cache: what fails costs time alone.
    pub(crate) fn keep(&mut self) {
        if !std::mem::take(&mut self.is_changed) {
            return;
        }
        let lines: String = self
            .files
            .iter()
            .filter_map(|(path, (identity, digest))| Some(format!("{}\n", json!([path.to_str()?, identity, digest]))))
            .collect();
        let path = self.directory.join("files.json");
        let temporary = self.directory.join(format!("files.{}.new", std::process::id()));
        let written = fs::File::create(&temporary)
            .and_then(|mut file| file.write_all(lines.as_bytes()))
            .and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            let _ = fs::remove_file(temporary);
        }
    }
}

impl Drop for Digester {
    fn drop(&mut self) {
        self.keep();
    }
}

/// The content of a file that is read now.
pub(crate) fn of_file(path: &Path) -> Content {
    tree::save_file(path, &Nowhere, &tree::unwatched).map_or(Content::Unknown, |saved| Content::Digest(saved.content))
}

fn identity(metadata: &fs::Metadata) -> Identity {
    [
        metadata.dev().cast_signed(),
        metadata.ino().cast_signed(),
        metadata.size().cast_signed(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    ]
}

fn read(path: &Path) -> HashMap<PathBuf, (Identity, String)> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = |line: &str| {
        let Ok(Value::Array(parts)) = serde_json::from_str(line) else { return None };
        let numbers: Vec<i64> = parts.get(1)?.as_array()?.iter().map_while(Value::as_i64).collect();
        let identity: Identity = numbers.try_into().ok()?;
        Some((PathBuf::from(parts.first()?.as_str()?), (identity, parts.get(2)?.as_str()?.to_owned())))
    };
    text.lines().filter_map(line).collect()
}

/// A store of which only the names are wanted: it has everything already.
struct Nowhere;

impl ObjectWriter for Nowhere {
    fn id(&self, kind: ObjectKind, bytes: &[u8]) -> ObjectId {
        match kind {
            ObjectKind::Data => ObjectId(*blake3::hash(bytes).as_bytes()),
            ObjectKind::Node => ObjectId(blake3::derive_key("seedbed recorder 1: node", bytes)),
        }
    }

    fn contains(&self, _: &ObjectId) -> Result<bool, StoreError> {
        Ok(true)
    }

    fn put(&self, _: ObjectKind, _: ObjectId, _: &[u8]) -> Result<(), StoreError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(digester: &mut Digester, path: &Path) -> Content {
        digester.content(path, &[], SystemTime::now()).unwrap()
    }

    #[test]
    fn equal_contents_have_equal_digests_and_others_have_others() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir_all(at("one/deep")).unwrap();
        fs::create_dir_all(at("two/deep")).unwrap();
        for place in ["one/deep/file", "two/deep/file", "alone"] {
            fs::write(at(place), "content").unwrap();
        }
        let mut digester = Digester::new(&at("memory"));
        assert_eq!(digest(&mut digester, &at("one")), digest(&mut digester, &at("two")));
        assert_eq!(digest(&mut digester, &at("alone")), digest(&mut digester, &at("one/deep/file")));
        assert_eq!(digest(&mut digester, &at("nothing")), Content::Absent);
        // The same size, and not the same bytes; what Python leaves behind is no content.
        let before = digest(&mut digester, &at("one"));
        fs::create_dir_all(at("one/deep/__pycache__")).unwrap();
        fs::write(at("one/deep/__pycache__/x.pyc"), "").unwrap();
        assert_eq!(digest(&mut digester, &at("one")), before);
        fs::write(at("one/deep/file"), "CONTENT").unwrap();
        assert_ne!(digest(&mut digester, &at("one")), before);
    }

    #[test]
    fn what_was_not_changed_is_not_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "content").unwrap();
        let later = SystemTime::now() + Duration::from_secs(3600);
        let mut digester = Digester::new(directory.path());
        let content = digester.content(&path, &[], later).unwrap();
        digester.keep();
        let mut next = Digester::new(directory.path());
        assert_eq!(next.files.len(), 1);
        assert_eq!(next.content(&path, &[], later).unwrap(), content);
        // What was written a moment ago is not believed to stay.
        let mut careful = Digester::new(&directory.path().join("other"));
        careful.content(&path, &[], SystemTime::now()).unwrap();
        assert!(careful.files.is_empty());
    }
}
