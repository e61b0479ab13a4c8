//! The names by which specs are chosen and written: scenarios, services and data types, as they stand in files.

use manifest::WorkspaceTree;
use serde_json::Value;
use source::SourceFile;

use crate::context::{Context, Target};
use crate::record::Record;
use crate::specs::Location;
use crate::{data, dependencies};

/// What specs can name. No database is looked into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpecNames {
    /// The scenarios of the root workspace.
    pub scenarios: Vec<String>,
    /// The workspaces.
    pub services: Vec<String>,
    /// The data types that are declared; those of other workspaces than the root have it before them.
    pub data_types: Vec<String>,
}

/// The names that specs of an environment are chosen and written by; none, if the manifests cannot be read.
pub fn spec_names(context: &Context<'_>, target: &Target) -> SpecNames {
    let Some(tree) = tree(context, target) else { return SpecNames::default() };
    let mut names =
        SpecNames { scenarios: tree[tree.root].manifest.scenarios.keys().cloned().collect(), ..SpecNames::default() };
    for (id, workspace) in tree.iter() {
        let service = workspace.manifest.name.to_string();
        for file in workspace.manifest.databases.values().flat_map(|database| &database.types) {
            let types = keys(&Location::File(workspace.directory.join(&file.path), file.path.clone()), "types");
            let qualified = |name: String| if id == tree.root { name } else { format!("{service}.{name}") };
            names.data_types.extend(types.into_iter().map(qualified));
        }
        names.services.push(service);
    }
    names
}

/// The scenarios that a spec has: one of the workspace, or a file; none, if it cannot be read.
pub fn scenarios_of(context: &Context<'_>, target: &Target, what: &str) -> Vec<String> {
    tree(context, target).map(|tree| keys(&data::location(&tree, what), "scenarios")).unwrap_or_default()
}

fn tree(context: &Context<'_>, target: &Target) -> Option<WorkspaceTree> {
    let record = Record::read(target.place(context).directory()).ok().flatten();
    let profile = record.and_then(|record| record.profile);
    dependencies::load_cached(context, &target.root, profile.as_deref())
}

/// The keys of one of the maps of a file.
fn keys(location: &Location, of: &str) -> Vec<String> {
    let Location::File(path, shown) = location else { return Vec::new() };
    let tree = SourceFile::read(path, shown).and_then(|file| source::parse(&file));
    match tree.map(|tree| tree.to_json()) {
        Ok(Value::Object(mut file)) => match file.remove(of) {
            Some(Value::Object(map)) => map.into_iter().map(|(name, _)| name).collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}
