//! What is at hand while a manifest is converted, and what is gathered on the way.

use indexmap::IndexMap;
use source::{Node, Place, Problem, Problems, Tree};

use crate::declared::Declared;
use crate::{FileReference, Reference, Template};

/// The state of one conversion. The grammar has been checked before: what is of the wrong kind is left out here without a
/// word.
pub(crate) struct Reading<'a> {
    pub(crate) declared: &'a Declared,
    /// Whether a profile was laid over the manifest.
    pub(crate) with_profile: bool,
    pub(crate) problems: Problems,
    /// Files that must exist.
    pub(crate) files: Vec<FileReference>,
    /// Files or directories that must exist.
    pub(crate) paths: Vec<FileReference>,
    /// References to exports of dependencies.
    pub(crate) foreign_exports: Vec<Reference>,
    /// Services of dependencies: the dependency's name, the service's, and where they stand.
    pub(crate) foreign_services: Vec<(String, String, Place)>,
    service: Option<String>,
    /// Whether what is read is handed to a process in a way that nobody else sees.
    may_be_secret: bool,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(declared: &'a Declared, with_profile: bool) -> Self {
        Self {
            declared,
            with_profile,
            problems: Problems::new(),
            files: Vec::new(),
            paths: Vec::new(),
            foreign_exports: Vec::new(),
            foreign_services: Vec::new(),
            service: None,
            may_be_secret: false,
        }
    }

    /// Reads inside of a service, where `${port}` means its own.
    pub(crate) fn inside_service<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        self.service = Some(name.to_owned());
        let value = read(self);
        self.service = None;
        value
    }

    /// Reads a template and checks its references.
    pub(crate) fn template(&mut self, tree: &Tree) -> Option<Template> {
        let text = match &tree.node {
            Node::String(text) => text.clone(),
            Node::Integer(number) => number.to_string(),
            Node::Bool(value) => value.to_string(),
            Node::Null | Node::Float(_) | Node::List(_) | Node::Map(_) => return None,
        };
        let template = Template::parse(&text, &tree.place, &mut self.problems)?;
        self.check_references(&template);
        Some(template)
    }

    /// Reads what is handed to a process in a way that nobody else sees, so that secrets may be in it.
    pub(crate) fn with_secrets<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        self.may_be_secret = true;
        let value = read(self);
        self.may_be_secret = false;
        value
    }

    /// Checks the references of a template.
    pub(crate) fn check_references(&mut self, template: &Template) {
        for reference in template.references() {
            if let ["config", key] = reference.path.iter().map(String::as_str).collect::<Vec<_>>().as_slice()
                && self.declared.secrets.iter().any(|secret| secret == key)
                && !self.may_be_secret
            {
                self.problems.push(
                    Problem::error("manifest::secret", format!("`{key}` is a secret, which others could see here"))
                        .at(&reference.place, "not a place for secrets")
                        .help("a secret is handed over by a variable in `env` of a service, task or schema step, or by a file of `files`"),
                );
                continue;
            }
            match self.declared.check(reference, self.service.as_deref()) {
                Some(problem) => self.problems.push(problem),
                None if reference.path[0] == "dependencies" => self.foreign_exports.push(reference.clone()),
                None => {}
            }
        }
    }

    /// Reads the environment variables of a process.
    pub(crate) fn env(&mut self, tree: Option<&Tree>) -> IndexMap<String, Template> {
        self.with_secrets(|reading| reading.texts(tree))
    }

    /// Reads a map of texts.
    pub(crate) fn texts(&mut self, tree: Option<&Tree>) -> IndexMap<String, Template> {
        let entries = tree.and_then(Tree::as_map).unwrap_or_default();
        entries.iter().filter_map(|entry| Some((entry.key.clone(), self.template(&entry.value)?))).collect()
    }
}
