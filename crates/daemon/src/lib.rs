//! The supervisor as a process with a socket, and the client that talks to it.
//!
//! One supervisor per environment owns all of its processes. [`serve`] is its whole life: it takes the lock of the
//! environment's directory, puts an end to what a dead predecessor left, listens, and passes everything that
//! happens (requests, exits, probes, time) to the pure machine of the crate `supervisor`, whose actions the crate
//! `runtime` executes. It ends when it was shut down, or when nothing runs and nobody is connected.
//!
//! [`Client`] is the other end: synchronous, one request at a time. [`Client::apply`] turns it into an [`Apply`], which
//! yields what happens until everything asked for is settled; a client that goes away in the middle takes its apply back.
//!
//! The protocol is one JSON document per line (`wire.rs`), versioned by the greetings that both sides
//! begin with. Its types are its own; `conversion.rs` is the only file that knows both them and the machine's.

mod apply;
mod client;
mod connection;
mod conversion;
mod error;
mod hold;
mod lines;
mod lock;
mod server;
mod start;
mod wire;
mod wire_container;

pub use apply::{Answerer, Apply, ApplyEvent};
pub use client::Client;
pub use error::{ClientError, ServeError};
pub use hold::{Hold, HoldEvent, Releaser};
pub use runtime::guard;
pub use server::{ExitReason, ServeOptions, serve};
