//! Specs: which records are wanted.

use serde_json::Value;
use source::{Entry, MapReader, Node, Place, Problem, Problems, Tree, closest};

use crate::suggestion::suggestion;
use crate::{DataType, FieldKind, Maker, Registry, TypeName};

/// What a spec file is.
#[derive(Clone, Debug, PartialEq)]
pub enum SpecKind {
    /// A list of other specs.
    Top(Vec<TopEntry>),
    /// Records of one service.
    Service,
}

/// One entry of a top spec.
#[derive(Clone, Debug, PartialEq)]
pub struct TopEntry {
    /// The service, which is the name of its workspace.
    pub service: String,
    /// The path of the service spec as it is written.
    pub path: String,
    /// Whether the path is relative to the top spec itself, and not to the workspace of the service.
    pub beside_top: bool,
    /// The version of the service's data types that it is written for, and where that is said.
    pub version: Option<(u32, Place)>,
    /// Where the service is named.
    pub service_place: Place,
    /// Where the path stands.
    pub place: Place,
}

/// Says what a spec file is, and reads it if it is a top spec. None if it is neither kind, or an entry is wrong.
///
/// The names that OEP-37 used before are accepted with a warning. A file without anything is a service spec.
pub fn kind_of_spec(tree: &Tree, problems: &mut Problems) -> Option<SpecKind> {
    match &tree.node {
        Node::Map(_) | Node::Null => Some(SpecKind::Service),
        Node::List(entries) => {
            let read: Vec<_> = entries.iter().filter_map(|entry| top_entry(entry, problems)).collect();
            (read.len() == entries.len()).then_some(SpecKind::Top(read))
        }
        _ => {
            problems.push(
                tree.wrong_type("a spec")
                    .help("a list of service specs is a top spec; a map of lists of records is a service spec"),
            );
            None
        }
    }
}

fn top_entry(tree: &Tree, problems: &mut Problems) -> Option<TopEntry> {
    let mut reader = MapReader::new(tree, problems, "an entry of a top spec")?;
    let service = named(&mut reader, "ida", "ida_name");
    let path = named(&mut reader, "path", "data_spec_path");
    let beside_top = reader.optional_bool("spec_in_devstack").unwrap_or(false);
    let version = reader.optional(VERSION);
    reader.finish();
    let version = version.and_then(|tree| Some((read_version(tree, problems)?, tree.place.clone())));
    let (service, path) = (service?, path?);
    let text = |tree: &Tree| tree.as_str().map(str::to_owned);
    Some(TopEntry {
        service: text(service)?,
        path: text(path)?,
        beside_top,
        version,
        service_place: service.place.clone(),
        place: path.place.clone(),
    })
}

/// Returns the string under a key, or under the name that the key had before.
fn named<'t>(reader: &mut MapReader<'t, '_>, key: &str, older: &str) -> Option<&'t Tree> {
    let value = match reader.entry(older) {
        None => reader.required(key),
        Some(entry) => {
            let both = reader.optional(key).is_some();
            reader.problems().push(if both {
                Problem::error(
                    "dataset::key-twice",
                    format!("`{older}` is an older name of `{key}`, which is there too"),
                )
                .at(&entry.key_place, format!("leave out `{older}`"))
            } else {
                Problem::warning("dataset::older-name", format!("`{older}` is an older name of `{key}`"))
                    .at(&entry.key_place, format!("write `{key}`"))
            });
            Some(&entry.value).filter(|_| !both)
        }
    };
    value.filter(|value| {
        if value.as_str().is_none() {
            reader.problems().push(value.wrong_type("a string"));
        }
        value.as_str().is_some()
    })
}

/// The records that specs want, as they are written.
#[derive(Clone, Debug, Default)]
pub struct SpecSet {
    records: Vec<SpecRecord>,
}

/// One record as a spec gives it.
#[derive(Clone, Debug)]
pub(crate) struct SpecRecord {
    /// The index of its type in the registry.
    pub data_type: usize,
    /// The index of each field, its value and where that stands.
    pub fields: Vec<(usize, Value, Place)>,
    /// The index of each trait that it has.
    pub traits: Vec<usize>,
    /// The index of the field that lists it, and the child.
    pub children: Vec<(usize, SpecRecord)>,
    /// Where the record stands.
    pub place: Place,
}

impl SpecSet {
    /// Begins without any.
    pub fn new() -> Self {
        Self::default()
    }

