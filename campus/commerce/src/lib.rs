//! A light shop: partners, sites and courses with seats over HTTP, published to the learning management system.

mod app;
mod auth;
mod config;
mod course_key;
mod error;
mod extract;
mod lms;
mod migrations;
mod page;
mod publication;
mod queries;
mod routes;
mod sku;

pub use app::{App, StartError};
pub use config::{Config, ConfigError, LmsConfig, PublishConfig, database_url_from_environment};
pub use lms::LmsError;
pub use migrations::{MIGRATIONS, MigrateError, migrate};
pub use publication::{PublicationReport, PublishError, publish};
