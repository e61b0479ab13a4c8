//! What can go wrong with an engine.

use std::io;

use thiserror::Error;

/// Why an engine has not done what it was asked.
#[derive(Debug, Error)]
pub enum EngineError {
    /// Nobody has said where an engine is, and none is where engines are.
    #[error("there is no container engine: {looked}")]
    NoEngine {
        /// Where it was looked for.
        looked: String,
    },
    /// The address of the engine cannot be used.
    #[error("the container engine at {address} cannot be used: {reason}")]
    Address {
        /// The address.
        address: String,
        /// Why not.
        reason: String,
    },
    /// The engine cannot be reached.
    #[error("the container engine at {address} does not answer: {source}")]
    Connect {
        /// The address.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The connection broke.
    #[error("the connection to the container engine broke at {request}: {source}")]
    Broken {
        /// What was asked.
        request: String,
        /// Why.
        source: hyper::Error,
    },
    /// The engine refuses.
    #[error("{message}")]
    Refused {
        /// The status of its answer.
        status: u16,
        /// What it says.
        message: String,
    },
    /// The engine says something that is not understood.
    #[error("the container engine answered {request} with what is not understood: {detail}")]
    Answer {
        /// What was asked.
        request: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A file that is sent cannot be read.
    #[error(transparent)]
    Context(#[from] crate::ContextError),
    /// What an image is made by went wrong.
    #[error("{0}")]
    Failed(String),
}

/// What registries, and engines in their name, say to who may not have an image.
const REFUSALS: [&str; 4] = ["no basic auth credentials", "unauthorized", "authentication required", "access denied"];

impl EngineError {
    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        let text = match self {
            Self::NoEngine { .. } => {
                "install and start Docker Engine or Podman, or say where another one is with DOCKER_HOST; Docker Desktop is not \
                 needed"
            }
            Self::Connect { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "this user may not use its socket: become a member of the group `docker` and log in again, or run Docker without \
                 root, or Podman"
            }
            Self::Connect { address, .. } if address.starts_with("unix:") => {
                "start it, or say where another one is with DOCKER_HOST"
            }
            Self::Connect { .. } => "see that it runs and can be reached, or choose another one with DOCKER_HOST",
            Self::Refused { message, .. } if message.contains("HTTPS server") => {
                "it is encrypted: set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the directory with ca.pem, cert.pem and key.pem"
            }
            Self::Refused { message, .. } | Self::Failed(message)
                if REFUSALS.iter().any(|words| message.to_lowercase().contains(words)) =>
            {
                "`docker login REGISTRY` or `podman login REGISTRY` writes down who asks; Seedbed reads that"
            }
            _ => return None,
        };
        Some(text.to_owned())
    }

    /// Whether what was asked for is not there.
    pub const fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Whether what was asked for collides with what is there.
    pub const fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { status: 409, .. })
    }
}
