//! What was found, what is left to people, and the manifest that comes of it.

use std::path::Path;

use crate::directory::Directory;
use crate::text;

/// A first manifest, and what it was made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sketch {
    /// The name of the workspace.
    pub name: String,
    /// What was found: a file, and what was made of it.
    pub found: Vec<(String, String)>,
    /// What people have to decide, or to look at.
    pub left: Vec<String>,
    /// Keys of the manifest that take services from a file of another format, with the file.
    pub imports: Vec<(String, String)>,
    /// Tasks.
    pub tasks: Vec<Thing>,
    /// Databases.
    pub databases: Vec<Thing>,
    /// Services.
    pub services: Vec<Thing>,
    /// Names of services that come from a file of another format.
    pub(crate) taken: Vec<String>,
    /// Whether the files say already how the program of this project is run.
    pub(crate) has_program: bool,
}

/// A task, a database or a service: its name, and its keys with their values as they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    /// Its name.
    pub name: String,
    /// Its keys; values are YAML.
    pub keys: Vec<(String, String)>,
}

impl Thing {
    pub(crate) fn new(name: &str, keys: &[(&str, &str)]) -> Self {
        let keys = keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Self { name: name.to_owned(), keys }
    }
}

impl Sketch {
    pub(crate) fn new(root: &Path) -> Self {
        let name = root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Self { name: text::name(&name), ..Self::default() }
    }

    pub(crate) fn found(&mut self, file: &str, what: impl Into<String>) {
        self.found.push((file.to_owned(), what.into()));
    }

    pub(crate) fn leave(&mut self, what: impl Into<String>) {
        self.left.push(what.into());
    }

    /// A name for a service that no other one has.
    pub(crate) fn service_name(&self, wishes: &[&str]) -> String {
        let own = self.services.iter().map(|service| &service.name).chain(&self.taken).collect::<Vec<_>>();
        let is_free = |name: &&&str| own.iter().all(|known| known != *name);
        wishes
            .iter()
            .find(is_free)
            .map_or_else(|| format!("own-{}", self.services.len() + 1), |name| (*name).to_owned())
    }

    /// A name for a task that nothing else has.
    pub(crate) fn task_name(&self, wish: &str, other: &str) -> String {
        let known = self.tasks.iter().map(|task| &task.name).chain(&self.taken);
        let is_taken = known.into_iter().any(|name| name == wish);
        if is_taken { other.to_owned() } else { wish.to_owned() }
    }

    pub(crate) fn finish(&mut self, directory: &Directory) {
        if directory.has(".env") && !self.services.is_empty() {
            self.leave(".env: its variables are not read; those that a service needs belong into its `env`, and secrets into `config`");
        }
        if self.services.is_empty() && self.imports.is_empty() {
            self.leave("which programs are run: `services` of seedbed.yaml says it");
        }
    }

    /// The text of the manifest.
    #[must_use]
    pub fn manifest(&self) -> String {
        text::manifest(self)
    }
}
