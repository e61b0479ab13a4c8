//! The right to collect or to repair: one at a time, and known to every writer that begins later.

use crate::session::{CollectState, STATE, encode};
use crate::store::Inner;
use crate::{Expect, StoreError, Version, process};

/// The state of collection, in the hands of the one that may change it. [`Fence::release`] gives it back; whoever dies
/// before is known by its process.
pub(crate) struct Fence<'a> {
    inner: &'a Inner,
    pub(crate) state: CollectState,
    /// `None` when nothing is to be written.
    version: Option<Version>,
}

impl<'a> Fence<'a> {
    /// Raises the generation. `take_over` goes on although another one seems to be at work.
    pub(crate) fn raise(inner: &'a Inner, take_over: bool) -> Result<Self, StoreError> {
        let (mut state, expect) = inner.read_state()?;
        let gone = |collector: &String| process::is_gone(collector) == Some(true);
        if !state.collector.as_ref().is_none_or(gone) && !take_over {
            return Err(StoreError::Collecting { place: inner.backend.describe() });
        }
        state.generation += 1;
        state.collector = Some(process::identity().unwrap_or_else(|| "unknown".to_owned()));
        let mut fence = Self { inner, state, version: None };
        fence.write(&expect)?;
        Ok(fence)
    }

    /// One for somebody who only looks: nothing is written.
    pub(crate) fn look(inner: &'a Inner) -> Result<Self, StoreError> {
        let (mut state, _) = inner.read_state()?;
        state.generation += 1;
        Ok(Self { inner, state, version: None })
    }

    /// Makes the state known, unless another one has taken over.
    pub(crate) fn publish(&mut self) -> Result<(), StoreError> {
        match self.version.take() {
            Some(version) => self.write(&Expect::Version(version)),
            None => Ok(()),
        }
    }

    fn write(&mut self, expect: &Expect) -> Result<(), StoreError> {
        let written = self.inner.backend.write_if(STATE, &encode(STATE, &self.state), expect);
        let version = written.map_err(|error| {
            if error.is_conflict() {
                StoreError::Collecting { place: self.inner.backend.describe() }
            } else {
                StoreError::from(error)
            }
        })?;
        self.version = Some(version);
        Ok(())
    }

    /// Lets others go on; also after a failure, so that the next one need not ask whether this one lives.
    pub(crate) fn release(mut self) -> Result<(), StoreError> {
        self.state.collector = None;
        self.publish()
    }
}
