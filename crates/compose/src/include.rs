//! `include`: another project, whose services become services of this one.

use std::path::{Path, PathBuf};

use source::{Entry, Node, Place, Problem, Tree};

use crate::load::{Document, Loader, Model};
use crate::normal::clean;
use crate::{edit, short};

/// What an included project has that this one gets.
const IMPORTED: [&str; 5] = ["services", "volumes", "networks", "secrets", "configs"];

impl Loader {
    /// Puts what a document includes into it.
    pub(crate) fn include(&mut self, document: &mut Document, path: &Path, model: &Model<'_>) {
        let Some(include) = edit::remove(&mut document.entries, "include") else { return };
        for included in include.value.as_list().unwrap_or_default() {
            if let Some(imported) = self.included(included, path, model) {
                self.import(document, imported, &included.place);
            }
        }
    }

    fn included(&mut self, include: &Tree, path: &Path, model: &Model<'_>) -> Option<Vec<Entry>> {
        let texts = |key: &str| -> Vec<&str> {
            let values = include.get(key).and_then(Tree::as_list).unwrap_or_default();
            values.iter().filter_map(Tree::as_str).collect()
        };
        let absolute = |path: &str| PathBuf::from(clean(&model.directory.join(path)));
        let paths = texts("path");
        if let Some(address) = paths.iter().find(|path| short::is_address(path) || path.starts_with("oci:")) {
            self.problems.push(
                Problem::error("compose::unsupported", format!("`{address}` is not a file of this machine"))
                    .at(&include.place, "only files are included")
                    .help("get it first, and include the file"),
            );
            return None;
        }
        let files: Vec<_> = paths.iter().map(|path| absolute(path)).collect();
        let first = files.first()?;
        let mut including = model.including.to_vec();
        including.push(path.to_owned());
        if including.contains(first) {
            let names: Vec<_> = including.iter().chain([first]).map(|path| self.shown(path)).collect();
            self.problems.push(
                Problem::error(
                    "compose::circle",
                    format!("files include each other in a circle: {}", names.join(", ")),
                )
                .at(&include.place, "this closes it"),
            );
            return None;
        }
        for file in files.iter().filter(|file| !file.is_file()) {
            let message = format!("there is no file `{}`", self.shown(file));
            self.problems.push(Problem::error("compose::no-file", message).at(&include.place, "it is included here"));
        }
        let directory = match include.get("project_directory").and_then(Tree::as_str) {
            Some(directory) => absolute(directory),
            None => first.parent().unwrap_or(Path::new("/")).to_owned(),
        };
        let env_files: Vec<_> = texts("env_file").into_iter().map(absolute).collect();
        let variables = self.variables(&env_files, &directory, model.variables);
        let inner = Model { files: &files, directory: &directory, variables: &variables, including: &including };
        if files.iter().all(|file| file.is_file()) { self.model(&inner) } else { None }
    }

    /// What has the same name must be the same.
    fn import(&mut self, document: &mut Document, mut imported: Vec<Entry>, place: &Place) {
        for kind in IMPORTED {
            let Some(entries) = edit::map(&mut imported, kind) else { continue };
            let entries = std::mem::take(entries);
            let here = edit::map_or_new(&mut document.entries, kind, &document.place);
            for entry in entries {
                match here.iter().find(|known| known.key == entry.key) {
                    Some(known) if without_places(&known.value) == without_places(&entry.value) => {}
                    Some(known) => {
                        let message = format!("`{}` of `{kind}` is included, and is here too", entry.key);
                        self.problems.push(
                            Problem::error("compose::conflict", message)
                                .at(&entry.key_place, "what is included")
                                .at(&known.key_place, "what is here")
                                .at(place, "the include")
                                .help(
                                    "what changes an included service stands in a file of its own, laid over this one",
                                ),
                        );
                    }
                    None => here.push(entry),
                }
            }
        }
    }
}

fn without_places(tree: &Tree) -> String {
    match &tree.node {
        Node::Map(entries) => {
            let mut parts: Vec<_> =
                entries.iter().map(|entry| format!("{:?}:{}", entry.key, without_places(&entry.value))).collect();
            parts.sort();
            format!("{{{}}}", parts.join(","))
        }
        Node::List(values) => format!("[{}]", values.iter().map(without_places).collect::<Vec<_>>().join(",")),
        node => format!("{node:?}"),
    }
}
