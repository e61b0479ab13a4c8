//! The number that grows with every change of what is shown.

use either_database::{Database, on};

/// The number now.
pub async fn current(database: &Database) -> Result<i64, sqlx::Error> {
    on!(database, pool => sqlx::query_scalar("SELECT number FROM catalogue_revision").fetch_one(pool).await)
}
