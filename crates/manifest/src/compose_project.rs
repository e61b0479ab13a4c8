//! A Compose project that a manifest names.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use source::{Entry, Node, Problem, Problems, Tree};

use crate::compose_copies;
use crate::compose_service::Conversion;
use crate::import::Surroundings;
use crate::manifest::Manifest;
use crate::reading::Reading;
use crate::template::TemplateBuilder;
use crate::{Part, Template, format};

/// The names of Compose files beside which a file of changes is looked for, as Compose does.
pub(crate) const USUAL: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];
/// What stands in the texts of a project for a variable that the manifest gives: its number between these two.
const BEGIN: char = '\u{f0000}';
const END: char = '\u{f0001}';

/// A Compose project whose services are those of the workspace.
pub(crate) struct ComposeProject {
    project: compose::Project,
    /// The variables that the manifest gives.
    variables: Vec<Entry>,
    /// Services that are there more than once, each time but the first.
    copies: Vec<Entry>,
}

impl ComposeProject {
    /// Reads the project that the manifest names.
    pub(crate) fn read(named: &Tree, surroundings: &Surroundings<'_>, problems: &mut Problems) -> Option<Self> {
        let listed = |key: &str| -> Vec<&Tree> {
            let value = named.get(key);
            value
                .map(|value| value.as_list().map_or_else(|| vec![value], |list| list.iter().collect()))
                .unwrap_or_default()
        };
        let path = |tree: &Tree| tree.as_str().map(|path| surroundings.directory.join(path));
        let files = if named.as_map().is_some() { listed("files") } else { vec![named] };
        for file in &files {
            if let Err(problem) = surroundings.read(file.as_str()?, file) {
                problems.push(problem);
                return None;
            }
        }
        let mut paths: Vec<PathBuf> = files.iter().filter_map(|file| path(file)).collect();
        let first = paths.first()?;
        let directory = first.parent().unwrap_or(surroundings.directory).to_owned();
        if named.as_map().is_none() {
            paths.extend(changes_beside(first));
        }
        let variables = named.get("variables").and_then(Tree::as_map).unwrap_or_default().to_vec();
        let given: compose::Variables = variables
            .iter()
            .enumerate()
            .map(|(index, entry)| (entry.key.clone(), format!("{BEGIN}{index}{END}")))
            .collect();
        let texts = |key: &str| listed(key).iter().filter_map(|tree| tree.as_str().map(str::to_owned)).collect();
        let request = compose::Request {
            directory,
            files: paths,
            env_files: listed("env_file").into_iter().filter_map(path).collect(),
            profiles: texts("profiles"),
            name: named.get("name").and_then(Tree::as_str).map(str::to_owned),
            variables: given.or(surroundings.variables.clone()),
            shown_from: surroundings.shown_from.to_owned(),
        };
        let (project, found) = compose::load(&request);
        problems.extend(found);
        let project = project?;
        problems.extend(project.unsupported());
        for service in project.services().iter().filter(|service| !format::IMPORTED_NAME.matches(&service.key)) {
            problems.push(
                Problem::error("manifest::compose", format!("`{}` cannot be the name of a service here", service.key))
                    .at(&service.key_place, "not a name")
                    .help("a name has letters, digits, `_` and `-`, and at most 63 of them"),
            );
        }
        let keeps_running = |service: &&Entry| !is_awaited_to_end(&project, &service.key);
        let copies = project.services().iter().filter(keeps_running).flat_map(compose_copies::entries).collect();
        Some(Self { project, variables, copies })
    }

    /// Goes through the services that keep running, with whether they have a port.
    pub(crate) fn services(&self) -> impl Iterator<Item = (&Entry, bool)> {
        self.first_services().chain(&self.copies).map(|service| (service, has_port(&service.value)))
    }

    /// Those, each once.
    fn first_services(&self) -> impl Iterator<Item = &Entry> {
        let services = self.project.services().iter().filter(|service| !is_awaited_to_end(&self.project, &service.key));
        services.filter(|service| is_wanted(&service.value))
    }

