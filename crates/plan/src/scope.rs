//! What `${…}` stands for at one place of one manifest.

use std::collections::{BTreeMap, BTreeSet};

use manifest::{Part, Reference, Template, Workspace, WorkspaceId, WorkspaceTree};
use source::{Place, Problem, Problems};
use supervisor::UnitId;

use crate::resolve::Facts;
use crate::{DatabaseId, WorkspaceModel};

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
        Self { tree, facts, workspace, service: None, trail: Vec::new() }
    }

    pub(crate) fn inside(&self, service: &'a str) -> Self {
        Self { service: Some(service), ..self.clone() }
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
            ["config", key] => self.workspace().manifest.config.get(*key).map(ToString::to_string),
            ["dependencies", alias, export] => {
                let (scope, template) = self.export(alias, export);
                return match scope.enter(reference)? {
                    Some(scope) => scope.text(template, form),
                    None => Err(scope.circle(reference)),
                };
            }
            // No text of a manifest holds this character, so that no literal looks like a name.
            _ if form == Form::Symbol => Some(format!("\0{}\0", path.join("."))),
            ["port"] => self.service.and_then(|service| self.port(service)).map(|port| port.to_string()),
            ["services", _, "host"] => Some("127.0.0.1".to_owned()),
            ["services", service, "port"] => self.port(service).map(|port| port.to_string()),
            ["services", service, _] => self.port(service).map(|port| format!("http://127.0.0.1:{port}")),
            ["databases", name, property] => {
                let properties = self.facts.databases.get(&self.database(name));
                properties.and_then(|properties| properties.get(*property)).cloned()
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

    /// The port of a service of this workspace.
    pub(crate) fn port(&self, service: &str) -> Option<u16> {
        self.facts.ports.get(&self.unit(service)).copied()
    }
}
