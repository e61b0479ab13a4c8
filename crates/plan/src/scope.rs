//! What `${…}` stands for at one place of one manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use manifest::{
    ConfigFile, Container, NetworkMode, Part, Reference, SettingValue, Template, Workspace, WorkspaceId, WorkspaceTree,
};
use source::{Place, Problem, Problems};
use supervisor::UnitId;

use crate::resolve::Facts;
use crate::{DatabaseId, GATEWAY, WorkspaceModel, secret};

/// What the name of a lazy service's port has after it to be that of the port behind it.
pub const BEHIND: &str = " behind";

/// How a reference is written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As its value in this environment.
    Value,
    /// As its value, inside a regular expression that is to match it.
    Pattern,
    /// Places, ports and names of this environment stay names: what is left is the same in every environment.
    Symbol,
}

/// Resolves templates of one workspace, inside one of its services or outside of any.
#[derive(Clone)]
pub(crate) struct Scope<'a> {
    pub(crate) tree: &'a WorkspaceTree,
    pub(crate) facts: &'a Facts,
    workspace: WorkspaceId,
    service: Option<&'a str>,
    /// Whether what is written is read inside of a container that has a network of its own.
    in_network: bool,
    /// The exports that are being resolved, outermost first.
    trail: Vec<Export<'a>>,
}

