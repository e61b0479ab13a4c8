//! A light learning management system: users, organisations, courses, course modes and enrolments over HTTP.

mod app;
mod auth;
mod config;
mod course_key;
mod error;
mod extract;
mod migrations;
mod page;
mod queries;
mod routes;

pub use app::{App, StartError};
pub use config::{Config, ConfigError};
pub use migrations::{MIGRATIONS, MigrateError, migrate};
