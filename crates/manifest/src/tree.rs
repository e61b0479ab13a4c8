//! The root workspace and everything it depends on.

use std::collections::{BTreeMap, HashMap};
use std::ops::Index;
use std::path::{Component, Path, PathBuf};

use indexmap::IndexMap;
use source::{Place, Problem, Problems, SourceFile, closest};

use crate::document::Document;
use crate::import::Surroundings;
use crate::{Dependency, FileReference, Manifest};

/// Name of the manifest's file, in the root of a workspace.
pub const FILE_NAME: &str = "seedbed.yaml";

/// A workspace of a [`WorkspaceTree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkspaceId(usize);

/// The root workspace and everything it depends on.
#[derive(Clone, Debug)]
pub struct WorkspaceTree {
    /// The workspace that was asked for.
    pub root: WorkspaceId,
    /// All of them: a dependency before those that depend on it, unless they depend on each other. Always in the same
    /// order for the same manifests.
    pub workspaces: Vec<Workspace>,
}

/// One workspace: a directory and its manifest.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// Its root, absolute and without links.
    pub directory: PathBuf,
    /// What its `seedbed.yaml` says, under the chosen profile.
    pub manifest: Manifest,
    /// The workspaces that it depends on, by the name that it has for them.
    pub dependencies: IndexMap<String, WorkspaceId>,
    /// Its `seedbed.yaml`.
    pub file: SourceFile,
}

impl WorkspaceTree {
    /// Returns a workspace.
    pub fn workspace(&self, id: WorkspaceId) -> &Workspace {
        &self.workspaces[id.0]
    }

    /// Goes through the workspaces in their order.
    pub fn iter(&self) -> impl Iterator<Item = (WorkspaceId, &Workspace)> {
        self.workspaces.iter().enumerate().map(|(index, workspace)| (WorkspaceId(index), workspace))
    }

    /// Finds a workspace by its name.
    pub fn find(&self, name: &str) -> Option<WorkspaceId> {
        self.iter().find(|(_, workspace)| workspace.manifest.name.as_str() == name).map(|(id, _)| id)
    }
}

impl Index<WorkspaceId> for WorkspaceTree {
    type Output = Workspace;

    fn index(&self, id: WorkspaceId) -> &Workspace {
        self.workspace(id)
    }
}

/// Finds the nearest directory upward that has a `seedbed.yaml`.
pub fn find_root(from: &Path) -> Option<PathBuf> {
    from.ancestors().find(|directory| directory.join(FILE_NAME).is_file()).map(Path::to_owned)
}

/// Files of other formats that a manifest can take services from: a key of the manifest, and the names that such files have.
const IMPORTABLE: [(&str, &[&str]); 1] = [("procfile", &["Procfile"])];

/// Finds a file in a directory that a manifest could take services from: the key of the manifest, and the file.
pub fn importable(directory: &Path) -> Option<(&'static str, &'static str)> {
    let files = IMPORTABLE.into_iter().flat_map(|(key, names)| names.iter().map(move |name| (key, *name)));
    files.into_iter().find(|(_, name)| directory.join(name).is_file())
}

/// Reads the manifest of a workspace and of everything that it depends on.
///
/// Dependencies may form circles; each directory is read once. All problems of all manifests are returned at once, and
/// there is a tree if and only if none of them is an error. The profile applies to every workspace that declares it.
/// Files are shown relative to `root`. `variables` are those of the user, which imported files may name.
pub fn load(
    root: &Path,
    profile: Option<&str>,
    variables: &BTreeMap<String, String>,
) -> (Option<WorkspaceTree>, Problems) {
    let mut problems = Problems::new();
    let root = match root.canonicalize() {
        Ok(root) => root,
        Err(error) => {
            let message = format!("cannot open `{}`: {error}", root.display());
            problems.push(Problem::error("manifest::no-workspace", message));
            return (None, problems);
        }
    };
    let variables = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut loader = Loader { root, variables, loaded: Vec::new(), by_directory: HashMap::new(), order: Vec::new() };
    loader.visit(&loader.root.clone(), &mut problems);
    loader.check_names(&mut problems);
    loader.check_profile(profile, &mut problems);
    for loaded in &loader.loaded {
        loader.check_foreign(loaded, &mut problems);
        loaded.check_files(&mut problems);
        loaded.check_remotes(&mut problems);
    }
    let tree = if problems.has_errors() { None } else { loader.into_tree(profile) };
    (tree, problems.sorted().into_iter().cloned().collect())
}

