//! Programs: groups of courses over HTTP, offered by organisations of the learning management system.

mod app;
mod auth;
mod config;
mod course_key;
mod error;
mod extract;
mod lms;
mod migrations;
mod page;
mod queries;
mod routes;
mod synchronization;

pub use app::{App, StartError};
pub use config::{Config, ConfigError, LmsConfig, SyncConfig, database_url_from_environment};
pub use lms::LmsError;
pub use migrations::{MIGRATIONS, MigrateError, migrate};
pub use queries::organization::Organization;
pub use synchronization::{SyncError, SyncReport, sync_organizations};
