//! The metadata of two people becomes one: file by file, by rules, with nothing left for a person to decide.
//!
//! Pure: files in, files out. What the rules are, and why, is in `docs/design/034-sharing-data-workspaces.md`.

mod json;
mod kind;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use kind::Kind;

pub use kind::lines;

/// What a file holds; `None`: it is not there.
pub type Content = Option<Vec<u8>>;

/// One file, named by its path below the metadata directory, as it was before both sides changed it and as each has it now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Versions {
    /// Before.
    pub base: Content,
    /// Here.
    pub ours: Content,
    /// In the other repository.
    pub theirs: Content,
}

/// When each side was changed last, in seconds since 1970: for what does not say itself when it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ages {
    /// Here.
    pub ours: i64,
    /// In the other repository.
    pub theirs: i64,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    /// Each file of which one side knew something else than the other, and new ones.
    pub files: BTreeMap<String, Content>,
    /// What a person may want to know, a sentence each.
    pub notes: Vec<String>,
}

/// Merges the files that at least one side has changed. The order of the sides makes no difference.
pub fn merge(changed: &BTreeMap<String, Versions>, ages: Ages) -> Merged {
    let mut merged = Merged::default();
    let kept = kept(changed);
    for (path, versions) in changed {
        let content = match (&versions.ours, &versions.theirs) {
            (ours, theirs) if ours == theirs => ours.clone(),
            // Who removes what the other has changed, or still needs, did not know of it.
            (None, Some(there)) | (Some(there), None) => {
                let is_unchanged = versions.base.as_ref() == Some(there);
                let snapshot = kind::snapshot_of(path, Some(there));
                let is_kept = snapshot.is_some_and(|hash| kept.contains(&hash));
                let removed = is_unchanged && !Kind::of(path).is_lasting() && !is_kept;
                (!removed).then(|| there.clone())
            }
            (ours, theirs) if *ours == versions.base => theirs.clone(),
            (ours, theirs) if *theirs == versions.base => ours.clone(),
            (Some(ours), Some(theirs)) => {
                let two = Two::of(path, versions.base.as_deref(), ours, theirs, ages);
                Some(two.merge(changed, &mut merged))
            }
            (None, None) => unreachable!("they would be equal"),
        };
        merged.files.insert(path.clone(), content);
    }
    tags_once(&mut merged);
    merged
}

/// A file that both sides have, and have otherwise.
struct Two<'a> {
    path: &'a str,
    base: Option<Value>,
    ours: &'a [u8],
    theirs: &'a [u8],
    /// Whether ours is the newer one.
    is_ours: bool,
}

impl<'a> Two<'a> {
    fn of(path: &'a str, base: Option<&[u8]>, ours: &'a [u8], theirs: &'a [u8], ages: Ages) -> Self {
        let base = base.and_then(|bytes| serde_json::from_slice(bytes).ok());
        let said = |bytes: &[u8]| {
            let value: Value = serde_json::from_slice(bytes).unwrap_or_default();
            ["time", "updated_timestamp", "timestamp"].iter().find_map(|key| Some(value.get(key)?.as_str()?.to_owned()))
        };
        let is_ours = match (said(ours), said(theirs)) {
            (Some(here), Some(there)) => (here, ours) > (there, theirs),
            _ => (ages.ours, ours) > (ages.theirs, theirs),
        };
        Self { path, base, ours, theirs, is_ours }
    }

    fn merge(&self, changed: &BTreeMap<String, Versions>, merged: &mut Merged) -> Vec<u8> {
        let (newer, older) = if self.is_ours { (self.ours, self.theirs) } else { (self.theirs, self.ours) };
        let (Ok(ours), Ok(theirs)) = (serde_json::from_slice(self.ours), serde_json::from_slice(self.theirs)) else {
            return match Kind::of(self.path) {
                Kind::Lines => kind::lines(self.ours, self.theirs),
                _ => newer.to_vec(),
            };
        };
        match Kind::of(self.path) {
            Kind::Lines => kind::lines(self.ours, self.theirs),
            Kind::Name(what) => {
                self.keep_aside(what, older, changed, merged);
                newer.to_vec()
            }
            Kind::Resource if self.base.is_none() && !kind::is_one_resource(&ours, &theirs) => {
                self.keep_aside("resource", older, changed, merged);
                newer.to_vec()
            }
            Kind::Taking => written(&json::taking(self.base.as_ref(), &ours, &theirs, self.is_ours), newer),
            Kind::Resource | Kind::Lasting | Kind::Other => {
                written(&json::merge(self.base.as_ref(), &ours, &theirs, self.is_ours), newer)
            }
        }
    }

