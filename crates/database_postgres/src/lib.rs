//! The driver of PostgreSQL: a private server, a database of it, and kept states as databases beside it.
//!
//! The client runs an event loop of its own: call it from a thread that runs none.

mod bulk;
mod check;
mod client;
mod clone;
mod copy;
mod data;
mod database;
mod description;
mod discovery;
mod dump;
mod engine;
mod error;
mod extension;
mod fingerprint;
mod ledger;
mod lock;
mod names;
mod physical;
mod plain;
mod program;
mod restore;
mod rows;
mod schema;
mod script;
mod server;
mod settle;
mod state;
mod swap;
mod table;
mod tenancy;
mod transaction;
mod wheel;

pub use engine::PostgresEngine;
