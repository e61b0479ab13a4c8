//! A thing that keeps running.

use std::time::Duration;

use indexmap::IndexMap;
use source::{Entry, Place, Problem, Tree};

use crate::after::After;
use crate::command::Command;
use crate::reading::Reading;
use crate::{Part, Template, duration, file_reference};

/// A process that keeps running.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// What is run.
    pub run: Command,
    /// Variables that are added to the environment that it inherits.
    pub env: IndexMap<String, Template>,
    /// Where it runs, relative to the workspace; its root if there is none.
    pub directory: Option<String>,
    /// What it waits for.
    pub after: Vec<After>,
    /// The port that it listens on, if it has one.
    pub port: Option<Port>,
    /// When it counts as ready.
    pub ready: Ready,
    /// How it is stopped.
    pub stop: Stop,
    /// Where its name stands.
    pub place: Place,
}

/// How a service comes by its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// Chosen before the start, and kept.
    Auto,
    /// This one.
    Fixed(u16),
}

/// When a service counts as ready.
#[derive(Clone, Debug, PartialEq)]
pub struct Ready {
    /// What is tried.
    pub probe: Probe,
    /// How long it may take until it passes.
    pub timeout: Duration,
    /// How long between two tries; `None`: short at first, then longer.
    pub interval: Option<Duration>,
}

/// What is tried to learn whether a service is ready.
#[derive(Clone, Debug, PartialEq)]
pub enum Probe {
    /// Nothing: it is ready once its process was started.
    Started,
    /// A request that is answered.
    Http {
        /// The path, which begins with a slash.
        path: Template,
        /// The status that is wanted; `None`: any from 200 to 399.
        status: Option<u16>,
        /// The port; `None`: the service's own, which it has.
        port: Option<u16>,
    },
    /// A port that accepts.
    Tcp {
        /// The port; `None`: the service's own, which it has.
        port: Option<u16>,
    },
    /// A command that ends with exit code 0.
    Command(Command),
    /// A line of output that the regular expression matches. The text between references is checked to be one; what a
    /// reference stands for is to be escaped.
    Log(Template),
}

/// How a service is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// What its process group is sent first.
    pub signal: StopSignal,
    /// How long it may take from then on; after that the group is killed.
    pub timeout: Duration,
}

/// A signal that asks a process to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopSignal {
    /// `SIGTERM`
    Term,
    /// `SIGINT`
    Int,
    /// `SIGQUIT`
    Quit,
    /// `SIGHUP`
    Hup,
    /// `SIGKILL`
    Kill,
}

impl Default for Stop {
    fn default() -> Self {
        Self { signal: StopSignal::Term, timeout: Duration::from_secs(10) }
    }
}

impl StopSignal {
    pub(crate) const WORDS: [&'static str; 5] = ["TERM", "INT", "QUIT", "HUP", "KILL"];

    fn from_word(word: &str) -> Option<Self> {
        match word {
            "TERM" => Some(Self::Term),
            "INT" => Some(Self::Int),
            "QUIT" => Some(Self::Quit),
            "HUP" => Some(Self::Hup),
            "KILL" => Some(Self::Kill),
            _ => None,
        }
    }
}

impl Service {
    pub(crate) fn read(entry: &Entry, reading: &mut Reading<'_>) -> Option<Self> {
        let tree = &entry.value;
        reading.inside_service(&entry.key, |reading| {
            let run = tree.get("run").and_then(|run| Command::read(run, reading));
            let env = reading.env(tree.get("env"));
            let directory = tree.get("directory").and_then(|directory| file_reference::below(directory, reading));
            let after = After::read_all(tree.get("after"), reading);
            let port = tree.get("port").and_then(Port::read);
            let ready = Ready::read(entry, reading);
            Some(Self {
                name: entry.key.clone(),
                run: run?,
                env,
                directory,
                after,
                port,
                ready: ready?,
                stop: tree.get("stop").map(Stop::read).unwrap_or_default(),
                place: entry.key_place.clone(),
            })
        })
    }
}

impl Port {
    fn read(tree: &Tree) -> Option<Self> {
        port_number(tree).map(Self::Fixed).or_else(|| (tree.as_str() == Some("auto")).then_some(Self::Auto))
    }
}

impl Stop {
    fn read(tree: &Tree) -> Self {
        let Self { signal, timeout } = Self::default();
        let word = tree.get("signal").and_then(Tree::as_str);
        Self {
            signal: word.and_then(StopSignal::from_word).unwrap_or(signal),
            timeout: tree.get("timeout").and_then(duration::read).unwrap_or(timeout),
        }
    }
}

impl Ready {
    /// How long it may take if nothing is said.
    pub(crate) const TIMEOUT: Duration = Duration::from_mins(1);

