//! `seedbed.lock`: what the dependencies of a workspace are pinned to.

use std::collections::BTreeMap;
use std::fmt::Write;

use source::{MapReader, Node, Place, Problem, Problems, SourceFile, Tree, parse};

use crate::{Address, CommitId};

/// Name of the lock, beside the manifest of the root workspace.
pub const FILE_NAME: &str = "seedbed.lock";

/// The version of the format.
pub(crate) const FORMAT: i64 = 1;

/// What the dependencies of a workspace are pinned to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockFile {
    /// By the identity of the repository; those that are there under a name of their own by that, too.
    pub repositories: BTreeMap<String, Pinned>,
}

/// What one repository is pinned to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// The address that it is fetched from.
    pub address: Address,
    /// The branch, tag or commit that was asked for; the default branch when nothing is.
    pub reference: Option<String>,
    /// The commit.
    pub commit: CommitId,
    /// The digest of what is below each path that is used.
    pub digests: BTreeMap<String, String>,
}

/// What a repository is called in the lock that is there under a name of its own, beside another revision of it.
pub fn pin(identity: &str, name: &str) -> String {
    format!("{identity}{AS}{name}")
}

const AS: &str = " as ";

fn is_pin(key: &str, identity: &str) -> bool {
    key == identity || key.strip_prefix(identity).is_some_and(|rest| rest.starts_with(AS))
}

impl LockFile {
    /// Reads the text of a lock.
    pub fn parse(file: &SourceFile) -> Result<Self, Problems> {
        if let Some(start) = conflict(file.text()) {
            let place = Place::new(file, start..start + 7);
            let problem = Problem::error("lock::conflict", "the lock has a conflict that git could not merge")
                .at(&place, "marked here")
                .help("keep one side of each, or all of one of them; `seedbed update` brings what is missing");
            return Err(problem.into());
        }
        let tree = parse(file).map_err(Problems::from)?;
        let mut problems = Problems::new();
        let lock = read(&tree, &mut problems);
        problems.into_result(lock)
    }

    /// The text of the lock: always the same for the same content, with a block for each repository and a line for each
    /// value, so that changes of different repositories merge.
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "# What the dependencies of this workspace are pinned to. Written by `seedbed`; to be committed.\n\
             seedbed_lock: {FORMAT}\nrepositories:{}\n",
            if self.repositories.is_empty() { " {}" } else { "" }
        );
        for (identity, pinned) in &self.repositories {
            let mut line = |indent: usize, key: &str, value: &str| {
                let space = if value.is_empty() { "" } else { " " };
                writeln!(text, "{:indent$}{key}:{space}{value}", "").expect("writing to a string cannot fail");
            };
            line(2, &quoted(identity), "");
            line(4, "url", &quoted(pinned.address.as_str()));
            if let Some(reference) = &pinned.reference {
                line(4, "ref", &quoted(reference));
            }
            line(4, "commit", &quoted(pinned.commit.as_str()));
            line(4, "digests", if pinned.digests.is_empty() { "{}" } else { "" });
            for (path, digest) in &pinned.digests {
                line(6, &quoted(path), &quoted(digest));
            }
        }
        text
    }
}

/// JSON's quotes are YAML's, too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Where git has marked a conflict.
fn conflict(text: &str) -> Option<usize> {
    ["<<<<<<< ", "=======\n", ">>>>>>> "].iter().find_map(|mark| {
        if text.starts_with(mark) { Some(0) } else { text.find(&format!("\n{mark}")).map(|at| at + 1) }
    })
}

fn read(tree: &Tree, problems: &mut Problems) -> LockFile {
    let mut lock = LockFile::default();
    let Some(mut reader) = MapReader::new(tree, problems, "a lock") else { return lock };
    reader.required("seedbed_lock");
    let repositories = reader.entry("repositories").map(|entry| entry.value.clone());
    reader.finish();
    if let Some(version) = tree.get("seedbed_lock").filter(|version| version.as_integer() != Some(FORMAT)) {
        problems.push(
            Problem::error("lock::version", "the lock was written by another version of seedbed")
                .at(&version.place, format!("this one knows {FORMAT}")),
        );
        return lock;
    }
    let Some(repositories) = repositories else { return lock };
    let Some(entries) = repositories.as_map() else {
        problems.push(repositories.wrong_type("a map of repositories"));
        return lock;
    };
    for entry in entries {
        if let Some(pinned) = read_pinned(&entry.value, &entry.key_place, problems) {
            if is_pin(&entry.key, pinned.address.identity()) {
                lock.repositories.insert(entry.key.clone(), pinned);
            } else {
                let message = format!("`{}` is not the repository of this address", entry.key);
                problems
                    .push(Problem::error("lock::identity", message).at(&entry.key_place, "the name of another one"));
            }
        }
    }
    lock
}

