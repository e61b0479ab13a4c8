//! Follows the dependencies of workspaces, and checks what takes more than one manifest to know.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use indexmap::IndexMap;
use source::{Entry, Place, Problem, Problems, SourceFile, closest};

use crate::configuration::Configuration;
use crate::document::{Document, Variant};
use crate::import::Surroundings;
use crate::mode::Taken;
use crate::standalone;
use crate::tree::plain;
use crate::{
    Applied, Dependency, DependencySource, FILE_NAME, FileReference, Local, Locator, Name, Wanted, Workspace,
    WorkspaceId, WorkspaceTree,
};

/// Reads manifests and follows their dependencies.
pub(crate) struct Loader<'a> {
    pub(crate) root: PathBuf,
    pub(crate) profile: Option<&'a str>,
    pub(crate) variables: compose::Variables,
    pub(crate) local: &'a Local,
    pub(crate) applied: &'a Applied,
    pub(crate) locator: &'a mut dyn Locator,
    /// Every manifest that was read, also when nothing leads to it any more; `None` for one that cannot be.
    pub(crate) read: HashMap<PathBuf, Option<Content>>,
    /// What is taken of each workspace by all that depend on it.
    pub(crate) taken: HashMap<PathBuf, Taken>,
    /// In the order in which they were come upon: the root first.
    pub(crate) loaded: Vec<Loaded>,
    pub(crate) by_directory: HashMap<PathBuf, usize>,
    /// Dependencies before dependents.
    pub(crate) order: Vec<usize>,
}

type Content = Rc<(SourceFile, Document)>;

/// A workspace that was come upon.
pub(crate) struct Loaded {
    directory: PathBuf,
    /// The names that led to it first.
    pub(crate) chain: Vec<String>,
    /// The name that a dependent gives it, and where.
    called: Option<(Name, Place)>,
    /// None if the file could not be read.
    content: Option<Content>,
    pub(crate) dependencies: IndexMap<String, usize>,
}

