//! The names by which people call services and tasks.

use std::collections::BTreeSet;

use manifest::WorkspaceTree;
use supervisor::UnitId;

use crate::context::{Context, Mode, Target};
use crate::dependencies;
use crate::record::Record;
use crate::{Error, Session};

/// The one of `known` that is called so: by its whole name, or by its own name alone. Of several that have the same own
/// name, that of the root workspace is meant.
fn find(wanted: &str, root: &str, known: &[String]) -> Option<UnitId> {
    let own = |id: &str| id.split_once('/').map(|(_, own)| own == wanted);
    let is_root = |id: &str| id.split_once('/').is_some_and(|(workspace, _)| workspace == root);
    let mut fitting: Vec<&String> =
        known.iter().filter(|id| id.as_str() == wanted || own(id.as_str()) == Some(true)).collect();
    if fitting.len() > 1 {
        fitting.retain(|id| is_root(id) || id.as_str() == wanted);
    }
    match fitting.as_slice() {
        [id] => Some(UnitId::new((*id).clone())),
        _ => None,
    }
}

/// The services that are called so, among those known.
pub(crate) fn find_services(names: &[String], root: &str, known: &[String]) -> Result<BTreeSet<UnitId>, Error> {
    let find = |name: &String| {
        find(name, root, known).ok_or_else(|| Error::NoService { wanted: name.clone(), known: known.to_owned() })
    };
    names.iter().map(find).collect()
}

/// The services that the manifests of a workspace declare, as far as these can be read, and its name: what stops services
/// must not need manifests without mistakes.
pub(crate) fn declared_services(
    context: &Context<'_>,
    target: &Target,
    profile: Option<&str>,
) -> (BTreeSet<String>, String) {
    let Some(tree) = dependencies::load_cached(context, &target.root, profile) else {
        return (BTreeSet::new(), String::new());
    };
    let of = |workspace: &manifest::Workspace| {
        let manifest = &workspace.manifest;
        manifest.services.keys().map(|service| format!("{}/{service}", manifest.name)).collect::<Vec<_>>()
    };
    let names = tree.iter().flat_map(|(_, workspace)| of(workspace)).collect();
    (names, tree.workspace(tree.root).manifest.name.to_string())
}

/// The task that is called so.
pub(crate) fn find_task(tree: &WorkspaceTree, wanted: &str) -> Result<UnitId, Error> {
    let known = tasks(tree);
    find(wanted, tree.workspace(tree.root).manifest.name.as_str(), &known)
        .ok_or_else(|| Error::NoTask { wanted: wanted.to_owned(), known })
}

/// The tasks that a command of this mode wants beside those that others need.
pub(crate) fn wanted_tasks(mode: &Mode, tree: &WorkspaceTree) -> Result<BTreeSet<UnitId>, Error> {
    let (Mode::Run(names) | Mode::LookAt(names)) = mode else { return Ok(BTreeSet::new()) };
    names.iter().map(|name| find_task(tree, name)).collect()
}

/// All tasks, also those that nothing needs.
pub(crate) fn tasks(tree: &WorkspaceTree) -> Vec<String> {
    let of = |workspace: &manifest::Workspace| {
        let manifest = &workspace.manifest;
        manifest.tasks.keys().map(|task| format!("{}/{task}", manifest.name)).collect::<Vec<_>>()
    };
    tree.iter().flat_map(|(_, workspace)| of(workspace)).collect()
}

/// What the manifests of an environment declare, by names that can be typed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct DeclaredNames {
    /// Services.
    pub services: Vec<String>,
    /// Tasks.
    pub tasks: Vec<String>,
    /// Databases.
    pub databases: Vec<String>,
    /// Profiles of the root workspace.
    pub profiles: Vec<String>,
}

/// The names of what is declared; none, if the manifests cannot be read. Those of the root workspace are their own, others
/// have the workspace before them.
pub fn declared_names(context: &Context<'_>, target: &Target) -> DeclaredNames {
    let record = Record::read(target.place(context).directory()).ok().flatten();
    let profile = record.and_then(|record| record.profile);
    let Some(tree) = dependencies::load_cached(context, &target.root, profile.as_deref()) else {
        return DeclaredNames::default();
    };
    let mut names = DeclaredNames::default();
    for (id, workspace) in tree.iter() {
        let manifest = &workspace.manifest;
        let name = |own: &String| if id == tree.root { own.clone() } else { format!("{}/{own}", manifest.name) };
        names.services.extend(manifest.services.keys().map(name));
        names.tasks.extend(manifest.tasks.keys().map(name));
        names.databases.extend(manifest.databases.keys().map(name));
    }
    names.profiles.clone_from(&tree.workspace(tree.root).manifest.profiles);
    names
}

impl Session<'_> {
    /// The service or server that is called so.
    pub(crate) fn find_service(&self, wanted: &str) -> Result<UnitId, Error> {
        let known = self.names_of_services();
        find(wanted, &self.model.root, &known)
            .ok_or_else(|| Error::NoService { wanted: wanted.to_owned(), known: known.clone() })
    }

    /// The named service; when none is named, the only one of the workspace.
    pub(crate) fn find_one_service(&self, wanted: Option<&str>) -> Result<UnitId, Error> {
        if let Some(wanted) = wanted {
            return self.find_service(wanted);
        }
        let is_own = |id: &&UnitId| id.as_str().split_once('/').is_some_and(|(root, _)| root == self.model.root);
        let own: Vec<&UnitId> = self.model.services.keys().filter(is_own).collect();
        match own.as_slice() {
            [id] => Ok((*id).clone()),
            _ => Err(Error::WhichService { known: self.names_of_services() }),
        }
    }

    /// The service, server or task that is called so.
    pub(crate) fn find_unit(&self, wanted: &str) -> Result<UnitId, Error> {
        let known = [self.names_of_services(), tasks(&self.tree)].concat();
        find(wanted, &self.model.root, &known)
            .ok_or_else(|| Error::NoService { wanted: wanted.to_owned(), known: known.clone() })
    }

    fn names_of_services(&self) -> Vec<String> {
        let servers = self.model.servers.values().map(|server| server.unit().to_string());
        self.model.services.keys().map(ToString::to_string).chain(servers).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_name_is_enough_where_it_means_one() {
        let known = ["shop/web", "stock/web", "stock/clerk", "postgres-15"].map(str::to_owned);
        let cases = [
            ("web", Some("shop/web")),
            ("stock/web", Some("stock/web")),
            ("clerk", Some("stock/clerk")),
            ("postgres-15", Some("postgres-15")),
            ("shop", None),
            ("shop/clerk", None),
        ];
        for (wanted, expected) in cases {
            assert_eq!(find(wanted, "shop", &known).as_ref().map(UnitId::as_str), expected, "{wanted}");
        }
        let both = ["a/web", "b/web"].map(str::to_owned);
        assert_eq!(find("web", "c", &both), None);
    }
}
