//! Programs: groups of courses over HTTP, offered by organisations of the learning management system.

mod app;
mod auth;
mod banner;
mod catalogue;
mod config;
mod course_key;
mod courses;
mod document;
mod editor;
mod error;
mod extract;
mod fields;
mod kept;
mod listener;
mod lms;
mod migrations;
mod page;
mod program_input;
mod queries;
mod rate_limit;
mod routes;
mod run_state;
mod service;
mod slug;
mod synchronization;

pub use app::{App, StartError};
pub use catalogue::{Changes, NewCourseCode};
pub use config::{
    ClosedRuns, Config, ConfigError, LmsConfig, Settings, SyncConfig, TokenConfig, Users, database_url_from_environment,
};
pub use lms::LmsError;
pub use migrations::{MIGRATIONS, MigrateError, migrate};
pub use queries::course_run::CourseRun;
pub use queries::organization::Organization;
pub use routes::{OPENAPI, paths};
pub use synchronization::{SyncError, synchronize};
