//! What a merged model means besides what it says: variables, defaults, profiles, names.

use std::path::{Path, PathBuf};

use source::{Entry, Node, Place, Problem, Tree};

use crate::load::Loader;
use crate::normal::{clean, string};
use crate::short::at_length;
use crate::{Variables, check, dotenv, edit};

/// Looks up the variables that stand without a value, and says where an image is built if that is not said.
pub(crate) fn resolve(entries: &mut [Entry], directory: &Path, variables: &Variables) {
    for service in edit::map(entries, "services").into_iter().flatten() {
        let Some(service) = edit::entries(&mut service.value) else { continue };
        for value in edit::map(service, "environment").into_iter().flatten() {
            if let (Node::Null, Some(found)) = (&value.value.node, variables.get(&value.key)) {
                value.value.node = string(found);
            }
        }
        let Some(tree) = edit::value(service, "build") else { continue };
        let place = tree.place.clone();
        let Some(build) = edit::entries(tree) else { continue };
        edit::set_if_missing(build, "context", string(clean(directory)), &place);
        if let Some(arguments) = edit::map(build, "args") {
            arguments.retain_mut(|argument| match (&argument.value.node, variables.get(&argument.key)) {
                (Node::Null, None) => false,
                (Node::Null, Some(found)) => {
                    argument.value.node = string(found);
                    true
                }
                _ => true,
            });
        }
    }
}

/// Makes a project of a model.
pub(crate) fn finish(
    mut entries: Vec<Entry>,
    name: &str,
    profiles: &[String],
    variables: &Variables,
    loader: &mut Loader,
) -> Vec<Entry> {
    edit::remove(&mut entries, "version");
    let inactive = take_inactive(&mut entries, profiles);
    for service in edit::map(&mut entries, "services").into_iter().flatten() {
        if let Some(service) = edit::entries(&mut service.value) {
            add_files_of_variables(service, variables, loader);
            add_files_of_labels(service, loader);
        }
        complete(service);
    }
    check::check(&entries, &inactive, &mut loader.problems);
    name_resources(&mut entries, name);
    match edit::value(&mut entries, "name") {
        Some(tree) => tree.node = string(name),
        None => {
            if let Some(place) = entries.first().map(|entry| entry.key_place.clone()) {
                entries.insert(0, crate::normal::entry("name", string(name), &place));
            }
        }
    }
    entries
}

/// Takes the services away of which no profile is active.
fn take_inactive(entries: &mut [Entry], profiles: &[String]) -> Vec<Entry> {
    let Some(services) = edit::map(entries, "services") else { return Vec::new() };
    let is_active = |service: &Entry| {
        let wanted = service.value.get("profiles").and_then(Tree::as_list).unwrap_or_default();
        let active = |wanted: &str| profiles.iter().any(|active| active == wanted || active == "*");
        wanted.is_empty() || wanted.iter().filter_map(Tree::as_str).any(active)
    };
    let (active, inactive) = std::mem::take(services).into_iter().partition(is_active);
    *services = active;
    inactive
}

/// Adds the variables of `env_file` to those of `environment`, which come first.
fn add_files_of_variables(service: &mut Vec<Entry>, variables: &Variables, loader: &mut Loader) {
    let Some(files) = edit::remove(service, "env_file") else { return };
    let mut found: Vec<Entry> = Vec::new();
    for file in files.value.as_list().unwrap_or_default() {
        let Some(path) = file.get("path") else { continue };
        let is_required = file.get("required").and_then(Tree::as_bool).unwrap_or(true);
        let Some(text) = path.as_str().filter(|text| is_required || Path::new(text).exists()) else { continue };
        let Some(read) = loader.read(Path::new(text), Some(&path.place)) else { continue };
        let own = texts(edit::get(service, "environment").and_then(Tree::as_map).unwrap_or_default());
        let outer = variables.clone().or(own).or(texts(&found));
        let read = match file.get("format") {
            Some(_) => dotenv::read_raw(&read, &mut loader.problems),
            None => dotenv::read_variables(&read, &outer, &mut loader.problems),
        };
        for (name, value) in read.iter() {
            edit::remove(&mut found, name);
            found.push(crate::normal::entry(name, string(value), &path.place));
        }
    }
    let environment = edit::map_or_new(service, "environment", &files.key_place);
    for entry in found {
        if edit::get(environment, &entry.key).is_none() {
            environment.push(entry);
        }
    }
}

fn texts(entries: &[Entry]) -> Variables {
    entries.iter().filter_map(|entry| Some((entry.key.as_str(), entry.value.as_str()?))).collect()
}

/// Adds the labels of `label_file` to those of `labels`, which come first.
fn add_files_of_labels(service: &mut Vec<Entry>, loader: &mut Loader) {
    let Some(files) = edit::remove(service, "label_file") else { return };
    let mut found = Variables::default();
    for path in files.value.as_list().unwrap_or_default() {
        let Some(read) = path.as_str().and_then(|text| loader.read(Path::new(text), Some(&path.place))) else {
            continue;
        };
        found = dotenv::read_variables(&read, &Variables::default(), &mut loader.problems).or(found);
    }
    let labels = edit::map_or_new(service, "labels", &files.key_place);
    for (name, value) in found.iter() {
        edit::set_if_missing(labels, name, string(value), &files.key_place);
    }
}

