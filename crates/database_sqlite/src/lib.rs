//! The driver of SQLite: a database is a file, a kept state is a copy of it.

mod client;
mod database;
mod dump;
mod engine;
mod error;
mod fingerprint;
mod schema;
mod script;
mod state;
mod swap;
mod table;
mod transaction;
mod value;

pub use engine::SqliteEngine;
