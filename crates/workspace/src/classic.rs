//! Metadata as dws 1.6 has it, readable by it and by us.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::manifest::Manifest;
use crate::metadata::{edit, object, set};
use crate::resource::PATH;
use crate::{Changes, Error, Resource, Taking, changes, separate};

/// The file that says that a workspace has this form, in `.dataworkspace/`.
pub const CONFIG: &str = "config.json";

const CONFIG_PATH: &str = ".dataworkspace/config.json";
const RESOURCES: &str = ".dataworkspace/resources.json";
const SNAPSHOTS: &str = ".dataworkspace/snapshots";
const METADATA: &str = ".dataworkspace/snapshot_metadata";
const LINEAGE: &str = ".dataworkspace/snapshot_lineage";
const VERSION: &str = "1.6.0";

/// A kind under both names, with the parameters that have other names there.
struct Translation {
    ours: &'static str,
    theirs: &'static str,
    parameters: &'static [(&'static str, &'static str)],
}

const TRANSLATIONS: [Translation; 6] = [
    Translation { ours: "local-files", theirs: "file", parameters: &[(PATH, GLOBAL_PATH)] },
    Translation { ours: "git-subdirectory", theirs: "git-subdirectory", parameters: &[(PATH, RELATIVE_PATH)] },
    Translation {
        ours: "git",
        theirs: "git",
        parameters: &[(PATH, "relative_local_path"), ("url", "remote_origin_url")],
    },
    Translation { ours: "rclone", theirs: "rclone", parameters: &[(PATH, GLOBAL_PATH), ("remote", "remote_origin")] },
    Translation { ours: "s3", theirs: "s3", parameters: &[("bucket", "bucket_name")] },
    Translation { ours: "api", theirs: "api-resource", parameters: &[] },
];

/// Where files are, as a whole path.
const GLOBAL_PATH: &str = "global_local_path";
/// The same below the root; for files, only we write it.
const RELATIVE_PATH: &str = "relative_path";

pub fn create(changes: &mut Changes, name: &str) {
    let config = json!({
        "name": name,
        "dws-version": VERSION,
        "global_params": {
            "results.dir_template": crate::results::TEMPLATE,
            "results.move_exclude_files": ["README.txt", "README.rst", "README.md"],
            "scratch_directory": "scratch",
        },
    });
    changes.write_json(CONFIG_PATH, &config);
    changes.write_json(RESOURCES, &json!([]));
}

pub fn name(root: &Path) -> Result<String, Error> {
    let config = object(&root.join(CONFIG_PATH))?;
    Ok(config.get("name").and_then(Value::as_str).unwrap_or_default().to_owned())
}

pub fn parameters(root: &Path) -> Result<Map<String, Value>, Error> {
    let config = object(&root.join(CONFIG_PATH))?;
    Ok(config.get("global_params").and_then(Value::as_object).cloned().unwrap_or_default())
}

pub fn set_parameter(changes: &mut Changes, name: &str, value: Option<&Value>) -> Result<(), Error> {
    edit(changes, CONFIG_PATH, |config| {
        let all = config.entry("global_params").or_insert_with(|| json!({}));
        if let Value::Object(all) = all {
            set(all, name, value);
        }
    })
}

/// The list of resources.
fn list(value: Option<Value>, root: &Path) -> Result<Vec<Value>, Error> {
    match value {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(Error::Metadata { path: root.join(RESOURCES), problem: "it is no list".to_owned() }),
    }
}

pub fn resources(root: &Path) -> Result<Vec<Resource>, Error> {
    let path = root.join(RESOURCES);
    let theirs = list(changes::read_json(&path)?, root)?;
    let bad = |problem: &str| Error::Metadata { path: path.clone(), problem: problem.to_owned() };
    let mut all = Vec::new();
    for value in theirs {
        let Value::Object(mut parameters) = value else { return Err(bad("a resource is no object")) };
        let mut text = |key: &str| parameters.shift_remove(key).and_then(|value| value.as_str().map(str::to_owned));
        let kind = text("resource_type").ok_or_else(|| bad("a resource has no `resource_type`"))?;
        let name = text("name").ok_or_else(|| bad("a resource has no `name`"))?;
        let role = text("role").and_then(|role| role.parse().ok());
        let role = role.ok_or_else(|| bad("a resource has no known `role`"))?;
        let (kind, parameters) = of_theirs(kind, parameters, root);
        all.push(Resource { name, kind, role, parameters, local: Map::new() });
    }
    // Those of kinds that dws does not know stand where it does not look.
    all.extend(separate::resources(root)?);
    Ok(all)
}

