//! What is asked of volumes.

use crate::{Engine, EngineError};

impl Engine {
    /// Makes a volume, if there is none with its name.
    pub async fn ensure_volume(&self, body: &str) -> Result<(), EngineError> {
        self.post("/volumes/create", Some(body.to_owned())).await.map(drop)
    }
}
