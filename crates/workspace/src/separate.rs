//! Metadata in files of which each can change alone (`docs/formats/data-workspace.md`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::manifest::Manifest;
use crate::metadata::{Author, object};
use crate::{Changes, Error, Resource, Taking, changes, names};

/// The file that says that a workspace has this form.
pub const WORKSPACE: &str = "workspace.json";

const TOP: &str = ".dataworkspace";
const VERSION: u64 = 1;
const FOREIGN: &str = "foreign_snapshots";

pub fn create(changes: &mut Changes, name: &str, author: &Author) {
    let value = json!({ "seedbed_workspace": VERSION, "name": name, "made": author.time, "by": author.by });
    changes.write_json(&format!("{TOP}/{WORKSPACE}"), &value);
}

/// Snapshots whose hashes another program has given them; [`crate::Manifest::hash`] says nothing of these.
pub fn foreign(root: &Path) -> Result<Vec<String>, Error> {
    let workspace = object(&root.join(TOP).join(WORKSPACE))?;
    let all = workspace.get(FOREIGN).and_then(Value::as_array).into_iter().flatten();
    Ok(all.filter_map(|hash| hash.as_str().map(str::to_owned)).collect())
}

pub fn put_foreign(changes: &mut Changes, hashes: &[String]) -> Result<(), Error> {
    if hashes.is_empty() {
        return Ok(());
    }
    crate::metadata::edit(changes, &format!("{TOP}/{WORKSPACE}"), |workspace| {
        workspace.insert(FOREIGN.to_owned(), json!(hashes));
    })
}

pub fn check_version(root: &Path) -> Result<(), Error> {
    let path = root.join(TOP).join(WORKSPACE);
    match object(&path)?.get("seedbed_workspace").and_then(Value::as_u64) {
        Some(VERSION) => Ok(()),
        Some(version) => {
            let problem = format!("it is of version {version}; this program knows {VERSION}");
            Err(Error::Metadata { path, problem })
        }
        None => Err(Error::Metadata { path, problem: "it has no `seedbed_workspace`".to_owned() }),
    }
}

pub fn name(root: &Path) -> Result<String, Error> {
    let workspace = object(&root.join(TOP).join(WORKSPACE))?;
    Ok(workspace.get("name").and_then(Value::as_str).unwrap_or_default().to_owned())
}

pub fn parameters(root: &Path) -> Result<Map<String, Value>, Error> {
    let mut all = Map::new();
    for (name, path) in named_files(&root.join(TOP).join("config"))? {
        if let Some(value) = object(&path)?.get("value") {
            all.insert(name, value.clone());
        }
    }
    Ok(all)
}

pub fn set_parameter(changes: &mut Changes, name: &str, value: Option<&Value>, author: &Author) {
    let path = format!("{TOP}/config/{}.json", names::file_stem(name));
    match value {
        Some(value) => {
            changes.write_json(&path, &json!({ "value": value, "time": author.time, "by": author.by }));
        }
        None => changes.remove(&path),
    }
}

pub fn resources(root: &Path) -> Result<Vec<Resource>, Error> {
    let files = named_files(&root.join(TOP).join("resources"))?;
    files.into_iter().map(|(name, path)| resource(name, &path)).collect()
}

/// Reads the file of one resource.
pub fn resource(name: String, path: &Path) -> Result<Resource, Error> {
    let mut parameters = object(path)?;
    let bad = |problem: &str| Error::Metadata { path: path.to_owned(), problem: problem.to_owned() };
    let kind = parameters.shift_remove("type").and_then(|kind| kind.as_str().map(str::to_owned));
    let role = parameters.shift_remove("role").and_then(|role| role.as_str()?.parse().ok());
    parameters.shift_remove("name");
    Ok(Resource {
        name,
        kind: kind.ok_or_else(|| bad("it has no `type`"))?,
        role: role.ok_or_else(|| bad("it has no known `role`"))?,
        parameters,
        local: Map::new(),
    })
}

