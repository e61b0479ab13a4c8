//! Specs of our own form as they lie about: files and addresses, with what they include.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use database::Datum;
use dataset::{Registry, RowTemplate};
use factory::{Choice, Include, Spec};
use manifest::{SpecReference, SpecSource, WorkspaceTree};
use plan::DatabaseId;
use serde_json::Value;
use source::{Place, Problem, Problems, SourceFile, Tree};

use crate::context::Context;
use crate::ledger_identity::spec_name;
use crate::{downloads, with_causes};

/// A spec of our own form that is to be loaded.
#[derive(Debug, Clone)]
pub(crate) struct OwnSpec {
    /// What the ledger calls it.
    pub(crate) name: String,
    /// The service of the data types and tables that it names without one.
    pub(crate) service: String,
    /// What it says.
    pub(crate) spec: Spec,
    /// What was chosen of it: the values of parameters, and its scenario.
    pub(crate) chosen: BTreeMap<String, String>,
}

impl OwnSpec {
    /// The databases that it makes rows in, as far as that can be told without looking into them.
    pub(crate) fn databases(&self, tree: &WorkspaceTree, types: &Registry) -> BTreeSet<DatabaseId> {
        let with_tables = |service: &str| {
            let workspaces = tree.iter().map(|(_, workspace)| &workspace.manifest);
            let named = workspaces.filter(|manifest| manifest.name.as_str() == service).collect::<Vec<_>>();
            let databases = named.into_iter().flat_map(|manifest| manifest.databases.values());
            let ids = databases.filter(|database| database.engine.has_tables());
            ids.map(|database| DatabaseId { workspace: service.to_owned(), name: database.name.clone() })
                .collect::<Vec<_>>()
        };
        let mut ids: BTreeSet<DatabaseId> = BTreeSet::new();
        for entry in &self.spec.entries {
            let (service, name) = match entry.name.split_once('.') {
                Some((service, name)) if !with_tables(service).is_empty() => (service, name),
                _ => (self.service.as_str(), entry.name.as_str()),
            };
            match types.find(service, name) {
                Some(declared) => {
                    let (mut known, mut waiting) = (BTreeSet::new(), vec![declared]);
                    while let Some(declared) = waiting.pop() {
                        if !known.insert(&declared.name) {
                            continue;
                        }
                        let (workspace, name) = (declared.name.service.clone(), declared.database.clone());
                        ids.insert(DatabaseId { workspace, name });
                        let implied = declared.implies.iter().map(|implied| &implied.implied);
                        waiting.extend(implied.filter_map(|name| types.find(&name.service, &name.name)));
                    }
                }
                None => ids.extend(with_tables(service)),
            }
        }
        if self.spec.fill.is_some() {
            ids.extend(with_tables(&self.service));
        }
        ids
    }
}

/// Where a spec is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Location {
    /// A file: where it is, and how it is shown.
    File(PathBuf, String),
    /// An address, with the digest of what it gives if that is known.
    Address(String, Option<manifest::Digest>),
}

impl Location {
    /// What somebody typed: an address, perhaps with `#sha256=…`, or a path.
    pub(crate) fn typed(text: &str) -> Self {
        if !is_address(text) {
            return Self::File(PathBuf::from(text), text.to_owned());
        }
        match text.split_once("#sha256=") {
            Some((url, hex)) => Self::Address(url.to_owned(), Some(manifest::Digest::Sha256(hex.to_ascii_lowercase()))),
            None => Self::Address(text.to_owned(), None),
        }
    }

    /// What a manifest names; `directory` is the one of its workspace, `shown` how that is shown.
    pub(crate) fn named(source: &SpecSource, directory: &Path, shown: impl Fn(&str) -> String) -> Self {
        match source {
            SpecSource::File(file) => Self::File(directory.join(&file.path), shown(&file.path)),
            SpecSource::Url { url, digest } => Self::Address(url.clone(), Some(digest.clone())),
        }
    }

