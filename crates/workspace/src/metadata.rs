//! The metadata of a workspace, in whichever of its two forms; nothing above knows which.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use store::ObjectId;

use crate::find::DIRECTORY;
use crate::kind::State;
use crate::manifest::Manifest;
use crate::{Changes, Error, Resource, Taking, changes, classic, names, separate};

/// Parameters of this copy of the workspace, not in git.
const LOCAL_PARAMETERS: &str = ".dataworkspace/local_params.json";
/// Those of its resources.
const RESOURCE_LOCAL_PARAMETERS: &str = ".dataworkspace/resource_local_params.json";
/// Branches of data.
const BRANCHES: &str = ".dataworkspace/branches";
/// The roots of contents in the store.
const CONTENTS: &str = ".dataworkspace/contents";

/// How the metadata lies in `.dataworkspace/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As dws 1.6 has it: one file for all resources, one for all parameters.
    Classic,
    /// A file for everything that can change alone, so that the changes of two people are changes of two files.
    Separate,
}

impl Form {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Separate => "separate",
        }
    }
}

/// The metadata of a workspace. Reads files when it is asked; changes them only by [`Changes`].
#[derive(Debug, Clone)]
pub struct Metadata {
    root: PathBuf,
    form: Form,
}

/// Who changes something, and when, in UTC.
#[derive(Debug, Clone)]
pub struct Author {
    /// Who.
    pub by: String,
    /// When.
    pub time: String,
}

