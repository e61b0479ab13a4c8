//! What can go wrong with a place that is elsewhere.

use std::error::Error;
use std::path::PathBuf;

use store::BackendError;

/// Why a remote cannot be opened, or what stands behind a [`BackendError`] of it. Holds no secrets.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The address is not one that we understand.
    #[error("'{url}' is no address of a remote: {reason}")]
    BadUrl {
        /// As it was given, without a password.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There are credentials, but not such that they can be used.
    #[error("no usable credentials for {place}: {reason}")]
    NoCredentials {
        /// What they are for.
        place: String,
        /// Where was looked, or what is wrong with those that were found.
        reason: String,
    },
    /// The server answered, but did not let us.
    #[error("{place} refuses with status {status} (credentials: {credentials}): {answer}")]
    Denied {
        /// The place.
        place: String,
        /// Status of HTTP.
        status: u16,
        /// Where the credentials came from.
        credentials: String,
        /// What the server said, shortened.
        answer: String,
    },
    /// The bucket, repository or directory does not exist.
    #[error("{place} does not exist")]
    NoSuchPlace {
        /// The place.
        place: String,
    },
    /// No answer: a name that does not resolve, a refused connection, a failed TLS handshake, silence.
    #[error("no answer from {place} after {attempts} attempts")]
    Unreachable {
        /// The place.
        place: String,
        /// How often it was tried.
        attempts: u32,
        /// The last cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// An answer that is not what the protocol promises.
    #[error("{place} answered with status {status}: {answer}")]
    Answer {
        /// The place.
        place: String,
        /// Status of HTTP.
        status: u16,
        /// What the server said, shortened.
        answer: String,
    },
    /// An answer that cannot be used.
    #[error("{place} answered what cannot be used: {reason}")]
    Malformed {
        /// The place.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The server does not compare before it writes, so two writers would overwrite each other's references.
    #[error("{place} ignores conditional writes ({missing}): references would not be safe there")]
    Unconditional {
        /// The place.
        place: String,
        /// Which condition it ignored.
        missing: &'static str,
    },
    /// Somebody else has been writing references for too long.
    #[error("others have been writing references in {place} for {seconds} seconds")]
    Busy {
        /// The place.
        place: String,
        /// How long was waited.
        seconds: u64,
    },
    /// What was fetched is not what was asked for.
    #[error("{url} has the digest {found}, but {expected} was expected")]
    Checksum {
        /// Where it was fetched.
        url: String,
        /// The digest that was given.
        expected: String,
        /// The digest of what came.
        found: String,
    },
    /// A program that is needed cannot be run.
    #[error("cannot run '{program}'")]
    Program {
        /// The program.
        program: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A program that was run failed.
    #[error("'{program}' failed: {reason}")]
    ProgramFailed {
        /// The program.
        program: String,
        /// Its last words.
        reason: String,
    },
    /// A local file.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The HTTP client cannot be made, mostly for want of certificates.
    #[error("cannot set up HTTP")]
    Client {
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl RemoteError {
    /// As the error of a backend's operation: 401 and 403 are [`BackendError::Denied`], 404 is a missing file, 507 a full
    /// place.
    pub(crate) fn of_operation(self, action: &'static str, name: &str, place: &str) -> BackendError {
        let (name, place) = (name.to_owned(), place.to_owned());
        match self {
            Self::Answer { status: 404 | 410, .. } => BackendError::NotFound { name, place },
            Self::Answer { status: 413 | 507, .. } if action == "write" => {
                BackendError::Full { name, place, source: Box::new(self) }
            }
            Self::Denied { .. } => BackendError::Denied { action, name, place, source: Box::new(self) },
            other => BackendError::Io { action, name, place, source: Box::new(other) },
        }
    }
}
