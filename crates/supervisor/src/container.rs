//! How one container is made.

use std::path::PathBuf;

/// A container: what an engine is asked for. What the engine alone understands is text in its own words (JSON), which nobody
/// in between reads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContainerSpec {
    /// The address of the engine.
    pub engine: String,
    /// The value of the label that everything of the environment carries.
    pub label: String,
    /// What it is called; one of that name that is there is replaced.
    pub name: String,
    /// What is asked for, in the engine's words.
    pub body: String,
    /// The platform that is asked for.
    pub platform: Option<String>,
    /// The networks that must be there; the first is the one that it is made in.
    pub networks: Vec<NeededNetwork>,
    /// The volumes that must be there, each in the engine's words.
    pub volumes: Vec<String>,
    /// Files that are put into it before it starts.
    pub files: Vec<PlacedFile>,
    /// Whether its two outputs are one, since it has a terminal.
    pub has_terminal: bool,
    /// The name by which it finds this machine, if it has a network where there is one.
    pub gateway_name: Option<String>,
    /// Ports of this machine that it can reach by that name though they accept only what comes from the machine itself.
    pub relays: Vec<Relay>,
}

/// A network that must be there before a container is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededNetwork {
    /// What the engine calls it.
    pub name: String,
    /// What is asked for if it is not there, in the engine's words; `None`: it has to be there.
    pub body: Option<String>,
    /// How the container is connected with it once it is made, in the engine's words; `None`: it is made in it.
    pub connection: Option<String>,
}

/// A file that is put into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedFile {
    /// Where; absolute.
    pub target: String,
    /// What is in it.
    pub content: PlacedContent,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its mode.
    pub mode: u32,
}

/// What is in a file that is put into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlacedContent {
    /// What is in a file of this machine when the container is made.
    File(PathBuf),
    /// This.
    Text(String),
}

/// A way from the network of containers to a port of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Relay {
    /// The port at which containers find it.
    pub port: u16,
    /// The port on the loopback address that it leads to.
    pub to: u16,
}
