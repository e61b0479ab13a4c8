//! The names that a manifest declares, and whether a reference names one of them.

use indexmap::IndexMap;
use source::{Node, Problem, Tree, closest};

use crate::{Engine, Reference};

/// The names that a manifest declares, also of things that could not be read: a mistake in a service is no reason to say
/// that there is no such service.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    /// By name, whether it has a port.
    pub(crate) services: IndexMap<String, bool>,
    /// By name of a service, the names of its further ports; those of other files are not known here.
    pub(crate) ports: IndexMap<String, Vec<String>>,
    pub(crate) tasks: Vec<String>,
    /// By name, the engine if it is known.
    pub(crate) databases: IndexMap<String, Option<Engine>>,
    pub(crate) dependencies: Vec<String>,
    pub(crate) config: Vec<String>,
    /// Those settings that are secrets.
    pub(crate) secrets: Vec<String>,
    pub(crate) files: Vec<String>,
    pub(crate) remotes: Vec<String>,
    pub(crate) exports: Vec<String>,
}

const FIRST_WORDS: [&str; 9] =
    ["port", "ports", "services", "databases", "dependencies", "config", "files", "workspace", "environment"];
const OF_SERVICE: [&str; 3] = ["port", "host", "url"];
const OF_DATABASE: [&str; 8] = ["url", "name", "path", "host", "port", "user", "password", "number"];
const OF_SERVER: [&str; 4] = ["host", "port", "user", "password"];

impl Declared {
    pub(crate) fn of(tree: &Tree) -> Self {
        let entries = |key: &str| tree.get(key).and_then(Tree::as_map).unwrap_or_default();
        let names = |key: &str| entries(key).iter().map(|entry| entry.key.clone()).collect();
        let has_port = |service: &Tree| service.get("port").is_some_and(|port| port.node != Node::Null);
        let engine = |database: &Tree| database.get("engine").and_then(Tree::as_str).and_then(Engine::from_word);
        Self {
            services: entries("services").iter().map(|entry| (entry.key.clone(), has_port(&entry.value))).collect(),
            ports: entries("services").iter().map(|entry| (entry.key.clone(), further_ports(&entry.value))).collect(),
            tasks: names("tasks"),
            databases: entries("databases").iter().map(|entry| (entry.key.clone(), engine(&entry.value))).collect(),
            dependencies: names("dependencies"),
            config: names("config"),
            secrets: secrets(entries("config")),
            files: names("files"),
            remotes: names("remotes"),
            exports: names("exports"),
        }
    }

    /// Finds out why a reference does not resolve; `service` is the one that it stands in. Whether a dependency has an
    /// export is seen only when the dependency has been read.
    pub(crate) fn check(&self, reference: &Reference, service: Option<&str>) -> Option<Problem> {
        let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
        let unknown = Unknown { reference };
        match path.as_slice() {
            ["port"] => match service {
                None => Some(
                    unknown
                        .problem(
                            "`${port}` is the port of a service, and this is not inside of one",
                            "not in a service",
                        )
                        .help("write `${services.NAME.port}`"),
                ),
                Some(name) => self.check_port(name, unknown),
            },
            ["ports", name] => match service {
                None => Some(
                    unknown
                        .problem(
                            "`${ports…}` are ports of a service, and this is not inside of one",
                            "not in a service",
                        )
                        .help("write `${services.NAME.ports.PORT}`"),
                ),
                Some(service) => self.check_further_port(service, name, unknown),
            },
            ["services", service, "ports", name] => match self.services.get(*service) {
                None => Some(unknown.name("service", service, self.services.keys())),
                Some(_) => self.check_further_port(service, name, unknown),
            },
            ["services", name, property] => match self.services.get(*name) {
                None => Some(unknown.name("service", name, self.services.keys())),
                Some(_) if !OF_SERVICE.contains(property) => Some(unknown.property("a service", property, &OF_SERVICE)),
                Some(_) if *property == "host" => None,
                Some(_) => self.check_port(name, unknown),
            },
            ["databases", name, property] => match self.databases.get(*name) {
                None => Some(unknown.name("database", name, self.databases.keys())),
                Some(_) if !OF_DATABASE.contains(property) => {
                    Some(unknown.property("a database", property, &OF_DATABASE))
                }
                Some(Some(engine)) if *property == "path" && engine.has_server() => {
                    Some(unknown.wrong_engine(name, *engine, "it lives in a server and not in a file"))
                }
                Some(Some(engine)) if OF_SERVER.contains(property) && !engine.has_server() => {
                    Some(unknown.wrong_engine(name, *engine, "it lives in a file and not in a server"))
                }
                Some(Some(engine)) if *property == "number" && !engine.has_numbers() => {
                    Some(unknown.wrong_engine(name, *engine, "its databases have names and no numbers"))
                }
                Some(_) => None,
            },
            ["dependencies", name, _] => (!self.dependencies.iter().any(|known| known == name))
                .then(|| unknown.name("dependency", name, &self.dependencies)),
            ["config", key] => {
                (!self.config.iter().any(|known| known == key)).then(|| unknown.name("setting", key, &self.config))
            }
            ["files", name, "path"] => {
                (!self.files.iter().any(|known| known == name)).then(|| unknown.name("file", name, &self.files))
            }
            ["files", _, property] => Some(unknown.property("a file", property, &["path"])),
            ["workspace", "root"] | ["environment", "name" | "directory"] | [] => None,
            ["workspace", property] => Some(unknown.property("the workspace", property, &["root"])),
            ["environment", property] => Some(unknown.property("the environment", property, &["name", "directory"])),
            [first, ..] => Some(unknown.form(first)),
        }
    }

