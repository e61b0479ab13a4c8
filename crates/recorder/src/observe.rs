//! What a program has read and written, compared with what it was said to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lineage::{Place, Record, Reference};

use crate::catalogue::Catalogue;

/// What programs write for themselves beside their code.
const OF_PROGRAMS: [&str; 2] = ["__pycache__", ".ipynb_checkpoints"];

/// Files that a program, and all that it has started, has read and written.
#[derive(Debug, Clone, Default)]
pub struct Accesses {
    /// Regular files that were opened for reading, or executed.
    pub reads: BTreeSet<PathBuf>,
    /// What was opened for writing, renamed, made or removed, and whether it was there before.
    pub writes: BTreeMap<PathBuf, bool>,
}

/// What of that was not declared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undeclared {
    /// Read, and not declared as input, code or output.
    pub reads: Vec<Place>,
    /// Written, and not declared as output.
    pub writes: Vec<Place>,
    /// Declared as input, and nothing of it was read.
    pub unread: Vec<Place>,
}

impl Accesses {
    /// Compares with what a step declares. `is_there` says of a path whether there is something now: what came and went again was
    /// not written.
    pub fn undeclared(&self, catalogue: &Catalogue, record: &Record, is_there: impl Fn(&Path) -> bool) -> Undeclared {
        let outputs: Vec<&Place> = record.output_places().collect();
        let inputs: Vec<&Place> = record.inputs.iter().chain(&record.code).filter_map(Reference::place).collect();
        let covered = |list: &[&Place], place: &Place| list.iter().any(|declared| declared.covers(place));
        let place_of = |path: &Path| {
            let place = catalogue.locate(path, &catalogue.root).ok()?;
            let is_of_programs = place.path.split('/').any(|part| OF_PROGRAMS.contains(&part));
            (!is_of_programs && !Catalogue::is_of_tools(&place)).then_some(place)
        };
        let read: BTreeSet<Place> = self.reads.iter().filter_map(|path| place_of(path)).collect();
        let written: BTreeSet<Place> = self
            .writes
            .iter()
            .filter(|(path, was_there)| **was_there || is_there(path))
            .filter_map(|(path, _)| place_of(path))
            .collect();
        // A directory is not read, its files are; a database is read in ways that are not seen here.
        let is_read = |input: &Place| read.iter().any(|place| input.covers(place));
        let is_file = |input: &&&Place| catalogue.path_of(input).is_some();
        Undeclared {
            reads: read
                .iter()
                .filter(|place| !covered(&inputs, place) && !covered(&outputs, place) && !written.contains(*place))
                .cloned()
                .collect(),
            writes: written.iter().filter(|place| !covered(&outputs, place)).cloned().collect(),
            unread: record
                .inputs
                .iter()
                .filter_map(Reference::place)
                .collect::<Vec<_>>()
                .iter()
                .filter(is_file)
                .filter(|input| !is_read(input))
                .map(|input| (*input).clone())
                .collect(),
        }
    }
}

/// Places in a sentence: the first, and how many others.
pub(crate) fn listed(places: &[Place]) -> String {
    const MOST: usize = 5;
    let mut text: Vec<String> = places.iter().take(MOST).map(Place::to_string).collect();
    if places.len() > MOST {
        text.push(format!("and {} more", places.len() - MOST));
    }
    text.join(", ")
}

#[cfg(test)]
mod tests {
    use lineage::Content;

    use super::*;
    use crate::catalogue::Resource;

    #[test]
    fn what_was_not_declared_is_found_and_what_came_and_went_is_not() {
        let root = PathBuf::from("/nowhere/w");
        let resource = |path: &str| Resource { directory: Some(root.join(path)), ..Resource::default() };
        let catalogue = Catalogue {
            name: "w".to_owned(),
            root: root.clone(),
            resources: ["data", "out"].map(|name| (name.to_owned(), resource(name))).into(),
        };
        let mut record = Record::new("1", "s", "process", 0);
        let of = |resource: &str, path: &str| Reference::of(Place::new(resource, path), Content::Unknown);
        record.inputs = vec![of("data", "a"), of("data", "b")];
        record.outputs = vec![of("out", "x")];
        let paths = |list: &[&str]| list.iter().map(|path| root.join(path)).collect::<BTreeSet<_>>();
        let accesses = Accesses {
            reads: paths(&["data/a", "data/c", "out/x/1", "code/__pycache__/m.pyc", ".git/HEAD", "/etc/passwd"]),
            writes: [("out/x/1", false), ("out/y", false), ("tmp", false), ("data/gone", true)]
                .map(|(path, was_there)| (root.join(path), was_there))
                .into(),
        };
        let found = accesses.undeclared(&catalogue, &record, |path| path.ends_with("y"));
        assert_eq!(
            found,
            Undeclared {
                reads: vec![Place::new("data", "c")],
                writes: vec![Place::new("data", "gone"), Place::new("out", "y")],
                unread: vec![Place::new("data", "b")],
            }
        );
    }
}