    /// What a spec at this place includes.
    fn included(&self, include: &Include) -> Self {
        let digest = include.sha256.clone().map(manifest::Digest::Sha256);
        if is_address(&include.location) {
            return Self::Address(include.location.clone(), digest);
        }
        match self {
            Self::File(path, shown) => {
                let beside = |file: &Path| straight(&file.parent().unwrap_or(Path::new("")).join(&include.location));
                Self::File(beside(path), beside(Path::new(shown)).display().to_string())
            }
            Self::Address(url, _) => {
                let (scheme, path) = url.split_once("://").unwrap_or(("https", url));
                let path = straight(&Path::new(path).parent().unwrap_or(Path::new("")).join(&include.location));
                Self::Address(format!("{scheme}://{}", path.display()), digest)
            }
        }
    }

    /// What the ledger calls it.
    pub(crate) fn name(&self, root: &Path) -> String {
        match self {
            Self::File(path, _) => spec_name(root, path),
            Self::Address(url, _) => url.clone(),
        }
    }

    /// How it is shown.
    pub(crate) fn shown(&self) -> &str {
        match self {
            Self::File(_, shown) => shown,
            Self::Address(url, _) => url,
        }
    }
}

/// A path without steps that lead back, so that one file has one name.
fn straight(path: &Path) -> PathBuf {
    let mut straight = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir if matches!(straight.components().next_back(), Some(Component::Normal(_))) => {
                straight.pop();
            }
            Component::CurDir => {}
            other => straight.push(other),
        }
    }
    straight
}

fn is_address(text: &str) -> bool {
    ["https://", "http://", "file://"].iter().any(|scheme| text.starts_with(scheme))
}

/// Reads files of specs, and remembers all that was read.
pub(crate) struct SpecFiles<'a> {
    pub(crate) context: &'a Context<'a>,
    /// The root of the workspace, below which is kept what was fetched.
    pub(crate) root: &'a Path,
    /// All texts, in the order of reading, with what else decides what they mean.
    pub(crate) texts: Vec<String>,
    /// The digest of each file, by how it is shown.
    pub(crate) digests: BTreeMap<String, String>,
    pub(crate) problems: &'a mut Problems,
}

impl SpecFiles<'_> {
    /// Reads one file; `named` is where it is named.
    pub(crate) fn read(&mut self, location: &Location, named: Option<&Place>) -> Option<Tree> {
        let at = |problem: Problem| match named {
            Some(place) => problem.at(place, "named here"),
            None => problem,
        };
        let path = match location {
            Location::File(path, _) => path.clone(),
            Location::Address(url, digest) => {
                let fetched = match digest {
                    Some(digest) => downloads::download(self.context, self.root, url, digest),
                    None => downloads::download_anew(self.context, self.root, url),
                };
                match fetched {
                    Ok(path) => path,
                    Err(error) => {
                        self.problems.push(at(Problem::error("spec::fetch", with_causes(&error))));
                        return None;
                    }
                }
            }
        };
        let read = SourceFile::read(&path, location.shown()).and_then(|file| {
            self.texts.push(file.text().to_owned());
            let digest = blake3::hash(file.text().as_bytes()).to_hex().to_string();
            self.digests.insert(location.shown().to_owned(), digest);
            source::parse(&file)
        });
        match read {
            Ok(tree) => Some(tree),
            Err(problem) => {
                // What is wrong within the text has its place there.
                self.problems.push(if problem.place().is_none() { at(problem) } else { problem });
                None
            }
        }
    }

    /// Reads a spec of our own form with all that it includes, as far as it can be read.
    pub(crate) fn own(&mut self, location: &Location, tree: Tree, choice: &Choice) -> Option<Spec> {
        let mut trees = Vec::new();
        self.include(location, tree, &mut vec![location.shown().to_owned()], &mut BTreeSet::new(), &mut trees);
        if let Some((scenario, _)) = &choice.scenario {
            self.texts.push(format!("scenario {scenario}"));
        }
        self.texts.extend(choice.set.iter().map(|(name, value, _)| format!("{name}={value}")));
        self.texts.push(format!("generator {}", factory::GENERATOR));
        Spec::read(&trees, choice, &compile, self.problems)
    }

    fn include(
        &mut self,
        location: &Location,
        tree: Tree,
        way: &mut Vec<String>,
        done: &mut BTreeSet<String>,
        trees: &mut Vec<Tree>,
    ) {
        for include in factory::includes(&tree, self.problems) {
            let next = location.included(&include);
            let shown = next.shown().to_owned();
            if let Some(begin) = way.iter().position(|on_way| *on_way == shown) {
                let circle = way[begin..].join(" → ");
                self.problems.push(
                    Problem::error("spec::include", format!("specs include each other: {circle} → {shown}"))
                        .at(&include.place, "this closes the circle"),
                );
                continue;
            }
            // What several include is there once.
            if done.contains(&shown) {
                continue;
            }
            if let Location::Address(url, None) = &next {
                self.problems.push(
                    Problem::error("spec::include", format!("{url} is included without a digest"))
                        .at(&include.place, "what is fetched could be anything")
                        .help("write `{ url: …, sha256: … }`; `sha256sum FILE` prints it"),
                );
                continue;
            }
            let Some(included) = self.read(&next, Some(&include.place)) else { continue };
            if !factory::is_own(&included) {
                self.problems.push(
                    Problem::error("spec::include", format!("{shown} is no spec that can be included"))
                        .at(&include.place, "included here")
                        .help("a spec of records and counts begins with `seedbed: 1`"),
                );
                continue;
            }
            way.push(shown);
            self.include(&next, included, way, done, trees);
            way.pop();
        }
        done.insert(location.shown().to_owned());
        trees.push(tree);
    }
}

