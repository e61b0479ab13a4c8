//! The declared data of all workspaces: data types, specs, and the digest of their texts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dataset::{Options, Registry, SpecKind, SpecSet};
use factory::{Choice, Spec};
use manifest::{SpecReference, Workspace, WorkspaceTree};
use plan::Key;
use source::{Place, Problem, Problems};

use crate::context::Context;
use crate::specs::{Location, OwnSpec, SpecFiles, choice, chosen};

/// The data types of an environment, and what its manifests want loaded.
pub(crate) struct DeclaredData {
    /// All data types.
    pub(crate) types: Registry,
    /// The records that `up` loads.
    pub(crate) specs: SpecSet,
    /// The specs of our own form that `up` loads after them, in this order.
    pub(crate) own: Vec<OwnSpec>,
    /// Digest of all that was read.
    pub(crate) digest: String,
    /// The digest of each file that was read, by its name.
    pub(crate) files: BTreeMap<String, String>,
    /// What the manifests say of specs beside their files: a line for each.
    pub(crate) words: String,
}

impl DeclaredData {
    /// Reads the files that the manifests name. Problems of all of them are gathered.
    pub(crate) fn read(context: &Context<'_>, root: &Path, tree: &WorkspaceTree, problems: &mut Problems) -> Self {
        let before = problems.len();
        let mut reader = Reader::new(context, root, tree, Registry::default(), problems);
        for (_, workspace) in tree.iter() {
            reader.types_of(workspace);
        }
        reader.types.check(reader.files.problems);
        let are_types_sound = reader.files.problems.len() == before;
        let mut words = Vec::new();
        for (_, workspace) in tree.iter() {
            let databases = workspace.manifest.databases.values();
            for spec in databases.flat_map(|database| &database.data).chain(&workspace.manifest.data) {
                if spec.scenario.is_some() || !spec.set.is_empty() {
                    words.push(spec.words());
                }
                reader.named(workspace, spec);
            }
        }
        let Reader { types, specs, own, mut files, .. } = reader;
        for provider in types.providers() {
            let dataset::ProviderKind::Command(command) = &provider.kind else { continue };
            let place = tree.find(&provider.name.service).map(|id| &tree.workspace(id).directory);
            let place = place.expect("a provider is of a workspace that was read");
            match crate::inputs::digest(place, command.inputs.iter().map(String::as_str)) {
                Ok(digest) => files.texts.push(digest),
                Err(error) => files.problems.push(
                    Problem::error("provider::inputs", crate::with_causes(&error))
                        .at(&provider.place, "the inputs of this provider"),
                ),
            }
        }
        if are_types_sound && files.problems.has_errors() {
            add_circles(&types, specs.clone(), files.problems);
        }
        let digest = Key::of("data").texts(files.texts.iter().map(String::as_str)).end().to_string();
        Self { types, specs, own, digest, files: files.digests, words: words.join("\n") }
    }
}

/// Adds the circles of records to the problems that were found while the specs were read. What else is found when records
/// are put in order may only follow from those.
pub(crate) fn add_circles(types: &Registry, specs: SpecSet, problems: &mut Problems) {
    const CIRCLES: [&str; 2] = ["dataset::record-circle", "dataset::field-circle"];
    if let Err(found) = dataset::order(types, specs, &options(false)) {
        found
            .iter()
            .filter(|problem| CIRCLES.contains(&problem.code))
            .for_each(|problem| problems.push(problem.clone()));
    }
}

/// What one more spec wants.
pub(crate) struct Loaded {
    /// What the ledger calls it.
    pub(crate) name: String,
    /// Its records.
    pub(crate) specs: SpecSet,
    /// What of it is of our own form.
    pub(crate) own: Vec<OwnSpec>,
}

/// What somebody wants loaded, from the command line.
pub(crate) struct Asked<'a> {
    /// The name of a scenario of the root workspace, a path, or an address.
    pub(crate) what: &'a str,
    /// The service that a service spec is of.
    pub(crate) service: &'a str,
    /// What is chosen of it.
    pub(crate) choice: Choice,
}

