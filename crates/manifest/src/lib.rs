//! `seedbed.yaml`: read strictly into checked types, and the tree of workspaces that it names. Runs nothing.
//!
//! [`read`] takes one file, [`load`] a directory and all it depends on. Both return every problem of every file at
//! once. The meaning of the format is told in `docs/formats/manifest.md`; [`schema`] is its JSON schema, made from the
//! same declaration that the reader checks with.

mod after;
mod command;
mod database;
mod declared;
mod dependency;
mod document;
mod duration;
mod file_reference;
mod format;
mod grammar;
mod manifest;
mod name;
mod reading;
mod schema;
mod service;
mod setting;
mod task;
mod template;
mod tree;
mod words;

pub use after::{After, AfterTarget, Condition};
pub use command::Command;
pub use database::{Database, Engine, SchemaStep};
pub use dependency::Dependency;
pub use file_reference::FileReference;
pub use manifest::{Manifest, read};
pub use name::Name;
pub use schema::schema;
pub use service::{Port, Probe, Ready, Service, Stop, StopSignal};
pub use setting::Setting;
pub use task::Task;
pub use template::{Part, Reference, Template};
pub use tree::{FILE_NAME, Workspace, WorkspaceId, WorkspaceTree, find_root, load};