/// The kind under our name, and its parameters.
fn of_theirs(kind: String, mut parameters: Map<String, Value>, root: &Path) -> (String, Map<String, Value>) {
    let Some(translation) = TRANSLATIONS.iter().find(|translation| translation.theirs == kind) else {
        return (kind, parameters);
    };
    if translation.parameters.contains(&(PATH, GLOBAL_PATH)) {
        let global = parameters.shift_remove(GLOBAL_PATH).or_else(|| parameters.shift_remove("local_path"));
        let path = parameters.shift_remove(RELATIVE_PATH).or_else(|| global.map(|path| below(root, &path)));
        set(&mut parameters, PATH, path.as_ref());
    }
    for (ours, theirs) in translation.parameters {
        if let Some(value) = parameters.shift_remove(*theirs) {
            parameters.insert((*ours).to_owned(), value);
        }
    }
    (translation.ours.to_owned(), parameters)
}

/// A whole path below the root as a relative one.
fn below(root: &Path, path: &Value) -> Value {
    let relative = path.as_str().and_then(|path| Path::new(path).strip_prefix(root).ok());
    relative.map_or_else(|| path.clone(), |relative| json!(relative))
}

pub fn local_of_theirs(kind: &str, mut local: Map<String, Value>, root: &Path) -> Map<String, Value> {
    let own = local.shift_remove("my_local_path").filter(|path| !path.is_null());
    let path = own.or_else(|| local.shift_remove("local_path")).filter(|path| !path.is_null());
    // That of a sub-directory follows from the root.
    if let Some(path) = path.filter(|_| kind != "git-subdirectory") {
        local.insert(PATH.to_owned(), below(root, &path));
    }
    local
}

pub fn theirs_of_local(kind: &str, mut local: Map<String, Value>, root: &Path) -> Map<String, Value> {
    let whole = |path: Option<Value>| path.as_ref().and_then(Value::as_str).map(|path| json!(root.join(path)));
    let path = whole(local.shift_remove(PATH));
    let key = if matches!(kind, "local-files" | "rclone") { "my_local_path" } else { "local_path" };
    local.insert(key.to_owned(), path.unwrap_or(Value::Null));
    local
}

/// A resource as dws writes it; `None` when it does not know the kind.
fn to_theirs(resource: &Resource, root: &Path) -> Option<Map<String, Value>> {
    let translation = TRANSLATIONS.iter().find(|translation| translation.ours == resource.kind)?;
    let mut value = Map::new();
    value.insert("resource_type".to_owned(), json!(translation.theirs));
    value.insert("name".to_owned(), json!(resource.name));
    value.insert("role".to_owned(), json!(resource.role.as_str()));
    let mut parameters = resource.parameters.clone();
    for (ours, theirs) in translation.parameters {
        let Some(path) = parameters.shift_remove(*ours) else { continue };
        if *theirs == GLOBAL_PATH {
            let text = path.as_str().unwrap_or_default();
            value.insert(GLOBAL_PATH.to_owned(), json!(root.join(text)));
            if !Path::new(text).is_absolute() {
                value.insert(RELATIVE_PATH.to_owned(), path);
            }
        } else {
            value.insert((*theirs).to_owned(), path);
        }
    }
    value.extend(parameters);
    let defaults: &[(&str, Value)] = match translation.theirs {
        "file" => &[("compute_hash", json!(false)), ("export", json!(false)), ("imported", json!(false))],
        "git-subdirectory" => &[("export", json!(false))],
        "git" => &[("read_only", json!(false)), ("export", json!(false)), ("imported", json!(false))],
        _ => &[],
    };
    for (key, default) in defaults {
        value.entry(*key).or_insert_with(|| default.clone());
    }
    Some(value)
}

/// The same of any kind, with the parameters in the order in which dws has them. What it does not know has our names.
pub fn as_dws(resource: &Resource, root: &Path) -> Map<String, Value> {
    const ORDER: [&str; 8] = [
        "global_local_path",
        "compute_hash",
        "export",
        "remote_origin_url",
        "relative_local_path",
        "relative_path",
        "branch",
        "read_only",
    ];
    let mut value = to_theirs(resource, root).unwrap_or_else(|| {
        let mut value = Map::new();
        value.insert("resource_type".to_owned(), json!(resource.kind));
        value.insert("name".to_owned(), json!(resource.name));
        value.insert("role".to_owned(), json!(resource.role.as_str()));
        value.extend(resource.parameters.clone());
        value
    });
    let mut ordered = Map::new();
    for key in ["resource_type", "name", "role"].iter().chain(&ORDER) {
        ordered.extend(value.shift_remove_entry(*key));
    }
    ordered.extend(value);
    ordered
}

