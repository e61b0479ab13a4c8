//! What a snapshot holds, and how two of them differ.

use std::path::PathBuf;

use serde_json::Value;
use store::ObjectReader;

use crate::kind::{Draft, State, Work};
use crate::manifest::{Entry, Manifest};
use crate::sketch::Sketch;
use crate::status::{Change, is_same, state_of};
use crate::{Context, Error, Git, Metadata, Resource, Taking, Workspace, git_subdirectory};

/// A snapshot with all that is known of it.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Its hash.
    pub hash: String,
    /// When it was taken, the newest first.
    pub takings: Vec<Taking>,
    /// What it holds.
    pub manifest: Manifest,
    /// The files of each resource with their sizes, where they are wanted and can be listed.
    pub files: Vec<(String, Vec<(String, u64)>)>,
}

/// Shows a snapshot.
pub fn show(context: &Context<'_>, workspace: &Workspace, snapshot: &str, files: bool) -> Result<Shown, Error> {
    let metadata = workspace.metadata();
    let hash = metadata.resolve(snapshot)?;
    let manifest = metadata.manifest(&hash)?;
    let mut listed = Vec::new();
    for entry in manifest.entries.iter().filter(|_| files) {
        if let Some(all) = list(context, workspace, &state_of(metadata, entry, None)?, &entry.kind)? {
            listed.push((entry.name.clone(), all));
        }
    }
    Ok(Shown { takings: metadata.takings_of(&hash)?, hash, manifest, files: listed })
}

/// The files of a state with their sizes; `None` when they are not here.
fn list(
    context: &Context<'_>,
    workspace: &Workspace,
    state: &State,
    kind: &str,
) -> Result<Option<Vec<(String, u64)>>, Error> {
    let mut all = Vec::new();
    if let Some(root) = &state.content {
        let store = workspace.store(context)?;
        if !store.contains(root)? {
            return Ok(None);
        }
        let listed = tree::list(root, store, &mut |listed| {
            let size = match &listed.entry.body {
                tree::Body::File(file) => file.size,
                tree::Body::Directory { .. } => return Ok(()),
                _ => 0,
            };
            all.push((listed.path.to_string_lossy().into_owned(), size));
            Ok(())
        });
        listed.map_err(Error::tree(kind))?;
        return Ok(Some(all));
    }
    match &state.hash {
        Some(tree) if kind == git_subdirectory::KIND && workspace.git()?.has(tree)? => {
            workspace.git()?.files(tree).map(Some)
        }
        _ => Ok(None),
    }
}

/// How a resource differs.
#[derive(Debug, Clone)]
pub struct Difference {
    /// Its name.
    pub resource: String,
    /// What the first snapshot holds of it.
    pub before: Option<String>,
    /// What the second holds.
    pub after: Option<String>,
    /// Which files differ; `None` when that cannot be said.
    pub changes: Option<Vec<Change>>,
}

/// How two snapshots differ, or a snapshot and the present.
#[derive(Debug, Clone)]
pub struct Compared {
    /// The hash of the first.
    pub from: String,
    /// The hash of the second; `None`: the present.
    pub to: Option<String>,
    /// Resources that differ.
    pub differences: Vec<Difference>,
    /// How many do not.
    pub equal: usize,
    /// Metrics that differ: their paths, before and after.
    pub metrics: Vec<(String, Option<Value>, Option<Value>)>,
}

/// Compares two snapshots, or one and the present.
pub fn diff(context: &Context<'_>, workspace: &Workspace, from: &str, to: Option<&str>) -> Result<Compared, Error> {
    let metadata = workspace.metadata();
    let hash = metadata.resolve(from)?;
    let before = metadata.manifest(&hash)?;
    let resources = metadata.resources()?;
    let store = workspace.store(context)?;
    let sketch = Sketch::over(store);
    let other = to.map(|to| metadata.resolve(to)).transpose()?;
    let after: Vec<(Entry, State)> = match &other {
        Some(other) => {
            let manifest = metadata.manifest(other)?;
            let state = |entry: Entry| state_of(metadata, &entry, None).map(|state| (entry, state));
            manifest.entries.into_iter().map(state).collect::<Result<_, _>>()?
        }
        None => present(context, workspace, &resources, &before, &sketch)?,
    };
    let mut differences = Vec::new();
    let mut equal = 0;
    for (entry, now) in &after {
        let Some(then) = before.entry(&entry.name) else {
            let after = now.hash.clone();
            differences.push(Difference { resource: entry.name.clone(), before: None, after, changes: None });
            continue;
        };
        let then = state_of(metadata, then, None)?;
        let as_it_was = Resource {
            name: entry.name.clone(),
            kind: entry.kind.clone(),
            role: crate::Role::SourceData,
            parameters: serde_json::Map::new(),
            local: serde_json::Map::new(),
        };
        let resource = resources.iter().find(|resource| resource.name == entry.name).unwrap_or(&as_it_was);
        let work = Work { workspace, resource, context };
        if then.hash == now.hash || is_same(&work, &then, now).unwrap_or(false) {
            equal += 1;
            continue;
        }
        let changes = work.kind()?.changes(&work, &then, now, &sketch as &dyn ObjectReader)?;
        let (before, after) = (then.hash, now.hash.clone());
        differences.push(Difference { resource: entry.name.clone(), before, after, changes });
    }
    for entry in &before.entries {
        if !after.iter().any(|(other, _)| other.name == entry.name) {
            let before = entry.hash.clone();
            differences.push(Difference { resource: entry.name.clone(), before, after: None, changes: None });
        }
    }
    differences.sort_by(|one, other| one.resource.cmp(&other.resource));
    let metrics = match &other {
        Some(other) => compare_metrics(&metrics_of(metadata, &hash)?, &metrics_of(metadata, other)?),
        None => Vec::new(),
    };
    Ok(Compared { from: hash, to: other, differences, equal, metrics })
}

