//! What is asked of networks.

use serde_json::Value;

use crate::container::text;
use crate::engine::escaped;
use crate::{Engine, EngineError};

/// A network, in the engine's view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkFound {
    /// Its id.
    pub id: String,
    /// The address of the machine of the engine in it.
    pub gateway: Option<String>,
}

impl Engine {
    /// Makes a network, if there is none with its name.
    pub async fn ensure_network(&self, name: &str, body: &str) -> Result<NetworkFound, EngineError> {
        match self.find_network(name).await {
            Err(error) if error.is_missing() => {}
            found => return found,
        }
        match self.post("/networks/create", Some(body.to_owned())).await {
            Err(error) if !error.is_conflict() => Err(error),
            _ => self.find_network(name).await,
        }
    }

    /// Looks for a network by its name.
    pub async fn find_network(&self, name: &str) -> Result<NetworkFound, EngineError> {
        let found = self.get(&format!("/networks/{}", escaped(name))).await?;
        let gateway = found.pointer("/IPAM/Config").and_then(Value::as_array).into_iter().flatten();
        let mut gateways = gateway.filter_map(|range| text(range, "/Gateway"));
        Ok(NetworkFound {
            id: text(&found, "/Id").unwrap_or_default(),
            // Some engines write it with the length of the prefix.
            gateway: gateways.find(|gateway| !gateway.contains(':')).map(|gateway| match gateway.split_once('/') {
                Some((address, _)) => address.to_owned(),
                None => gateway,
            }),
        })
    }

    /// Connects a container with a further network.
    pub async fn connect_network(&self, network: &str, body: &str) -> Result<(), EngineError> {
        self.order(&format!("/networks/{}/connect", escaped(network)), Some(body.to_owned())).await
    }
}
