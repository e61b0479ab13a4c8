//! Organisations, as far as this service needs them.

use either_database::{Database, on, row};
use serde::Serialize;

row! {
    /// An organisation that offers courses and programs.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize)]
    pub struct Organization {
        /// A human's name for it.
        pub display_name: String,
        /// Its short name in the learning management system.
        pub key: String,
    }
}

/// How many there are.
pub async fn count(database: &Database) -> Result<i64, sqlx::Error> {
    on!(database, pool => sqlx::query_scalar("SELECT count(*) FROM organizations").fetch_one(pool).await)
}

/// A page of them, by key, whatever its case.
pub async fn page(database: &Database, limit: i64, offset: i64) -> Result<Vec<Organization>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as("SELECT display_name, key FROM organizations ORDER BY lower(key), key LIMIT $1 OFFSET $2")
            .bind(limit)
            .bind(offset)
            .fetch_all(pool)
            .await
    })
}

/// All of them.
pub async fn all(database: &Database) -> Result<Vec<Organization>, sqlx::Error> {
    page(database, i64::MAX, 0).await
}
