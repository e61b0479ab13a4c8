//! The client of a container engine: Docker's interface, which Podman has too.
//!
//! [`Engine`] asks one thing at a time over a connection of its own; [`Address`] says where the engine is. What is asked is
//! in a file for each noun: `container.rs`, `network.rs`, `volume.rs`, `image.rs`. Bodies of requests are JSON texts
//! that others make: this room knows how to ask, and not what for. [`Call`] is the same for whoever has no event loop.
//!
//! Everything that is made carries the label [`LABEL`], and [`Engine::sweep`] removes by it.

mod about;
mod address;
mod attach;
mod build;
mod call;
mod certificates;
mod connection;
mod container;
mod context;
mod engine;
mod error;
mod image;
mod inside;
mod login;
mod network;
mod progress;
mod sweep;
mod volume;

pub use about::About;
pub use address::Address;
pub use attach::{Keys, Output, OutputKind};
pub use build::BuildRequest;
pub use call::Call;
pub use container::{Inspection, Listed};
pub use context::{Context, ContextError};
pub use engine::Engine;
pub use error::EngineError;
pub use image::ImageFound;
pub use inside::{Input, InputSender, Inside, Partner, input};
pub use login::{Login, registry};
pub use network::NetworkFound;
pub use sweep::{LABEL, SUPERVISOR_LABEL, Sweep};