pub fn put_resource(changes: &mut Changes, root: &Path, resource: &Resource) -> Result<(), Error> {
    let Some(value) = to_theirs(resource, root) else {
        separate::put_resource(changes, resource);
        return Ok(());
    };
    let mut all = list(changes.read_json(RESOURCES)?, root)?;
    match all.iter_mut().find(|other| other["name"] == json!(resource.name)) {
        Some(other) => *other = Value::Object(value),
        None => all.push(Value::Object(value)),
    }
    changes.write_json(RESOURCES, &Value::Array(all));
    Ok(())
}

pub fn remove_resource(changes: &mut Changes, name: &str) -> Result<(), Error> {
    let mut all = match changes.read_json(RESOURCES)? {
        Some(Value::Array(all)) => all,
        _ => Vec::new(),
    };
    all.retain(|resource| resource["name"] != json!(name));
    changes.write_json(RESOURCES, &Value::Array(all));
    separate::remove_resource(changes, name);
    Ok(())
}

fn manifest_path(hash: &str) -> String {
    format!("{SNAPSHOTS}/snapshot-{hash}.json")
}

pub fn manifest(root: &Path, hash: &str) -> Result<Option<Manifest>, Error> {
    let path = root.join(manifest_path(hash));
    let Some(mut value) = changes::read_json(&path)? else { return Ok(None) };
    for entry in value.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        let kind = entry.get("resource_type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let ours = TRANSLATIONS.iter().find(|translation| translation.theirs == kind);
        entry.insert("type".to_owned(), json!(ours.map_or(&*kind, |translation| translation.ours)));
    }
    Manifest::of_value(&value).map(Some).map_err(|problem| Error::Metadata { path, problem })
}

pub fn snapshots(root: &Path) -> Result<Vec<String>, Error> {
    let mut hashes: Vec<String> = files(&root.join(METADATA))?
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_str()?.strip_suffix("_md.json")?.to_owned()))
        .collect();
    hashes.sort();
    Ok(hashes)
}

pub fn count(root: &Path) -> Result<u64, Error> {
    Ok(snapshots(root)?.len() as u64)
}

pub fn takings(root: &Path, limit: Option<usize>) -> Result<Vec<Taking>, Error> {
    let mut all = files(&root.join(METADATA))?.iter().map(|path| taking(path)).collect::<Result<Vec<_>, _>>()?;
    all.sort_by(|one, other| other.time.cmp(&one.time));
    all.truncate(limit.unwrap_or(usize::MAX));
    Ok(all)
}

pub fn takings_of(root: &Path, hash: &str) -> Result<Vec<Taking>, Error> {
    match metadata_file(root, hash)? {
        Some(path) => Ok(vec![taking(&path)?]),
        None => Ok(Vec::new()),
    }
}

fn metadata_path(hash: &str) -> String {
    format!("{METADATA}/{hash}_md.json")
}

/// Where the metadata of a snapshot is; later versions have directories below.
fn metadata_file(root: &Path, hash: &str) -> Result<Option<PathBuf>, Error> {
    let usual = root.join(metadata_path(hash));
    if usual.is_file() {
        return Ok(Some(usual));
    }
    let name = format!("{hash}_md.json");
    let found = files(&root.join(METADATA))?.into_iter();
    Ok(found.into_iter().find(|path| path.file_name().is_some_and(|other| *other == *name)))
}

fn taking(path: &Path) -> Result<Taking, Error> {
    let value = object(path)?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let tags = value.get("tags").and_then(Value::as_array).into_iter().flatten();
    let commits = value.get("restore_hashes").and_then(Value::as_object).into_iter().flatten();
    let snapshot = text("hash");
    Ok(Taking {
        snapshot: snapshot
            .ok_or_else(|| Error::Metadata { path: path.to_owned(), problem: "it names no snapshot".to_owned() })?,
        time: text("updated_timestamp").or_else(|| text("timestamp")).unwrap_or_default(),
        by: text("by").unwrap_or_default(),
        host: text("hostname").unwrap_or_default(),
        message: text("message").unwrap_or_default(),
        tags: tags.filter_map(|tag| tag.as_str().map(str::to_owned)).collect(),
        number: None,
        results: text("relative_destination_path"),
        metrics: value.get("metrics").filter(|metrics| !metrics.is_null()).cloned(),
        commits: commits.map(|(name, commit)| (name.clone(), commit.as_str().map(str::to_owned))).collect(),
        branch: text("branch"),
    })
}