pub fn put_resource(changes: &mut Changes, resource: &Resource) {
    let mut value = Map::new();
    value.insert("name".to_owned(), json!(resource.name));
    value.insert("type".to_owned(), json!(resource.kind));
    value.insert("role".to_owned(), json!(resource.role.as_str()));
    value.extend(resource.parameters.clone());
    changes.write_json(&resource_path(&resource.name), &Value::Object(value));
}

pub fn remove_resource(changes: &mut Changes, name: &str) {
    changes.remove(&resource_path(name));
}

fn resource_path(name: &str) -> String {
    format!("{TOP}/resources/{}.json", names::file_stem(name))
}

fn snapshot_path(hash: &str) -> String {
    format!("{TOP}/snapshots/{}/{hash}.json", hash.get(..2).unwrap_or("__"))
}

pub fn manifest(root: &Path, hash: &str) -> Result<Option<Manifest>, Error> {
    let path = root.join(snapshot_path(hash));
    let Some(value) = changes::read_json(&path)? else { return Ok(None) };
    Manifest::of_value(&value).map(Some).map_err(|problem| Error::Metadata { path, problem })
}

pub fn snapshots(root: &Path) -> Result<Vec<String>, Error> {
    let mut hashes = Vec::new();
    for (_, shard) in entries(&root.join(TOP).join("snapshots"))? {
        hashes.extend(named_files(&shard)?.into_iter().map(|(hash, _)| hash));
    }
    hashes.sort();
    Ok(hashes)
}

/// A taking: below its month, by its time, so that a list of names is in order.
fn taking_path(taking: &Taking) -> String {
    let time: String = taking.time.chars().filter(|character| !"-:Z".contains(*character)).collect();
    let month = taking.time.get(..7).unwrap_or("undated");
    let snapshot = taking.snapshot.get(..12).unwrap_or(&taking.snapshot);
    format!("{TOP}/taken/{month}/{time}-{snapshot}-{:08x}.json", fastrand::u32(..))
}

/// The files of takings, the newest first.
fn taking_files(root: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let mut all = Vec::new();
    for (_, month) in entries(&root.join(TOP).join("taken"))?.into_iter().rev() {
        all.extend(named_files(&month)?.into_iter().rev());
    }
    Ok(all)
}

pub fn count(root: &Path) -> Result<u64, Error> {
    Ok(taking_files(root)?.len() as u64)
}

pub fn takings(root: &Path, limit: Option<usize>) -> Result<Vec<Taking>, Error> {
    let files = taking_files(root)?;
    let limit = limit.unwrap_or(files.len());
    with_tags(root, files.into_iter().take(limit))
}

pub fn takings_of(root: &Path, hash: &str) -> Result<Vec<Taking>, Error> {
    let short = format!("-{}-", hash.get(..12).unwrap_or(hash));
    let mut takings = with_tags(root, taking_files(root)?.into_iter().filter(|(name, _)| name.contains(&short)))?;
    takings.retain(|taking| taking.snapshot == hash);
    Ok(takings)
}

fn with_tags(root: &Path, files: impl Iterator<Item = (String, PathBuf)>) -> Result<Vec<Taking>, Error> {
    let mut tags: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (tag, hash) in self::tags(root)? {
        tags.entry(hash).or_default().push(tag);
    }
    let read = |(_, path): (String, PathBuf)| {
        let mut taking = taking(&path)?;
        taking.tags = tags.get(&taking.snapshot).cloned().unwrap_or_default();
        Ok(taking)
    };
    files.map(read).collect()
}

