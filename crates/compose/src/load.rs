//! A project of its files: read, interpolated, extended, included and merged.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use source::{Entry, Node, Place, Problem, Problems, SourceFile, Tree, parse_loosely};

use crate::format::FILE;
use crate::normal::{Normalising, clean};
use crate::reset::{self, Path as ResetPath};
use crate::shape::{Merge, Record, Shape};
use crate::{Project, Variables, dotenv, edit, finish, interpolation, merge};

/// Which project is wanted.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The project directory, absolute: what paths in the files are relative to.
    pub directory: PathBuf,
    /// The files, absolute: each is laid over those before it.
    pub files: Vec<PathBuf>,
    /// Files with variables, absolute; without one, `.env` of the project directory if there is one.
    pub env_files: Vec<PathBuf>,
    /// The active profiles; without one, those of the variable `COMPOSE_PROFILES`.
    pub profiles: Vec<String>,
    /// The name of the project; else that of the variable `COMPOSE_PROJECT_NAME`, of the files or of the directory.
    pub name: Option<String>,
    /// The variables of the process. They come before those of files.
    pub variables: Variables,
    /// The directory relative to which files are shown.
    pub shown_from: PathBuf,
}

/// Reads a project. All problems are returned at once; there is a project if and only if none of them is an error.
pub fn load(request: &Request) -> (Option<Project>, Problems) {
    let mut loader = Loader {
        shown_from: request.shown_from.clone(),
        problems: Problems::new(),
        files: Vec::new(),
        extended: HashMap::new(),
    };
    let project = loader.project(request);
    let Loader { problems, files, .. } = loader;
    let project = project.filter(|_| !problems.has_errors()).map(|project| Project { files, ..project });
    (project, problems.sorted().into_iter().cloned().collect())
}

/// What is read, and what was found on the way.
pub(crate) struct Loader {
    shown_from: PathBuf,
    pub(crate) problems: Problems,
    /// All files that were read.
    files: Vec<PathBuf>,
    /// The services of files that are extended, by path.
    pub(crate) extended: HashMap<PathBuf, Option<Document>>,
}

/// One document in normal form.
#[derive(Clone)]
pub(crate) struct Document {
    pub(crate) entries: Vec<Entry>,
    /// What it takes away from those before it.
    pub(crate) resets: Vec<ResetPath>,
    pub(crate) place: Place,
}

/// Files that make one model, and what they are read with.
pub(crate) struct Model<'a> {
    pub(crate) files: &'a [PathBuf],
    pub(crate) directory: &'a Path,
    pub(crate) variables: &'a Variables,
    /// The files that include it, from the first.
    pub(crate) including: &'a [PathBuf],
}

impl Loader {
    fn project(&mut self, request: &Request) -> Option<Project> {
        let mut variables = self.variables(&request.env_files, &request.directory, &request.variables);
        let name = Self::name(request, &variables);
        variables.set("COMPOSE_PROJECT_NAME", name.clone());
        let model =
            Model { files: &request.files, directory: &request.directory, variables: &variables, including: &[] };
        let entries = self.model(&model)?;
        let profiles = match request.profiles.as_slice() {
            [] => variables.get("COMPOSE_PROFILES").unwrap_or_default().split(',').map(str::to_owned).collect(),
            profiles => profiles.to_vec(),
        };
        let entries = finish::finish(entries, &name, &profiles, &variables, self);
        let place = entries.first().map(|entry| entry.key_place.clone());
        let tree = Tree { place: place.or_else(|| self.start(request))?, node: Node::Map(entries) };
        let directory = request.directory.clone();
        Some(Project { name, directory, tree, variables, files: Vec::new() })
    }

    fn start(&mut self, request: &Request) -> Option<Place> {
        request.files.first().and_then(|path| self.read(path, None)).map(|file| Place::start_of(&file))
    }

    /// Reads files with variables; without one, `.env` of a directory if there is one.
    pub(crate) fn variables(&mut self, files: &[PathBuf], directory: &Path, outer: &Variables) -> Variables {
        let default = directory.join(".env");
        let default = (files.is_empty() && default.is_file()).then_some(default);
        let mut variables = Variables::default();
        for path in files.iter().chain(&default) {
            let Some(file) = self.read(path, None) else { continue };
            let above = outer.clone().or(variables.clone());
            variables = dotenv::read_variables(&file, &above, &mut self.problems).or(variables);
        }
        outer.clone().or(variables)
    }

