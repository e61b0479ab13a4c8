//! The driver of PostgreSQL: a private server, a database of it, and kept states as template databases.
//!
//! The client runs an event loop of its own: call it from a thread that runs none.

mod account;
mod client;
mod database;
mod discovery;
mod dump;
mod engine;
mod error;
mod fingerprint;
mod program;
mod schema;
mod script;
mod server;
mod state;
mod swap;
mod table;
mod transaction;

pub use engine::PostgresEngine;