impl Loader<'_> {
    /// Follows all dependencies until nothing changes: what one dependent takes of a workspace may be known only when
    /// another one has been followed.
    pub(crate) fn follow_all(&mut self, problems: &mut Problems) {
        self.taken.insert(self.root.clone(), Taken::All);
        let mut of_files = Problems::new();
        loop {
            let taken = self.taken.clone();
            let mut found = Problems::new();
            (self.loaded, self.order) = (Vec::new(), Vec::new());
            self.by_directory.clear();
            self.visit(&self.root.clone(), Vec::new(), None, &mut of_files, &mut found);
            if self.locator.is_settled() && taken == self.taken {
                problems.extend(of_files);
                problems.extend(found);
                return;
            }
        }
    }

    fn document(&mut self, directory: &Path, problems: &mut Problems) -> Option<Content> {
        if let Some(known) = self.read.get(directory) {
            return known.clone();
        }
        let path = directory.join(FILE_NAME);
        let shown = self.shown(&path);
        let implied = if path.exists() { None } else { standalone::manifest_of(directory, &shown) };
        let file = implied.map_or_else(|| SourceFile::read(&path, &shown), Ok);
        let local = (directory == self.root).then_some(self.local);
        let around = Surroundings { directory, shown_from: &self.root, variables: &self.variables };
        let content = match file {
            Ok(file) => Document::read(&file, Some(&around), local, problems).map(|document| Rc::new((file, document))),
            Err(problem) => {
                problems.push(problem);
                None
            }
        };
        self.read.insert(directory.to_owned(), content.clone());
        content
    }

    /// Follows a workspace, which is a canonical directory, unless that was done before.
    fn visit(
        &mut self,
        directory: &Path,
        mut chain: Vec<String>,
        called: Option<(Name, Place)>,
        of_files: &mut Problems,
        problems: &mut Problems,
    ) -> usize {
        if let Some(known) = self.by_directory.get(directory) {
            return *known;
        }
        let index = self.loaded.len();
        self.by_directory.insert(directory.to_owned(), index);
        let content = self.document(directory, of_files);
        if chain.is_empty() {
            let name = content.as_ref().and_then(|content| content.1.name.as_ref());
            chain.push(name.map_or_else(|| "this workspace".to_owned(), |(name, _)| name.clone()));
        }
        let part = content.as_ref().map(|content| self.part(directory, &content.1));
        let (wanted, beside) = part.map(|part| (part.manifest.dependencies.clone(), part.beside())).unwrap_or_default();
        if !beside.is_empty() {
            self.locator.beside(directory, &beside);
        }
        let own = chain.clone();
        self.loaded.push(Loaded {
            directory: directory.to_owned(),
            chain,
            called,
            content,
            dependencies: IndexMap::new(),
        });
        for (alias, dependency) in wanted {
            let wanted = Wanted { from: directory, chain: &own, alias: &alias, dependency: &dependency };
            let located = match self.locator.locate(&wanted) {
                Some(located) => located,
                None => self.locate(directory, &alias, &dependency),
            };
            match located {
                Ok(found) => {
                    self.take(&found, &alias, &dependency, of_files, problems);
                    let chain = own.iter().cloned().chain([alias.clone()]).collect();
                    let found = self.visit(&found, chain, dependency.called.clone(), of_files, problems);
                    problems.extend(self.other_name(found, &alias, &own, &dependency));
                    self.loaded[index].dependencies.insert(alias, found);
                }
                Err(problem) => problems.push(problem),
            }
        }
        self.order.push(index);
        index
    }

    /// What is wrong when a dependent gives a workspace another name than the one that was come upon first.
    fn other_name(&self, found: usize, alias: &str, chain: &[String], dependency: &Dependency) -> Option<Problem> {
        let known = &self.loaded[found];
        let name = |called: &Option<(Name, Place)>| called.as_ref().map(|(name, _)| name.clone());
        if name(&known.called) == name(&dependency.called) {
            return None;
        }
        let said = |called: Option<Name>| called.map_or_else(|| "its own name".to_owned(), |name| format!("`{name}`"));
        let message = format!("`{alias}` is wanted under two names at the same revision");
        let place = dependency.called.as_ref().map_or(&dependency.place, |(_, place)| place);
        let own = chain.iter().map(String::as_str).chain([alias]).collect::<Vec<_>>().join(" → ");
        let problem = Problem::error("manifest::two-names", message)
            .at(place, format!("{}: {own}", said(name(&dependency.called))));
        let problem = match &known.called {
            Some((_, first)) => {
                problem.at(first, format!("{}: {}", said(name(&known.called)), known.chain.join(" → ")))
            }
            None => problem,
        };
        let first = known.chain.join(" → ");
        Some(problem.help(format!(
            "{first} has it as {}; a workspace is there once at a revision: leave `as` out, or name another `ref`",
            said(name(&known.called))
        )))
    }

    fn part(&self, directory: &Path, document: &Document) -> Rc<Variant> {
        document.taken(self.profile, self.taken.get(directory).unwrap_or(&Taken::All))
    }

    /// Adds what a dependent takes of a workspace.
    fn take(
        &mut self,
        directory: &Path,
        alias: &str,
        dependency: &Dependency,
        of_files: &mut Problems,
        problems: &mut Problems,
    ) {
        let mode = dependency.mode.as_ref().map(|(mode, _)| mode.as_str());
        if let (Some((mode, place)), Some(content)) = (&dependency.mode, self.document(directory, of_files)) {
            let known = content.1.modes();
            if !known.contains(&mode.as_str()) {
                problems.push(missing(alias, "mode", mode, &known).at(place, "not a mode of it"));
            }
        }
        match self.taken.get_mut(directory) {
            Some(taken) => drop(taken.add(mode)),
            None => drop(self.taken.insert(directory.to_owned(), Taken::of(mode))),
        }
    }

    fn locate(&self, from: &Path, alias: &str, dependency: &Dependency) -> Result<PathBuf, Problem> {
        let DependencySource::Path(path) = &dependency.source else {
            let problem = Problem::error("manifest::missing-dependency", format!("nobody fetches `{alias}`"));
            return Err(problem.at(&dependency.place, "a repository"));
        };
        let wanted = from.join(path);
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
        if standalone::is_workspace(&directory) {
            return Ok(directory);
        }
        let message = format!("the dependency `{alias}` has no `{FILE_NAME}`");
        Err(problem(message, "not a workspace").help(format!("there is no `{shown}/{FILE_NAME}`")))
    }

    pub(crate) fn check_names(&self, problems: &mut Problems) {
        let mut names: HashMap<&str, (&Place, &[String])> = HashMap::new();
        for loaded in &self.loaded {
            let own = loaded.content.as_ref().and_then(|content| content.1.name.as_ref());
            let own = own.map(|(name, place)| (name.as_str(), place));
            let called = loaded.called.as_ref().map(|(name, place)| (name.as_str(), place));
            let Some((name, place)) = called.or(own) else { continue };
            if let Some((first, chain)) = names.get(name) {
                problems.push(
                    Problem::error("manifest::same-name", format!("two workspaces have the name `{name}`"))
                        .at(place, format!("this one: {}", loaded.chain.join(" → ")))
                        .at(first, format!("and this one: {}", chain.join(" → ")))
                        .help(
                            "in one environment, each workspace has a name of its own; if both are meant to be the same, \
                             name the same path or repository in both places",
                        ),
                );
            } else {
                names.insert(name, (place, &loaded.chain));
            }
        }
    }

    pub(crate) fn check_profile(&self, profile: Option<&str>, problems: &mut Problems) {
        let Some(profile) = profile else { return };
        let documents = || self.loaded.iter().filter_map(|loaded| loaded.content.as_ref());
        let mut known: Vec<&str> = documents().flat_map(|content| content.1.profiles()).collect();
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
    pub(crate) fn check_foreign(&self, loaded: &Loaded, problems: &mut Problems) {
        let Some(content) = &loaded.content else { return };
        for (profile, variant) in content.1.variants() {
            let dependency = |alias: &str| {
                let dependency = &self.loaded[*loaded.dependencies.get(alias)?];
                Some(&dependency.content.as_ref()?.1.variant(profile).declared)
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

    /// Checks that what is taken of a workspace has all that is referred to.
    fn check_parts(&self, parts: &[Rc<Variant>], problems: &mut Problems) {
        let not_taken = |alias: &str, kind: &str, name: &str, of: usize| {
            let modes = match self.taken.get(&self.loaded[of].directory) {
                Some(Taken::Modes(modes)) => {
                    modes.iter().map(|mode| format!("`{mode}`")).collect::<Vec<_>>().join(", ")
                }
                _ => String::new(),
            };
            let message = format!("`{name}` is no {kind} of what is taken of `{alias}`, which is its mode {modes}");
            Problem::error("manifest::not-taken", message)
                .help(format!("take another mode, leave `mode` out, or add what `{name}` needs to the mode"))
        };
        for (loaded, part) in self.loaded.iter().zip(parts) {
            for reference in &part.foreign_exports {
                let [_, alias, export] = reference.path.as_slice() else { continue };
                let Some(of) = loaded.dependencies.get(alias) else { continue };
                if !parts[*of].declared.exports.contains(export) {
                    problems
                        .push(not_taken(alias, "export", export, *of).at(&reference.place, "not there in this mode"));
                }
            }
            for (alias, service, place) in &part.foreign_services {
                let Some(of) = loaded.dependencies.get(alias) else { continue };
                if !parts[*of].declared.services.contains_key(service) {
                    problems.push(not_taken(alias, "service", service, *of).at(place, "not there in this mode"));
                }
            }
        }
    }

    pub(crate) fn into_tree(self, problems: &mut Problems) -> Option<WorkspaceTree> {
        let part = |loaded: &Loaded| Some(self.part(&loaded.directory, &loaded.content.as_ref()?.1));
        let parts: Vec<Rc<Variant>> = self.loaded.iter().map(part).collect::<Option<_>>()?;
        self.check_parts(&parts, problems);
        let mut config = Configuration::new(&self, &parts, problems);
        let mut ids = vec![WorkspaceId(0); self.order.len()];
        for (position, index) in self.order.iter().enumerate() {
            ids[*index] = WorkspaceId(position);
        }
        let mut workspaces = Vec::new();
        for (index, (loaded, part)) in self.loaded.into_iter().zip(parts).enumerate() {
            let Loaded { directory, called, content, dependencies, .. } = loaded;
            let dependencies = dependencies.into_iter().map(|(alias, found)| (alias, ids[found])).collect();
            let mut manifest = part.manifest.clone();
            manifest.config = config.of(index);
            if let Some((name, _)) = called {
                manifest.name = name;
            }
            manifest.resolve_remotes(&directory)?;
            let file = content?.0.clone();
            workspaces.push((ids[index], Workspace { directory, manifest, dependencies, file }));
        }
        workspaces.sort_by_key(|(id, _)| *id);
        let workspaces = workspaces.into_iter().map(|(_, workspace)| workspace).collect();
        Some(WorkspaceTree { root: ids[0], workspaces })
    }
}

impl Loaded {
    /// Its name, as it is written.
    pub(crate) fn name(&self) -> Option<&str> {
        let called = self.called.as_ref().map(|(name, _)| name.as_str());
        called.or_else(|| Some(self.content.as_ref()?.1.name.as_ref()?.0.as_str()))
    }

    /// What a profile of it says of settings.
    pub(crate) fn values(&self, profile: &str) -> &[Entry] {
        self.content.as_ref().map(|content| content.1.values(profile)).unwrap_or_default()
    }

    pub(crate) fn check_files(&self, problems: &mut Problems) {
        let Some(content) = &self.content else { return };
        let document = &content.1;
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
    pub(crate) fn check_remotes(&self, problems: &mut Problems) {
        let Some(content) = &self.content else { return };
        let remotes = content.1.variants().flat_map(|(_, variant)| variant.remotes());
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
