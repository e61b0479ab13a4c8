//! Random data types that refer to and imply each other, and random records of them.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;
use source::SourceFile;

use crate::case::Case;

/// Types are `t0`, `t1`, …; every second one is of the service `b`.
#[derive(Clone, Debug)]
struct RandomType {
    /// The type that the second field of the key refers to, if there is one.
    key: Option<prop::sample::Index>,
    /// The type that the field `other` refers to, and the value when no spec gives one.
    other: Option<(prop::sample::Index, Option<u8>)>,
    /// The type that is implied, and whether with this record's size.
    implies: Option<(prop::sample::Index, bool)>,
    /// Whether the default of `size` depends on the other record's.
    across: bool,
}

/// One record; only what its type has is written.
#[derive(Clone, Debug)]
pub struct RandomRecord {
    of: prop::sample::Index,
    id: u8,
    key: u8,
    other: Option<u8>,
    size: Option<u8>,
}

/// Types, and records that are not in files yet.
#[derive(Clone, Debug)]
pub struct Graph {
    types: Vec<RandomType>,
    pub records: Vec<RandomRecord>,
}

prop_compose! {
    fn random_type()(
        key in proptest::option::weighted(0.3, any::<prop::sample::Index>()),
        other in proptest::option::weighted(0.6, (any::<prop::sample::Index>(), proptest::option::weighted(0.3, 0..3u8))),
        implies in proptest::option::weighted(0.3, (any::<prop::sample::Index>(), any::<bool>())),
        across in any::<bool>(),
    ) -> RandomType {
        RandomType { key, other, implies, across }
    }
}

prop_compose! {
    fn random_record()(
        of in any::<prop::sample::Index>(),
        id in 0..4u8,
        key in 0..3u8,
        other in proptest::option::of(0..4u8),
        size in proptest::option::weighted(0.2, 0..2u8),
    ) -> RandomRecord {
        RandomRecord { of, id, key, other, size }
    }
}

prop_compose! {
    pub fn graph()(types in vec(random_type(), 1..6), records in vec(random_record(), 0..12)) -> Graph {
        Graph { types, records }
    }
}

fn service(index: usize) -> &'static str {
    if index.is_multiple_of(2) { "a" } else { "b" }
}

fn name(index: usize) -> String {
    format!("{}.t{index}", service(index))
}

impl Graph {
    /// The type at that place among all; keys and implied records mostly refer to types further down, so that many
    /// graphs are without circles.
    fn lower(&self, below: usize, index: prop::sample::Index) -> usize {
        if below == 0 { index.index(self.types.len()) } else { index.index(below) }
    }

    fn has_double_key(&self, index: usize) -> bool {
        index > 0 && self.types[index].key.is_some()
    }

    /// Writes the value by which a type is referred to: a number, or both parts of the key.
    fn key_of(&self, index: usize, id: u8) -> String {
        match self.types[index].key {
            Some(key) if index > 0 => format!("{{ id: {id}, part: {} }}", self.key_of(self.lower(index, key), id % 3)),
            _ => id.to_string(),
        }
    }

    /// Writes types and records into files; each record into a file of its own kind, `files` in all for each service.
    pub fn case(&self, records: &[RandomRecord], files: usize) -> Case {
        let mut case = Case::default();
        for of in ["a", "b"] {
            let mut text = "types:\n".to_owned();
            for (index, random) in self.types.iter().enumerate().filter(|(index, _)| service(*index) == of) {
                self.write_type(index, random, &mut text);
            }
            if text.lines().count() > 1 {
                case.types.push((of.to_owned(), SourceFile::new(format!("{of}.types.yaml"), text)));
            }
        }
        for of in ["a", "b"] {
            for file in 0..files {
                let mut text = String::new();
                for index in (0..self.types.len()).filter(|index| service(*index) == of) {
                    writeln!(text, "t{index}s:").unwrap();
                    let here = records.iter().enumerate().filter(|(number, record)| {
                        number % files == file && record.of.index(self.types.len()) == index
                    });
                    for (_, record) in here {
                        self.write_record(index, record, &mut text);
                    }
                }
                if !text.is_empty() {
                    case.specs.push((of.to_owned(), SourceFile::new(format!("{of}.{file}.yaml"), text)));
                }
            }
        }
        case
    }

    fn write_type(&self, index: usize, random: &RandomType, text: &mut String) {
        let double = self.has_double_key(index);
        let key = if double { "id, part" } else { "id" };
        writeln!(text, "  t{index}:\n    table: t{index}\n    key: [{key}]\n    fields:\n      id: {{}}").unwrap();
        if let (true, Some(part)) = (double, random.key) {
            writeln!(text, "      part: {{ references: {} }}", name(self.lower(index, part))).unwrap();
        }
        if let Some((other, default)) = &random.other {
            let other = other.index(self.types.len());
            let default = default.map_or("null".to_owned(), |id| self.key_of(other, id));
            writeln!(text, "      other: {{ references: {}, default: {default} }}", name(other)).unwrap();
        }
        let across = random.across && random.other.is_some();
        let size = if across { "{{ (other__id if other else 0) ~ id }}" } else { "{{ id + 1 }}" };
        writeln!(text, "      size: \"{size}\"\n      digits: \"{{{{ digest(4, id, size) }}}}\"").unwrap();
        if let Some((implied, size)) = random.implies {
            let implied = self.lower(index, implied);
            let part = if self.has_double_key(implied) {
                let key = self.types[implied].key.unwrap();
                format!(", part: {}", self.key_of(self.lower(implied, key), 1))
            } else {
                String::new()
            };
            let size = if size { ", size: \"{{ size }}\"" } else { "" };
            let record = format!("{{ id: \"{{{{ id }}}}\"{part}{size} }}");
            writeln!(text, "    implies: [{{ type: {}, record: {record} }}]", name(implied)).unwrap();
        }
    }

    fn write_record(&self, index: usize, record: &RandomRecord, text: &mut String) {
        write!(text, "  - {{ id: {}", record.id).unwrap();
        let random = &self.types[index];
        if let (true, Some(part)) = (self.has_double_key(index), random.key) {
            write!(text, ", part: {}", self.key_of(self.lower(index, part), record.key)).unwrap();
        }
        if let (Some(other), Some((to, _))) = (record.other, &random.other) {
            write!(text, ", other: {}", self.key_of(to.index(self.types.len()), other)).unwrap();
        }
        if let Some(size) = record.size {
            write!(text, ", size: {size}").unwrap();
        }
        writeln!(text, " }}").unwrap();
    }
}
