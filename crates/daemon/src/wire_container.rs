//! What goes over the socket of a container, and between that and the type of the machine.

use serde::{Deserialize, Serialize};
use supervisor::{ContainerSpec, NeededNetwork, PlacedContent, PlacedFile, Relay};

use crate::conversion::{ConversionError, path};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Container {
    engine: String,
    label: String,
    name: String,
    /// In the words of the engine's interface.
    body: String,
    platform: Option<String>,
    networks: Vec<Network>,
    volumes: Vec<String>,
    files: Vec<File>,
    has_terminal: bool,
    gateway_name: Option<String>,
    /// Pairs of the port that containers see and the port on the loopback address.
    relays: Vec<(u16, u16)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Network {
    name: String,
    body: Option<String>,
    connection: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct File {
    target: String,
    content: Content,
    uid: u32,
    gid: u32,
    mode: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Content {
    File(String),
    Text(String),
}

impl Container {
    pub(crate) fn of(spec: &ContainerSpec) -> Result<Self, ConversionError> {
        let file = |file: &PlacedFile| {
            let content = match &file.content {
                PlacedContent::File(file) => Content::File(path(file)?),
                PlacedContent::Text(text) => Content::Text(text.clone()),
            };
            let PlacedFile { target, uid, gid, mode, .. } = file;
            Ok(File { target: target.clone(), content, uid: *uid, gid: *gid, mode: *mode })
        };
        let network = |network: &NeededNetwork| {
            let NeededNetwork { name, body, connection } = network.clone();
            Network { name, body, connection }
        };
        Ok(Self {
            engine: spec.engine.clone(),
            label: spec.label.clone(),
            name: spec.name.clone(),
            body: spec.body.clone(),
            platform: spec.platform.clone(),
            networks: spec.networks.iter().map(network).collect(),
            volumes: spec.volumes.clone(),
            files: spec.files.iter().map(file).collect::<Result<_, _>>()?,
            has_terminal: spec.has_terminal,
            gateway_name: spec.gateway_name.clone(),
            relays: spec.relays.iter().map(|relay| (relay.port, relay.to)).collect(),
        })
    }

    pub(crate) fn into_spec(self) -> ContainerSpec {
        let file = |File { target, content, uid, gid, mode }| {
            let content = match content {
                Content::File(path) => PlacedContent::File(path.into()),
                Content::Text(text) => PlacedContent::Text(text),
            };
            PlacedFile { target, content, uid, gid, mode }
        };
        let network = |Network { name, body, connection }| NeededNetwork { name, body, connection };
        ContainerSpec {
            engine: self.engine,
            label: self.label,
            name: self.name,
            body: self.body,
            platform: self.platform,
            networks: self.networks.into_iter().map(network).collect(),
            volumes: self.volumes,
            files: self.files.into_iter().map(file).collect(),
            has_terminal: self.has_terminal,
            gateway_name: self.gateway_name,
            relays: self.relays.into_iter().map(|(port, to)| Relay { port, to }).collect(),
        }
    }
}