    fn read(service: &Entry, reading: &mut Reading<'_>) -> Option<Self> {
        let has_port = service.value.get("port").is_some();
        let default = if has_port { Probe::Tcp { port: None } } else { Probe::Started };
        let tree = service.value.get("ready");
        let probe = |key: &str| tree.and_then(|tree| tree.get(key));
        let probe = if let Some(http) = probe("http") {
            Probe::read_http(http, has_port, reading)?
        } else if let Some(tcp) = probe("tcp") {
            let port = port_number(tcp);
            if port.is_none() && !has_port {
                reading.problems.push(no_port(&tcp.place, "`tcp: PORT`"));
                return None;
            }
            Probe::Tcp { port }
        } else if let Some(command) = probe("command") {
            Probe::Command(Command::read(command, reading)?)
        } else if let Some(log) = probe("log") {
            Probe::read_log(log, reading)?
        } else {
            default
        };
        let duration = |key: &str| tree.and_then(|tree| tree.get(key)).and_then(duration::read);
        Some(Self { probe, timeout: duration("timeout").unwrap_or(Self::TIMEOUT), interval: duration("interval") })
    }
}

impl Probe {
    fn read_http(tree: &Tree, has_port: bool, reading: &mut Reading<'_>) -> Option<Self> {
        let path_tree = tree.get("path").unwrap_or(tree);
        let port = tree.get("port").and_then(port_number);
        if port.is_none() && !has_port {
            reading.problems.push(no_port(&tree.place, "`http: { path: /…, port: PORT }`"));
            return None;
        }
        let path = reading.template(path_tree)?;
        if !matches!(path.parts().first(), Some(Part::Reference(_)))
            && !path_tree.as_str().is_some_and(|text| text.starts_with('/'))
        {
            reading.problems.push(
                Problem::error("manifest::probe", "the path of a probe begins with `/`")
                    .at(&path_tree.place, "not a path of a URL"),
            );
            return None;
        }
        let status = tree.get("status").and_then(Tree::as_integer).and_then(|status| u16::try_from(status).ok());
        Some(Self::Http { path, status, port })
    }

    fn read_log(tree: &Tree, reading: &mut Reading<'_>) -> Option<Self> {
        let template = reading.template(tree)?;
        let pattern: String = template
            .parts()
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.as_str(),
                Part::Reference(_) => "x",
            })
            .collect();
        if let Err(error) = regex::Regex::new(&pattern) {
            // The last line of the message is the reason; the others draw the expression, which we do ourselves.
            let error = error.to_string();
            let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            reading
                .problems
                .push(Problem::error("manifest::probe", "this is not a regular expression").at(&tree.place, reason));
            return None;
        }
        Some(Self::Log(template))
    }
}

fn port_number(tree: &Tree) -> Option<u16> {
    tree.as_integer().and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0)
}

fn no_port(place: &Place, other: &str) -> Problem {
    Problem::error("manifest::no-port", "the probe needs a port, and the service has none")
        .at(place, "which port is not said")
        .help(format!("give the service a `port`, or write {other}"))
}
