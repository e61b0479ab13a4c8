//! The calls about the workspace, its resources and its snapshots.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};
use workspace::{ChangeKind, RestoreOptions, SnapshotOptions, Workspace};

use super::steps::no_call;
use super::{Answer, Api, Arguments, Refusal};
use crate::commands::data::outside::Outside;
use crate::commands::data::{self, DataJob, snapshot, status};
use crate::failure::Failure;
use crate::lineage_views;
use crate::recording::{self, DATABASE};

impl Api<'_> {
    pub(super) fn workspace_call(&mut self, call: &str, arguments: &Arguments<'_>) -> Answer {
        // Resources may have been added meanwhile.
        let catalogue = recording::catalogue(self.job, &self.recorder.catalogue().root.clone())?;
        self.recorder.set_catalogue(catalogue);
        match call {
            "resources" => Ok(self.resources()),
            "resource.path" => {
                let resource = self.recorder.catalogue().resource(arguments.needed("name")?)?;
                Ok(json!({ "path": resource.directory }))
            }
            "resource.list" => self.list(arguments),
            "workspace" => self.workspace(),
            "status" => self.status(),
            "diff" => {
                let (from, to) = (arguments.needed("from")?, arguments.text("to")?);
                self.with_data(|data| {
                    let compared = data::tell(workspace::diff(&data.context, &data.workspace, from, to))?;
                    let resources: Vec<Value> = compared
                        .differences
                        .iter()
                        .map(|one| {
                            let changes = one.changes.as_deref().map(status::changes_json);
                            json!({ "name": one.resource, "before": one.before, "after": one.after, "changes": changes })
                        })
                        .collect();
                    Ok(json!({ "from": compared.from, "to": compared.to, "resources": resources }))
                })
            }
            "results" => {
                let (tag, resource) = (arguments.text("tag")?, arguments.text("resource")?);
                self.with_data(|data| {
                    let all = data::tell(workspace::results(&data.workspace, tag, resource))?;
                    Ok(all.into_iter().next().map_or(Value::Null, |one| one.results))
                })
            }
            "restore" => {
                let (only, leave) = (arguments.texts("only")?, arguments.texts("leave")?);
                let (snapshot, strict) = (arguments.needed("tag")?, arguments.flag("strict")?);
                self.with_data(|data| {
                    let options = RestoreOptions { snapshot, only: &only, leave: &leave, strict };
                    let restored = data::tell(workspace::restore(&data.context, &data.workspace, &options))?;
                    let left: Vec<&String> = restored.left.iter().map(|(name, _)| name).collect();
                    Ok(json!({ "hash": restored.taking.snapshot, "restored": restored.restored, "left": left }))
                })
            }
            "history" => {
                let limit = arguments.number("limit")?.and_then(|limit| usize::try_from(limit).ok());
                self.with_data(|data| {
                    let mut takings = data::tell(data.workspace.metadata().takings(limit))?;
                    takings.sort_by(|one, other| (one.number, &one.time).cmp(&(other.number, &other.time)));
                    Ok(takings.iter().map(snapshot::taking_json).collect())
                })
            }
            "snapshot" => {
                let (tag, message) = (arguments.text("tag")?, arguments.text("message")?.unwrap_or_default());
                self.with_data(|data| {
                    let options = SnapshotOptions { tag, message };
                    let taken = data::tell(workspace::snapshot(&data.context, &data.workspace, &options))?;
                    let resources: Map<String, Value> =
                        taken.manifest.entries.iter().map(|entry| (entry.name.clone(), json!(entry.hash))).collect();
                    let mut document = snapshot::taking_json(&taken.taking);
                    document["tag"] = json!(tag);
                    document["resources"] = Value::Object(resources);
                    document["new"] = json!(!taken.known);
                    Ok(document)
                })
            }
            _ => Err(no_call(call)),
        }
    }

    /// Does something with the data workspace, or says that there is none.
    fn with_data(&self, work: impl FnOnce(&DataJob<'_>) -> Result<Value, Failure>) -> Answer {
        let outside = Outside { job: self.job };
        let workspace = data::tell(Workspace::find(&self.recorder.catalogue().root))?;
        let context = data::context(self.job, &outside);
        Ok(work(&DataJob { job: self.job, context, workspace })?)
    }

    fn status(&mut self) -> Answer {
        let stale = lineage_views::stale(&mut self.recorder)?;
        self.with_data(|data| {
            let status = data::tell(workspace::status(&data.context, &data.workspace))?;
            let resources: Vec<Value> = status
                .resources
                .iter()
                .map(|one| {
                    let changes = one.changes.as_deref().unwrap_or_default();
                    let paths = |kinds: &[ChangeKind]| -> Vec<&str> {
                        changes.iter().filter(|change| kinds.contains(&change.kind)).map(|change| &*change.path).collect()
                    };
                    json!({
                        "name": one.resource.name, "changed": one.is_changed, "new": one.is_new, "problem": one.now.as_ref().err(),
                        "added": paths(&[ChangeKind::Added]), "removed": paths(&[ChangeKind::Removed]),
                        "modified": paths(&[ChangeKind::Changed, ChangeKind::Mode])
                    })
                })
                .collect();
            let snapshot = status.since.map(|taking| taking.snapshot);
            Ok(json!({ "resources": resources, "removed": status.removed, "stale": stale, "snapshot": snapshot, "branch": status.branch }))
        })
    }

    fn workspace(&self) -> Answer {
        let catalogue = self.recorder.catalogue();
        let (name, directory) = (&catalogue.name, &catalogue.root);
        if workspace::find_root(directory).is_none() {
            return Ok(json!({ "name": name, "directory": directory, "form": null, "parameters": {} }));
        }
        self.with_data(|data| {
            let metadata = data.workspace.metadata();
            let mut parameters = data::tell(metadata.parameters())?;
            parameters.extend(data::tell(metadata.local_parameters())?);
            let form = metadata.form().as_str();
            Ok(json!({ "name": name, "directory": directory, "form": form, "parameters": parameters }))
        })
    }

    fn resources(&self) -> Value {
        let resources = self.recorder.catalogue().resources.iter();
        resources
            .map(|(name, resource)| {
                json!({
                    "name": name, "type": resource.kind, "role": resource.role, "path": resource.directory,
                    "export": resource.export, "imported": resource.imported
                })
            })
            .collect()
    }

    fn list(&self, arguments: &Arguments<'_>) -> Answer {
        let name = arguments.needed("name")?;
        let place = lineage::Place::new(name, arguments.text("path")?.unwrap_or_default());
        let resource = self.recorder.catalogue().resource(name)?;
        let Some(path) = self.recorder.catalogue().path_of(&place) else {
            let what = if resource.kind == DATABASE { "a database" } else { "no directory here" };
            return Err(Refusal::arguments(format!("'{name}' is {what}, and has no files to list")));
        };
        let listed = entries(&path).map_err(|error| Refusal {
            kind: "file-system".to_owned(),
            message: format!("cannot list {}: {error}", path.display()),
            help: None,
        })?;
        Ok(Value::Array(listed))
    }
}

fn entries(path: &Path) -> std::io::Result<Vec<Value>> {
    let mut listed = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let kind = if metadata.is_symlink() {
            "link"
        } else if metadata.is_dir() {
            "directory"
        } else {
            "file"
        };
        let name = entry.file_name().to_string_lossy().into_owned();
        listed.push((name.clone(), json!({ "name": name, "kind": kind, "bytes": metadata.len() })));
    }
    listed.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(listed.into_iter().map(|(_, entry)| entry).collect())
}
