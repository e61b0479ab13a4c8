//! The driver of MariaDB and MySQL: a private server, a database of it, and kept states as further schemas.
//!
//! A schema cannot be renamed, but its tables can be moved into another one, whatever their size: a reset is one statement
//! that moves tables, with what else is in a schema (views, triggers, routines, events) written down before and made again
//! after it. Which schema holds which content, and the move that is under way, stand in a schema of Seedbed's own.
#![allow(clippy::doc_markdown, reason = "MySQL and InnoDB are names of products")]

mod bulk;
mod catalog;
mod client;
mod clone;
mod copy;
mod database;
mod description;
mod discovery;
mod dump;
mod engine;
mod error;
mod fingerprint;
mod ledger;
mod literal;
mod objects;
mod physical;
mod program;
mod restore;
mod schema;
mod script;
mod server;
mod state;
mod swap;
mod table;
mod transaction;

pub use engine::MysqlEngine;
