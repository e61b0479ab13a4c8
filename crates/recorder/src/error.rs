//! What can go wrong.

use std::io;
use std::path::{Path, PathBuf};

use lineage::{LineageError, Place};
use tree::TreeError;

/// What can go wrong with steps and their records.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something about records, or a rule.
    #[error(transparent)]
    Lineage(#[from] LineageError),
    /// A digest could not be taken.
    #[error("cannot take the digest of {place}")]
    Digest {
        /// Of what.
        place: Place,
        /// Why.
        source: TreeError,
    },
    /// A path leads out of the workspace and of all resources.
    #[error("{} is neither in the workspace {} nor in one of its resources", path.display(), root.display())]
    Outside {
        /// The path.
        path: PathBuf,
        /// The workspace.
        root: PathBuf,
    },
    /// A path is no UTF-8, and records are JSON.
    #[error("{} is no UTF-8, which paths in records are", path.display())]
    NoText {
        /// The path.
        path: PathBuf,
    },
    /// An input or a piece of code is not there.
    #[error("the step reads {place}, and there is nothing")]
    Missing {
        /// Where.
        place: Place,
    },
    /// An output was not written.
    #[error("the step was to write {place}, and there is nothing")]
    NotWritten {
        /// Where.
        place: Place,
    },
    /// There is no such resource.
    #[error("there is no resource '{wanted}'")]
    NoResource {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: Vec<String>,
    },
    /// There is no such step under way.
    #[error("no step with the id '{0}' is open")]
    NoStep(String),
    /// Programs cannot be observed here.
    #[error("what a program reads and writes cannot be observed on this system")]
    NoObservation,
    /// A program could not be started.
    #[error("cannot start {program}")]
    Start {
        /// Which.
        program: String,
        /// What the system said.
        source: io::Error,
    },
}

impl RecorderError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// What to do.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::Lineage(LineageError::Rule(broken)) => broken.help(),
            Self::Lineage(LineageError::Index(_)) => {
                "the index is only a cache: remove `.seedbed/lineage`, and it is made again".to_owned()
            }
            Self::Outside { .. } => {
                "add its directory as a resource (`seedbed add local-files`), or name what is elsewhere by a URL"
                    .to_owned()
            }
            Self::Missing { .. } => "make it first, or name what the step really reads".to_owned(),
            Self::NoResource { known, .. } if known.is_empty() => "there is none yet".to_owned(),
            Self::NoResource { known, .. } => format!("there are: {}", known.join(", ")),
            Self::NoObservation => "leave --observe out: what is declared is recorded".to_owned(),
            Self::Start { .. } => {
                "it is recorded as failed; the words after `--` are the program and its arguments".to_owned()
            }
            _ => return None,
        })
    }
}