fn read_pinned(tree: &Tree, heading: &Place, problems: &mut Problems) -> Option<Pinned> {
    let mut reader = MapReader::new(tree, problems, "a pinned repository")?.heading(heading);
    for key in ["url", "commit", "digests"] {
        reader.required(key);
    }
    reader.entry("ref");
    reader.finish();
    let malformed = |tree: &Tree, what: &str| {
        Problem::error("lock::malformed", format!("this is not {what}")).at(&tree.place, format!("not {what}"))
    };
    let address = tree.get("url").and_then(|url| match Address::parse(url.as_str().unwrap_or_default()) {
        Ok(address) => Some(address),
        Err(error) => {
            problems.push(malformed(url, "the address of a repository").help(error.help));
            None
        }
    });
    let commit = tree.get("commit").and_then(|commit| {
        let parsed = commit.as_str().and_then(CommitId::parse);
        if parsed.is_none() {
            problems.push(malformed(commit, "the whole name of a commit"));
        }
        parsed
    });
    let mut digests = BTreeMap::new();
    for entry in tree.get("digests").and_then(Tree::as_map).unwrap_or_default() {
        match &entry.value.node {
            Node::String(digest) if is_digest(digest) => {
                digests.insert(entry.key.clone(), digest.clone());
            }
            _ => problems.push(malformed(&entry.value, "a digest")),
        }
    }
    let reference = tree.get("ref").and_then(Tree::as_str).map(str::to_owned);
    Some(Pinned { address: address?, reference, commit: commit?, digests })
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("blake3:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use source::{RenderOptions, SourceFile, render};

    use super::{LockFile, Pinned};
    use crate::{Address, CommitId};

    fn lock() -> LockFile {
        let pinned = |address: &str, reference: Option<&str>| {
            let address = Address::parse(address).unwrap();
            let commit = CommitId::parse(&"1".repeat(40)).unwrap();
            let digests = [(".".to_owned(), format!("blake3:{}", "a".repeat(64)))].into();
            (
                address.identity().to_owned(),
                Pinned { address, reference: reference.map(str::to_owned), commit, digests },
            )
        };
        let repositories =
            [pinned("https://github.com/openedx/lms", Some("1.0")), pinned("git@host:commerce.git", None)].into();
        LockFile { repositories }
    }

    #[test]
    fn what_is_written_is_read_and_the_schema_takes_it() {
        let text = lock().to_text();
        let file = SourceFile::new("seedbed.lock", text.clone());
        assert_eq!(LockFile::parse(&file).unwrap(), lock(), "{text}");
        let value = source::parse(&file).unwrap().to_json();
        jsonschema::validator_for(&crate::schema()).unwrap().validate(&value).unwrap();
        assert_eq!(text.lines().nth(3), Some("  \"github.com/openedx/lms\":"), "sorted, a block each:\n{text}");
        let none = LockFile::default();
        assert_eq!(LockFile::parse(&SourceFile::new("seedbed.lock", none.to_text())).unwrap(), none);
    }

    #[test]
    fn the_published_schema_is_that_of_the_code() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/seedbed.lock.schema.json");
        let schema = format!("{:#}\n", crate::schema());
        let published = std::fs::read_to_string(&path).unwrap_or_default();
        if published != schema && std::env::var_os("SEEDBED_BLESS").is_some() {
            std::fs::write(&path, &schema).unwrap();
            return;
        }
        assert!(published == schema, "set SEEDBED_BLESS=1 to publish the schema anew");
    }

    #[test]
    fn changes_of_two_repositories_are_in_different_lines() {
        let mut other = lock();
        other.repositories.values_mut().next().unwrap().commit = CommitId::parse(&"2".repeat(40)).unwrap();
        let (one, other) = (lock().to_text(), other.to_text());
        let differing = one.lines().zip(other.lines()).filter(|(one, other)| one != other).count();
        assert_eq!((differing, one.lines().count()), (1, other.lines().count()));
    }

    #[test]
    fn what_is_wrong_is_said_at_its_place() {
        let good = lock().to_text();
        for (from, to, said) in [
            ("seedbed_lock: 1", "seedbed_lock: 2", "another version"),
            ("1111\"", "111\"", "the whole name of a commit"),
            ("blake3:aa", "blake3:a", "not a digest"),
            ("\"https://github.com/openedx/lms\"", "\"-u/bin/touch\"", "address of a repository"),
            ("\"https://github.com/openedx/lms\"", "\"https://github.com/evil/lms\"", "name of another one"),
            ("    commit", "    comit", "did you mean `commit`"),
            ("seedbed_lock", "<<<<<<< HEAD\nseedbed_lock", "could not merge"),
            ("seedbed_lock: 1\n", "", "missing"),
        ] {
            let text = good.replacen(from, to, 1);
            assert_ne!(text, good, "{from}");
            let problems = LockFile::parse(&SourceFile::new("seedbed.lock", text)).unwrap_err();
            let report = render(&problems, RenderOptions::default());
            assert!(report.contains(said) && report.contains("seedbed.lock:"), "{said}:\n{report}");
        }
    }
}