    fn check_further_port(&self, service: &str, port: &str, unknown: Unknown<'_>) -> Option<Problem> {
        let known = self.ports.get(service)?;
        (!known.iter().any(|known| known == port)).then(|| unknown.name("port", port, known))
    }

    fn check_port(&self, service: &str, unknown: Unknown<'_>) -> Option<Problem> {
        let has_port = self.services.get(service).copied().unwrap_or(true);
        (!has_port).then(|| {
            unknown
                .problem(&format!("the service `{service}` has no port"), "there is no port to refer to")
                .help(format!("write `port: auto` in `{service}`"))
        })
    }
}

/// Says what is wrong with a reference.
#[derive(Clone, Copy)]
struct Unknown<'a> {
    reference: &'a Reference,
}

impl Unknown<'_> {
    fn problem(self, message: &str, label: &str) -> Problem {
        Problem::error("manifest::reference", message).at(&self.reference.place, label)
    }

    fn name<'n>(self, kind: &str, name: &str, known: impl IntoIterator<Item = &'n String>) -> Problem {
        let known: Vec<&str> = known.into_iter().map(String::as_str).collect();
        let help = match closest(name, known.iter().copied()) {
            Some(near) => Some(format!("did you mean `{near}`?")),
            None if known.is_empty() => Some(format!("this workspace has no {kind} at all")),
            None => Some(format!("there is {}", listed(&known))),
        };
        self.problem(&format!("there is no {kind} `{name}`"), "refers to nothing").maybe_help(help)
    }

    fn property(self, of: &str, property: &str, known: &[&str]) -> Problem {
        let help = closest(property, known.iter().copied())
            .map_or_else(|| format!("there is {}", listed(known)), |near| format!("did you mean `{near}`?"));
        self.problem(&format!("{of} has no `{property}` to refer to"), "refers to nothing").help(help)
    }

    fn wrong_engine(self, name: &str, engine: Engine, why: &str) -> Problem {
        self.problem(&format!("the database `{name}` is of the engine {}: {why}", engine.as_str()), "has no value")
    }

    fn form(self, first: &str) -> Problem {
        let whole = self.reference.path.join(".");
        let help = match first {
            "port" => "write `${port}`, or `${services.NAME.port}`".to_owned(),
            "ports" => "write `${ports.NAME}`, or `${services.NAME.ports.PORT}`".to_owned(),
            "services" => "write `${services.NAME.url}`".to_owned(),
            "databases" => "write `${databases.NAME.url}`".to_owned(),
            "dependencies" => "write `${dependencies.NAME.EXPORT}`".to_owned(),
            "config" => "write `${config.KEY}`".to_owned(),
            "files" => "write `${files.NAME.path}`".to_owned(),
            "workspace" => "write `${workspace.root}`".to_owned(),
            "environment" => "write `${environment.name}`".to_owned(),
            _ => match closest(first, FIRST_WORDS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "what is meant for a shell is written `$${{{whole}}}`; a reference begins with {}",
                    listed(&FIRST_WORDS)
                ),
            },
        };
        self.problem(&format!("`${{{whole}}}` refers to nothing"), "not a reference that there is").help(help)
    }
}

/// The names of the further ports of a service.
fn further_ports(service: &Tree) -> Vec<String> {
    let ports = service.get("ports").and_then(Tree::as_map).unwrap_or_default();
    ports.iter().map(|entry| entry.key.clone()).collect()
}

/// The settings that are secrets, as they are declared.
fn secrets(config: &[source::Entry]) -> Vec<String> {
    let is_secret = |entry: &&source::Entry| entry.value.get("secret").is_some();
    config.iter().filter(is_secret).map(|entry| entry.key.clone()).collect()
}

pub(crate) fn listed(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}
