//! A project, read.

use std::path::PathBuf;

use source::{Entry, Problem, Problems, Tree};

use crate::Variables;
use crate::format::FILE;
use crate::shape::{Record, Shape, Support};

/// A project in the normal form of Compose: short values are at length, paths absolute, variables replaced, files merged,
/// and what no active profile has is left out.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// Its directory.
    pub directory: PathBuf,
    /// All that is said, as `docker compose config` shows it.
    pub tree: Tree,
    /// The variables that it was read with.
    pub variables: Variables,
    /// All files that were read.
    pub files: Vec<PathBuf>,
}

impl Project {
    /// Goes through the services.
    pub fn services(&self) -> &[Entry] {
        self.entries("services")
    }

    /// Goes through the entries of `networks`, `volumes`, `secrets` or `configs`.
    pub fn entries(&self, key: &str) -> &[Entry] {
        self.tree.get(key).and_then(Tree::as_map).unwrap_or_default()
    }

    /// Says what of the project Seedbed does not do, each at its place with the reason.
    pub fn unsupported(&self) -> Problems {
        let mut problems = Problems::new();
        record(&FILE, &self.tree, &mut problems);
        problems
    }
}

fn record(record: &Record, tree: &Tree, problems: &mut Problems) {
    for entry in tree.as_map().unwrap_or_default() {
        let Some(key) = record.key(&entry.key) else { continue };
        match key.support {
            Support::Refused(reason) => problems.push(
                Problem::error(
                    "compose::unsupported",
                    format!("Seedbed does not do `{}` of {}", key.name, record.what),
                )
                .at(&entry.key_place, reason),
            ),
            Support::NoEffect(_) => {}
            Support::Done | Support::Differs(_) => value(&key.shape, &entry.value, problems),
        }
    }
}

fn value(shape: &Shape, tree: &Tree, problems: &mut Problems) {
    match shape {
        Shape::Record(below) => record(below, tree, problems),
        Shape::Map(shape) => {
            tree.as_map().unwrap_or_default().iter().for_each(|entry| value(shape, &entry.value, problems));
        }
        Shape::List(shape) | Shape::OneOrMore(shape) | Shape::Items(_, shape) => {
            tree.as_list().unwrap_or_default().iter().for_each(|item| value(shape, item, problems));
        }
        Shape::Short(_, shape) | Shape::OrNothing(shape) => value(shape, tree, problems),
        _ => {}
    }
}