impl Metadata {
    /// The metadata below this root.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let directory = root.join(DIRECTORY);
        let form = if directory.join(separate::WORKSPACE).is_file() {
            Form::Separate
        } else if directory.join(classic::CONFIG).is_file() {
            Form::Classic
        } else {
            return Err(Error::NoWorkspace { from: root.to_owned() });
        };
        let metadata = Self { root: root.to_owned(), form };
        if form == Form::Separate {
            separate::check_version(&metadata.root)?;
        }
        Ok(metadata)
    }

    /// What a new workspace consists of.
    pub(crate) fn create(
        root: &Path,
        form: Form,
        name: &str,
        host: &str,
        author: &Author,
        changes: &mut Changes,
    ) -> Self {
        let ignored = "local_params.json\nresource_local_params.json\ncurrent_lineage/\n";
        changes.write(".dataworkspace/.gitignore", ignored.to_owned());
        changes.write_json(LOCAL_PARAMETERS, &json!({ "hostname": host }));
        changes.write_json(RESOURCE_LOCAL_PARAMETERS, &json!({}));
        match form {
            Form::Classic => classic::create(changes, name),
            Form::Separate => separate::create(changes, name, author),
        }
        Self { root: root.to_owned(), form }
    }

    /// Which form it has.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The root of the workspace.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The name of the workspace.
    pub fn name(&self) -> Result<String, Error> {
        match self.form {
            Form::Classic => classic::name(&self.root),
            Form::Separate => separate::name(&self.root),
        }
    }

    /// The parameters that all copies share.
    pub fn parameters(&self) -> Result<Map<String, Value>, Error> {
        match self.form {
            Form::Classic => classic::parameters(&self.root),
            Form::Separate => separate::parameters(&self.root),
        }
    }

    /// The parameters of this copy.
    pub fn local_parameters(&self) -> Result<Map<String, Value>, Error> {
        object(&self.root.join(LOCAL_PARAMETERS))
    }

    /// A parameter; that of this copy comes first.
    pub fn parameter(&self, name: &str) -> Result<Option<Value>, Error> {
        if let Some(value) = self.local_parameters()?.get(name) {
            return Ok(Some(value.clone()));
        }
        Ok(self.parameters()?.get(name).cloned())
    }

    /// Sets a parameter of all copies; `None` takes it away.
    pub fn set_parameter(
        &self,
        changes: &mut Changes,
        name: &str,
        value: Option<&Value>,
        author: &Author,
    ) -> Result<(), Error> {
        match self.form {
            Form::Classic => classic::set_parameter(changes, name, value),
            Form::Separate => {
                separate::set_parameter(changes, name, value, author);
                Ok(())
            }
        }
    }

    /// Sets a parameter of this copy; `None` takes it away.
    pub fn set_local_parameter(&self, changes: &mut Changes, name: &str, value: Option<&Value>) -> Result<(), Error> {
        edit(changes, LOCAL_PARAMETERS, |all| set(all, name, value))
    }

    /// The resources, in their order.
    pub fn resources(&self) -> Result<Vec<Resource>, Error> {
        let mut resources = match self.form {
            Form::Classic => classic::resources(&self.root)?,
            Form::Separate => separate::resources(&self.root)?,
        };
        let local = object(&self.root.join(RESOURCE_LOCAL_PARAMETERS))?;
        for resource in &mut resources {
            let own = local.get(&resource.name).and_then(Value::as_object).cloned().unwrap_or_default();
            resource.local = match self.form {
                Form::Classic => classic::local_of_theirs(&resource.kind, own, &self.root),
                Form::Separate => own,
            };
        }
        Ok(resources)
    }

    /// One resource.
    pub fn resource(&self, name: &str) -> Result<Resource, Error> {
        let mut resources = self.resources()?;
        match resources.iter().position(|resource| resource.name == name) {
            Some(at) => Ok(resources.swap_remove(at)),
            None => Err(Error::NoResource {
                wanted: name.to_owned(),
                known: resources.into_iter().map(|resource| resource.name).collect(),
            }),
        }
    }

    /// Writes a resource down, with its local parameters; one of that name is replaced.
    pub fn put_resource(&self, changes: &mut Changes, resource: &Resource) -> Result<(), Error> {
        match self.form {
            Form::Classic => classic::put_resource(changes, &self.root, resource)?,
            Form::Separate => separate::put_resource(changes, resource),
        }
        self.put_local(changes, resource)
    }

    /// Writes down only what belongs to this copy of a resource.
    pub(crate) fn put_local(&self, changes: &mut Changes, resource: &Resource) -> Result<(), Error> {
        let local = match self.form {
            Form::Classic => classic::theirs_of_local(&resource.kind, resource.local.clone(), &self.root),
            Form::Separate => resource.local.clone(),
        };
        let value = Value::Object(local);
        edit(changes, RESOURCE_LOCAL_PARAMETERS, |all| set(all, &resource.name, Some(&value)))
    }

    /// A resource with all its parameters under the names that dws has for them.
    pub fn as_dws(&self, resource: &Resource) -> Map<String, Value> {
        classic::as_dws(resource, &self.root)
    }

    /// Removes a resource; snapshots keep what they hold of it.
    pub fn remove_resource(&self, changes: &mut Changes, name: &str) -> Result<(), Error> {
        match self.form {
            Form::Classic => classic::remove_resource(changes, name)?,
            Form::Separate => separate::remove_resource(changes, name),
        }
        edit(changes, RESOURCE_LOCAL_PARAMETERS, |all| set(all, name, None))
    }

    /// What a snapshot holds.
    pub fn manifest(&self, hash: &str) -> Result<Manifest, Error> {
        let manifest = match self.form {
            Form::Classic => classic::manifest(&self.root, hash)?,
            Form::Separate => separate::manifest(&self.root, hash)?,
        };
        manifest.ok_or_else(|| Error::NoSnapshot { wanted: hash.to_owned(), known: Vec::new() })
    }

    /// The hashes of all snapshots, sorted.
    pub fn snapshots(&self) -> Result<Vec<String>, Error> {
        match self.form {
            Form::Classic => classic::snapshots(&self.root),
            Form::Separate => separate::snapshots(&self.root),
        }
    }

    /// The takings, the newest first; only so many if that is said.
    pub fn takings(&self, limit: Option<usize>) -> Result<Vec<Taking>, Error> {
        match self.form {
            Form::Classic => classic::takings(&self.root, limit),
            Form::Separate => separate::takings(&self.root, limit),
        }
    }

    /// The takings of one snapshot, the newest first.
    pub fn takings_of(&self, hash: &str) -> Result<Vec<Taking>, Error> {
        match self.form {
            Form::Classic => classic::takings_of(&self.root, hash),
            Form::Separate => separate::takings_of(&self.root, hash),
        }
    }

    /// How many takings there are.
    pub fn count(&self) -> Result<u64, Error> {
        match self.form {
            Form::Classic => classic::count(&self.root),
            Form::Separate => separate::count(&self.root),
        }
    }

    /// Writes a snapshot down, and that it was taken. `resources` are those that are in it.
    pub(crate) fn put_snapshot(
        &self,
        changes: &mut Changes,
        manifest: &Manifest,
        resources: &[Resource],
        taking: &Taking,
    ) -> Result<(), Error> {
        match self.form {
            Form::Classic => classic::put_snapshot(changes, &self.root, manifest, resources, taking),
            Form::Separate => {
                separate::put_snapshot(changes, manifest, taking);
                Ok(())
            }
        }
    }

    /// Forgets a snapshot, its takings and its tags.
    pub(crate) fn remove_snapshot(&self, changes: &mut Changes, hash: &str) -> Result<(), Error> {
        match self.form {
            Form::Classic => classic::remove_snapshot(changes, &self.root, hash),
            Form::Separate => separate::remove_snapshot(changes, &self.root, hash),
        }
    }

    /// Lets a tag name a snapshot.
    pub(crate) fn put_tag(&self, changes: &mut Changes, tag: &str, hash: &str, author: &Author) -> Result<(), Error> {
        match self.form {
            Form::Classic => classic::edit_tags(changes, &self.root, hash, |tags| tags.push(tag.to_owned())),
            Form::Separate => {
                separate::put_tag(changes, tag, hash, author);
                Ok(())
            }
        }
    }

    /// Takes a tag from the snapshot that it names.
    pub(crate) fn remove_tag(&self, changes: &mut Changes, tag: &str, hash: &str) -> Result<(), Error> {
        match self.form {
            Form::Classic => classic::edit_tags(changes, &self.root, hash, |tags| tags.retain(|other| other != tag)),
            Form::Separate => {
                separate::remove_tag(changes, tag);
                Ok(())
            }
        }
    }

    /// The snapshot that each branch leads to.
    pub fn branches(&self) -> Result<BTreeMap<String, String>, Error> {
        let mut all = BTreeMap::new();
        for (name, path) in separate::named_files(&self.root.join(BRANCHES))? {
            if let Some(hash) = object(&path)?.get("snapshot").and_then(Value::as_str) {
                all.insert(name, hash.to_owned());
            }
        }
        Ok(all)
    }

    /// Lets a branch lead to a snapshot; `None` removes it.
    pub(crate) fn put_branch(changes: &mut Changes, name: &str, hash: Option<&str>, author: &Author) {
        let path = format!("{BRANCHES}/{}.json", names::file_stem(name));
        match hash {
            Some(hash) => {
                changes.write_json(&path, &json!({ "snapshot": hash, "time": author.time, "by": author.by }));
            }
            None => changes.remove(&path),
        }
    }

    /// The named contents of a resource.
    pub fn sets(&self, resource: &str) -> Result<BTreeMap<String, State>, Error> {
        let mut all = BTreeMap::new();
        for (name, path) in separate::named_files(&self.root.join(set_directory(resource)))? {
            let value = object(&path)?;
            let text = |key: &str| value.get(key).and_then(Value::as_str);
            let content = text("root").and_then(|root| root.parse().ok());
            let (hash, commit) = (text("hash").map(str::to_owned), text("commit").map(str::to_owned));
            all.insert(name, State { hash, content, commit });
        }
        Ok(all)
    }

    /// Gives a resource a named content.
    pub(crate) fn put_set(changes: &mut Changes, resource: &str, name: &str, state: &State, author: &Author) {
        let path = format!("{}/{}.json", set_directory(resource), names::file_stem(name));
        let value = json!({
            "hash": state.hash, "root": state.content.map(|root| root.to_string()), "commit": state.commit,
            "time": author.time, "by": author.by,
        });
        changes.write_json(&path, &value);
    }

    /// Which snapshot each tag names.
    pub fn tags(&self) -> Result<BTreeMap<String, String>, Error> {
        match self.form {
            Form::Classic => classic::tags(&self.root),
            Form::Separate => separate::tags(&self.root),
        }
    }

    /// The snapshot that a tag names.
    pub fn tagged(&self, tag: &str) -> Result<Option<String>, Error> {
        match self.form {
            Form::Classic => Ok(classic::tags(&self.root)?.remove(tag)),
            Form::Separate => separate::tagged(&self.root, tag),
        }
    }

    /// The snapshot that is meant: by a tag, or by at least seven digits of its hash.
    pub fn resolve(&self, wanted: &str) -> Result<String, Error> {
        const SHORTEST: usize = 7;
        if let Some(hash) = self.tagged(wanted)? {
            return Ok(hash);
        }
        let start = wanted.to_ascii_lowercase();
        if start.len() >= SHORTEST && start.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let mut found: Vec<String> =
                self.snapshots()?.into_iter().filter(|hash| hash.starts_with(&start)).collect();
            if found.len() > 1 {
                return Err(Error::Ambiguous { wanted: wanted.to_owned(), found });
            }
            if let Some(hash) = found.pop() {
                return Ok(hash);
            }
        }
        Err(Error::NoSnapshot { wanted: wanted.to_owned(), known: self.tags()?.into_keys().collect() })
    }

    /// Where a content is in the store, by the hash that resources have of it.
    pub fn content(&self, hash: &str) -> Result<Option<ObjectId>, Error> {
        let path = self.root.join(content_path(hash));
        let Some(value) = changes::read_json(&path)? else { return Ok(None) };
        let root = value["root"].as_str().and_then(|root| root.parse().ok());
        root.map(Some).ok_or_else(|| Error::Metadata { path, problem: "it names no object".to_owned() })
    }

    /// Writes down where a content is in the store.
    pub(crate) fn put_content(changes: &mut Changes, hash: &str, root: &ObjectId) {
        changes.write_json(&content_path(hash), &json!({ "root": root.to_string() }));
    }
}

