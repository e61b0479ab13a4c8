//! What the files of the metadata are, as far as two versions of one are treated otherwise.

use serde_json::Value;

/// How two versions of a file become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A name for a snapshot, in words: both can be wanted.
    Name(&'static str),
    /// A resource.
    Resource,
    /// When and why a snapshot was taken; in the classic form with its tags.
    Taking,
    /// Named by what it holds, and perhaps needed by what the other side has made: never removed by a merge.
    Lasting,
    /// Lines without an order.
    Lines,
    /// A document of settings.
    Other,
}

impl Kind {
    /// That of the file at a path below the metadata directory.
    pub fn of(path: &str) -> Self {
        match path.split_once('/') {
            Some(("tags", _)) => Self::Name("tag"),
            Some(("branches", _)) => Self::Name("branch"),
            Some(("resources", _)) => Self::Resource,
            Some(("contents" | "file", _)) => Self::Lasting,
            Some(("sets", _)) => Self::Name("data set"),
            Some(("snapshot_metadata" | "taken", _)) => Self::Taking,
            _ if has_lines(path) => Self::Lines,
            _ => Self::Other,
        }
    }

    /// Whether a merge never removes it.
    pub fn is_lasting(self) -> bool {
        self == Self::Lasting
    }
}

/// Whether a file is a list of lines, by its name.
fn has_lines(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_list = name.rsplit_once('.').is_some_and(|(_, extension)| extension == "jsonl");
    is_list || [".gitignore", ".gitattributes"].contains(&name)
}

/// The snapshot that a file is the manifest of.
pub fn manifest_of(path: &str) -> Option<&str> {
    let file = path.strip_prefix("snapshots/")?.rsplit('/').next()?;
    file.strip_prefix("snapshot-").unwrap_or(file).strip_suffix(".json")
}

/// The snapshot that a file says something of: by its place, or by its content.
pub fn snapshot_of(path: &str, content: Option<&[u8]>) -> Option<String> {
    let (directory, rest) = path.split_once('/')?;
    match directory {
        "snapshots" => manifest_of(path).map(str::to_owned),
        "snapshot_metadata" => Some(rest.rsplit('/').next()?.strip_suffix("_md.json")?.to_owned()),
        "snapshot_lineage" => rest.split('/').next().map(str::to_owned),
        "tags" | "branches" | "taken" => {
            let value: Value = serde_json::from_slice(content?).ok()?;
            Some(value.get("snapshot")?.as_str()?.to_owned())
        }
        _ => None,
    }
}

/// A few digits by which the older of two things of one name is told from the newer one.
pub fn mark(value: &Value, bytes: &[u8]) -> String {
    match value.get("snapshot").and_then(Value::as_str) {
        Some(hash) if hash.len() >= 7 && hash.is_ascii() => hash[..7].to_owned(),
        _ => crate::manifest::git_hash(bytes)[..7].to_owned(),
    }
}

/// Whether two descriptions mean one resource: of one type, in one role, in one place.
pub fn is_one_resource(ours: &Value, theirs: &Value) -> bool {
    const PLACE: [&str; 7] = ["type", "role", "path", "url", "remote", "bucket", "database"];
    PLACE.iter().all(|key| ours.get(key) == theirs.get(key))
}

/// All lines of two files: those that both have in their order, then those that only one has, sorted.
pub fn lines(ours: &[u8], theirs: &[u8]) -> Vec<u8> {
    let split = |bytes: &[u8]| -> Vec<Vec<u8>> {
        bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
    };
    let (ours, theirs) = (split(ours), split(theirs));
    let mut all: Vec<Vec<u8>> = Vec::new();
    // The order of the smaller one, so that it makes no difference who merges.
    let (first, second) = if ours <= theirs { (&ours, &theirs) } else { (&theirs, &ours) };
    all.extend(first.iter().filter(|line| second.contains(line)).cloned());
    let mut others: Vec<Vec<u8>> = first.iter().chain(second).filter(|line| !all.contains(line)).cloned().collect();
    others.sort();
    others.dedup();
    all.extend(others);
    all.into_iter()
        .flat_map(|mut line| {
            line.push(b'\n');
            line
        })
        .collect()
}
