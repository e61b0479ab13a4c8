//! A Procfile: a line for each process, `NAME: COMMAND`.

use indexmap::IndexMap;
use source::{Entry, Node, Place, Problem, Problems, SourceFile, Tree};

use crate::ProbedPort;
use crate::after::After;
use crate::import::Surroundings;
use crate::manifest::Manifest;
use crate::template::TemplateBuilder;
use crate::{
    AfterTarget, Command, Condition, Limits, Port, Probe, Ready, Reference, Service, Stop, Task, Template, Workload,
    format,
};

/// The process that is run once, before all others.
const RELEASE: &str = "release";
/// How far the ports of two processes are apart when the first is given.
const PORTS_APART: u16 = 100;

/// What a Procfile says.
pub(crate) struct Procfile {
    processes: Vec<Process>,
    /// The variables of `.env` beside it.
    variables: Vec<(String, Template)>,
    /// The port of the first process, if `.env` says it.
    first_port: Option<u16>,
}

struct Process {
    /// Its name, and its command as a string.
    entry: Entry,
    port: Port,
}

impl Procfile {
    /// Reads the file that the manifest names.
    pub(crate) fn read(named: &Tree, surroundings: &Surroundings<'_>, problems: &mut Problems) -> Option<Self> {
        let path = named.as_str()?;
        let file = surroundings.read(path, named).map_err(|problem| problems.push(problem)).ok()?;
        let mut procfile = Self { processes: Vec::new(), variables: Vec::new(), first_port: None };
        procfile.read_variables(path, named, surroundings, problems);
        procfile.read_lines(&file, problems);
        Some(procfile)
    }

    fn read_variables(&mut self, path: &str, named: &Tree, surroundings: &Surroundings<'_>, problems: &mut Problems) {
        let beside = std::path::Path::new(path).with_file_name(".env");
        if !surroundings.directory.join(&beside).is_file() {
            return;
        }
        let Some(beside) = beside.to_str() else { return };
        match surroundings.read(beside, named) {
            Ok(file) => {
                let place = Place::start_of(&file);
                for (name, value) in compose::read_variables(&file, surroundings.variables, problems).iter() {
                    if name == "PORT" {
                        self.first_port = value.parse().ok().filter(|port| *port > 0);
                    } else {
                        self.variables.push((name.to_owned(), Template::literal(value, place.clone())));
                    }
                }
            }
            Err(problem) => problems.push(problem),
        }
    }

    fn read_lines(&mut self, file: &SourceFile, problems: &mut Problems) {
        let mut start = 0;
        for line in file.text().split_inclusive('\n') {
            let at = start;
            start += line.len();
            let text = line.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let at = at + line.len() - line.trim_start().len();
            if let Err(problem) = self.read_line(file, at, text) {
                problems.push(problem);
            }
        }
        if self.processes.is_empty() {
            problems.push(
                Problem::error("manifest::procfile", "the Procfile has no process")
                    .at(&Place::start_of(file), "there is nothing here")
                    .help("a process is a line `NAME: COMMAND`"),
            );
        }
    }

    fn read_line(&mut self, file: &SourceFile, at: usize, text: &str) -> Result<(), Problem> {
        let malformed = |length: usize, message: &str| {
            Problem::error("manifest::procfile", message)
                .at(&Place::new(file, at..at + length), "here")
                .help("a process is a line `NAME: COMMAND`, such as `web: bundle exec puma`")
        };
        let Some((name, command)) = text.split_once(':') else {
            return Err(malformed(text.len(), "this line is no process"));
        };
        let name_place = Place::new(file, at..at + name.len());
        if !format::IMPORTED_NAME.matches(name) {
            return Err(malformed(name.len(), &format!("`{name}` cannot be the name of a process")));
        }
        let blank = command.len() - command.trim_start().len();
        let command_place = Place::new(file, at + name.len() + 1 + blank..at + text.len());
        let command = command.trim();
        if command.is_empty() {
            return Err(malformed(text.len(), &format!("the process `{name}` has no command")));
        }
        if let Some(first) = self.processes.iter().find(|process| process.entry.key == name) {
            return Err(Problem::error("manifest::procfile", format!("the process `{name}` is there twice"))
                .at(&name_place, "again here")
                .at(&first.entry.key_place, "first here"));
        }
        let offset = u16::try_from(self.processes.len()).unwrap_or(u16::MAX).saturating_mul(PORTS_APART);
        let port = self.first_port.map_or(Port::Auto, |first| Port::Fixed(first.saturating_add(offset)));
        let value = Tree { node: Node::String(command.to_owned()), place: command_place };
        self.processes.push(Process { entry: Entry { key: name.to_owned(), key_place: name_place, value }, port });
        Ok(())
    }

    /// Goes through the processes that keep running; each has a port.
    pub(crate) fn services(&self) -> impl Iterator<Item = (&Entry, bool)> {
        self.processes.iter().filter(|process| process.entry.key != RELEASE).map(|process| (&process.entry, true))
    }

    /// Returns the process that is run once.
    pub(crate) fn release(&self) -> Option<&Entry> {
        self.processes.iter().map(|process| &process.entry).find(|entry| entry.key == RELEASE)
    }

    /// Adds the processes to a manifest.
    pub(crate) fn add_to(self, manifest: &mut Manifest) {
        let release = self.release().map(|entry| entry.key_place.clone());
        let Self { processes, variables, .. } = self;
        for Process { entry, port } in processes {
            let mut env: IndexMap<String, Template> = variables.iter().cloned().collect();
            let Entry { key: name, key_place: place, value } = entry;
            let run = shell(&value);
            if name == RELEASE {
                let task = Task {
                    run: Workload::Process(run),
                    env,
                    directory: None,
                    limits: Limits::default(),
                    inputs: Vec::new(),
                    outputs: Vec::new(),
                    keep: false,
                    watch: None,
                    after: Vec::new(),
                    timeout: None,
                    place,
                    name: name.clone(),
                };
                manifest.tasks.insert(name, task);
                continue;
            }
            env.insert("PORT".to_owned(), own_port(&place));
            let after = release.iter().map(|place| After {
                target: AfterTarget::Task(RELEASE.to_owned()),
                condition: Condition::Succeeded,
                restart: false,
                wake: false,
                place: place.clone(),
            });
            let service = Service {
                run: Workload::Process(run),
                env,
                directory: None,
                limits: Limits::default(),
                after: after.collect(),
                port: Some(port),
                ports: IndexMap::new(),
                ready: ready(&value),
                stop: Stop::default(),
                restart: None,
                live: None,
                lazy: None,
                watch: None,
                has_terminal: false,
                memory: None,
                place,
                name: name.clone(),
            };
            manifest.services.insert(name, service);
        }
    }
}

fn shell(command: &Tree) -> Command {
    let script = Template::literal(command.as_str().unwrap_or_default(), command.place.clone());
    Command::Shell { script, place: command.place.clone() }
}

/// The text `${port}`.
fn own_port(place: &Place) -> Template {
    let mut builder = TemplateBuilder::default();
    builder.push_reference(Reference { path: vec!["port".to_owned()], place: place.clone() });
    builder.build(place.clone())
}

/// A process that names its port is ready when the port accepts; of others nobody knows whether they listen at all.
fn ready(command: &Tree) -> Ready {
    let text = command.as_str().unwrap_or_default();
    let names_port = text.contains("$PORT") || text.contains("${PORT");
    let probe = if names_port { Probe::Tcp { port: ProbedPort::Own } } else { Probe::Started };
    Ready { probe, timeout: Ready::TIMEOUT, interval: None, longest_pause: None, check_timeout: None }
}