#[derive(Clone)]
struct Export<'a> {
    workspace: WorkspaceId,
    name: &'a str,
    /// The reference that led to it; none led to the first.
    place: Option<&'a Place>,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(tree: &'a WorkspaceTree, facts: &'a Facts, workspace: WorkspaceId) -> Self {
        Self { tree, facts, workspace, service: None, in_network: false, trail: Vec::new() }
    }

    pub(crate) fn inside(&self, service: &'a str) -> Self {
        Self { service: Some(service), ..self.clone() }
    }

    /// The same, for what is read inside of a container that has a network of its own.
    pub(crate) fn in_network(&self) -> Self {
        Self { in_network: true, ..self.clone() }
    }

    pub(crate) fn workspace(&self) -> &'a Workspace {
        self.tree.workspace(self.workspace)
    }

    /// The name of the workspace.
    pub(crate) fn name(&self) -> &'a str {
        self.workspace().manifest.name.as_str()
    }

    /// The id of a task or a service of this workspace.
    pub(crate) fn unit(&self, name: &str) -> UnitId {
        UnitId::new(format!("{}/{name}", self.name()))
    }

    /// The id of a database of this workspace.
    pub(crate) fn database(&self, name: &str) -> DatabaseId {
        DatabaseId { workspace: self.name().to_owned(), name: name.to_owned() }
    }

    /// The template as text.
    pub(crate) fn text(&self, template: &'a Template, form: Form) -> Result<String, Problem> {
        let mut text = String::new();
        for part in template.parts() {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Reference(reference) if form == Form::Pattern => {
                    text.push_str(&regex::escape(&self.reference(reference, Form::Value)?));
                }
                Part::Reference(reference) => text.push_str(&self.reference(reference, form)?),
            }
        }
        Ok(text)
    }

    fn reference(&self, reference: &'a Reference, form: Form) -> Result<String, Problem> {
        let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
        let value = match path.as_slice() {
            ["config", key] => self.workspace().manifest.config.get(*key).map(|setting| match &setting.value {
                SettingValue::Secret(source) => secret::mark(self.name(), key, source),
                value => value.to_string(),
            }),
            ["dependencies", alias, export] => {
                let (scope, template) = self.follow(alias, export, &reference.place)?;
                return scope.text(template, form);
            }
            // No process can be given this character, so no literal looks like a name.
            _ if form == Form::Symbol => Some(format!("\0{}\0", path.join("."))),
            ["port"] => self.service.and_then(|service| self.own_port(service)).map(|port| port.to_string()),
            ["ports", name] => {
                let service = self.service.unwrap_or_default();
                self.further_port_inside(service, name).map(|port| port.to_string())
            }
            ["services", service, "ports", name] => self.further_port(service, name).map(|port| port.to_string()),
            ["services", service, property] => self
                .place_of(service)
                .map(|(host, port)| match *property {
                    "host" => host,
                    "port" => port.map(|port| port.to_string()).unwrap_or_default(),
                    _ => port.map(|port| format!("http://{host}:{port}")).unwrap_or_default(),
                })
                .filter(|value| !value.is_empty()),
            ["databases", name, property] => {
                let properties = self.facts.databases.get(&self.database(name));
                properties.and_then(|properties| self.of_database(properties, property))
            }
            ["files", name, _] => {
                self.workspace().manifest.files.get(*name).map(|file| self.path_of(name, file).display().to_string())
            }
            ["workspace", "root"] => Some(self.workspace().directory.display().to_string()),
            ["environment", "name"] => Some(self.facts.environment.clone()),
            ["environment", "directory"] => {
                self.facts.directories.get(self.name()).map(|directory| directory.display().to_string())
            }
            _ => None,
        };
        value.ok_or_else(|| {
            Problem::error("plan::no-value", format!("`${{{}}}` has no value here", path.join(".")))
                .at(&reference.place, "does not resolve in this profile")
        })
    }

    /// Whether no other workspace has a container of this name: then the name alone says which one is meant.
    pub(crate) fn is_only_container_of_its_name(&self, service: &str) -> bool {
        let all = self.tree.iter().filter_map(|(_, workspace)| workspace.manifest.services.get(service));
        all.filter(|service| service.run.container().is_some()).count() == 1
    }

    /// The port on which a service of this workspace listens: that of a container in a network is inside of it.
    fn port_inside(&self, service: &str) -> Option<u16> {
        let own = self.workspace().manifest.services.get(service)?.run.container();
        let is_inside = |container: &&Container| {
            self.facts.containers.has_networks && !matches!(container.network, NetworkMode::Host)
        };
        own.filter(is_inside).and_then(|container| container.port).or_else(|| self.port(service))
    }

    /// The port on which a service of this workspace listens, as it is told itself: a lazy one listens behind its port.
    fn own_port(&self, service: &str) -> Option<u16> {
        let is_process = self.workspace().manifest.services.get(service)?.run.container().is_none();
        let behind = self.port_behind(service).filter(|_| is_process);
        behind.or_else(|| self.port_inside(service))
    }

    /// A further port of a service of this workspace, by its name, for whoever reads this.
    fn further_port(&self, service: &str, name: &str) -> Option<u16> {
        let port = self.port(&format!("{service}:{name}"))?;
        if !self.in_network {
            return Some(port);
        }
        let container = self.workspace().manifest.services.get(service)?.run.container();
        match container.map(|container| &container.network) {
            Some(NetworkMode::Environment(_) | NetworkMode::Networks(_)) => self.further_port_inside(service, name),
            _ => Some(self.relayed(port)),
        }
    }

    /// The port on which a service listens that has a name: that of a container in a network is inside of it.
    fn further_port_inside(&self, service: &str, name: &str) -> Option<u16> {
        let container = self.workspace().manifest.services.get(service)?.run.container();
        let is_inside = |container: &&Container| {
            self.facts.containers.has_networks && !matches!(container.network, NetworkMode::Host)
        };
        let inside = container
            .filter(is_inside)
            .and_then(|container| container.ports.iter().find(|port| port.name == name).map(|port| port.container));
        inside.or_else(|| self.port(&format!("{service}:{name}")))
    }

    /// The port behind that of a lazy service.
    pub(crate) fn port_behind(&self, service: &str) -> Option<u16> {
        let id = UnitId::new(format!("{}{BEHIND}", self.unit(service)));
        self.facts.ports.get(&id).copied()
    }

    /// Where a service of this workspace is, for whoever reads this: host and port.
    fn place_of(&self, service: &str) -> Option<(String, Option<u16>)> {
        let port = self.port(service);
        if !self.in_network {
            return Some(("127.0.0.1".to_owned(), port));
        }
        let service_there = self.workspace().manifest.services.get(service)?;
        // One that sleeps is woken by who connects to its port on this machine.
        let container = service_there.run.container().filter(|_| service_there.lazy.is_none());
        match container.map(|container| &container.network) {
            Some(NetworkMode::Environment(_) | NetworkMode::Networks(_)) => {
                Some((format!("{service}.{}", self.name()), self.port_inside(service)))
            }
            _ => Some((GATEWAY.to_owned(), port.map(|port| self.relayed(port)))),
        }
    }

    /// The port at which a container reaches a port of this machine.
    fn relayed(&self, port: u16) -> u16 {
        self.facts.containers.relays.get(&port).copied().unwrap_or(port)
    }

    /// What a reference to a database gives: for a container, the way that leads from its network.
    fn of_database(&self, properties: &BTreeMap<String, String>, property: &str) -> Option<String> {
        let value = properties.get(property)?.clone();
        let port: Option<u16> = properties.get("port").and_then(|port| port.parse().ok());
        let Some(port) = port.filter(|_| self.in_network) else { return Some(value) };
        let (host, there) = (properties.get("host")?, self.relayed(port));
        Some(match property {
            "host" => GATEWAY.to_owned(),
            "port" => there.to_string(),
            "url" => value.replace(&format!("{host}:{port}"), &format!("{GATEWAY}:{there}")),
            _ => value,
        })
    }

    /// The port of a service of this workspace.
    pub(crate) fn port(&self, service: &str) -> Option<u16> {
        self.facts.ports.get(&self.unit(service)).copied()
    }

    /// Where a file that is made of a template lies.
    fn path_of(&self, name: &str, file: &ConfigFile) -> PathBuf {
        self.facts.config_files.join(self.name()).join(name).join(&file.file_name)
    }

    /// The files made of templates that these templates refer to, also through exports, each with its content.
    pub(crate) fn files(
        &self,
        templates: impl IntoIterator<Item = &'a Template>,
        form: Form,
    ) -> Result<BTreeMap<PathBuf, String>, Problem> {
        let mut files = BTreeMap::new();
        for reference in templates.into_iter().flat_map(Template::references) {
            match reference.path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                ["files", name, _] => {
                    if let Some(file) = self.workspace().manifest.files.get(*name) {
                        files.insert(self.path_of(name, file), self.text(&file.content, form)?);
                    }
                }
                ["dependencies", alias, export] => {
                    let (scope, template) = self.follow(alias, export, &reference.place)?;
                    files.extend(scope.files([template], form)?);
                }
                _ => {}
            }
        }
        Ok(files)
    }

    /// The template of a dependency's export, and the scope that it is resolved in.
    fn follow(&self, alias: &str, export: &str, place: &'a Place) -> Result<(Self, &'a Template), Problem> {
        let workspace = self.workspace().dependencies[alias];
        let exports = &self.tree.workspace(workspace).manifest.exports;
        let (name, export) = exports.get_key_value(export).expect("a tree without problems has what it refers to");
        let is_it = |export: &Export<'_>| export.workspace == workspace && export.name == name;
        if let Some(start) = self.trail.iter().position(is_it) {
            return Err(self.circle(&self.trail[start..], place));
        }
        let mut trail = self.trail.clone();
        trail.push(Export { workspace, name, place: Some(place) });
        Ok((Self { workspace, service: None, trail, ..*self }, &export.value))
    }

    /// Describes a circle of exports; the last of them refers to the first at `closing`.
    fn circle(&self, exports: &[Export<'a>], closing: &'a Place) -> Problem {
        let name = |export: &Export<'_>| {
            format!("{}.{}", self.tree.workspace(export.workspace).manifest.name.as_str(), export.name)
        };
        let places = exports[1..].iter().filter_map(|export| export.place).chain([closing]);
        let mut circle: Vec<(String, &Place)> = exports.iter().map(name).zip(places).collect();
        // The same circle is come upon from each of its exports: it is told as from the first by name.
        let first = (0..circle.len()).min_by_key(|index| &circle[*index].0).unwrap_or_default();
        circle.rotate_left(first);
        let names: Vec<&str> = circle.iter().chain(circle.first()).map(|(name, _)| name.as_str()).collect();
        let message = format!("exports refer to each other in a circle: {}", names.join(" → "));
        let mut problem = Problem::error("plan::export-circle", message);
        for ((from, place), to) in circle.iter().zip(&names[1..]) {
            problem = problem.at(place, format!("{from} refers to {to}"));
        }
        problem
    }

    /// The databases that these templates refer to, also through exports.
    pub(crate) fn uses(&self, templates: impl IntoIterator<Item = &'a Template>) -> BTreeSet<DatabaseId> {
        let mut databases = BTreeSet::new();
        for reference in templates.into_iter().flat_map(Template::references) {
            match reference.path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                ["databases", name, _] => {
                    databases.insert(self.database(name));
                }
                ["files", name, _] => {
                    let file = self.workspace().manifest.files.get(*name);
                    databases.extend(file.map(|file| self.uses([&file.content])).unwrap_or_default());
                }
                // A circle is reported by whoever asks for the text.
                ["dependencies", alias, export] => {
                    if let Ok((scope, template)) = self.follow(alias, export, &reference.place) {
                        databases.extend(scope.uses([template]));
                    }
                }
                _ => {}
            }
        }
        databases
    }

    /// This workspace with its exports.
    pub(crate) fn model(&self, problems: &mut Problems) -> WorkspaceModel {
        let manifest = &self.workspace().manifest;
        let mut exports = BTreeMap::new();
        for (name, export) in &manifest.exports {
            let trail = vec![Export { workspace: self.workspace, name, place: None }];
            match (Self { trail, ..self.clone() }).text(&export.value, Form::Value) {
                Ok(value) => {
                    problems.extend(other_kind(self.name(), name, export, &value));
                    exports.insert(name.clone(), value);
                }
                Err(problem) => problems.push(problem),
            }
        }
        WorkspaceModel { name: self.name().to_owned(), directory: self.workspace().directory.clone(), exports }
    }
}

/// What is wrong with an export that is not what it is declared to be.
fn other_kind(workspace: &str, name: &str, export: &manifest::Export, value: &str) -> Option<Problem> {
    let kind = export.kind.filter(|kind| !kind.fits(value))?;
    // A secret is not known yet, and must not be shown.
    if secret::has_secret(value) {
        return None;
    }
    let message = format!("the export `{name}` of {workspace} is no {}", kind.what().trim_start_matches("a "));
    let problem = Problem::error("plan::export-type", message).at(&export.place, format!("this is `{value}`"));
    Some(problem.help(format!("its `type` says that dependents get {}", kind.what())))
}
