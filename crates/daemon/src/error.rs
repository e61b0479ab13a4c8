//! What can go wrong between a client and its supervisor.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a client could not do what it was asked to.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The socket cannot be used.
    #[error("cannot connect to the supervisor at {}", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The supervisor does not greet: it is stopped by a signal, or stuck.
    #[error("the supervisor{} does not answer", pid.map_or_else(String::new, |pid| format!(", process {pid},")))]
    Silent {
        /// Its process, where the system tells.
        pid: Option<u32>,
    },
    /// The supervisor's program or its log cannot be opened.
    #[error("cannot start the supervisor with {}", path.display())]
    Start {
        /// The file that it is about.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The supervisor ended, or did not answer, instead of listening.
    #[error("the supervisor did not come up; its log {} ends with:\n{tail}", log.display())]
    NotUp {
        /// Its log.
        log: PathBuf,
        /// The last lines of its log.
        tail: String,
    },
    /// The connection broke.
    #[error("lost the connection to the supervisor")]
    Lost(#[source] io::Error),
    /// The supervisor closed the connection.
    #[error("the supervisor closed the connection")]
    Closed,
    /// The supervisor speaks another version of the protocol: it was started by another Seedbed.
    #[error("the supervisor, process {pid}, is of another version: {version}")]
    Version {
        /// The version of the Seedbed that it is.
        version: String,
        /// Its process.
        pid: u32,
    },
    /// Another client's apply is under way.
    #[error("{0}")]
    Busy(String),
    /// The supervisor refused the request; the text says why.
    #[error("the supervisor refused: {0}")]
    Refused(String),
    /// An answer that makes no sense.
    #[error("the supervisor answered with something unexpected: {0}")]
    Unexpected(String),
    /// A value that cannot be sent.
    #[error("cannot ask the supervisor: {0}")]
    Unsendable(String),
    /// The supervisor says that it ends, but its process stays.
    #[error("the supervisor, process {0}, does not end")]
    StillThere(u32),
}

impl ClientError {
    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::Closed | Self::Lost(_) => {
                "its process was killed, and all that it owned is gone with it; `seedbed up` brings it back".to_owned()
            }
            Self::Version { .. } => "`seedbed down` ends it; `seedbed up` then starts one of this version".to_owned(),
            Self::Silent { pid } => {
                let pid = pid.map_or_else(|| "PROCESS".to_owned(), |pid| pid.to_string());
                format!(
                    "it is stopped or stuck: `kill -CONT {pid}` lets it go on; `kill -9 {pid}` ends it and all that it owns, and \
                     `seedbed up` brings that back"
                )
            }
            _ => return None,
        })
    }
}

/// Why a supervisor could not live.
#[derive(Debug, Error)]
pub enum ServeError {
    /// A living supervisor owns the environment.
    #[error("a supervisor is already running for {}", directory.display())]
    Taken {
        /// The directory of the environment.
        directory: PathBuf,
    },
    /// A file of the supervisor cannot be used.
    #[error("cannot {operation} {}", path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The operating system does not give what a supervisor needs.
    #[error("cannot {operation}")]
    System {
        /// What was tried.
        operation: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The native processes cannot be looked after.
    #[error("cannot look after processes")]
    Runtime(#[from] runtime::RuntimeError),
}