fn taking(path: &Path) -> Result<Taking, Error> {
    let value = object(path)?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let commits = value.get("commits").and_then(Value::as_object).into_iter().flatten();
    let snapshot = text("snapshot");
    Ok(Taking {
        snapshot: snapshot
            .ok_or_else(|| Error::Metadata { path: path.to_owned(), problem: "it names no snapshot".to_owned() })?,
        time: text("time").unwrap_or_default(),
        by: text("by").unwrap_or_default(),
        host: text("host").unwrap_or_default(),
        message: text("message").unwrap_or_default(),
        tags: Vec::new(),
        number: value.get("number").and_then(Value::as_u64),
        results: text("results"),
        metrics: value.get("metrics").filter(|metrics| !metrics.is_null()).cloned(),
        commits: commits.map(|(name, commit)| (name.clone(), commit.as_str().map(str::to_owned))).collect(),
        branch: text("branch"),
    })
}

pub fn put_snapshot(changes: &mut Changes, manifest: &Manifest, taking: &Taking) {
    changes.write(&snapshot_path(&taking.snapshot), manifest.to_text());
    let value = json!({
        "snapshot": taking.snapshot, "time": taking.time, "by": taking.by, "host": taking.host,
        "number": taking.number, "message": taking.message, "results": taking.results, "metrics": taking.metrics,
        "commits": taking.commits, "branch": taking.branch,
    });
    changes.write_json(&taking_path(taking), &value);
    let author = Author { by: taking.by.clone(), time: taking.time.clone() };
    for tag in &taking.tags {
        put_tag(changes, tag, &taking.snapshot, &author);
    }
}

fn tag_path(tag: &str) -> String {
    format!("{TOP}/tags/{}.json", names::file_stem(tag))
}

pub fn put_tag(changes: &mut Changes, tag: &str, hash: &str, author: &Author) {
    changes.write_json(&tag_path(tag), &json!({ "snapshot": hash, "time": author.time, "by": author.by }));
}

pub fn remove_tag(changes: &mut Changes, tag: &str) {
    changes.remove(&tag_path(tag));
}

pub fn remove_snapshot(changes: &mut Changes, root: &Path, hash: &str) -> Result<(), Error> {
    changes.remove(&snapshot_path(hash));
    let short = format!("-{}-", hash.get(..12).unwrap_or(hash));
    for (name, path) in taking_files(root)?.into_iter().filter(|(name, _)| name.contains(&short)) {
        let month = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
        if taking(&path)?.snapshot == hash {
            changes.remove(&format!("{TOP}/taken/{month}/{name}.json"));
        }
    }
    for (tag, _) in tags(root)?.into_iter().filter(|(_, other)| other == hash) {
        remove_tag(changes, &tag);
    }
    Ok(())
}

pub fn tagged(root: &Path, tag: &str) -> Result<Option<String>, Error> {
    let value = object(&root.join(tag_path(tag)))?;
    Ok(value.get("snapshot").and_then(Value::as_str).map(str::to_owned))
}

pub fn tags(root: &Path) -> Result<BTreeMap<String, String>, Error> {
    let mut all = BTreeMap::new();
    for (tag, path) in named_files(&root.join(TOP).join("tags"))? {
        if let Some(hash) = object(&path)?.get("snapshot").and_then(Value::as_str) {
            all.insert(tag, hash.to_owned());
        }
    }
    Ok(all)
}

/// The JSON files of a directory by the names that they stand for, sorted.
pub fn named_files(directory: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let files = entries(directory)?.into_iter();
    let named = files.filter_map(|(name, path)| Some((names::of_stem(name.strip_suffix(".json")?)?, path)));
    Ok(named.collect())
}

/// What is in a directory, sorted; nothing when there is none. What begins with a dot is being written.
fn entries(directory: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let listing = match fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing.map_err(Error::io("list", directory))?,
    };
    let mut all = Vec::new();
    for entry in listing {
        let entry = entry.map_err(Error::io("list", directory))?;
        if let Ok(name) = entry.file_name().into_string()
            && !name.starts_with('.')
        {
            all.push((name, entry.path()));
        }
    }
    all.sort();
    Ok(all)
}