    /// Returns the name of the project.
    fn name(request: &Request, variables: &Variables) -> String {
        let said = || request.name.clone().or_else(|| variables.get("COMPOSE_PROJECT_NAME").map(str::to_owned));
        if let Some(name) = said().filter(|name| !name.is_empty()) {
            return name;
        }
        let mut name = String::new();
        for path in &request.files {
            // What is wrong with the files is told when they are read as a model.
            let Ok(file) = SourceFile::read(path, "") else { continue };
            let Ok(loose) = parse_loosely(&file) else { continue };
            for mut tree in loose.documents {
                interpolation::interpolate(&mut tree, variables, &mut Problems::new());
                name = tree.get("name").and_then(Tree::as_str).map_or(name, str::to_owned);
            }
        }
        let directory = || request.directory.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = if name.is_empty() { directory().unwrap_or_default() } else { name };
        let name: String =
            name.to_lowercase().chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).collect();
        let name = name.trim_start_matches(['_', '-']);
        if name.is_empty() { "project".to_owned() } else { name.to_owned() }
    }

    /// Reads the files of one model and merges them.
    pub(crate) fn model(&mut self, model: &Model<'_>) -> Option<Vec<Entry>> {
        let mut merged: Option<Vec<Entry>> = None;
        for path in model.files {
            for mut document in self.documents(path, model.directory, model.variables, None)? {
                self.extend_services(&mut document, path, model);
                self.include(&mut document, path, model);
                let mut base = merged.take().unwrap_or_default();
                reset::apply(&document.resets, &mut base);
                merged = Some(merge::records(&FILE, base, document.entries));
            }
        }
        let mut merged = merged?;
        unify(&FILE, &mut merged);
        finish::resolve(&mut merged, model.directory, model.variables);
        Some(merged)
    }

    /// Reads the documents of a file and brings each into normal form. `named` is where the file is named.
    pub(crate) fn documents(
        &mut self,
        path: &Path,
        directory: &Path,
        variables: &Variables,
        named: Option<&Place>,
    ) -> Option<Vec<Document>> {
        let file = self.read(path, named)?;
        let loose = match parse_loosely(&file) {
            Ok(loose) => loose,
            Err(problem) => {
                self.problems.push(problem);
                return None;
            }
        };
        let several = loose.documents.len() > 1;
        let documents = loose.documents.into_iter().filter(|tree| !(several && tree.is_null()));
        documents.map(|tree| self.document(tree, &loose.tags, directory, variables)).collect()
    }

    fn document(
        &mut self,
        mut tree: Tree,
        tags: &[(String, Place)],
        directory: &Path,
        variables: &Variables,
    ) -> Option<Document> {
        if tree.is_null() {
            self.problems.push(
                Problem::error("compose::empty", "the Compose file is empty")
                    .at(&tree.place, "there is nothing here")
                    .help("the least that it has is `services:`"),
            );
            return None;
        }
        interpolation::interpolate(&mut tree, variables, &mut self.problems);
        let resets = reset::take(&mut tree, tags, &mut self.problems);
        let place = tree.place.clone();
        let mut normalising = Normalising { directory, variables, problems: &mut self.problems };
        let Node::Map(entries) = normalising.value(&Shape::Record(&FILE), &tree)?.node else { return None };
        Some(Document { entries, resets, place })
    }

    /// Returns a path as it is shown.
    pub(crate) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.shown_from).unwrap_or(path).to_string_lossy().into_owned()
    }

    /// Reads a text file; where it is named, if it is not there, is where that is told.
    pub(crate) fn read(&mut self, path: &Path, named: Option<&Place>) -> Option<SourceFile> {
        let path = PathBuf::from(clean(path));
        let shown = self.shown(&path);
        match SourceFile::read(&path, &shown) {
            Ok(file) => {
                if !self.files.contains(&path) {
                    self.files.push(path);
                }
                Some(file)
            }
            Err(problem) => {
                self.problems.push(match named {
                    Some(place) if problem.labels.is_empty() => problem.at(place, "it is named here"),
                    _ => problem,
                });
                None
            }
        }
    }
}

/// Leaves of values of lists that have the same name the last.
fn unify(record: &Record, entries: &mut [Entry]) {
    for entry in entries {
        let Some(key) = record.key(&entry.key) else { continue };
        if let Merge::Unique(unique) = key.merge {
            let place = entry.value.place.clone();
            let value = std::mem::replace(&mut entry.value, Tree { node: Node::Null, place });
            entry.value = merge::only_once(value, unique);
        }
        unify_below(&key.shape, &mut entry.value);
    }
}

fn unify_below(shape: &Shape, tree: &mut Tree) {
    match (shape, &mut tree.node) {
        (Shape::Record(record), Node::Map(entries)) => unify(record, entries),
        (Shape::Map(shape), Node::Map(entries)) => {
            for entry in entries {
                unify_below(shape, &mut entry.value);
            }
        }
        (Shape::Short(_, shape) | Shape::OrNothing(shape), _) => unify_below(shape, tree),
        _ => {}
    }
}

/// Returns the services of a document.
pub(crate) fn services(entries: &mut [Entry]) -> Option<&mut Vec<Entry>> {
    edit::map(entries, "services")
}
