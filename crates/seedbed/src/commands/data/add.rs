//! `seedbed add`

use std::path::Path;

use serde_json::{Map, Value, json};
use workspace::{AddOptions, Resource};

use super::{DataJob, failure};
use crate::commands::Outcome;
use crate::data_arguments::{AddCommand, ResourceArguments, SelectionArguments};
use crate::failure::Failure;

pub fn run(data: &DataJob<'_>, command: &AddCommand) -> Result<Outcome, Failure> {
    match command {
        AddCommand::LocalFiles(options) => {
            let mut parameters = selection(&options.selection);
            if options.no_content {
                parameters.insert("content".to_owned(), json!(false));
            }
            add(data, "local-files", &options.resource, Some(&options.path), parameters)
        }
        AddCommand::Git(options) => {
            let mut parameters = Map::new();
            if let Some(branch) = &options.branch {
                parameters.insert("branch".to_owned(), json!(branch));
            }
            if options.read_only {
                parameters.insert("read_only".to_owned(), json!(true));
            }
            add(data, "git", &options.resource, Some(&options.path), parameters)
        }
        AddCommand::GitReference(options) => {
            let mut parameters = Map::new();
            parameters.insert("url".to_owned(), json!(options.url));
            if let Some(revision) = &options.revision {
                parameters.insert("revision".to_owned(), json!(revision));
            }
            let path = options.path.clone().unwrap_or_else(|| last(&options.url).trim_end_matches(".git").into());
            add(data, "git-reference", &options.resource, Some(&path), parameters)
        }
        AddCommand::Rclone(options) => {
            let mut parameters = selection(&options.selection);
            let said = [("remote", &options.remote), ("master", &options.master), ("sync_mode", &options.sync_mode)];
            parameters.extend(said.into_iter().map(|(key, value)| (key.to_owned(), json!(value))));
            if let Some(config) = &options.config {
                parameters.insert("config".to_owned(), json!(data.job.directory()?.join(config)));
            }
            for (key, value) in
                [("size_only", options.size_only.then_some(true)), ("content", options.no_content.then_some(false))]
            {
                if let Some(value) = value {
                    parameters.insert(key.to_owned(), json!(value));
                }
            }
            let path = options.path.clone().unwrap_or_else(|| last(&options.remote).into());
            add(data, "rclone", &options.resource, Some(&path), parameters)
        }
        AddCommand::Http(options) => {
            let mut parameters = Map::new();
            parameters.insert("url".to_owned(), json!(options.url));
            if let Some(digest) = &options.digest {
                parameters.insert("digest".to_owned(), json!(digest));
            }
            let name = last(options.url.split(['?', '#']).next().unwrap_or_default());
            let path = options.path.clone().unwrap_or_else(|| name.split('.').next().unwrap_or(name).into());
            add(data, "http", &options.resource, Some(&path), parameters)
        }
        AddCommand::Database(options) => {
            let said = [("database", &options.database), ("environment", &options.owner)];
            let parameters = said.into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect();
            add(data, "database", &options.resource, None, parameters)
        }
        AddCommand::Api(options) => add(data, "api", &options.resource, None, Map::new()),
    }
}

/// The last part of an address.
fn last(address: &str) -> &str {
    address.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or(address)
}

fn selection(arguments: &SelectionArguments) -> Map<String, Value> {
    let lists = [("include", &arguments.include), ("exclude", &arguments.exclude)];
    let said = lists.into_iter().filter(|(_, globs)| !globs.is_empty());
    said.map(|(key, globs)| (key.to_owned(), json!(globs))).collect()
}

fn add(
    data: &DataJob<'_>,
    kind: &str,
    resource: &ResourceArguments,
    path: Option<&Path>,
    mut parameters: Map<String, Value>,
) -> Result<Outcome, Failure> {
    for (key, is_said) in [("export", resource.export), ("imported", resource.imported)] {
        if is_said {
            parameters.insert(key.to_owned(), json!(true));
        }
    }
    let path = path.map(|path| data.job.directory().map(|directory| directory.join(path))).transpose()?;
    let options =
        AddOptions { kind, role: resource.role, name: resource.name.as_deref(), path: path.as_deref(), parameters };
    let added = workspace::add(&data.context, &data.workspace, &options).map_err(|error| failure::of(&error))?;
    let Resource { name, kind, role, .. } = &added.resource;
    let mut text = format!("added {name} ({role}, {kind})\n");
    if added.ignored {
        text.push_str("git ignores its files from now on; its snapshots are in the store\n");
    }
    Ok(Outcome::of(text, json!({ "resource": resource_json(&added.resource) })))
}

/// A resource for programs.
pub fn resource_json(resource: &Resource) -> Value {
    let mut parameters = resource.parameters.clone();
    parameters.extend(resource.local.clone());
    json!({ "name": resource.name, "type": resource.kind, "role": resource.role.as_str(), "parameters": parameters })
}