    /// Those records alone that are of this service.
    #[must_use]
    pub fn of_service(mut self, types: &Registry, service: &str) -> Self {
        self.records.retain(|record| types.service_of(record.data_type) == service);
        self
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Adds the records of one service spec. The registry is complete and the same for all specs and for
    /// [`crate::order`]. `version` is the one of the service's data types that it is written for, and where that is said; a
    /// spec may say so itself.
    pub fn add(
        &mut self,
        registry: &Registry,
        service: &str,
        version: Option<&(u32, Place)>,
        tree: &Tree,
        problems: &mut Problems,
    ) {
        if tree.is_null() {
            return;
        }
        let Some(entries) = tree.as_map() else {
            problems.push(tree.wrong_type("a service spec, which is a map of lists of records"));
            return;
        };
        if registry.lists(service).is_none() {
            let help = match closest(service, registry.services()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "a database's `types` in the manifest names them".to_owned(),
            };
            problems.push(
                Problem::error("dataset::unknown-service", format!("`{service}` has no data types"))
                    .at(&tree.place, format!("records of `{service}`"))
                    .help(help),
            );
            return;
        }
        // A number under a key that lists nothing is a version.
        let is_version = |entry: &&Entry| {
            entry.key == VERSION
                && entry.value.as_list().is_none()
                && registry.index_of_list(service, VERSION).is_none()
        };
        let own = entries.iter().find(is_version).and_then(|entry| {
            let version = read_version(&entry.value, problems)?;
            Some((version, entry.value.place.clone()))
        });
        let version = own.as_ref().or(version);
        let mut reader = RecordReader { registry, version: version.map(|(version, _)| *version), renamed: Vec::new() };
        for entry in entries.iter().filter(|entry| !is_version(entry)) {
            match registry.index_of_list(service, &entry.key) {
                None => problems.push(unknown_list(registry, service, entry)),
                Some(data_type) => self.records.extend(reader.records(data_type, &entry.value, problems)),
            }
        }
        let newest = registry.types().filter(|declared| declared.name.service == service);
        let newest = newest.map(|declared| declared.version).max().unwrap_or(1);
        if let Some((version, place)) = version.filter(|(version, _)| *version < newest) {
            problems.push(older_version(service, *version, newest, reader.renamed, place));
        }
    }

    /// Returns the records in the order in which they were added.
    pub(crate) fn into_records(self) -> Vec<SpecRecord> {
        self.records
    }
}

fn unknown_list(registry: &Registry, service: &str, entry: &Entry) -> Problem {
    let known: Vec<&str> = registry.lists(service).into_iter().flatten().collect();
    let what = format!("the records of `{service}` are listed under");
    Problem::error("dataset::unknown-list", format!("`{service}` has no records that are listed as `{}`", entry.key))
        .at(&entry.key_place, "no data type has this list name")
        .help(suggestion(&entry.key, known.iter().copied(), &what))
}

/// Reads records, of types as they were at a version.
struct RecordReader<'r> {
    registry: &'r Registry,
    version: Option<u32>,
    /// What is called otherwise now, in words.
    renamed: Vec<String>,
}

impl RecordReader<'_> {
    fn records(&mut self, data_type: usize, tree: &Tree, problems: &mut Problems) -> Vec<SpecRecord> {
        match &tree.node {
            // A list name with nothing under it, as when all records are commented out.
            Node::Null => Vec::new(),
            Node::List(records) => records.iter().filter_map(|tree| self.record(data_type, tree, problems)).collect(),
            _ => {
                problems.push(tree.wrong_type("a list of records"));
                Vec::new()
            }
        }
    }

    fn record(&mut self, index: usize, tree: &Tree, problems: &mut Problems) -> Option<SpecRecord> {
        let data_type = &self.registry.all()[index];
        let Some(entries) = tree.as_map() else {
            problems.push(tree.wrong_type(&format!("a record of `{}`, which is a map", data_type.name)));
            return None;
        };
        let mut read = SpecRecord {
            data_type: index,
            fields: Vec::new(),
            traits: Vec::new(),
            children: Vec::new(),
            place: tree.place.clone(),
        };
        for entry in entries {
            let now = self.version.and_then(|version| data_type.name_now(&entry.key, version));
            if let Some(now) = now {
                self.renamed.push(format!("`{now}` for `{}`", entry.key));
            }
            let Some((field_index, _, field)) = data_type.fields.get_full(now.unwrap_or(&entry.key)) else {
                if entry.key == TRAITS {
                    read.traits.extend(traits(data_type, &entry.value, problems));
                } else {
                    problems.push(data_type.unknown_field(&entry.key, &entry.key_place));
                }
                continue;
            };
            match &field.kind {
                FieldKind::Children(children) => {
                    if let Some(child) = self.registry.index(&children.child) {
                        let listed = self.records(child, &entry.value, problems);
                        read.children.extend(listed.into_iter().map(|child| (field_index, child)));
                    }
                }
                FieldKind::Plain => {
                    if entry.key == TRAITS
                        && let Maker::Provider(used) = &data_type.maker
                    {
                        check_traits(&used.traits, &data_type.name, &entry.value, problems);
                    }
                    if let Some(wanted) = wrong_plain(field.default.as_ref(), &entry.value) {
                        let mut problem = entry.value.wrong_type(wanted);
                        if let Some(default) = &field.default {
                            problem = problem.at(&default.place, "as this default is");
                        }
                        problems.push(problem);
                    }
                    read.fields.push((field_index, entry.value.to_json(), entry.value.place.clone()));
                }
                FieldKind::Reference(reference) => {
                    if entry.value.as_list().is_some() {
                        problems.push(entry.value.wrong_type(&format!("the natural key of a `{}`", reference.target)));
                    }
                    read.fields.push((field_index, entry.value.to_json(), entry.value.place.clone()));
                }
            }
        }
        Some(read)
    }
}

