//! Services that a manifest takes from files of other formats: a Procfile, Compose files.

use std::path::Path;

use source::{Entry, Node, Problem, SourceFile, Tree};

use crate::compose_project::ComposeProject;
use crate::declared::Declared;
use crate::manifest::Manifest;
use crate::procfile::Procfile;
use crate::reading::Reading;

/// What is around a manifest: it takes these to read the files that it imports.
pub(crate) struct Surroundings<'a> {
    /// The root of its workspace.
    pub(crate) directory: &'a Path,
    /// The directory relative to which files are shown.
    pub(crate) shown_from: &'a Path,
    /// The variables of the user.
    pub(crate) variables: &'a compose::Variables,
}

impl Surroundings<'_> {
    /// Reads a text file; the problem of one that cannot be read stands where it is named.
    pub(crate) fn read(&self, path: &str, named: &Tree) -> Result<SourceFile, Problem> {
        let path = self.directory.join(path);
        let shown = path.strip_prefix(self.shown_from).unwrap_or(&path).to_string_lossy().into_owned();
        SourceFile::read(&path, &shown).map_err(|problem| {
            if problem.labels.is_empty() { problem.at(&named.place, "it is named here") } else { problem }
        })
    }
}

/// What a manifest imports.
#[derive(Default)]
pub(crate) struct Imported {
    procfile: Option<Procfile>,
    compose: Option<ComposeProject>,
}

impl Imported {
    /// Reads what a manifest names, which the grammar has checked.
    pub(crate) fn read(tree: &Tree, surroundings: &Surroundings<'_>, problems: &mut source::Problems) -> Self {
        let named = |key: &str| tree.get(key).filter(|value| value.node != Node::Null);
        Self {
            procfile: named("procfile").and_then(|file| Procfile::read(file, surroundings, problems)),
            compose: named("compose").and_then(|value| ComposeProject::read(value, surroundings, problems)),
        }
    }

    /// Adds the names that are imported to those that the manifest declares.
    pub(crate) fn declare(&self, tree: &Tree, declared: &mut Declared, problems: &mut source::Problems) {
        let mut services: Vec<(&Entry, bool)> = Vec::new();
        let mut tasks: Vec<&Entry> = Vec::new();
        if let Some(procfile) = &self.procfile {
            services.extend(procfile.services());
            tasks.extend(procfile.release());
        }
        if let Some(compose) = &self.compose {
            services.extend(compose.services());
            tasks.extend(compose.tasks());
        }
        let names = services.iter().map(|(entry, _)| *entry).chain(tasks.iter().copied()).collect::<Vec<_>>();
        for (index, entry) in names.iter().enumerate() {
            let own = ["services", "tasks"].iter().find_map(|key| tree.get(key)?.entry(&entry.key));
            if let Some(first) = own.or_else(|| names[..index].iter().find(|other| other.key == entry.key).copied()) {
                problems.push(
                    Problem::error("manifest::same-name", format!("`{}` is there twice", entry.key))
                        .at(&entry.key_place, "this one is imported")
                        .at(&first.key_place, "and this is the other")
                        .help("in one workspace, each service and each task has a name of its own"),
                );
            }
        }
        declared.services.extend(services.into_iter().map(|(entry, has_port)| (entry.key.clone(), has_port)));
        declared.tasks.extend(tasks.into_iter().map(|entry| entry.key.clone()));
    }

    /// Adds the services that are imported to those of the manifest.
    pub(crate) fn add_to(self, manifest: &mut Manifest, reading: &mut Reading<'_>) {
        if let Some(procfile) = self.procfile {
            procfile.add_to(manifest);
        }
        if let Some(compose) = self.compose {
            compose.add_to(manifest, reading);
        }
    }
}
