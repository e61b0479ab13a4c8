//! The declared data of all workspaces: data types, specs, and the digest of their texts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dataset::{Options, Registry, SpecKind, SpecSet};
use manifest::{FileReference, Workspace, WorkspaceTree};
use plan::Key;
use source::{Problem, Problems, SourceFile};

/// The data types of an environment, and what its manifests want loaded.
pub struct DeclaredData {
    /// All data types.
    pub types: Registry,
    /// What `up` loads.
    pub specs: SpecSet,
    /// Digest of all that was read.
    pub digest: String,
    /// The digest of each file that was read, by its name.
    pub files: BTreeMap<String, String>,
}

impl DeclaredData {
    /// Reads the files that the manifests name. Problems of all of them are gathered.
    pub fn read(tree: &WorkspaceTree, problems: &mut Problems) -> Self {
        let mut reader = Reader {
            tree,
            types: Registry::default(),
            specs: SpecSet::new(),
            texts: Vec::new(),
            files: BTreeMap::new(),
            problems,
        };
        for (_, workspace) in tree.iter() {
            reader.types_of(workspace);
        }
        reader.types.check(reader.problems);
        for (_, workspace) in tree.iter() {
            for database in workspace.manifest.databases.values() {
                for spec in &database.data {
                    reader.spec(workspace, spec);
                }
            }
            for spec in &workspace.manifest.data {
                reader.spec(workspace, spec);
            }
        }
        let digest = Key::of("data").texts(reader.texts.iter().map(String::as_str)).end().to_string();
        Self { types: reader.types, specs: reader.specs, digest, files: reader.files }
    }
}

/// Reads one more spec from a file: a top spec, or a service spec of `service`.
pub fn read_spec(
    tree: &WorkspaceTree,
    types: Registry,
    path: &Path,
    service: &str,
    problems: &mut Problems,
) -> (Registry, SpecSet) {
    let mut reader = Reader { tree, types, specs: SpecSet::new(), texts: Vec::new(), files: BTreeMap::new(), problems };
    reader.file(path, &path.display().to_string(), service, None);
    (reader.types, reader.specs)
}

/// How records are made from specs.
pub fn options(strict: bool) -> Options {
    Options { strict, seed: 0 }
}

struct Reader<'a> {
    tree: &'a WorkspaceTree,
    types: Registry,
    specs: SpecSet,
    texts: Vec<String>,
    files: BTreeMap<String, String>,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn types_of(&mut self, workspace: &Workspace) {
        for database in workspace.manifest.databases.values() {
            for file in &database.types {
                let path = workspace.directory.join(&file.path);
                if let Some(tree) = self.parse(&path, &shown_beside(workspace, &file.path), Some(file)) {
                    self.types.add(workspace.manifest.name.as_str(), &database.name, &tree, self.problems);
                }
            }
        }
    }

    fn spec(&mut self, workspace: &Workspace, file: &FileReference) {
        let path = workspace.directory.join(&file.path);
        let name = workspace.manifest.name.as_str();
        self.file(&path, &shown_beside(workspace, &file.path), name, Some(file));
    }

    fn file(&mut self, path: &Path, shown: &str, service: &str, reference: Option<&FileReference>) {
        // The same text says another thing for another service.
        self.texts.push(service.to_owned());
        let Some(tree) = self.parse(path, shown, reference) else { return };
        match dataset::kind_of_spec(&tree, self.problems) {
            Some(SpecKind::Service) => self.specs.add(&self.types, service, &tree, self.problems),
            Some(SpecKind::Top(entries)) => {
                for entry in entries {
                    let tree = self.tree;
                    let named = |workspace: &&Workspace| workspace.manifest.name.as_str() == entry.service;
                    let Some(workspace) = tree.iter().map(|(_, workspace)| workspace).find(named) else {
                        self.unknown_service(&entry);
                        continue;
                    };
                    let (root, shown) = if entry.beside_top {
                        (parent(path), parent(Path::new(shown)).join(&entry.path).display().to_string())
                    } else {
                        (workspace.directory.clone(), shown_beside(workspace, &entry.path))
                    };
                    let reference = FileReference { path: entry.path.clone(), place: entry.place.clone() };
                    self.texts.push(entry.service.clone());
                    if let Some(tree) = self.parse(&root.join(&entry.path), &shown, Some(&reference)) {
                        self.specs.add(&self.types, &entry.service, &tree, self.problems);
                    }
                }
            }
            None => {}
        }
    }

    fn unknown_service(&mut self, entry: &dataset::TopEntry) {
        let names: Vec<&str> = self.tree.iter().map(|(_, workspace)| workspace.manifest.name.as_str()).collect();
        let help = match source::closest(&entry.service, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the workspaces of this environment are {}", names.join(", ")),
        };
        self.problems.push(
            Problem::error("data::unknown-service", format!("there is no service `{}`", entry.service))
                .at(&entry.service_place, "no workspace of this environment has that name")
                .help(help),
        );
    }

    fn parse(&mut self, path: &Path, shown: &str, reference: Option<&FileReference>) -> Option<source::Tree> {
        let file = match SourceFile::read(path, shown) {
            Ok(file) => file,
            Err(problem) => {
                let problem = match reference {
                    Some(reference) => problem.at(&reference.place, "named here"),
                    None => problem,
                };
                self.problems.push(problem);
                return None;
            }
        };
        self.texts.push(file.text().to_owned());
        self.files.insert(shown.to_owned(), blake3::hash(file.text().as_bytes()).to_hex().to_string());
        match source::parse(&file) {
            Ok(tree) => Some(tree),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map_or_else(PathBuf::new, Path::to_owned)
}

/// A file of a workspace as the user would write it: beside the name of the manifest.
fn shown_beside(workspace: &Workspace, path: &str) -> String {
    parent(Path::new(workspace.file.name())).join(path).display().to_string()
}
