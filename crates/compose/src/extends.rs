//! `extends`: a service that begins as another one, of the same file or of another.

use std::path::{Path, PathBuf};

use source::{Entry, Node, Place, Problem, Tree, closest};

use crate::format::SERVICE;
use crate::load::{Document, Loader, Model, services};
use crate::{Variables, edit, merge, reset};

/// A service and the file that it is in.
type Link = (PathBuf, String);

/// Where services are looked for.
struct Scope<'a> {
    path: &'a Path,
    /// What `file` is relative to.
    directory: &'a Path,
    variables: &'a Variables,
}

impl Loader {
    /// Puts what the services of a document extend below them.
    pub(crate) fn extend_services(&mut self, document: &mut Document, path: &Path, model: &Model<'_>) {
        let scope = Scope { path, directory: model.directory, variables: model.variables };
        let Some(all) = services(&mut document.entries) else { return };
        if all.iter().all(|service| service.value.get("extends").is_none()) {
            return;
        }
        let all = all.clone();
        let mut extended = Vec::new();
        for service in &all {
            let mut service = service.clone();
            if let Node::Map(entries) = service.value.node {
                let link = (path.to_owned(), service.key.clone());
                let resets = |entries: &mut Vec<Entry>| {
                    reset::apply_to_service(&document.resets, &service.key, entries);
                };
                let entries = self.extended_service(entries, &all, &scope, &mut vec![link], &resets);
                service.value.node = Node::Map(entries);
            }
            extended.push(service);
        }
        if let Some(all) = services(&mut document.entries) {
            *all = extended;
        }
    }

    /// Returns a service with what it extends below it. `all` are the services of its file, `chain` what led to it.
    fn extended_service(
        &mut self,
        mut service: Vec<Entry>,
        all: &[Entry],
        scope: &Scope<'_>,
        chain: &mut Vec<Link>,
        resets: &dyn Fn(&mut Vec<Entry>),
    ) -> Vec<Entry> {
        let Some(extends) = edit::remove(&mut service, "extends") else { return service };
        let Some(name) = extends.value.get("service").filter(|name| name.as_str().is_some()) else { return service };
        let base = match extends.value.get("file") {
            None => self.base(name, all, scope, chain),
            Some(file) => {
                let path = scope.directory.join(file.as_str().unwrap_or_default());
                self.base_of_file(name, &path, &file.place, scope, chain)
            }
        };
        match base {
            Some(mut base) => {
                resets(&mut base);
                merge::records(&SERVICE, base, service)
            }
            None => service,
        }
    }

    fn base(&mut self, name: &Tree, all: &[Entry], scope: &Scope<'_>, chain: &mut Vec<Link>) -> Option<Vec<Entry>> {
        let wanted = name.as_str()?;
        let Some(found) = all.iter().find(|entry| entry.key == wanted) else {
            self.problems.push(no_service(wanted, &name.place, all));
            return None;
        };
        let link = (scope.path.to_owned(), wanted.to_owned());
        if chain.contains(&link) {
            self.problems.push(circle(&link, chain, &name.place));
            return None;
        }
        let Node::Map(entries) = found.value.node.clone() else { return None };
        chain.push(link);
        let extended = self.extended_service(entries, all, scope, chain, &|_| {});
        chain.pop();
        Some(extended)
    }

    fn base_of_file(
        &mut self,
        name: &Tree,
        path: &Path,
        named: &Place,
        scope: &Scope<'_>,
        chain: &mut Vec<Link>,
    ) -> Option<Vec<Entry>> {
        let path = PathBuf::from(crate::normal::clean(path));
        let directory = path.parent().unwrap_or(Path::new("/")).to_owned();
        if !self.extended.contains_key(&path) {
            let documents = self.documents(&path, &directory, scope.variables, Some(named));
            self.extended.insert(path.clone(), documents.and_then(|documents| documents.into_iter().next()));
        }
        let mut document = self.extended.get(&path).cloned().flatten()?;
        let all = services(&mut document.entries).map(|all| all.clone()).unwrap_or_default();
        let inner = Scope { path: &path, directory: &directory, variables: scope.variables };
        self.base(name, &all, &inner, chain)
    }
}

fn no_service(name: &str, place: &Place, all: &[Entry]) -> Problem {
    let near = closest(name, all.iter().map(|entry| entry.key.as_str()));
    Problem::error("compose::unknown-service", format!("there is no service `{name}` to extend"))
        .at(place, "not a service of the file")
        .maybe_help(near.map(|near| format!("did you mean `{near}`?")))
}

fn circle(link: &Link, chain: &[Link], place: &Place) -> Problem {
    let begin = chain.iter().position(|known| known == link).unwrap_or(0);
    let mut names: Vec<_> = chain[begin..].iter().map(|(_, name)| format!("`{name}`")).collect();
    names.push(format!("`{}`", link.1));
    Problem::error("compose::circle", format!("services extend each other in a circle: {}", names.join(", ")))
        .at(place, "this closes it")
}
