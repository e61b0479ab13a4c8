//! Databases as Seedbed sees them: one trait in small parts, a table model, and a contract that every driver keeps.
//!
//! Everything here is synchronous. A driver is a crate of its own with the same file names as its siblings. To add an
//! engine: a variant in [`EngineKind`] and [`Location`], a crate that implements [`Engine`], and the contract suite
//! (feature `contract`) run over it.

mod account;
mod binaries;
mod containers;
mod database;
mod datum;
mod description;
mod durable;
mod ending;
mod engine;
mod error;
mod fingerprint;
mod image;
mod location;
mod program;
mod schema;
mod script;
mod state;
mod template;
mod transaction;
mod unsettled;

#[cfg(feature = "contract")]
pub mod contract;

pub use account::Account;
pub use binaries::Binaries;
pub use containers::{ContainerError, Containers};
pub use database::{Bring, Database, DatabaseFiles, Kept, Transplant};
pub use datum::{Datum, Rows, civil, day_of};
pub use description::{
    CheckDescription, ColumnDescription, Description, Filled, ForeignKeyDescription, KeyDescription, Kind, Partitions,
    TableDescription,
};
pub use durable::{DurableRename, FileError, copy_tree, remove_file, sync_all, sync_directory, sync_file, sync_tree};
pub use ending::{Endable, end_programs};
pub use engine::{
    DatabaseSettings, Durability, Engine, EngineError, EngineKind, ServerFiles, ServerFound, ServerPackage,
    ServerPlace, ServerProcess, ServerRequest, ShellCommand, UnknownEngine,
};
pub use error::{Cause, DatabaseError};
pub use fingerprint::{FINGERPRINT_VERSION, FingerprintBuilder, RowDigest, RowSum, is_comparable};
pub use image::{Contents, Image, Inside, Question};
pub use location::{Location, Login, Secret};
pub use program::{Program, ProgramFailure};
pub use schema::{Column, ForeignKey, Schema, Table};
pub use script::{Dialect, Statement, statements};
pub use state::{InvalidStateName, StateName};
pub use template::Template;
pub use transaction::{Bulk, BulkTable, LEDGER, Transaction, Value, render_row};
pub use unsettled::Unsettled;