/// Finds traits that the provider of a type does not know.
fn check_traits(known: &[String], data_type: &TypeName, value: &Tree, problems: &mut Problems) {
    let Some(traits) = value.as_list() else {
        problems.push(value.wrong_type("names of traits, which is a list"));
        return;
    };
    for wanted in traits {
        match wanted.as_str() {
            None => problems.push(wanted.wrong_type("the name of a trait")),
            Some(name) if known.iter().any(|known| known == name) => {}
            Some(name) => problems.push(
                Problem::error("dataset::unknown-trait", format!("`{data_type}` has no trait `{name}`"))
                    .at(&wanted.place, "not a trait of this data type")
                    .help(suggestion(name, known.iter().map(String::as_str), "its traits are")),
            ),
        }
    }
}

/// Says what a value should have been, if its kind is plainly not the one of the field's default.
///
/// The database has the last word on types; this finds `is_staff: yes` and lists where a word is wanted, at their place.
fn wrong_plain(default: Option<&Tree>, value: &Tree) -> Option<&'static str> {
    let numeric = |text: &str| text.trim().parse::<f64>().is_ok();
    match (&default?.node, &value.node) {
        (_, Node::Null) | (Node::Null | Node::List(_) | Node::Map(_), _) => None,
        (Node::Bool(_), found) => (!matches!(found, Node::Bool(_))).then_some("`true` or `false`"),
        (Node::Integer(_) | Node::Float(_), found) => {
            let fits = match found {
                Node::Integer(_) | Node::Float(_) => true,
                // Exact decimals are written as text.
                Node::String(text) => numeric(text),
                _ => false,
            };
            (!fits).then_some("a number")
        }
        // What a template makes is only known when it is used.
        (Node::String(text), _) if text.contains("{{") || text.contains("{%") => None,
        (Node::String(_), found) => matches!(found, Node::Bool(_) | Node::List(_) | Node::Map(_)).then_some("a string"),
    }
}

/// How a record says which traits it has, and a spec for which version it is written.
const TRAITS: &str = "traits";
const VERSION: &str = "version";

/// Reads one name of a trait, or a list of them.
fn traits(data_type: &DataType, tree: &Tree, problems: &mut Problems) -> Vec<usize> {
    let listed = tree.as_list().unwrap_or(std::slice::from_ref(tree));
    let mut read = Vec::new();
    for tree in listed {
        let Some(name) = tree.as_str() else {
            problems.push(tree.wrong_type("the name of a trait"));
            continue;
        };
        match data_type.traits.get_index_of(name) {
            Some(index) => read.push(index),
            None => problems.push(data_type.unknown_trait(name, &tree.place)),
        }
    }
    read
}

/// Reads the version of data types that a spec is written for.
pub(crate) fn read_version(tree: &Tree, problems: &mut Problems) -> Option<u32> {
    let version = tree.as_integer().and_then(|version| u32::try_from(version).ok()).filter(|version| *version > 0);
    if version.is_none() {
        problems.push(tree.wrong_type("a version, which is a whole number from 1"));
    }
    version
}

/// Makes the warning of a spec that is written for an older version of data types than there is.
pub fn older_version(service: &str, version: u32, newest: u32, mut renamed: Vec<String>, place: &Place) -> Problem {
    let message = format!("this spec is written for version {version} of the data types of `{service}`");
    renamed.sort();
    renamed.dedup();
    let help = if renamed.is_empty() {
        format!("nothing that it uses is called otherwise in version {newest}")
    } else {
        format!("for version {newest}, write {}", renamed.join(", "))
    };
    Problem::warning("dataset::older-version", message).at(place, format!("they are at version {newest}")).help(help)
}
