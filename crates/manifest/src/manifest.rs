//! The manifest of one workspace.

use std::path::Path;

use indexmap::IndexMap;
use source::{Entry, Problem, Problems, SourceFile, Tree};

use crate::document::Document;
use crate::reading::Reading;
use crate::{
    Budget, ConfigFile, Database, Dependency, Export, Name, Remote, Resource, Servers, Service, Setting, Snapshots,
    SpecReference, States, Task, resource,
};

/// What a repository's `seedbed.yaml` says, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The word by which others call this workspace.
    pub name: Name,
    /// What it is, for people.
    pub description: Option<String>,
    /// Other workspaces that must be there, by the name that this one has for them.
    pub dependencies: IndexMap<String, Dependency>,
    /// Settings.
    pub config: IndexMap<String, Setting>,
    /// Files that are made of templates.
    pub files: IndexMap<String, ConfigFile>,
    /// Things that run once and end.
    pub tasks: IndexMap<String, Task>,
    /// Databases.
    pub databases: IndexMap<String, Database>,
    /// Things that keep running.
    pub services: IndexMap<String, Service>,
    /// Specs that are loaded, in this order.
    pub data: Vec<SpecReference>,
    /// Specs by the names that `load` takes.
    pub scenarios: IndexMap<String, SpecReference>,
    /// Files that belong to the state of the environment.
    pub resources: IndexMap<String, Resource>,
    /// Places where snapshots, states and bases are shared.
    pub remotes: IndexMap<String, Remote>,
    /// What is kept of finished steps.
    pub states: States,
    /// How snapshots are taken.
    pub snapshots: Snapshots,
    /// Whose the servers of its databases are, if it says so.
    pub servers: Option<Servers>,
    /// What the environment may take of the machine, if this is the root workspace.
    pub budget: Budget,
    /// The names that dependents see.
    pub exports: IndexMap<String, Export>,
    /// Names of the profiles that it declares.
    pub profiles: Vec<String>,
}

/// Reads one manifest, with a profile laid over it when it declares it.
///
/// All problems are returned at once; every profile is checked, chosen or not. There is a manifest if and only if none of
/// the problems is an error. What takes more than this file to know is checked by [`crate::load`]; services of
/// a Procfile or of Compose files are left out here.
pub fn read(file: &SourceFile, profile: Option<&str>) -> (Option<Manifest>, Problems) {
    let mut problems = Problems::new();
    let manifest = Document::read(file, None, None, &mut problems).map(|document| document.manifest(profile));
    let manifest = manifest.filter(|_| !problems.has_errors());
    (manifest, problems)
}

impl Manifest {
    /// Converts a tree that the grammar has checked; what is wrong in it is left out, so as to check the rest.
    pub(crate) fn convert(tree: &Tree, reading: &mut Reading<'_>) -> Self {
        let entries = |key: &str, read: &mut dyn FnMut(&Entry)| {
            tree.get(key).and_then(Tree::as_map).unwrap_or_default().iter().for_each(read);
        };
        let name = tree.get("name").and_then(Tree::as_str).and_then(Name::new);
        let mut manifest = Self {
            name: name.unwrap_or_else(Name::unknown),
            description: tree.get("description").and_then(Tree::as_str).map(str::to_owned),
            dependencies: IndexMap::new(),
            config: IndexMap::new(),
            files: IndexMap::new(),
            tasks: IndexMap::new(),
            databases: IndexMap::new(),
            services: IndexMap::new(),
            data: SpecReference::read_all(tree.get("data"), reading),
            scenarios: IndexMap::new(),
            resources: IndexMap::new(),
            remotes: IndexMap::new(),
            states: States::read(tree.get("states")),
            snapshots: Snapshots::read(tree.get("snapshots")),
            servers: Servers::read(tree.get("servers")),
            budget: Budget::read(tree.get("budget")),
            exports: IndexMap::new(),
            profiles: Vec::new(),
        };
        entries("profiles", &mut |entry| manifest.profiles.push(entry.key.clone()));
        entries("config", &mut |entry| {
            manifest.config.extend(Setting::read(entry, reading).map(|value| (entry.key.clone(), value)));
        });
        entries("dependencies", &mut |entry| {
            let dependency = Dependency::read(&entry.value, reading);
            manifest.dependencies.extend(dependency.map(|value| (entry.key.clone(), value)));
        });
        entries("tasks", &mut |entry| {
            manifest.tasks.extend(Task::read(entry, reading).map(|value| (entry.key.clone(), value)));
        });
        entries("databases", &mut |entry| {
            manifest.databases.extend(Database::read(entry, reading).map(|value| (entry.key.clone(), value)));
        });
        entries("services", &mut |entry| {
            manifest.services.extend(Service::read(entry, reading).map(|value| (entry.key.clone(), value)));
            if let Some(task) = tree.get("tasks").and_then(|tasks| tasks.entry(&entry.key)) {
                reading.problems.push(
                    Problem::error("manifest::same-name", format!("`{}` is a task and a service", entry.key))
                        .at(&entry.key_place, "the service")
                        .at(&task.key_place, "the task")
                        .help("both can stand in `after`, so they need different names"),
                );
            }
        });
        entries("resources", &mut |entry| {
            manifest.resources.extend(Resource::read(entry, reading).map(|value| (entry.key.clone(), value)));
        });
        resource::check_overlaps(&manifest.resources, reading);
        entries("remotes", &mut |entry| {
            manifest.remotes.extend(Remote::read(entry, reading).map(|value| (entry.key.clone(), value)));
        });
        entries("scenarios", &mut |entry| {
            let spec = SpecReference::read(&entry.value, &entry.key_place, reading);
            manifest.scenarios.extend(spec.map(|spec| (entry.key.clone(), spec)));
        });
        entries("exports", &mut |entry| {
            manifest.exports.extend(Export::read(entry, reading).map(|value| (entry.key.clone(), value)));
        });
        manifest
    }

    /// Makes relative paths of remotes absolute. `None` if one of them is not text then.
    pub(crate) fn resolve_remotes(&mut self, workspace: &Path) -> Option<()> {
        self.remotes.values_mut().try_for_each(|remote| remote.resolve(workspace))
    }
}
