//! The engine for whoever has no event loop: one that lasts as long as the question.

use std::future::Future;
use std::io;

use tokio::runtime::{Builder, Runtime};

use crate::{Address, Engine, EngineError};

/// An engine that is asked and waited for.
#[derive(Debug)]
pub struct Call {
    engine: Engine,
    runtime: Runtime,
}

impl Call {
    /// Makes ready to ask the engine at an address.
    pub fn new(address: Address) -> Result<Self, EngineError> {
        let failed = |source: io::Error| EngineError::Connect { address: address.to_string(), source };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        Ok(Self { engine: Engine::new(address), runtime })
    }

    /// Asks, and waits for the answer.
    pub fn ask<'a, F: Future>(&'a self, question: impl FnOnce(&'a Engine) -> F) -> F::Output {
        self.runtime.block_on(question(&self.engine))
    }
}
