//! What a snapshot is: the resources and what each of them holds, and the hash of that.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

/// A resource in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Its role, as a word: one that a later version knows stays what it is.
    pub role: String,
    /// What it held; `None` for one that cannot say.
    pub hash: Option<String>,
}

/// What a snapshot holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Sorted by name.
    pub entries: Vec<Entry>,
}

impl Manifest {
    /// A snapshot of these.
    pub fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Self { entries }
    }

    /// What it holds of a resource.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// What it holds of a resource, also under a name that the resource had before.
    pub fn entry_of(&self, resource: &crate::Resource) -> Option<&Entry> {
        let former = resource.list(crate::resource::FORMERLY);
        self.entry(&resource.name).or_else(|| former.iter().rev().find_map(|name| self.entry(name)))
    }

    /// The text whose digest is the hash. It has contents, names, kinds and roles: no paths, no times, no machine.
    pub fn to_text(&self) -> String {
        let entry =
            |entry: &Entry| json!({ "name": entry.name, "type": entry.kind, "role": entry.role, "hash": entry.hash });
        let value = Value::Array(self.entries.iter().map(entry).collect());
        format!("{value:#}\n")
    }

    /// Reads such a text.
    pub fn of_value(value: &Value) -> Result<Self, String> {
        let entries = value.as_array().ok_or("it is not a list of resources")?;
        let entry = |entry: &Value| {
            let text = |key: &str| entry[key].as_str().map(str::to_owned).ok_or(format!("a resource has no `{key}`"));
            Ok(Entry { name: text("name")?, kind: text("type")?, role: text("role")?, hash: text("hash").ok() })
        };
        Ok(Self::new(entries.iter().map(entry).collect::<Result<_, String>>()?))
    }

    /// The hash of the snapshot: that which git gives to a file with this text.
    pub fn hash(&self) -> String {
        git_hash(self.to_text().as_bytes())
    }
}

/// What git calls a file with these bytes.
pub fn git_hash(bytes: &[u8]) -> String {
    let mut digest = Sha1::new();
    digest.update(format!("blob {}\0", bytes.len()));
    digest.update(bytes);
    digest.finalize().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, hash: &str) -> Entry {
        Entry { name: name.into(), kind: "local-files".into(), role: "code".into(), hash: Some(hash.into()) }
    }

    #[test]
    fn the_order_of_resources_does_not_matter() {
        let one = Manifest::new(vec![entry("a", "1"), entry("b", "2")]);
        let other = Manifest::new(vec![entry("b", "2"), entry("a", "1")]);
        assert_eq!(one.hash(), other.hash());
        assert_ne!(one.hash(), Manifest::new(vec![entry("a", "1")]).hash());
        assert_eq!(Manifest::of_value(&serde_json::from_str(&one.to_text()).unwrap()).unwrap(), one);
    }

    #[test]
    fn the_hash_is_that_of_git() {
        assert_eq!(git_hash(b"hello\n"), "ce013625030ba8dba906f756967f9e9ca394464a");
    }
}
