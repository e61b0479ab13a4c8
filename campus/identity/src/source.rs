//! Where the keys of an issuer come from.

use std::path::PathBuf;
use std::time::Duration;

use crate::keys::KeySet;

const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest document that is taken, in bytes.
const LONGEST: u64 = 64 << 10;

/// Where the keys of an issuer come from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// Published at this address, over plain HTTP.
    Url(String),
    /// In a file, read again when a key is not in it.
    File(PathBuf),
    /// These, and no others.
    Inline(KeySet),
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// No answer, or no key set.
    #[error("{url} does not give a set of keys")]
    Url {
        /// What was asked.
        url: String,
        /// What went wrong.
        source: Box<ureq::Error>,
    },
    /// Not there, or not readable.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Read, and not understood.
    #[error("{} holds no set of keys", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl KeySource {
    /// Reads the keys. Blocks.
    pub(crate) fn read(&self) -> Result<KeySet, SourceError> {
        match self {
            Self::Inline(keys) => Ok(keys.clone()),
            Self::File(path) => {
                let text = std::fs::read(path).map_err(|source| SourceError::File { path: path.clone(), source })?;
                serde_json::from_slice(&text).map_err(|source| SourceError::Format { path: path.clone(), source })
            }
            Self::Url(url) => {
                let failed = |error| SourceError::Url { url: url.clone(), source: Box::new(error) };
                let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).build().into();
                let mut answer = agent.get(url).call().map_err(failed)?;
                answer.body_mut().with_config().limit(LONGEST).read_json().map_err(failed)
            }
        }
    }
}