/// What resources hold now, under the names that the snapshot has for them.
fn present(
    context: &Context<'_>,
    workspace: &Workspace,
    resources: &[Resource],
    before: &Manifest,
    sketch: &Sketch<'_>,
) -> Result<Vec<(Entry, State)>, Error> {
    let draft = Draft::new(sketch, &resources.iter().collect::<Vec<_>>()).only_looking();
    let mut all = Vec::new();
    for resource in resources {
        let work = Work { workspace, resource, context };
        let state = work.kind()?.save(&work, &draft)?;
        let name = before.entry_of(resource).map_or_else(|| resource.name.clone(), |entry| entry.name.clone());
        let (kind, role) = (resource.kind.clone(), resource.role.as_str().to_owned());
        all.push((Entry { name, kind, role, hash: state.hash.clone() }, state));
    }
    Ok(all)
}

fn metrics_of(metadata: &Metadata, hash: &str) -> Result<Vec<(String, Value)>, Error> {
    let metrics = metadata.takings_of(hash)?.into_iter().find_map(|taking| taking.metrics);
    Ok(metrics.map(|metrics| flat(&metrics)).unwrap_or_default())
}

/// Metrics by their paths, such as `test.accuracy`.
pub fn flat(metrics: &Value) -> Vec<(String, Value)> {
    fn walk(path: &str, value: &Value, all: &mut Vec<(String, Value)>) {
        match value {
            Value::Object(object) => {
                for (key, value) in object {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    walk(&path, value, all);
                }
            }
            value => all.push((path.to_owned(), value.clone())),
        }
    }
    let mut all = Vec::new();
    walk("", metrics, &mut all);
    all
}

fn compare_metrics(
    before: &[(String, Value)],
    after: &[(String, Value)],
) -> Vec<(String, Option<Value>, Option<Value>)> {
    let find = |all: &[(String, Value)], name: &str| {
        all.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
    };
    let mut names: Vec<&String> = before.iter().chain(after).map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    let both = names.into_iter().map(|name| (name.clone(), find(before, name), find(after, name)));
    both.filter(|(_, before, after)| before != after).collect()
}

impl Git {
    /// The files of a tree with their sizes.
    pub(crate) fn files(&self, tree: &str) -> Result<Vec<(String, u64)>, Error> {
        let bytes = self.bytes(&["ls-tree", "-r", "-l", "-z", "--full-tree", tree], crate::git::With::default())?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let file = |line: &str| {
            let (about, path) = line.split_once('\t')?;
            Some((path.to_owned(), about.split_whitespace().last()?.parse().unwrap_or(0)))
        };
        Ok(text.split('\0').filter_map(file).collect())
    }
}

/// What `results.json` says in a snapshot, or now.
#[derive(Debug, Clone)]
pub struct ResourceResults {
    /// The resource.
    pub resource: String,
    /// The file.
    pub file: PathBuf,
    /// What it says.
    pub results: Value,
}

/// What was found: `results.json` of each results resource, as it lies where a snapshot moved it. Without a snapshot: what lies
/// there now, else that of the last snapshot which moved some.
pub fn results(
    workspace: &Workspace,
    snapshot: Option<&str>,
    resource: Option<&str>,
) -> Result<Vec<ResourceResults>, Error> {
    let metadata = workspace.metadata();
    let mut resources = metadata.resources()?;
    resources.retain(|other| other.role == crate::Role::Results);
    if let Some(wanted) = resource {
        if !resources.iter().any(|other| other.name == wanted) {
            let known = resources.into_iter().map(|other| other.name).collect();
            return Err(Error::NoResource { wanted: wanted.to_owned(), known });
        }
        resources.retain(|other| other.name == wanted);
    }
    let mut places: Vec<String> = Vec::new();
    if let Some(snapshot) = snapshot {
        let takings = metadata.takings_of(&metadata.resolve(snapshot)?)?;
        places.extend(takings.into_iter().filter_map(|taking| taking.results));
    } else {
        places.push(String::new());
        places.extend(metadata.takings(None)?.into_iter().filter_map(|taking| taking.results));
    }
    let mut all = Vec::new();
    for resource in resources {
        let Some(directory) = resource.directory(workspace.root()) else { continue };
        for place in &places {
            let directory = if place.is_empty() { directory.clone() } else { directory.join(place) };
            if let Some(results) = crate::results::read(&directory)? {
                let file = directory.join(crate::results::RESULTS_FILE);
                all.push(ResourceResults { resource: resource.name.clone(), file, results });
                break;
            }
        }
    }
    Ok(all)
}