/// Reads one more spec: one of our own form, a top spec, or a service spec.
pub(crate) fn read_spec(
    context: &Context<'_>,
    root: &Path,
    tree: &WorkspaceTree,
    types: &Registry,
    asked: Asked<'_>,
    problems: &mut Problems,
) -> Loaded {
    let mut reader = Reader::new(context, root, tree, types.clone(), problems);
    let location = location(tree, asked.what);
    if let Some(problem) = neither(tree, asked.what, &location) {
        problems.push(problem);
        return Loaded { name: location.name(root), specs: SpecSet::new(), own: Vec::new() };
    }
    if let Some(reference) = tree[tree.root].manifest.scenarios.get(asked.what) {
        let mut chosen = choice(reference);
        chosen.scenario = asked.choice.scenario.or(chosen.scenario);
        chosen.set.extend(asked.choice.set);
        reader.file(&location, asked.service, Some(&reference.place), &chosen);
    } else {
        reader.file(&location, asked.service, None, &asked.choice);
    }
    Loaded { name: location.name(root), specs: reader.specs, own: reader.own }
}

/// Says so when what somebody names is neither a scenario nor a file, where there are scenarios.
fn neither(tree: &WorkspaceTree, what: &str, location: &Location) -> Option<Problem> {
    let scenarios = &tree[tree.root].manifest.scenarios;
    let Location::File(path, _) = location else { return None };
    if scenarios.is_empty() || path.exists() || what.contains('/') {
        return None;
    }
    let names = || scenarios.keys().map(String::as_str);
    let help = match source::closest(what, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the scenarios are {}", names().collect::<Vec<_>>().join(", ")),
    };
    let message = format!("there is neither a scenario nor a file `{what}`");
    Some(Problem::error("spec::unknown-scenario", message).help(help))
}

/// Where a spec is that somebody names: a scenario of the root workspace, a path, or an address.
pub(crate) fn location(tree: &WorkspaceTree, what: &str) -> Location {
    let workspace = &tree[tree.root];
    match workspace.manifest.scenarios.get(what) {
        Some(reference) => named(workspace, reference),
        None => Location::typed(what),
    }
}

fn named(workspace: &Workspace, reference: &SpecReference) -> Location {
    Location::named(&reference.source, &workspace.directory, |path| shown_beside(workspace, path))
}

/// How records are made from specs.
pub fn options(strict: bool) -> Options {
    Options { strict, seed: 0 }
}

struct Reader<'a> {
    tree: &'a WorkspaceTree,
    types: Registry,
    specs: SpecSet,
    own: Vec<OwnSpec>,
    files: SpecFiles<'a>,
}

impl<'a> Reader<'a> {
    fn new(
        context: &'a Context<'a>,
        root: &'a Path,
        tree: &'a WorkspaceTree,
        types: Registry,
        problems: &'a mut Problems,
    ) -> Self {
        let files = SpecFiles { context, root, texts: Vec::new(), digests: BTreeMap::new(), problems };
        Self { tree, types, specs: SpecSet::new(), own: Vec::new(), files }
    }

    fn types_of(&mut self, workspace: &Workspace) {
        for database in workspace.manifest.databases.values() {
            for file in &database.types {
                let location =
                    Location::File(workspace.directory.join(&file.path), shown_beside(workspace, &file.path));
                if let Some(tree) = self.files.read(&location, Some(&file.place)) {
                    let service = workspace.manifest.name.as_str();
                    self.types.add(service, &database.name, &tree, self.files.problems);
                }
            }
        }
    }

    fn named(&mut self, workspace: &Workspace, reference: &SpecReference) {
        let location = named(workspace, reference);
        let service = workspace.manifest.name.as_str();
        self.file(&location, service, Some(&reference.place), &choice(reference));
    }

