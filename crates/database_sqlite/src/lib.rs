//! The driver of SQLite: a database is a file, a kept state is a copy of it, and a reset is a rename.

mod bulk;
mod check;
mod client;
mod clone;
mod copy;
mod database;
mod description;
mod directory;
mod dump;
mod engine;
mod error;
mod fingerprint;
mod ledger;
mod rows;
mod schema;
mod script;
mod spare;
mod state;
mod swap;
mod table;
mod transaction;
mod value;

pub use engine::SqliteEngine;
