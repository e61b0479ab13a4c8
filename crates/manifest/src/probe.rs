//! When a service counts as ready, and when it no longer counts as alive.

use std::time::Duration;

use indexmap::IndexMap;
use source::{Entry, Place, Problem, Tree, closest};

use crate::command::Command;
use crate::reading::Reading;
use crate::{HealthCheck, Part, Template, duration};

/// When a service counts as ready.
#[derive(Clone, Debug, PartialEq)]
pub struct Ready {
    /// What is tried.
    pub probe: Probe,
    /// How long it may take until it passes.
    pub timeout: Duration,
    /// How long between two tries; `None`: short at first, then longer.
    pub interval: Option<Duration>,
    /// The longest of growing pauses; `None`: a second.
    pub longest_pause: Option<Duration>,
    /// How long one try may take; `None`: short at first, then longer.
    pub check_timeout: Option<Duration>,
}

/// When a service that was ready no longer counts as alive.
#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    /// What is tried; neither `Started` nor `Log`.
    pub probe: Probe,
    /// How long between two tries.
    pub interval: Duration,
    /// How long one try may take.
    pub check_timeout: Duration,
    /// So many tries in a row must fail.
    pub failures: u32,
}

/// What is tried to learn whether a service is ready, or alive.
#[derive(Clone, Debug, PartialEq)]
pub enum Probe {
    /// Nothing: it is ready once its process was started.
    Started,
    /// A request that is answered.
    Http(Box<Http>),
    /// A port that accepts.
    Tcp {
        /// The port.
        port: ProbedPort,
    },
    /// A command that ends with exit code 0.
    Command(Command),
    /// A line of output that the regular expression matches. The text between references is checked to be one; what a
    /// reference stands for is to be escaped.
    Log(Template),
    /// The health check of a container, its own or that of its image.
    Health,
    /// The service says so on the socket that `NOTIFY_SOCKET` names.
    Notify,
}

/// Which port is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbedPort {
    /// The service's own, which it has.
    Own,
    /// This one.
    Number(u16),
    /// One of its further ports, by its name, which it has.
    Named(String),
}

/// A request over HTTP, and the answer that is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// The path, which begins with a slash.
    pub path: Template,
    /// The port.
    pub port: ProbedPort,
    /// `GET`, `POST`, and so on.
    pub method: String,
    /// Names and values.
    pub headers: IndexMap<String, Template>,
    /// The wanted statuses; none: all from 200 to 399.
    pub status: Vec<u16>,
    /// What the body must have.
    pub body: Option<Body>,
}

/// What a body must have.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// This text, anywhere.
    Text(Template),
    /// A match of this regular expression, like that of [`Probe::Log`].
    Regex(Template),
}

impl Ready {
    /// How long it may take if nothing is said.
    pub(crate) const TIMEOUT: Duration = Duration::from_mins(1);

    /// Reads `ready`; its times are those of the health check, if that is what tells, unless they are said here.
    pub(crate) fn read(service: &Entry, health: Option<&HealthCheck>, reading: &mut Reading<'_>) -> Option<Self> {
        let ports = Ports::of(&service.value);
        let has_port = ports.has_own;
        let default = if service.value.get("health").is_some() {
            Probe::Health
        } else if has_port {
            Probe::Tcp { port: ProbedPort::Own }
        } else {
            Probe::Started
        };
        let tree = service.value.get("ready");
        let probe = match tree {
            Some(tree) if Probe::is_said(tree) => Probe::read(tree, &ports, reading)?,
            _ => default,
        };
        let duration = |key: &str| tree.and_then(|tree| tree.get(key)).and_then(duration::read);
        let health = health.filter(|_| probe == Probe::Health);
        Some(Self {
            timeout: duration("timeout").or_else(|| health?.patience()).unwrap_or(Self::TIMEOUT),
            interval: duration("interval"),
            longest_pause: health.and_then(|health| health.start_interval.or(health.interval)),
            check_timeout: duration("check_timeout").or_else(|| health?.timeout),
            probe,
        })
    }
}

impl Live {
    /// Reads what is tried, by default what tells whether the service is ready.
    pub(crate) fn read(service: &Entry, ready: &Probe, reading: &mut Reading<'_>) -> Option<Self> {
        let tree = service.value.get("live")?;
        let ports = Ports::of(&service.value);
        let has_port = ports.has_own;
        let probe = if Probe::is_said(tree) {
            Probe::read(tree, &ports, reading)?
        } else if !matches!(ready, Probe::Started | Probe::Log(_)) {
            ready.clone()
        } else if has_port {
            Probe::Tcp { port: ProbedPort::Own }
        } else {
            reading.problems.push(
                Problem::error("manifest::probe", "nothing tells whether this service is alive")
                    .at(&tree.place, "what is looked at is not said")
                    .help("write one of `http`, `tcp`, `command` and `notify`, or give the service a `port`"),
            );
            return None;
        };
        let duration = |key: &str| tree.get(key).and_then(duration::read);
        let failures = tree.get("failures").and_then(Tree::as_integer).and_then(|number| u32::try_from(number).ok());
        Some(Self {
            probe,
            interval: duration("interval").unwrap_or(Duration::from_secs(10)),
            check_timeout: duration("check_timeout").unwrap_or(Duration::from_secs(5)),
            failures: failures.unwrap_or(3),
        })
    }
}

