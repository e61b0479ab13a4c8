//! `seedbed.yaml`: read strictly into checked types, and the tree of workspaces that it names. Runs nothing.
//!
//! [`read`] takes one file, [`load`] a directory and all it depends on. Both return every problem of every file at
//! once. The meaning of the format is told in `docs/formats/manifest.md`; [`schema`] is its JSON schema, made from the
//! same declaration that the reader checks with.

mod after;
mod applied;
mod base;
mod budget;
mod cold;
mod command;
mod compose_container;
mod compose_copies;
mod compose_project;
mod compose_service;
mod config_file;
mod configuration;
mod container;
mod container_keys;
mod database;
mod date;
mod declared;
mod dependency;
mod difference;
mod document;
mod duration;
mod engine;
mod export;
mod file_reference;
mod format;
mod glob;
mod grammar;
mod import;
mod lazy;
mod loader;
mod local;
mod locator;
mod manifest;
mod mode;
mod name;
mod probe;
mod procfile;
mod reading;
mod remote;
mod resource;
mod restart;
mod schema;
mod scrub;
mod secret;
mod servers;
mod service;
mod setting;
mod size;
mod snapshots;
mod spec_reference;
mod standalone;
mod states;
mod stop;
mod task;
mod template;
mod tree;
mod watch;
mod words;

pub use after::{After, AfterTarget, Condition};
pub use applied::{APPLIED, Applied};
pub use base::{Base, BaseSource, Digest};
pub use budget::Budget;
pub use cold::Cold;
pub use command::Command;
pub use config_file::ConfigFile;
pub use container::{
    Build, Container, ContainerFile, FileContent, HealthCheck, HealthTest, ImageSource, Limits, Logging, Mount,
    MountSource, Network, NetworkConnection, NetworkMode, Protocol, PublishedPort, PullPolicy, Volume, Workload,
};
pub use database::{Database, Durability, SchemaStep};
pub use date::Date;
pub use dependency::{Dependency, DependencySource};
pub use difference::differences;
pub use engine::Engine;
pub use export::{Export, ExportKind};
pub use file_reference::FileReference;
pub use glob::Glob;
pub use lazy::Lazy;
pub use local::{LOCAL_FILE_NAME, Link, Local, with_link, without_link};
pub use locator::{ByPath, Locator, Wanted};
pub use manifest::{Manifest, read};
pub use name::Name;
pub use probe::{Body, Http, Live, Probe, ProbedPort, Ready};
pub use remote::Remote;
pub use resource::Resource;
pub use restart::{Restart, RestartLimit, RestartPolicy};
pub use schema::{local_schema, schema};
pub use scrub::{ColumnRule, Pseudonym, Replacement, Scrub};
pub use secret::SecretSource;
pub use servers::Servers;
pub use service::{Port, Service};
pub use setting::{Setting, SettingKind, SettingValue};
pub use size::parse_size;
pub use snapshots::{SnapshotForm, Snapshots};
pub use spec_reference::{SpecReference, SpecSource};
pub use standalone::{CHOSEN_FILES, find_root, is_workspace};
pub use states::States;
pub use stop::{Stop, StopSignal};
pub use task::Task;
pub use template::{Part, Reference, Template};
pub use tree::{FILE_NAME, Workspace, WorkspaceId, WorkspaceTree, check_text, importable, load};
pub use watch::Watch;
