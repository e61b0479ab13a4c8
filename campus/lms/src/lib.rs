//! A light learning management system: users, organisations, courses, course modes and enrolments over HTTP.

mod app;
mod auth;
mod commands;
mod config;
mod course_key;
mod error;
mod extract;
mod filters;
mod happened;
mod key_file;
mod learning;
mod migrations;
mod openapi;
mod page;
mod patch;
mod queries;
mod rate;
mod routes;
mod secret;
mod service;
mod switches;
mod tokens;

pub use app::{App, StartError};
pub use commands::{CommandError, DevPassword, add_client, add_user, dev_passwords};
pub use config::{Config, ConfigError};
pub use filters::FiltersError;
pub use key_file::KeyFileError;
pub use migrations::{MIGRATIONS, MigrateError, migrate};
pub use openapi::document;
pub use rate::RateLimits;
