//! What an engine says of itself.

use serde_json::Value;

use crate::container::text;
use crate::{Engine, EngineError};

/// Which engine it is, and what it can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its product, such as `Docker` or `Podman`.
    pub product: String,
    /// Its version.
    pub version: String,
    /// The system that its containers run by, such as `linux/x86_64`.
    pub platform: String,
    /// Whether containers can have networks of their own.
    pub has_networks: bool,
    /// Whether it runs without the rights of root.
    pub is_rootless: bool,
}

impl Engine {
    /// Asks an engine about itself.
    pub async fn about(&self) -> Result<About, EngineError> {
        let version = self.get("/version").await?;
        let info = self.get("/info").await?;
        let components = version.get("Components").and_then(Value::as_array).into_iter().flatten();
        let is_podman = components.filter_map(|component| text(component, "/Name")).any(|name| name.contains("Podman"));
        let drivers = info.pointer("/Plugins/Network").and_then(Value::as_array);
        let options = info.pointer("/SecurityOptions").and_then(Value::as_array).into_iter().flatten();
        let is_rootless = options.filter_map(Value::as_str).any(|option| option.contains("rootless"));
        let of = |document: &Value, path: &str| text(document, path).unwrap_or_default();
        Ok(About {
            product: if is_podman { "Podman" } else { "Docker" }.to_owned(),
            version: of(&version, "/Version"),
            platform: format!("{}/{}", of(&info, "/OSType"), of(&info, "/Architecture")),
            has_networks: drivers.into_iter().flatten().any(|driver| driver.as_str() == Some("bridge")),
            is_rootless,
        })
    }
}
