//! Organisations that offer courses.

use chrono::{DateTime, Utc};
use either_database::{Database, on, row};
use serde::Serialize;

row! {
    /// An organisation.
    #[derive(Debug, Serialize)]
    pub struct Organization {
        pub id: i64,
        pub name: String,
        pub short_name: String,
        pub description: String,
        pub logo: Option<String>,
        pub active: bool,
        pub created: DateTime<Utc>,
        pub modified: DateTime<Utc>,
    }
}

/// How many active ones there are.
pub async fn count_active(database: &Database) -> Result<i64, sqlx::Error> {
    on!(database, pool => sqlx::query_scalar("SELECT count(*) FROM organizations WHERE active").fetch_one(pool).await)
}

/// A page of the active ones, by short name.
pub async fn active(database: &Database, limit: i64, offset: i64) -> Result<Vec<Organization>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as("SELECT * FROM organizations WHERE active ORDER BY short_name LIMIT $1 OFFSET $2")
            .bind(limit)
            .bind(offset)
            .fetch_all(pool)
            .await
    })
}

/// The number of the organisation of that name.
pub async fn id_by_short_name(database: &Database, short_name: &str) -> Result<Option<i64>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_scalar("SELECT id FROM organizations WHERE short_name = $1")
            .bind(short_name)
            .fetch_optional(pool)
            .await
    })
}

/// The organisation of that name.
pub async fn by_short_name(database: &Database, short_name: &str) -> Result<Option<Organization>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as("SELECT * FROM organizations WHERE short_name = $1").bind(short_name).fetch_optional(pool).await
    })
}