pub fn put_snapshot(
    changes: &mut Changes,
    root: &Path,
    manifest: &Manifest,
    resources: &[Resource],
    taking: &Taking,
) -> Result<(), Error> {
    let mut entries = Vec::new();
    for entry in &manifest.entries {
        let resource = resources.iter().find(|resource| resource.name == entry.name);
        let mut value = resource.and_then(|resource| to_theirs(resource, root)).unwrap_or_else(|| {
            let mut value = Map::new();
            value.insert("resource_type".to_owned(), json!(entry.kind));
            value.insert("name".to_owned(), json!(entry.name));
            value.insert("role".to_owned(), json!(entry.role));
            value
        });
        // What differs from machine to machine has no place in what a snapshot is.
        value.shift_remove(GLOBAL_PATH);
        value.insert("hash".to_owned(), json!(entry.hash));
        entries.push(Value::Object(value));
    }
    if changes.read(&manifest_path(&taking.snapshot))?.is_none() {
        changes.write_json(&manifest_path(&taking.snapshot), &Value::Array(entries));
    }
    for entry in &manifest.entries {
        // Without such a file dws neither restores nor deletes a snapshot.
        let path = format!("{LINEAGE}/{}/{}.json", taking.snapshot, entry.name);
        if changes.read(&path)?.is_none() {
            changes.write_json(&path, &json!({ "resource_name": entry.name, "lineages": [] }));
        }
    }
    let path = metadata_path(&taking.snapshot);
    if changes.read(&path)?.is_some() {
        // Taken before: what is said of it now is added.
        return edit(changes, &path, |value| {
            value.insert("updated_timestamp".to_owned(), json!(taking.time));
            if !taking.message.is_empty() {
                value.insert("message".to_owned(), json!(taking.message));
            }
            let tags = value.entry("tags").or_insert_with(|| json!([]));
            if let Value::Array(tags) = tags {
                tags.extend(taking.tags.iter().map(|tag| json!(tag)));
            }
        });
    }
    let value = json!({
        "hash": taking.snapshot, "tags": taking.tags, "message": taking.message, "hostname": taking.host,
        "timestamp": taking.time, "relative_destination_path": taking.results.clone().unwrap_or_default(),
        "restore_hashes": taking.commits, "metrics": taking.metrics, "by": taking.by, "branch": taking.branch,
    });
    changes.write_json(&path, &value);
    Ok(())
}

/// Changes the tags of a snapshot.
pub fn edit_tags(
    changes: &mut Changes,
    root: &Path,
    hash: &str,
    change: impl FnOnce(&mut Vec<String>),
) -> Result<(), Error> {
    let Some(path) = metadata_file(root, hash)? else { return Ok(()) };
    edit(changes, &shown(root, &path), |value| {
        let said = value.get("tags").and_then(Value::as_array).into_iter().flatten();
        let mut tags: Vec<String> = said.filter_map(|tag| tag.as_str().map(str::to_owned)).collect();
        change(&mut tags);
        value.insert("tags".to_owned(), json!(tags));
    })
}

pub fn remove_snapshot(changes: &mut Changes, root: &Path, hash: &str) -> Result<(), Error> {
    changes.remove(&manifest_path(hash));
    if let Some(path) = metadata_file(root, hash)? {
        changes.remove(&shown(root, &path));
    }
    let lineage = root.join(LINEAGE).join(hash);
    match fs::read_dir(&lineage) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        listing => listing.map_err(Error::io("list", &lineage))?.try_for_each(|entry| {
            changes.remove(&shown(root, &entry.map_err(Error::io("list", &lineage))?.path()));
            Ok(())
        }),
    }
}

/// A path from the root of the workspace.
fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}

/// The files of this form, from the root of the workspace; the lineage of snapshots stays.
pub fn all_files(root: &Path) -> Result<Vec<String>, Error> {
    let mut all = vec![CONFIG_PATH.to_owned(), RESOURCES.to_owned()];
    all.extend(files(&root.join(METADATA))?.iter().map(|path| shown(root, path)));
    all.extend(snapshots(root)?.iter().map(|hash| manifest_path(hash)));
    Ok(all)
}

pub fn tags(root: &Path) -> Result<BTreeMap<String, String>, Error> {
    let takings = takings(root, None)?.into_iter();
    // The newest is last, so that it wins.
    Ok(takings
        .rev()
        .flat_map(|taking| taking.tags.into_iter().map(move |tag| (tag, taking.snapshot.clone())))
        .collect())
}

/// All files of metadata, also in directories below; sorted.
fn files(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let listing = match fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing.map_err(Error::io("list", directory))?,
    };
    let mut all = Vec::new();
    for entry in listing {
        let entry = entry.map_err(Error::io("list", directory))?;
        let kind = entry.file_type().map_err(Error::io("list", directory))?;
        if kind.is_dir() {
            all.extend(files(&entry.path())?);
        } else if entry.file_name().to_string_lossy().ends_with("_md.json") {
            all.push(entry.path());
        }
    }
    all.sort();
    Ok(all)
}
