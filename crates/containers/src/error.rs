//! What can go wrong with an engine.

use std::io;

use thiserror::Error;

/// Why an engine has not done what it was asked.
#[derive(Debug, Error)]
pub enum EngineError {
    /// Nobody has said where an engine is, and none is where engines are.
    #[error("there is no container engine: {looked}; start one, or set DOCKER_HOST")]
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

impl EngineError {
    /// Whether what was asked for is not there.
    pub const fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Whether what was asked for collides with what is there.
    pub const fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { status: 409, .. })
    }
}
