//! Checking tokens with the keys of an issuer, which are kept and read again when they have changed.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use tokio::time::Instant;

use crate::claims::Claims;
use crate::keys::KeySet;
use crate::source::{KeySource, SourceError};
use crate::token::{Expected, Parts, Refusal};

/// The keys are read again when they are older than this, so that a key that was withdrawn is no longer believed.
const OLDEST: Duration = Duration::from_secs(600);
/// The source is not asked more often than this, whatever callers show.
const PAUSE: Duration = Duration::from_secs(1);

/// Checks tokens of one issuer for one audience. Cheap to clone; clones share the keys.
#[derive(Debug, Clone)]
pub struct Verifier(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    expected: Expected,
    source: KeySource,
    kept: RwLock<Kept>,
    /// One reader of the source at a time; the others wait, and find what it has read.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Kept {
    keys: Option<Arc<KeySet>>,
    /// When they were read.
    read: Option<Instant>,
    /// When the source was last asked, with whatever result.
    asked: Option<Instant>,
}

impl Verifier {
    /// Makes a verifier. The source is asked when the first token has to be checked.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>, source: KeySource) -> Self {
        let kept = match &source {
            KeySource::Inline(keys) => Kept { keys: Some(Arc::new(keys.clone())), read: None, asked: None },
            KeySource::Url(_) | KeySource::File(_) => Kept::default(),
        };
        let expected = Expected { issuer: issuer.into(), audience: audience.into() };
        Self(Arc::new(Inner { expected, source, kept: RwLock::new(kept), reading: tokio::sync::Mutex::new(()) }))
    }

    /// Checks a token, and says what it claims.
    ///
    /// The algorithm has to be EdDSA, the key one that the issuer publishes, `exp` and `iat` in order to within a second,
    /// issuer and audience the expected ones, and `preferred_username` a name. A key that is not known makes the source
    /// be asked again, at most once in a second. Keys stay in use while the source cannot be reached.
    pub async fn verify(&self, token: &str) -> Result<Claims, Refusal> {
        self.verify_at(token, crate::now()).await
    }

    /// The same, as of another moment than now, in seconds since 1970.
    pub async fn verify_at(&self, token: &str, now: u64) -> Result<Claims, Refusal> {
        let parts = Parts::read(token)?;
        let keys = match self.kept().filter(|keys| parts.key_is_in(keys)) {
            Some(keys) if !self.is_old() => keys,
            _ => self.refreshed(&parts).await?,
        };
        parts.check(&keys, &self.0.expected, now)
    }

    async fn refreshed(&self, parts: &Parts<'_>) -> Result<Arc<KeySet>, Refusal> {
        let _alone = self.0.reading.lock().await;
        let somebody_has = self.kept().is_some_and(|keys| parts.key_is_in(&keys)) && !self.is_old();
        if !somebody_has && self.may_ask() {
            let source = self.0.source.clone();
            let read = tokio::task::spawn_blocking(move || source.read()).await.expect("reading does not panic");
            self.keep(read);
        }
        self.kept().ok_or(Refusal::KeysUnavailable)
    }

    fn kept(&self) -> Option<Arc<KeySet>> {
        self.0.kept.read().expect("nobody panics while holding it").keys.clone()
    }

    fn is_old(&self) -> bool {
        let read = self.0.kept.read().expect("nobody panics while holding it").read;
        !matches!(self.0.source, KeySource::Inline(_)) && read.is_none_or(|read| read.elapsed() >= OLDEST)
    }

    fn may_ask(&self) -> bool {
        let asked = self.0.kept.read().expect("nobody panics while holding it").asked;
        !matches!(self.0.source, KeySource::Inline(_)) && asked.is_none_or(|asked| asked.elapsed() >= PAUSE)
    }

    fn keep(&self, read: Result<KeySet, SourceError>) {
        let mut kept = self.0.kept.write().expect("nobody panics while holding it");
        let now = Instant::now();
        kept.asked = Some(now);
        match read {
            Ok(keys) => {
                kept.keys = Some(Arc::new(keys));
                kept.read = Some(now);
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                tracing::warn!(%error, cause, "the keys of the issuer cannot be had");
            }
        }
    }
}
