//! What the parts of a project must be to each other.

use std::collections::BTreeSet;

use source::{Entry, Node, Place, Problem, Problems, Tree, closest};

use crate::edit;
use crate::finish::unknown;

/// Checks a merged model, of which some services are not active.
pub(crate) fn check(entries: &[Entry], inactive: &[Entry], problems: &mut Problems) {
    let services = edit::get(entries, "services").and_then(Tree::as_map).unwrap_or_default();
    for service in services {
        check_service(service, problems);
        for dependency in service.value.get("depends_on").and_then(Tree::as_map).unwrap_or_default() {
            check_dependency(dependency, services, inactive, problems);
        }
    }
    for (kind, what) in [("networks", "network"), ("volumes", "volume"), ("secrets", "secret"), ("configs", "config")] {
        let declared = edit::get(entries, kind).and_then(Tree::as_map).unwrap_or_default();
        for (name, place) in names_of(kind, services) {
            if declared.iter().all(|entry| entry.key != name) && !(kind == "networks" && name == "default") {
                let near = closest(&name, declared.iter().map(|entry| entry.key.as_str()));
                problems.push(
                    unknown(what, &name, &place, near)
                        .maybe_help(near.is_none().then(|| format!("declare it: `{kind}: {{ {name}: {{}} }}`"))),
                );
            }
        }
        if matches!(kind, "secrets" | "configs") {
            for entry in declared {
                check_source(what, entry, problems);
            }
        }
    }
    check_circles(services, problems);
}

fn check_service(service: &Entry, problems: &mut Problems) {
    let (name, value) = (&service.key, &service.value);
    let mut invalid = |place: &Place, message: String, text: &str| {
        problems.push(Problem::error("compose::invalid", message).at(place, text));
    };
    if ["image", "build", "provider"].iter().all(|key| value.get(key).is_none()) {
        invalid(&service.key_place, format!("the service `{name}` has neither `image` nor `build`"), "this service");
    }
    let networks =
        value.entry("networks").filter(|networks| networks.value.as_map().is_some_and(|all| !all.is_empty()));
    if let (Some(mode), Some(networks)) = (value.entry("network_mode"), networks)
        && mode.value.as_str().is_some_and(|mode| !mode.is_empty())
    {
        let message = "`network_mode` and `networks` exclude each other".to_owned();
        invalid(&networks.key_place, message, "only one of them");
    }
    let limit = |part: &str, key: &str| value.get("deploy")?.get("resources")?.get(part)?.entry(key);
    for (own, part, key) in [
        ("mem_limit", "limits", "memory"),
        ("cpus", "limits", "cpus"),
        ("pids_limit", "limits", "pids"),
        ("mem_reservation", "reservations", "memory"),
    ] {
        if let (Some(own), Some(deployed)) = (value.entry(own), limit(part, key))
            && number(&own.value) != number(&deployed.value)
        {
            let message = format!("`{}` and `deploy.resources.{part}.{key}` say different things", own.key);
            invalid(&own.key_place, message, "one of them is enough");
        }
    }
    let replicas = value.get("deploy").and_then(|deploy| deploy.entry("replicas"));
    if let (Some(scale), Some(replicas)) = (value.entry("scale"), replicas)
        && scale.value.node != replicas.value.node
    {
        invalid(&scale.key_place, "`scale` and `deploy.replicas` say different things".to_owned(), "one is enough");
    }
    let mut targets: Vec<&str> = Vec::new();
    let tmpfs = value.get("tmpfs").and_then(Tree::as_list).unwrap_or_default();
    let mounts = value.get("volumes").and_then(Tree::as_list).unwrap_or_default();
    for (tree, target) in tmpfs
        .iter()
        .map(|tree| (tree, tree.as_str().map(|text| text.split(':').next().unwrap_or_default())))
        .chain(mounts.iter().map(|mount| (mount, mount.get("target").and_then(Tree::as_str))))
    {
        let Some(target) = target else {
            invalid(&tree.place, "a volume of a service has a `target`".to_owned(), "where in the container?");
            continue;
        };
        if targets.contains(&target) {
            invalid(&tree.place, format!("two things are mounted at `{target}`"), "this is the second");
        }
        targets.push(target);
    }
}

