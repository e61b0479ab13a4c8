//! A spec that the manifest names, and what is chosen of it.

use source::{Entry, Node, Place, Problem, Tree};

use crate::reading::Reading;
use crate::remote::warn_of_password;
use crate::{Digest, FileReference};

/// A spec that the manifest names, and what is chosen of it.
#[derive(Clone, Debug, PartialEq)]
pub struct SpecReference {
    /// Where it is.
    pub source: SpecSource,
    /// The scenario that is chosen, and where it is named.
    pub scenario: Option<(String, Place)>,
    /// The values of parameters, as text, and where they are given.
    pub set: Vec<(String, String, Place)>,
    /// Where it stands.
    pub place: Place,
}

/// Where a spec is.
#[derive(Clone, Debug, PartialEq)]
pub enum SpecSource {
    /// A file of the workspace.
    File(FileReference),
    /// A file that is fetched.
    Url {
        /// An address with `https`, `http` or `file`.
        url: String,
        /// What its content must have.
        digest: Digest,
    },
}

impl SpecReference {
    /// Reads a list of specs.
    pub(crate) fn read_all(tree: Option<&Tree>, reading: &mut Reading<'_>) -> Vec<Self> {
        let specs = tree.and_then(Tree::as_list).unwrap_or_default();
        specs.iter().filter_map(|spec| Self::read(spec, &spec.place, reading)).collect()
    }

    /// Reads a path, or a map with what is chosen.
    pub(crate) fn read(tree: &Tree, heading: &Place, reading: &mut Reading<'_>) -> Option<Self> {
        let place = tree.place.clone();
        if tree.as_str().is_some() {
            let source = SpecSource::File(FileReference::read(tree, reading)?);
            return Some(Self { source, scenario: None, set: Vec::new(), place });
        }
        tree.as_map()?;
        let source = match (tree.get("spec"), tree.get("url")) {
            (Some(spec), None) => SpecSource::File(FileReference::read(spec, reading)?),
            (None, Some(url)) => read_url(url.as_str()?, &url.place, tree, reading)?,
            // Both have been reported.
            (Some(_), Some(_)) => return None,
            (None, None) => {
                reading.problems.push(
                    Problem::error("manifest::spec", "a spec needs one of `spec`, `url`")
                        .at(heading, "there is none of them here"),
                );
                return None;
            }
        };
        let scenario = tree.get("scenario").and_then(|name| Some((name.as_str()?.to_owned(), name.place.clone())));
        let set = tree.get("set").and_then(Tree::as_map).unwrap_or_default();
        let set = set.iter().filter_map(|entry| Some((entry.key.clone(), text(entry)?, entry.key_place.clone())));
        Some(Self { source, scenario, set: set.collect(), place })
    }

    /// What the manifest says of it, for people: its path or address, and what is chosen.
    pub fn words(&self) -> String {
        let source = match &self.source {
            SpecSource::File(file) => file.path.clone(),
            SpecSource::Url { url, .. } => url.clone(),
        };
        let scenario = self.scenario.iter().map(|(scenario, _)| format!("scenario {scenario}"));
        let set = self.set.iter().map(|(name, value, _)| format!("{name}={value}"));
        [source].into_iter().chain(scenario).chain(set).collect::<Vec<_>>().join(" ")
    }
}

fn read_url(url: &str, place: &Place, tree: &Tree, reading: &mut Reading<'_>) -> Option<SpecSource> {
    warn_of_password(url, place, reading);
    let Some(sha256) = tree.get("sha256") else {
        reading.problems.push(
            Problem::error("manifest::spec", "a spec with an `url` needs `sha256`")
                .at(place, "what is fetched could be anything")
                .help("`sha256sum FILE` prints it"),
        );
        return None;
    };
    Some(SpecSource::Url { url: url.to_owned(), digest: Digest::Sha256(sha256.as_str()?.to_ascii_lowercase()) })
}

fn text(entry: &Entry) -> Option<String> {
    match &entry.value.node {
        Node::String(text) => Some(text.clone()),
        Node::Bool(_) | Node::Integer(_) | Node::Float(_) => Some(entry.value.to_json().to_string()),
        _ => None,
    }
}