impl Probe {
    /// Whether there is one in a map.
    fn is_said(tree: &Tree) -> bool {
        ["http", "tcp", "command", "log", "health", "notify"].iter().any(|key| tree.get(key).is_some())
    }

    /// Reads the probe of a map that has one.
    fn read(tree: &Tree, ports: &Ports<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        Some(if let Some(http) = tree.get("http") {
            Self::Http(Box::new(Http::read(http, ports, reading)?))
        } else if let Some(tcp) = tree.get("tcp") {
            let said = Some(tcp).filter(|tcp| tcp.as_bool().is_none());
            Self::Tcp { port: ports.read(said, tcp, "`tcp: PORT`", reading)? }
        } else if let Some(command) = tree.get("command") {
            Self::Command(Command::read(command, reading)?)
        } else if let Some(log) = tree.get("log") {
            Self::Log(pattern(log, reading)?)
        } else if tree.get("health").is_some() {
            Self::Health
        } else {
            Self::Notify
        })
    }
}

impl Http {
    fn read(tree: &Tree, ports: &Ports<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        let path_tree = tree.get("path").unwrap_or(tree);
        let port = ports.read(tree.get("port"), tree, "`http: { path: /…, port: PORT }`", reading)?;
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
        let number = |tree: &Tree| tree.as_integer().and_then(|status| u16::try_from(status).ok());
        let status = tree.get("status");
        let several = status.and_then(Tree::as_list).unwrap_or_default().iter().filter_map(number);
        let method = tree.get("method").and_then(Tree::as_str);
        let body = match tree.get("body") {
            None => None,
            Some(body) => Some(Body::read(body, reading)?),
        };
        Some(Self {
            path,
            port,
            method: method.unwrap_or("GET").to_owned(),
            headers: reading.texts(tree.get("headers")),
            status: status.and_then(number).into_iter().chain(several).collect(),
            body,
        })
    }
}

impl Body {
    fn read(tree: &Tree, reading: &mut Reading<'_>) -> Option<Self> {
        match tree.get("regex") {
            Some(regex) => pattern(regex, reading).map(Self::Regex),
            None => reading.template(tree).map(Self::Text),
        }
    }
}

/// Reads a regular expression.
fn pattern(tree: &Tree, reading: &mut Reading<'_>) -> Option<Template> {
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
    Some(template)
}

/// The ports that a service has.
struct Ports<'t> {
    has_own: bool,
    further: Vec<&'t str>,
}

impl<'t> Ports<'t> {
    fn of(service: &'t Tree) -> Self {
        let further = service.get("ports").and_then(Tree::as_map).unwrap_or_default();
        let further = further.iter().map(|entry| entry.key.as_str()).collect();
        Self { has_own: service.get("port").is_some(), further }
    }

    /// Reads which port is tried; `other` is how another one is said than the service's own.
    fn read(&self, said: Option<&Tree>, place: &Tree, other: &str, reading: &mut Reading<'_>) -> Option<ProbedPort> {
        if let Some(number) = said.and_then(port_number) {
            return Some(ProbedPort::Number(number));
        }
        let Some((name, said)) = said.and_then(|said| Some((said.as_str()?, said))) else {
            if !self.has_own {
                reading.problems.push(no_port(&place.place, other));
                return None;
            }
            return Some(ProbedPort::Own);
        };
        if self.further.contains(&name) {
            return Some(ProbedPort::Named(name.to_owned()));
        }
        let near = closest(name, self.further.iter().copied());
        let near = near.or_else(|| ["yes", "on"].contains(&name).then_some("true"));
        reading.problems.push(
            Problem::error("manifest::no-port", format!("the service has no port `{name}`"))
                .at(&said.place, "not one of its `ports`")
                .maybe_help(near.map(|near| format!("did you mean `{near}`?"))),
        );
        None
    }
}

pub(crate) fn port_number(tree: &Tree) -> Option<u16> {
    tree.as_integer().and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0)
}

fn no_port(place: &Place, other: &str) -> Problem {
    Problem::error("manifest::no-port", "the probe needs a port, and the service has none")
        .at(place, "which port is not said")
        .help(format!("give the service a `port`, or write {other}"))
}