/// Where the named contents of a resource are.
fn set_directory(resource: &str) -> String {
    format!(".dataworkspace/sets/{}", names::file_stem(resource))
}

/// The file that says where a content is.
fn content_path(hash: &str) -> String {
    let stem = names::file_stem(hash);
    format!("{CONTENTS}/{}/{stem}.json", stem.get(..2).unwrap_or("__"))
}

/// A file that is an object of JSON; empty when there is no file.
pub fn object(path: &Path) -> Result<Map<String, Value>, Error> {
    match changes::read_json(path)? {
        None => Ok(Map::new()),
        Some(Value::Object(object)) => Ok(object),
        Some(_) => Err(Error::Metadata { path: path.to_owned(), problem: "it is no JSON object".to_owned() }),
    }
}

/// Changes a file that is an object of JSON.
pub fn edit(changes: &mut Changes, path: &str, change: impl FnOnce(&mut Map<String, Value>)) -> Result<(), Error> {
    let mut all = match changes.read_json(path)? {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    };
    change(&mut all);
    changes.write_json(path, &Value::Object(all));
    Ok(())
}

/// Sets a key, or takes it away without disturbing the others.
pub fn set(all: &mut Map<String, Value>, name: &str, value: Option<&Value>) {
    match value {
        Some(value) => drop(all.insert(name.to_owned(), value.clone())),
        None => drop(all.shift_remove(name)),
    }
}