struct Loader {
    root: PathBuf,
    variables: compose::Variables,
    /// In the order in which they were come upon: the root first.
    loaded: Vec<Loaded>,
    by_directory: HashMap<PathBuf, usize>,
    /// Dependencies before dependents.
    order: Vec<usize>,
}

struct Loaded {
    directory: PathBuf,
    /// None if the file could not be read.
    content: Option<(SourceFile, Document)>,
    dependencies: IndexMap<String, usize>,
}

impl Loader {
    /// Reads a workspace, which is a canonical directory, unless that was done before.
    fn visit(&mut self, directory: &Path, problems: &mut Problems) -> usize {
        if let Some(known) = self.by_directory.get(directory) {
            return *known;
        }
        let index = self.loaded.len();
        self.by_directory.insert(directory.to_owned(), index);
        let content = SourceFile::read(&directory.join(FILE_NAME), &self.shown(&directory.join(FILE_NAME)));
        let content = match content {
            Ok(file) => {
                let around = Surroundings { directory, shown_from: &self.root, variables: &self.variables };
                Document::read(&file, Some(&around), problems).map(|document| (file, document))
            }
            Err(problem) => {
                problems.push(problem);
                None
            }
        };
        let wanted = content.as_ref().map(|(_, document)| document.dependencies.clone()).unwrap_or_default();
        self.loaded.push(Loaded { directory: directory.to_owned(), content, dependencies: IndexMap::new() });
        for (alias, dependency) in wanted {
            match self.locate(directory, &alias, &dependency) {
                Ok(found) => {
                    let found = self.visit(&found, problems);
                    self.loaded[index].dependencies.insert(alias, found);
                }
                Err(problem) => problems.push(problem),
            }
        }
        self.order.push(index);
        index
    }

    fn locate(&self, from: &Path, alias: &str, dependency: &Dependency) -> Result<PathBuf, Problem> {
        let wanted = from.join(&dependency.path);
        let shown = self.shown(&plain(&wanted));
        let problem = |message: String, label: &str| {
            Problem::error("manifest::missing-dependency", message).at(&dependency.place, label)
        };
        let directory = wanted.canonicalize().map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                problem(format!("the dependency `{alias}` is not there"), "no such directory")
                    .help(format!("put the repository at `{shown}`, or correct the path"))
            } else {
                problem(format!("cannot open the dependency `{alias}`: {error}"), "this directory")
            }
        })?;
        if directory.join(FILE_NAME).is_file() {
            return Ok(directory);
        }
        let message = format!("the dependency `{alias}` has no `{FILE_NAME}`");
        Err(problem(message, "not a workspace").help(format!("there is no `{shown}/{FILE_NAME}`")))
    }

    fn check_names(&self, problems: &mut Problems) {
        let mut names: HashMap<&str, &Place> = HashMap::new();
        let documents = self.loaded.iter().filter_map(|loaded| loaded.content.as_ref());
        for (name, place) in documents.filter_map(|(_, document)| document.name.as_ref()) {
            if let Some(first) = names.get(name.as_str()) {
                problems.push(
                    Problem::error("manifest::same-name", format!("two workspaces have the name `{name}`"))
                        .at(place, "this one")
                        .at(first, "and this one")
                        .help("in one environment, each workspace has a name of its own"),
                );
            } else {
                names.insert(name, place);
            }
        }
    }

    fn check_profile(&self, profile: Option<&str>, problems: &mut Problems) {
        let Some(profile) = profile else { return };
        let documents = || self.loaded.iter().filter_map(|loaded| loaded.content.as_ref());
        let mut known: Vec<&str> = documents().flat_map(|(_, document)| document.profiles()).collect();
        // What could not be read may well declare it.
        if known.contains(&profile) || documents().count() < self.loaded.len() {
            return;
        }
        known.sort_unstable();
        known.dedup();
        let help = match closest(profile, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "no workspace of this environment declares a profile".to_owned(),
            None => format!("there is {}", crate::declared::listed(&known)),
        };
        let message = format!("no workspace of this environment declares the profile `{profile}`");
        problems.push(Problem::error("manifest::unknown-profile", message).help(help));
    }

    /// Checks what a workspace says of its dependencies, under each profile that it declares.
    fn check_foreign(&self, loaded: &Loaded, problems: &mut Problems) {
        let Some((_, document)) = &loaded.content else { return };
        for (profile, variant) in document.variants() {
            let dependency = |alias: &str| {
                let dependency = &self.loaded[*loaded.dependencies.get(alias)?];
                let (_, document) = dependency.content.as_ref()?;
                Some(&document.variant(profile).declared)
            };
            for reference in &variant.foreign_exports {
                let [_, alias, export] = reference.path.as_slice() else { continue };
                let Some(declared) = dependency(alias) else { continue };
                if !declared.exports.contains(export) {
                    let known: Vec<_> = declared.exports.iter().map(String::as_str).collect();
                    problems.push(missing(alias, "export", export, &known).at(&reference.place, "refers to nothing"));
                }
            }
            for (alias, service, place) in &variant.foreign_services {
                let Some(declared) = dependency(alias) else { continue };
                if !declared.services.contains_key(service) {
                    let known: Vec<_> = declared.services.keys().map(String::as_str).collect();
                    problems.push(missing(alias, "service", service, &known).at(place, "nothing to wait for"));
                }
            }
        }
    }

    /// How a path is shown: relative to the root, unless they have nothing in common.
    fn shown(&self, path: &Path) -> String {
        let common = self.root.components().zip(path.components()).take_while(|(one, other)| one == other).count();
        if common <= 1 {
            return path.display().to_string();
        }
        let up = self.root.components().skip(common).map(|_| Component::ParentDir);
        let relative: PathBuf = up.chain(path.components().skip(common)).collect();
        relative.display().to_string()
    }

    fn into_tree(self, profile: Option<&str>) -> Option<WorkspaceTree> {
        let mut ids = vec![WorkspaceId(0); self.order.len()];
        for (position, index) in self.order.iter().enumerate() {
            ids[*index] = WorkspaceId(position);
        }
        let mut workspaces = Vec::new();
        for (index, Loaded { directory, content, dependencies }) in self.loaded.into_iter().enumerate() {
            let (file, document) = content?;
            let dependencies = dependencies.into_iter().map(|(alias, found)| (alias, ids[found])).collect();
            let mut manifest = document.into_manifest(profile);
            manifest.resolve_remotes(&directory)?;
            workspaces.push((ids[index], Workspace { directory, manifest, dependencies, file }));
        }
        workspaces.sort_by_key(|(id, _)| *id);
        let workspaces = workspaces.into_iter().map(|(_, workspace)| workspace).collect();
        Some(WorkspaceTree { root: ids[0], workspaces })
    }
}

