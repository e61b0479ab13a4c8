//! A file that is made of a template: for programs that read their settings from one.

use indexmap::IndexMap;
use source::{Entry, Place, Problem, Tree};

use crate::import::Surroundings;
use crate::reading::Reading;
use crate::{Template, file_reference};

/// What the name of a template may end with that the file's does not.
const ENDINGS: [&str; 3] = [".template", ".tmpl", ".in"];

/// A file that is made of a template.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigFile {
    /// How the file is called.
    pub file_name: String,
    /// What is in it.
    pub content: Template,
    /// Where it is declared.
    pub place: Place,
}

impl ConfigFile {
    /// Reads those that a manifest declares, with their templates.
    pub(crate) fn read_all(
        tree: &Tree,
        surroundings: &Surroundings<'_>,
        reading: &mut Reading<'_>,
    ) -> IndexMap<String, Self> {
        let entries = tree.get("files").and_then(Tree::as_map).unwrap_or_default();
        entries
            .iter()
            .filter_map(|entry| Some((entry.key.clone(), Self::read(entry, surroundings, reading)?)))
            .collect()
    }

    fn read(entry: &Entry, surroundings: &Surroundings<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        let named = entry.value.get("template").unwrap_or(&entry.value);
        let path = file_reference::below(named, reading)?;
        let own_name = || {
            let name = path.rsplit('/').next().unwrap_or_default();
            let ending = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).filter(|name| !name.is_empty());
            ending.unwrap_or(name).to_owned()
        };
        let file_name = match entry.value.get("name").and_then(|name| Some((name.as_str()?, &name.place))) {
            Some((name, place)) if name.is_empty() || name.contains('/') || name == "." || name == ".." => {
                reading.problems.push(
                    Problem::error("manifest::path", format!("`{name}` is not the name of a file"))
                        .at(place, "a name without slashes")
                        .help("where the file lies is chosen; `${files.NAME.path}` says it"),
                );
                return None;
            }
            Some((name, _)) => name.to_owned(),
            None => own_name(),
        };
        let file = match surroundings.read(&path, named) {
            Ok(file) => file,
            Err(problem) => {
                reading.problems.push(problem);
                return None;
            }
        };
        let whole = Place::new(&file, 0..file.text().len());
        let content = Template::parse(file.text(), &whole, &mut reading.problems)?;
        if let Some(reference) = content.references().find(|reference| reference.path[0] == "files") {
            reading.problems.push(
                Problem::error("manifest::reference", "a template does not refer to files that are made of templates")
                    .at(&reference.place, "refers to one"),
            );
            return None;
        }
        reading.with_secrets(|reading| reading.check_references(&content));
        Some(Self { file_name, content, place: entry.key_place.clone() })
    }
}
