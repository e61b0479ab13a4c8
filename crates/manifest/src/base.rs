//! What a database begins with, in place of nothing.

use source::{Entry, Place, Problem, Tree, closest};

use crate::FileReference;
use crate::reading::Reading;
use crate::remote::warn_of_password;

/// What a database begins with, in place of nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Base {
    /// Where it comes from.
    pub source: BaseSource,
    /// Which database of a snapshot or published base it is: `DATABASE`, or `WORKSPACE/DATABASE`; `None`: the one that
    /// has this base. Always `None` for a file and an URL.
    pub database: Option<String>,
    /// Where it stands.
    pub place: Place,
}

/// Where a base comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum BaseSource {
    /// A file or directory of the workspace.
    File(FileReference),
    /// A file that is fetched.
    Url {
        /// An address with `https`, `http` or `file`.
        url: String,
        /// What its content must have.
        digest: Digest,
    },
    /// A snapshot.
    Snapshot {
        /// Its tag, or the first digits of its id.
        tag: String,
        /// The name of the remote that has it; `None`: the store of this workspace.
        remote: Option<String>,
    },
    /// A base that was published.
    Published {
        /// Its name.
        name: String,
        /// The name of the remote that has it; `None`: the store of this workspace.
        remote: Option<String>,
    },
}

/// The digest of a file: 64 hexadecimal digits, in small letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Digest {
    /// SHA-256.
    Sha256(String),
    /// BLAKE3.
    Blake3(String),
}

const SOURCES: [&str; 4] = ["file", "url", "snapshot", "name"];

impl Base {
    /// Reads what stands after or under `base`, which the grammar has checked.
    pub(crate) fn read(entry: &Entry, reading: &mut Reading<'_>) -> Option<Self> {
        let tree = &entry.value;
        let place = tree.place.clone();
        if tree.as_str().is_some() {
            let file = FileReference::read_path(tree, reading)?;
            return Some(Self { source: BaseSource::File(file), database: None, place });
        }
        let entries = tree.as_map()?;
        let Some(source) = SOURCES.into_iter().find(|key| tree.get(key).is_some()) else {
            let message = format!("a base needs one of {}", crate::declared::listed(&SOURCES));
            reading
                .problems
                .push(Problem::error("manifest::base", message).at(&entry.key_place, "there is none of them here"));
            return None;
        };
        // Two sources have been reported.
        let has_one_source = SOURCES.into_iter().filter(|key| tree.get(key).is_some()).count() == 1;
        for key in entries.iter().filter(|_| has_one_source) {
            let owners = match key.key.as_str() {
                "sha256" | "blake3" => "`url`",
                "remote" | "database" => "`snapshot` or `name`",
                _ => continue,
            };
            if !owners.contains(&format!("`{source}`")) {
                let message = format!("`{}` belongs to {owners}, and this base is a `{source}`", key.key);
                reading.problems.push(Problem::error("manifest::base", message).at(&key.key_place, "not used"));
            }
        }
        let text = |key: &str| tree.get(key).and_then(Tree::as_str).map(str::to_owned);
        let remote = read_remote(tree.get("remote"), reading);
        let source = match source {
            "file" => BaseSource::File(FileReference::read_path(tree.get("file")?, reading)?),
            "url" => read_url(tree, reading)?,
            "snapshot" => BaseSource::Snapshot { tag: text("snapshot")?, remote },
            _ => BaseSource::Published { name: text("name")?, remote },
        };
        Some(Self { source, database: text("database"), place })
    }
}

fn read_url(tree: &Tree, reading: &mut Reading<'_>) -> Option<BaseSource> {
    let entry = tree.entry("url")?;
    let url = entry.value.as_str()?.to_owned();
    warn_of_password(&url, &entry.value.place, reading);
    let digest = |key: &str| tree.get(key).and_then(Tree::as_str).map(str::to_ascii_lowercase);
    let digest = digest("sha256").map(Digest::Sha256).or_else(|| digest("blake3").map(Digest::Blake3));
    if digest.is_none() && tree.get("sha256").or(tree.get("blake3")).is_none() {
        reading.problems.push(
            Problem::error("manifest::base", "a base with an `url` needs `sha256` or `blake3`")
                .at(&entry.key_place, "what is fetched could be anything")
                .help("`sha256sum FILE` prints it"),
        );
    }
    Some(BaseSource::Url { url, digest: digest? })
}

/// Reads the name of a remote, which must be there.
fn read_remote(tree: Option<&Tree>, reading: &mut Reading<'_>) -> Option<String> {
    let tree = tree?;
    let name = tree.as_str()?;
    let known: Vec<&str> = reading.declared.remotes.iter().map(String::as_str).collect();
    if !known.contains(&name) {
        let help = match closest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("declare it: `remotes: {{ {name}: s3://BUCKET/PREFIX }}`"),
            None => format!("there is {}", crate::declared::listed(&known)),
        };
        reading.problems.push(
            Problem::error("manifest::unknown-name", format!("there is no remote `{name}`"))
                .at(&tree.place, "not under `remotes`")
                .help(help),
        );
    }
    Some(name.to_owned())
}
