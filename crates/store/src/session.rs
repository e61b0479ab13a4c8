//! Writers at work and the state of collection: how the two keep out of each other's way (`docs/formats/store.md`).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::pack::PackId;
use crate::random::random_name;
use crate::store::Inner;
use crate::{Expect, StoreError, Version, document};

pub(crate) const STATE: &str = "collect/state";
pub(crate) const SESSIONS: &str = "sessions/";

/// `collect/state`.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CollectState {
    pub(crate) generation: u64,
    /// Packs, each with the generation in which it was condemned.
    #[serde(default)]
    pub(crate) condemned: BTreeMap<String, u64>,
    /// The collection that is at work, as [`crate::process::identity`] names it; it may have died.
    #[serde(default)]
    pub(crate) collector: Option<String>,
    /// Sessions that collections have seen: the digest of each, and how many collections saw it so.
    #[serde(default)]
    pub(crate) sessions: BTreeMap<String, (String, u32)>,
}

impl CollectState {
    pub(crate) fn is_condemned(&self, pack: &PackId) -> bool {
        !self.condemned.is_empty() && self.condemned.contains_key(&pack.to_string())
    }
}

/// `sessions/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionFile {
    pub(crate) generation: u64,
    /// The process, as [`crate::process::identity`] names it.
    #[serde(default)]
    pub(crate) process: Option<String>,
    /// Raised now and then, so that a session that lives changes.
    #[serde(default)]
    pub(crate) beat: u64,
    /// A collection took it for dead.
    #[serde(default)]
    pub(crate) expired: bool,
}

impl Inner {
    pub(crate) fn read_state(&self) -> Result<(CollectState, Expect), StoreError> {
        let Some((bytes, version)) = self.backend.read_versioned(STATE)? else {
            return Ok((CollectState::default(), Expect::Absent));
        };
        let payload = document::decode(STATE, &bytes).map_err(|problem| self.damaged(STATE, problem))?;
        let state = serde_json::from_slice(payload)
            .map_err(|error| self.damaged(STATE, &format!("cannot be understood: {error}")))?;
        Ok((state, Expect::Version(version)))
    }

    pub(crate) fn read_session(&self, name: &str) -> Result<Option<(SessionFile, Version)>, StoreError> {
        let Some((bytes, version)) = self.backend.read_versioned(name)? else { return Ok(None) };
        let payload = document::decode(name, &bytes).map_err(|problem| self.damaged(name, problem))?;
        let file = serde_json::from_slice(payload)
            .map_err(|error| self.damaged(name, &format!("cannot be understood: {error}")))?;
        Ok(Some((file, version)))
    }
}

pub(crate) fn encode(name: &str, value: &impl Serialize) -> Vec<u8> {
    document::encode(name, &serde_json::to_vec(value).expect("these types have string keys"))
}

/// A writer at work: while it lives, collection leaves alone what it may rely on. Held until the reference that
/// names what was written is there.
pub struct Session {
    inner: Arc<Inner>,
    pub(crate) name: String,
    file: std::sync::Mutex<(SessionFile, Version)>,
    pub(crate) state: CollectState,
}

impl Session {
    /// Begins one.
    pub(crate) fn begin(inner: &Arc<Inner>) -> Result<Self, StoreError> {
        loop {
            let (state, _) = inner.read_state()?;
            let name = format!("{SESSIONS}{}", random_name());
            let file = SessionFile {
                generation: state.generation,
                process: crate::process::identity(),
                beat: 0,
                expired: false,
            };
            let version = inner.backend.write_if(&name, &encode(&name, &file), &Expect::Absent)?;
            let session = Self { inner: inner.clone(), name, file: (file, version).into(), state };
            // A collection that had listed the sessions before this one was there knows nothing of it.
            if inner.read_state()?.0.generation <= session.state.generation + 1 {
                return Ok(session);
            }
        }
    }

    /// Shows that the writer is alive, and whether collection took it for dead.
    pub(crate) fn beat(&self) -> Result<(), StoreError> {
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let next = SessionFile { beat: file.0.beat + 1, ..file.0.clone() };
        match self.inner.backend.write_if(&self.name, &encode(&self.name, &next), &Expect::Version(file.1.clone())) {
            Ok(version) => {
                *file = (next, version);
                Ok(())
            }
            Err(error) if error.is_conflict() => Err(self.inner.outrun()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether collection still knows of this session; asked after the reference is written.
    pub(crate) fn holds(&self) -> Result<bool, StoreError> {
        Ok(self.inner.read_session(&self.name)?.is_some_and(|(file, _)| !file.expired))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // What cannot be removed now expires.
        let _ = self.inner.backend.delete(&self.name);
    }
}
