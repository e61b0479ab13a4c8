//! One pool over SQLite or PostgreSQL, chosen by URL at run time, with each engine's native column types.
//!
//! `sqlx::Any` knows neither timestamps nor UUIDs. Here a query is written once and compiled for both engines:
//! [`on!`] gives the body the pool of the engine at hand, [`transaction!`] a writing transaction, and [`row!`] declares
//! a struct that is read from a row of either. A library that joins its caller's transaction takes a [`Connection`], and
//! [`through!`] runs a body with it. SQL has to be understood by both: placeholders are `$1`, `$2`, ….
//!
//! ```no_run
//! either_database::row! {
//!     /// Somebody.
//!     pub struct User {
//!         /// The database's number.
//!         pub id: i64,
//!         /// The name to sign in with.
//!         pub username: String,
//!     }
//! }
//!
//! async fn find(database: &either_database::Database, username: &str) -> Result<Option<User>, sqlx::Error> {
//!     either_database::on!(database, pool => {
//!         sqlx::query_as("SELECT id, username FROM users WHERE username = $1").bind(username).fetch_optional(pool).await
//!     })
//! }
//! ```

mod connection;
mod database;
mod migration;
mod row;

pub use connection::Connection;
pub use database::{Database, OpenError, Options};
pub use migration::Migration;
#[doc(hidden)]
pub use sqlx;