fn number(tree: &Tree) -> Option<f64> {
    match &tree.node {
        #[expect(clippy::cast_precision_loss, reason = "only compared")]
        Node::Integer(number) => Some(*number as f64),
        Node::Float(number) => Some(*number),
        Node::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn check_dependency(dependency: &Entry, services: &[Entry], inactive: &[Entry], problems: &mut Problems) {
    let name = &dependency.key;
    let is_required = dependency.value.get("required").and_then(Tree::as_bool).unwrap_or(true);
    if services.iter().any(|service| service.key == *name) || !is_required {
        return;
    }
    let near = closest(name, services.iter().map(|service| service.key.as_str()));
    let problem = unknown("service", name, &dependency.key_place, near);
    problems.push(match inactive.iter().find(|service| service.key == *name) {
        Some(service) => {
            let profiles = service.value.get("profiles").and_then(Tree::as_list).unwrap_or_default();
            let profiles: Vec<_> = profiles.iter().filter_map(Tree::as_str).collect();
            Problem::error("compose::inactive", format!("the service `{name}` is waited for, and is not active"))
                .at(&dependency.key_place, "it is waited for here")
                .at(&service.key_place, "none of its profiles is active")
                .help(format!("activate one of {}, or say `required: false` here", profiles.join(", ")))
        }
        None => problem,
    });
}

/// A secret or config comes from one place.
fn check_source(what: &str, entry: &Entry, problems: &mut Problems) {
    let sources = ["file", "environment", "content", "external", "driver"];
    let said: Vec<_> = sources.iter().filter_map(|key| entry.value.entry(key)).collect();
    match said.as_slice() {
        [] => problems.push(
            Problem::error("compose::invalid", format!("the {what} `{}` comes from nowhere", entry.key))
                .at(&entry.key_place, "give it a `file`, or `environment`"),
        ),
        [_, second, ..] if second.key != "driver" && second.key != "external" => problems.push(
            Problem::error("compose::invalid", format!("the {what} `{}` comes from two places", entry.key))
                .at(&second.key_place, "only one of them"),
        ),
        _ => {}
    }
}

/// Services that wait for each other would wait forever.
fn check_circles(services: &[Entry], problems: &mut Problems) {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for service in services {
        let mut path: Vec<&str> = Vec::new();
        visit(&service.key, services, &mut path, &mut done, problems);
    }
}

fn visit<'t>(
    name: &'t str,
    services: &'t [Entry],
    path: &mut Vec<&'t str>,
    done: &mut BTreeSet<&'t str>,
    problems: &mut Problems,
) {
    let Some(service) = services.iter().find(|service| service.key == name) else { return };
    if done.contains(name) {
        return;
    }
    path.push(name);
    for dependency in service.value.get("depends_on").and_then(Tree::as_map).unwrap_or_default() {
        if let Some(begin) = path.iter().position(|known| *known == dependency.key) {
            let mut names: Vec<_> = path[begin..].iter().map(|name| format!("`{name}`")).collect();
            names.push(format!("`{}`", dependency.key));
            let message = format!("services wait for each other in a circle: {}", names.join(", "));
            problems.push(Problem::error("compose::circle", message).at(&dependency.key_place, "this closes it"));
        } else {
            visit(&dependency.key, services, path, done, problems);
        }
    }
    path.pop();
    done.insert(name);
}

/// The names of networks, volumes, secrets and configs that services use.
pub(crate) struct Used(BTreeSet<(&'static str, String)>);

impl Used {
    /// Says whether one is used.
    pub(crate) fn has(&self, kind: &str, name: &str) -> bool {
        self.0.iter().any(|(known, used)| *known == kind && used == name)
    }
}

/// Finds what services use.
pub(crate) fn used(entries: &[Entry]) -> Used {
    let services = edit::get(entries, "services").and_then(Tree::as_map).unwrap_or_default();
    let kinds = ["networks", "volumes", "secrets", "configs"];
    let names =
        kinds.into_iter().flat_map(|kind| names_of(kind, services).into_iter().map(move |(name, _)| (kind, name)));
    Used(names.collect())
}

/// Returns what services use of one kind, with where it is named.
fn names_of(kind: &str, services: &[Entry]) -> Vec<(String, Place)> {
    let mut names = Vec::new();
    for service in services {
        let value = service.value.get(kind);
        match kind {
            "networks" => {
                let networks = value.and_then(Tree::as_map).unwrap_or_default();
                names.extend(networks.iter().map(|entry| (entry.key.clone(), entry.key_place.clone())));
            }
            "volumes" => {
                let mounts = value.and_then(Tree::as_list).unwrap_or_default();
                let volumes = mounts.iter().filter(|mount| mount.get("type").and_then(Tree::as_str) == Some("volume"));
                names.extend(volumes.filter_map(source_of));
            }
            _ => {
                names.extend(value.and_then(Tree::as_list).unwrap_or_default().iter().filter_map(source_of));
                if kind == "secrets" {
                    let build = service.value.get("build").and_then(|build| build.get("secrets"));
                    names.extend(build.and_then(Tree::as_list).unwrap_or_default().iter().filter_map(source_of));
                }
            }
        }
    }
    names
}

fn source_of(tree: &Tree) -> Option<(String, Place)> {
    let source = tree.get("source")?;
    Some((source.as_str().filter(|name| !name.is_empty())?.to_owned(), source.place.clone()))
}
