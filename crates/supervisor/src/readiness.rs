//! When a service counts as ready.

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
}

/// A look at a service that tells whether it is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// Ready as soon as its process was started.
    Started,
    /// A `GET` is answered with the wanted status.
    Http {
        /// Address or name of the host.
        host: String,
        /// The port.
        port: u16,
        /// The path, from its slash.
        path: String,
        /// The wanted status; `None`: any from 200 to 399.
        status: Option<u16>,
    },
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
    },
    /// A command ends with exit code 0.
    Command(ProcessSpec),
    /// The health check of a container, of its image or declared, passes.
    Health {
        /// The name of the container.
        container: String,
    },
    /// A line of the service's output matches this regular expression.
    Log(String),
}