    /// Goes through the services that run once: others wait until they have succeeded.
    pub(crate) fn tasks(&self) -> impl Iterator<Item = &Entry> {
        let services = self.project.services().iter().filter(|service| is_awaited_to_end(&self.project, &service.key));
        services.filter(|service| is_wanted(&service.value))
    }

    /// Adds the services to a manifest.
    pub(crate) fn add_to(self, manifest: &mut Manifest, reading: &mut Reading<'_>) {
        let given: Vec<Option<Template>> =
            self.variables.iter().map(|variable| reading.template(&variable.value)).collect();
        for entry in self.tasks() {
            let task = Conversion::new(&self.project, &given, &mut reading.problems).task(entry);
            manifest.tasks.extend(task.map(|task| (entry.key.clone(), task)));
        }
        for entry in self.first_services() {
            let mut conversion = Conversion::new(&self.project, &given, &mut reading.problems);
            let Some(service) = conversion.service(entry) else { continue };
            let copies = conversion.copies(entry, &service);
            let all = std::iter::once(service).chain(copies);
            manifest.services.extend(all.map(|service| (service.name.clone(), service)));
        }
    }
}

/// Whether others wait until a service has ended with success: it is a task here.
pub(crate) fn is_awaited_to_end(project: &compose::Project, name: &str) -> bool {
    is_awaited(project, name, "service_completed_successfully")
}

/// Whether others wait for a service with this condition.
pub(crate) fn is_awaited(project: &compose::Project, name: &str, condition: &str) -> bool {
    project.services().iter().any(|service| {
        let dependency = service.value.get("depends_on").and_then(|all| all.get(name));
        dependency.and_then(|dependency| dependency.get("condition")).and_then(Tree::as_str) == Some(condition)
    })
}

/// A file `docker-compose.override.yml` beside a usual one is laid over it.
fn changes_beside(file: &Path) -> Option<PathBuf> {
    let name = file.file_name()?.to_str().filter(|name| USUAL.contains(name))?;
    let stem = name.rsplit_once('.')?.0;
    let candidates = ["yaml", "yml"].map(|ending| file.with_file_name(format!("{stem}.override.{ending}")));
    candidates.into_iter().find(|candidate| candidate.is_file())
}

/// Whether a service is wanted at all: `scale: 0` says that it is not.
fn is_wanted(service: &Tree) -> bool {
    compose_copies::count(service).and_then(Tree::as_integer) != Some(0)
}

/// Whether a port of a service can be reached from outside.
fn has_port(service: &Tree) -> bool {
    let ports = service.get("ports").and_then(Tree::as_list).unwrap_or_default();
    ports.iter().any(|port| port.get("protocol").and_then(Tree::as_str) == Some("tcp"))
}

/// Makes a template of a text of a project: what stands for variables of the manifest is replaced by their templates.
pub(crate) fn template(text: &str, tree: &Tree, given: &[Option<Template>]) -> Template {
    let mut builder = TemplateBuilder::default();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        before.chars().for_each(|character| builder.push(character));
        let (number, after) = after.split_once(END).unwrap_or((after, ""));
        let template = number.parse::<usize>().ok().and_then(|number| given.get(number)?.as_ref());
        for part in template.map(Template::parts).unwrap_or_default() {
            match part {
                Part::Text(text) => text.chars().for_each(|character| builder.push(character)),
                Part::Reference(reference) => builder.push_reference(reference.clone()),
            }
        }
        rest = after;
    }
    rest.chars().for_each(|character| builder.push(character));
    builder.build(tree.place.clone())
}

/// Whether a text has something of the manifest in it.
pub(crate) fn has_variable(text: &str) -> bool {
    text.contains(BEGIN)
}

/// The texts of a map, in its order.
pub(crate) fn texts(tree: Option<&Tree>) -> IndexMap<String, String> {
    let entries = tree.and_then(Tree::as_map).unwrap_or_default();
    entries
        .iter()
        .filter(|entry| entry.value.node != Node::Null)
        .map(|entry| (entry.key.clone(), entry.value.as_str().unwrap_or_default().to_owned()))
        .collect()
}
