//! When a service counts as ready, and when it no longer counts as alive.

use std::path::PathBuf;
use std::time::Duration;

use crate::ProcessSpec;

/// When a service counts as ready, and how long that may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadySpec {
    /// What is looked at.
    pub probe: Probe,
    /// How long after its start the service may take; then it has failed.
    pub timeout: Duration,
    /// The pause between two looks; `None`: from 1 ms (a command: 25 ms), growing to 1 s.
    pub interval: Option<Duration>,
    /// The longest of growing pauses; `None`: 1 s. Where `interval` is said, nothing grows.
    pub longest_pause: Option<Duration>,
    /// How long one look may take; `None`: from 1 s, growing to 5 s (a command: 10 s).
    pub check_timeout: Option<Duration>,
}

impl ReadySpec {
    /// Makes one with the usual interval and patience.
    pub fn new(probe: Probe, timeout: Duration) -> Self {
        Self { probe, timeout, interval: None, longest_pause: None, check_timeout: None }
    }
}

/// When a service that was ready no longer counts as alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSpec {
    /// What is looked at; not [`Probe::Started`] and not [`Probe::Log`], which say nothing of the present.
    pub probe: Probe,
    /// The pause between two looks.
    pub interval: Duration,
    /// How long one look may take.
    pub check_timeout: Duration,
    /// So many looks in a row must fail.
    pub failures: u32,
}

/// A look at a service that tells whether it is ready, or alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// Ready as soon as its process was started.
    Started,
    /// A request is answered as wanted.
    Http(Box<HttpProbe>),
    /// A TCP connection is accepted.
    Tcp {
        /// Address or name of the host.
        host: String,
        /// The port.
        port: u16,
    },
    /// A connection to a Unix socket is accepted.
    Unix {
        /// The socket.
        path: PathBuf,
        /// Whether that is not enough: something must be said, too.
        greets: bool,
    },
    /// A command ends with exit code 0.
    Command(Box<ProcessSpec>),
    /// The health check of a container, of its image or declared, passes.
    Health {
        /// The name of the container.
        container: String,
    },
    /// A line of the service's output matches this regular expression.
    Log(String),
    /// The service says `READY=1` on the socket that `NOTIFY_SOCKET` names; alive is who says `WATCHDOG=1` once per interval.
    Notify,
}

/// A request over HTTP and the answer that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpProbe {
    /// Address or name of the host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path, from its slash.
    pub path: String,
    /// `GET`, `HEAD`, `POST`, and so on.
    pub method: String,
    /// Names and values, which stand over those that are sent anyway.
    pub headers: Vec<(String, String)>,
    /// The wanted statuses; none: all from 200 to 399.
    pub status: Vec<u16>,
    /// What the body must have.
    pub body: Option<BodyPattern>,
}

/// What a body must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyPattern {
    /// This text, anywhere.
    Text(String),
    /// A match of this regular expression.
    Regex(String),
}

impl HttpProbe {
    /// Makes a `GET` that any status from 200 to 399 answers.
    pub fn get(host: impl Into<String>, port: u16, path: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port,
            path: path.into(),
            method: "GET".to_owned(),
            headers: Vec::new(),
            status: Vec::new(),
            body: None,
        }
    }
}
