//! The driver of Redis: a private server, a numbered database of it, and kept states as further numbers.
//!
//! Replacing content is `SWAPDB`, whatever its size. A key that expires may vanish at any moment without anyone's doing:
//! it is copied and dumped with its moment, but it does not count as content where contents are compared.

mod client;
mod content;
mod database;
mod discovery;
mod dump;
mod engine;
mod error;
mod fingerprint;
mod import;
mod program;
mod registry;
mod schema;
mod script;
mod server;
mod state;
mod value;

pub use engine::RedisEngine;
