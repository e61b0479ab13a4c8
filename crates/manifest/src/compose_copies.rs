//! Services of which a Compose file wants several containers: `scale`, or `deploy.replicas`.
//!
//! Each copy is a service of its own here, `NAME-2` and so on, beside the first, which has the name itself. In their networks all
//! are called by the name, so that who asks for it gets one or the other.

use source::{Entry, Tree};

use crate::compose_service::Conversion;
use crate::container::{Container, NetworkMode, Workload};
use crate::{Port, Service};

/// What says how many there are, if it is said.
pub(crate) fn count(service: &Tree) -> Option<&Tree> {
    service.get("scale").or_else(|| service.get("deploy")?.get("replicas"))
}

/// What stands for how many there are, if that is more than one.
pub(crate) fn several(service: &Tree) -> Option<(&Tree, i64)> {
    let tree = count(service)?;
    tree.as_integer().filter(|count| *count > 1).map(|count| (tree, count))
}

/// The names of the copies of a service beside the first.
pub(crate) fn names(name: &str, service: &Tree) -> impl Iterator<Item = String> {
    let count = several(service).map_or(1, |(_, count)| count);
    (2..=count).map(move |number| format!("{name}-{number}"))
}

/// The copies of a service, as they would stand in the file.
pub(crate) fn entries(service: &Entry) -> Vec<Entry> {
    names(&service.key, &service.value).map(|key| Entry { key, ..service.clone() }).collect()
}

impl Conversion<'_> {
    /// Makes the copies of a service that is converted; what only one of them could have is refused.
    pub(crate) fn copies(&mut self, entry: &Entry, service: &Service) -> Vec<Service> {
        let Some((count, _)) = several(&entry.value) else { return Vec::new() };
        let Workload::Container(container) = &service.run else { return Vec::new() };
        let fixed = container.ports.iter().map(|port| port.host).chain(service.port);
        if fixed.into_iter().any(|port| matches!(port, Port::Fixed(_))) {
            self.refuse(&count.place, format!("all copies of `{}` would have the same port outside", entry.key));
        }
        if container.name.is_some() {
            self.refuse(&count.place, format!("all copies of `{}` would have the same `container_name`", entry.key));
        }
        let copy = |name: String| {
            let mut container = container.clone();
            call(&mut container, &entry.key);
            Service { name, run: Workload::Container(container), ..service.clone() }
        };
        names(&entry.key, &entry.value).map(copy).collect()
    }

    /// Refuses several containers of what runs once.
    pub(crate) fn refuse_several(&mut self, tree: &Tree) {
        if let Some((count, _)) = several(tree) {
            self.refuse(&count.place, "what others wait for until it has ended runs once".to_owned());
        }
    }
}

/// Gives a container a further name in all its networks.
fn call(container: &mut Container, name: &str) {
    match &mut container.network {
        NetworkMode::Environment(connections) => {
            connections.entry("default".to_owned()).or_default().aliases.push(name.to_owned());
        }
        NetworkMode::Networks(connections) => {
            connections.values_mut().for_each(|connection| connection.aliases.push(name.to_owned()));
        }
        NetworkMode::Host | NetworkMode::None | NetworkMode::Service(_) => {}
    }
}