    fn file(&mut self, location: &Location, service: &str, named: Option<&Place>, choice: &Choice) {
        // The same text says another thing for another service.
        self.files.texts.push(service.to_owned());
        let Some(tree) = self.files.read(location, named) else { return };
        if factory::is_own(&tree) {
            if let Some(spec) = self.files.own(location, tree, choice) {
                self.add_own(service, location, choice, spec);
            }
            return;
        }
        if choice.scenario.is_some() || !choice.set.is_empty() {
            self.files.problems.push(
                Problem::error("spec::not-own", format!("{} has neither scenarios nor parameters", location.shown()))
                    .at(named.unwrap_or(&tree.place), "what is chosen of it means nothing")
                    .help("specs that begin with `seedbed: 1` have them"),
            );
        }
        match dataset::kind_of_spec(&tree, self.files.problems) {
            Some(SpecKind::Service) => self.specs.add(&self.types, service, None, &tree, self.files.problems),
            Some(SpecKind::Top(entries)) => {
                for entry in entries {
                    let tree = self.tree;
                    let named = |workspace: &&Workspace| workspace.manifest.name.as_str() == entry.service;
                    let Some(workspace) = tree.iter().map(|(_, workspace)| workspace).find(named) else {
                        self.unknown_service(&entry);
                        continue;
                    };
                    let next = match location {
                        Location::File(path, shown) if entry.beside_top => {
                            let shown = parent(Path::new(shown)).join(&entry.path).display().to_string();
                            Location::File(parent(path).join(&entry.path), shown)
                        }
                        _ => {
                            let shown = shown_beside(workspace, &entry.path);
                            Location::File(workspace.directory.join(&entry.path), shown)
                        }
                    };
                    self.files.texts.push(entry.service.clone());
                    let Some(tree) = self.files.read(&next, Some(&entry.place)) else { continue };
                    if factory::is_own(&tree) {
                        let spec = self.files.own(&next, tree, &Choice::default());
                        let choice = Choice::default();
                        if let Some(spec) = spec {
                            self.add_own(&entry.service, &next, &choice, spec);
                        }
                    } else {
                        let version = entry.version.as_ref();
                        self.specs.add(&self.types, &entry.service, version, &tree, self.files.problems);
                    }
                }
            }
            None => {}
        }
    }

    /// Takes in a spec of our own form, with the names that its fields have now.
    fn add_own(&mut self, service: &str, location: &Location, choice: &Choice, mut spec: Spec) {
        for (service, (_, place)) in &spec.versions {
            if !self.tree.iter().any(|(_, workspace)| workspace.manifest.name.as_str() == service) {
                let names = self.tree.iter().map(|(_, workspace)| workspace.manifest.name.as_str());
                let help = source::closest(service, names).map(|near| format!("did you mean `{near}`?"));
                self.files.problems.push(
                    Problem::error("data::unknown-service", format!("there is no service `{service}`"))
                        .at(place, "no workspace of this environment has that name")
                        .maybe_help(help),
                );
            }
        }
        crate::versions::bring_up_to_date(&mut spec, service, &self.types, self.files.problems);
        let (name, service) = (location.name(self.files.root), service.to_owned());
        let own = OwnSpec { name, service, spec, chosen: chosen(choice) };
        // What is named twice is wanted once: it would be loaded again, and again be removed or added to.
        let is_same =
            |other: &OwnSpec| (&other.name, &other.service, &other.chosen) == (&own.name, &own.service, &own.chosen);
        if !self.own.iter().any(is_same) {
            self.own.push(own);
        }
    }

    fn unknown_service(&mut self, entry: &dataset::TopEntry) {
        let names: Vec<&str> = self.tree.iter().map(|(_, workspace)| workspace.manifest.name.as_str()).collect();
        let help = match source::closest(&entry.service, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the workspaces of this environment are {}", names.join(", ")),
        };
        self.files.problems.push(
            Problem::error("data::unknown-service", format!("there is no service `{}`", entry.service))
                .at(&entry.service_place, "no workspace of this environment has that name")
                .help(help),
        );
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map_or_else(PathBuf::new, Path::to_owned)
}

/// A file of a workspace as the user would write it: beside the name of the manifest.
fn shown_beside(workspace: &Workspace, path: &str) -> String {
    parent(Path::new(workspace.file.name())).join(path).display().to_string()
}