impl Loaded {
    fn check_files(&self, problems: &mut Problems) {
        let Some((_, document)) = &self.content else { return };
        for FileReference { path, place } in document.variants().flat_map(|(_, variant)| &variant.files) {
            let wanted = self.directory.join(path);
            if wanted.is_file() {
                continue;
            }
            let problem = Problem::error("manifest::missing-file", format!("there is no file `{path}`"));
            problems.push(if wanted.is_dir() {
                problem.at(place, "this is a directory")
            } else {
                problem.at(place, "no such file").maybe_help(neighbour(&wanted, path))
            });
        }
        for FileReference { path, place } in document.variants().flat_map(|(_, variant)| &variant.paths) {
            let wanted = self.directory.join(path);
            if !wanted.is_file() && !wanted.is_dir() {
                let message = format!("there is no file or directory `{path}`");
                problems.push(
                    Problem::error("manifest::missing-file", message)
                        .at(place, "nothing of this name")
                        .maybe_help(neighbour(&wanted, path)),
                );
            }
        }
    }

    /// Checks that the paths of remotes can be made absolute: an address is text, and a directory need not be.
    fn check_remotes(&self, problems: &mut Problems) {
        let Some((_, document)) = &self.content else { return };
        let remotes = document.variants().flat_map(|(_, variant)| variant.remotes());
        for remote in remotes.filter(|remote| remote.is_relative() && self.directory.to_str().is_none()) {
            problems.push(
                Problem::error("manifest::remote", "a relative remote needs a workspace whose path is UTF-8")
                    .at(&remote.place, "cannot be made absolute"),
            );
        }
    }
}

/// The file beside a missing one that was probably meant.
fn neighbour(missing: &Path, written: &str) -> Option<String> {
    let names: Vec<String> = std::fs::read_dir(missing.parent()?)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let near = closest(missing.file_name()?.to_str()?, names.iter().map(String::as_str))?;
    let near = Path::new(written).with_file_name(near);
    Some(format!("did you mean `{}`?", near.display()))
}

fn missing(alias: &str, kind: &str, name: &str, known: &[&str]) -> Problem {
    let help = match closest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("`{alias}` has no {kind} at all"),
        None => format!("`{alias}` has {}", crate::declared::listed(known)),
    };
    Problem::error("manifest::unknown-name", format!("the dependency `{alias}` has no {kind} `{name}`")).help(help)
}

/// A path without `.` and `..`, for what may not be there.
pub(crate) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}