    /// Two mean different things by one name: the newer has it, the older gets a name beside it.
    fn keep_aside(&self, what: &str, older: &[u8], changed: &BTreeMap<String, Versions>, merged: &mut Merged) {
        let (directory, file) = self.path.rsplit_once('/').unwrap_or(("", self.path));
        let name = file.trim_end_matches(".json");
        let mut value: Value = serde_json::from_slice(older).unwrap_or_default();
        let mut beside = format!("{name}-{}", kind::mark(&value, older));
        let path = |beside: &str| format!("{directory}/{beside}.json");
        while changed.contains_key(&path(&beside)) {
            beside.push('x');
        }
        if let Some(Value::String(said)) = value.get_mut("name") {
            said.clone_from(&beside);
        }
        merged.notes.push(format!("two have a {what} {name}: the older one is {beside} now"));
        merged.files.insert(path(&beside), Some(written(&value, older)));
    }
}

/// A document in the manner of another one.
fn written(value: &Value, like: &[u8]) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("a value that was read can be written");
    if like.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    bytes
}

/// The snapshots that one side removes and of which the other has said something new in the meantime.
fn kept(changed: &BTreeMap<String, Versions>) -> BTreeSet<String> {
    let removed: BTreeSet<&str> = changed
        .iter()
        .filter(|(_, versions)| versions.base.is_some() && (versions.ours.is_none() || versions.theirs.is_none()))
        .filter_map(|(path, _)| kind::manifest_of(path))
        .collect();
    if removed.is_empty() {
        return BTreeSet::new();
    }
    let new = changed.iter().flat_map(|(path, versions)| {
        let sides = [&versions.ours, &versions.theirs].into_iter().filter(|side| **side != versions.base).flatten();
        sides.map(move |content| (path, content))
    });
    let meant = new.filter_map(|(path, content)| kind::snapshot_of(path, Some(content)));
    meant.filter(|hash| removed.contains(hash.as_str())).collect()
}

/// In the classic form tags are lists in the files of snapshots: the same tag can come into two files, one from each side.
fn tags_once(merged: &mut Merged) {
    let mut documents: BTreeMap<String, Value> = BTreeMap::new();
    for (path, content) in &merged.files {
        if let (Kind::Taking, Some(bytes)) = (Kind::of(path), content) {
            documents.extend(serde_json::from_slice(bytes).ok().map(|value| (path.clone(), value)));
        }
    }
    let mut owners: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (path, value) in &documents {
        let time = ["updated_timestamp", "timestamp"].iter().find_map(|key| value[*key].as_str()).unwrap_or_default();
        for tag in value["tags"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            owners.entry(tag.to_owned()).or_default().push((time.to_owned(), path.clone()));
        }
    }
    for (tag, mut paths) in owners.into_iter().filter(|(_, paths)| paths.len() > 1) {
        paths.sort();
        paths.pop();
        for (_, path) in paths {
            let value = documents.get_mut(&path).expect("it was read above");
            let beside =
                format!("{tag}-{}", kind::snapshot_of(&path, None).unwrap_or_default().get(..7).unwrap_or_default());
            let tags = value["tags"].as_array_mut().expect("a tag was found in it");
            tags.retain(|one| *one != tag && *one != beside);
            tags.push(Value::String(beside.clone()));
            merged.notes.push(format!("two have a tag {tag}: the older one is {beside} now"));
            let bytes = written(value, merged.files[&path].as_deref().unwrap_or_default());
            merged.files.insert(path, Some(bytes));
        }
    }
}
