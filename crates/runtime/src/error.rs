//! What can go wrong with native processes as a whole.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why native processes cannot be looked after.
#[derive(Debug, Error)]
pub enum RuntimeError {
    /// A file cannot be used.
    #[error("cannot {operation} {}", path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The operating system refuses something.
    #[error("cannot {operation}")]
    System {
        /// What was tried.
        operation: &'static str,
        /// Why.
        source: io::Error,
    },
    /// An engine has containers of a supervisor that died, and cannot be asked to remove them.
    #[error("containers in the engine at {engine} cannot be removed")]
    Engine {
        /// Its address.
        engine: String,
        /// Why.
        source: containers::EngineError,
    },
    /// Processes of a supervisor that died are there and cannot be killed.
    #[error("processes of an earlier supervisor cannot be killed: {pids:?}")]
    Predecessor {
        /// Their ids.
        pids: Vec<u32>,
    },
}
