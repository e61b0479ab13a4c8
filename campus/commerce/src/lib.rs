//! A light shop: partners, sites, courses with seats and orders over HTTP, published to the learning management system; and the
//! pages to administrate programs.

mod app;
mod auth;
mod config;
mod course_key;
mod error;
mod extract;
mod features;
mod fulfilment;
mod lms;
mod migrations;
mod page;
mod pages;
mod programs;
mod publication;
mod queries;
mod rate;
mod routes;
mod service;
mod session;
mod sku;

pub use app::{App, StartError};
pub use config::{Config, ConfigError, LmsConfig, PublishConfig, SessionKey, Settings, database_url_from_environment};
pub use lms::LmsError;
pub use migrations::{MIGRATIONS, MigrateError, migrate};
pub use publication::{PublicationReport, PublishError, publish};
pub use routes::{OPENAPI, paths};