/// What is chosen of a spec that a manifest names.
pub(crate) fn choice(reference: &SpecReference) -> Choice {
    Choice {
        scenario: reference.scenario.clone().map(|(name, place)| (name, Some(place))),
        set: reference
            .set
            .iter()
            .map(|(name, value, place)| (name.clone(), value.clone(), Some(place.clone())))
            .collect(),
    }
}

/// What the ledger writes down of a choice.
pub(crate) fn chosen(choice: &Choice) -> BTreeMap<String, String> {
    let scenario = choice.scenario.iter().map(|(name, _)| ("scenario".to_owned(), name.clone()));
    choice.set.iter().map(|(name, value, _)| (name.clone(), value.clone())).chain(scenario).collect()
}

/// Compiles a template for generated rows.
pub(crate) fn compile(text: &str) -> Result<Arc<dyn factory::RowTemplate>, String> {
    // `{n}` is the number of the row wherever it stands.
    let pieces: Vec<&str> = text.split("{n}").collect();
    let mut source = String::new();
    for (index, piece) in pieces.iter().enumerate() {
        source.push_str(piece);
        if index + 1 < pieces.len() {
            source.push_str(if piece.ends_with('{') { "{n}" } else { "{{ n }}" });
        }
    }
    Ok(Arc::new(Compiled(RowTemplate::new(&source)?)))
}

struct Compiled(RowTemplate);

/// What it is made of stands in digests.
impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.text())
    }
}

impl factory::RowTemplate for Compiled {
    fn text(&self) -> &str {
        self.0.text()
    }

    fn names(&self) -> &[String] {
        self.0.names()
    }

    fn evaluate(&self, values: &[Datum], number: u64) -> Result<Datum, String> {
        let values: Vec<Value> = values.iter().map(json).collect();
        self.0.evaluate(&values, number).map(datum)
    }
}

/// A value as templates and searches take it.
pub(crate) fn json(datum: &Datum) -> Value {
    match datum {
        Datum::Null => Value::Null,
        Datum::Boolean(value) => Value::Bool(*value),
        Datum::Integer(value) => Value::from(*value),
        Datum::Float(value) => Value::from(*value),
        Datum::Text(text) => Value::String(text.clone()),
        other => Value::String(other.text().unwrap_or_default()),
    }
}

/// A value that a template or a search gave.
pub(crate) fn datum(value: Value) -> Datum {
    match value {
        Value::Null => Datum::Null,
        Value::Bool(value) => Datum::Boolean(value),
        Value::String(text) => Datum::Text(text),
        Value::Number(number) => number.as_i64().map_or_else(|| Datum::Text(number.to_string()), Datum::Integer),
        other => Datum::Text(other.to_string()),
    }
}