/// Adds to a service what it means without saying it.
fn complete(service: &mut Entry) {
    let place = service.key_place.clone();
    let Some(entries) = edit::entries(&mut service.value) else { return };
    let has_networks = edit::get(entries, "networks").and_then(Tree::as_map).is_some_and(|all| !all.is_empty());
    if !has_networks && edit::text(entries, "network_mode").is_none_or(str::is_empty) {
        edit::map_or_new(entries, "networks", &place).push(crate::normal::entry("default", Node::Null, &place));
    }
    if let Some(policy) = edit::value(entries, "pull_policy").filter(|policy| policy.as_str() == Some("if_not_present"))
    {
        policy.node = string("missing");
    }
    if let Some(build) = edit::map(entries, "build")
        && edit::get(build, "dockerfile_inline").is_none()
    {
        edit::set_if_missing(build, "dockerfile", string("Dockerfile"), &place);
    }
    for mount in edit::value(entries, "volumes").into_iter().flat_map(list) {
        if let Some(target) = edit::entries(mount).and_then(|mount| edit::value(mount, "target"))
            && let Some(text) = target.as_str()
        {
            target.node = string(clean_inside(text));
        }
    }
    for secret in edit::value(entries, "secrets").into_iter().flat_map(list) {
        let place = secret.place.clone();
        if let Some(secret) = edit::entries(secret) {
            let target = format!("/run/secrets/{}", edit::text(secret, "source").unwrap_or_default());
            edit::set_if_missing(secret, "target", string(target), &place);
        }
    }
    complete_dependencies(entries, &place);
}

/// Adds what a service depends on because of other keys.
fn complete_dependencies(service: &mut Vec<Entry>, place: &Place) {
    let mut implied: Vec<(String, bool)> = Vec::new();
    let listed = |key: &str| -> Vec<String> {
        let values = edit::get(service, key).and_then(Tree::as_list).unwrap_or_default();
        values.iter().filter_map(Tree::as_str).map(str::to_owned).collect()
    };
    let first = |text: &str| text.split(':').next().unwrap_or_default().to_owned();
    implied.extend(listed("links").iter().map(|link| (first(link), true)));
    for key in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
        let name = edit::text(service, key).and_then(|text| text.strip_prefix("service:"));
        implied.extend(name.map(|name| (name.to_owned(), true)));
    }
    let volumes = listed("volumes_from");
    let volumes = volumes.iter().filter(|from| !from.starts_with("container:"));
    implied.extend(volumes.map(|from| (first(from), false)));
    if !implied.is_empty() {
        let dependencies = edit::map_or_new(service, "depends_on", place);
        for (name, restart) in implied {
            if edit::get(dependencies, &name).is_some() {
                continue;
            }
            let tree = Tree { node: Node::Null, place: place.clone() };
            let mut value = vec![("condition", string("service_started")), ("required", Node::Bool(true))];
            if restart {
                value.push(("restart", Node::Bool(true)));
            }
            let value = at_length(&tree, value);
            dependencies.push(Entry { key: name, key_place: place.clone(), value });
        }
    }
    for dependency in edit::map(service, "depends_on").into_iter().flatten() {
        let place = dependency.key_place.clone();
        if let Some(dependency) = edit::entries(&mut dependency.value) {
            edit::set_if_missing(dependency, "required", Node::Bool(true), &place);
        }
    }
}

/// Names networks, volumes, secrets and configs as the engine knows them, and leaves out those that nobody uses.
fn name_resources(entries: &mut Vec<Entry>, name: &str) {
    let used = check::used(entries);
    if let (true, Some(place)) = (used.has("networks", "default"), entries.first().map(|entry| entry.key_place.clone()))
    {
        let networks = edit::map_or_new(entries, "networks", &place);
        edit::set_if_missing(networks, "default", Node::Null, &place);
    }
    for kind in ["networks", "volumes", "secrets", "configs"] {
        let Some(resources) = edit::map(entries, kind) else { continue };
        resources.retain(|resource| used.has(kind, &resource.key));
        for resource in resources {
            if resource.value.is_null() {
                resource.value.node = Node::Map(Vec::new());
            }
            let place = resource.key_place.clone();
            let Some(entries) = edit::entries(&mut resource.value) else { continue };
            let external = edit::get(entries, "external").cloned();
            let own = external.as_ref().and_then(|external| external.get("name")).cloned();
            if let Some(own) = own {
                edit::set_if_missing(entries, "name", own.node, &place);
                edit::value(entries, "external").expect("it is there").node = Node::Bool(true);
            }
            let is_external = edit::get(entries, "external").and_then(Tree::as_bool) == Some(true);
            let full = if is_external { resource.key.clone() } else { format!("{name}_{}", resource.key) };
            edit::set_if_missing(entries, "name", string(full), &place);
        }
    }
}

fn list(tree: &mut Tree) -> &mut [Tree] {
    if let Node::List(values) = &mut tree.node { values } else { &mut [] }
}

/// Cleans a path inside a container.
fn clean_inside(path: &str) -> String {
    clean(&PathBuf::from(path))
}

/// Makes the problem of something that is named and is not there.
pub(crate) fn unknown(kind: &str, name: &str, place: &Place, near: Option<&str>) -> Problem {
    Problem::error("compose::unknown-name", format!("there is no {kind} `{name}`"))
        .at(place, format!("not a {kind} of the project"))
        .maybe_help(near.map(|near| format!("did you mean `{near}`?")))
}
