//! What `${…}` stands for at one place of one manifest.

use std::cell::RefCell;
use std::collections::BTreeSet;

use manifest::{Part, Reference, Template, WorkspaceId, WorkspaceTree};
use source::Problem;
use supervisor::UnitId;

use crate::resolve::Facts;
use crate::{DatabaseId, WorkspaceModel};

/// How a reference is written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As its value in this environment.
    Value,
    /// Places, ports and names of this environment stay `${…}`: what is left is the same in every environment.
    Symbol,
}

/// Resolves templates of one workspace, inside one of its services or outside of any.
pub(crate) struct Scope<'a> {
    pub(crate) tree: &'a WorkspaceTree,
    pub(crate) facts: &'a Facts,
    pub(crate) workspace: WorkspaceId,
    pub(crate) service: Option<&'a str>,
    /// Exports that are being resolved, outermost first.
    path: RefCell<Vec<(WorkspaceId, String)>>,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(tree: &'a WorkspaceTree, facts: &'a Facts, workspace: WorkspaceId) -> Self {
        Self { tree, facts, workspace, service: None, path: RefCell::default() }
    }

    pub(crate) fn inside(&self, service: &'a str) -> Self {
        Self { service: Some(service), ..Self::new(self.tree, self.facts, self.workspace) }
    }

    /// The template as text.
    pub(crate) fn text(&self, template: &Template, form: Form) -> Result<String, Problem> {
        let mut text = String::new();
        for part in template.parts() {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Reference(reference) => text.push_str(&self.reference(reference, form)?),
            }
        }
        Ok(text)
    }

    fn reference(&self, reference: &Reference, form: Form) -> Result<String, Problem> {
        let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
        let manifest = &self.tree.workspace(self.workspace).manifest;
        let workspace = manifest.name.as_str();
        let symbol = || format!("${{{}}}", path.join("."));
        let value = match path.as_slice() {
            ["config", key] => return Ok(manifest.config.get(*key).map(ToString::to_string).unwrap_or_default()),
            ["dependencies", alias, export] => return self.export(alias, export, reference, form),
            _ if form == Form::Symbol => return Ok(symbol()),
            ["port"] => self.service.and_then(|service| self.port(workspace, service)).map(|port| port.to_string()),
            ["services", service, property] => self.port(workspace, service).map(|port| match *property {
                "host" => "127.0.0.1".to_owned(),
                "port" => port.to_string(),
                _ => format!("http://127.0.0.1:{port}"),
            }),
            ["databases", name, property] => {
                let id = DatabaseId { workspace: workspace.to_owned(), name: (*name).to_owned() };
                self.facts.databases.get(&id).and_then(|properties| properties.get(*property)).cloned()
            }
            ["workspace", "root"] => Some(self.tree.workspace(self.workspace).directory.display().to_string()),
            ["environment", "name"] => Some(self.facts.environment.clone()),
            ["environment", "directory"] => {
                self.facts.directories.get(workspace).map(|directory| directory.display().to_string())
            }
            _ => None,
        };
        value.ok_or_else(|| {
            Problem::error("plan::no-value", format!("`{}` has no value here", symbol()))
                .at(&reference.place, "does not resolve in this profile")
        })
    }

    fn port(&self, workspace: &str, service: &str) -> Option<u16> {
        self.facts.ports.get(&UnitId::new(format!("{workspace}/{service}"))).copied()
    }

    fn export(&self, alias: &str, export: &str, reference: &Reference, form: Form) -> Result<String, Problem> {
        let target = self.tree.workspace(self.workspace).dependencies[alias];
        let dependency = self.tree.workspace(target);
        let here = (target, export.to_owned());
        if self.path.borrow().contains(&here) {
            let mut names: Vec<String> = self
                .path
                .borrow()
                .iter()
                .skip_while(|step| **step != here)
                .map(|(id, name)| format!("{}.{name}", self.tree.workspace(*id).manifest.name.as_str()))
                .collect();
            names.push(names[0].clone());
            return Err(Problem::error("plan::export-circle", format!("exports form a circle: {}", names.join(" → ")))
                .at(&reference.place, "closes the circle"));
        }
        let scope = Scope::new(self.tree, self.facts, target);
        scope.path.borrow_mut().extend(self.path.borrow().iter().cloned());
        scope.path.borrow_mut().push(here);
        scope.text(&dependency.manifest.exports[export], form)
    }

    /// The databases of this workspace that these templates refer to.
    pub(crate) fn uses<'t>(&self, templates: impl IntoIterator<Item = &'t Template>) -> BTreeSet<DatabaseId> {
        let workspace = self.tree.workspace(self.workspace).manifest.name.as_str();
        let references = templates.into_iter().flat_map(Template::parts).filter_map(|part| match part {
            Part::Reference(reference) => Some(reference),
            Part::Text(_) => None,
        });
        references
            .filter(|reference| reference.path.first().is_some_and(|first| first == "databases"))
            .map(|reference| DatabaseId { workspace: workspace.to_owned(), name: reference.path[1].clone() })
            .collect()
    }

    /// This workspace with its exports and settings.
    pub(crate) fn model(&self) -> Result<WorkspaceModel, Problem> {
        let workspace = self.tree.workspace(self.workspace);
        let mut exports = std::collections::BTreeMap::new();
        for (name, template) in &workspace.manifest.exports {
            self.path.borrow_mut().push((self.workspace, name.clone()));
            exports.insert(name.clone(), self.text(template, Form::Value)?);
            self.path.borrow_mut().pop();
        }
        Ok(WorkspaceModel {
            name: workspace.manifest.name.to_string(),
            directory: workspace.directory.clone(),
            exports,
            config: workspace.manifest.config.iter().map(|(key, value)| (key.clone(), value.to_string())).collect(),
        })
    }
}
