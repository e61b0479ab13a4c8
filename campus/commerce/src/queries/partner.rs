//! Partners, in whose name courses are sold, and the sites that they are sold on.

use either_database::{Database, on, row};
use serde::Serialize;

row! {
    /// A partner.
    #[derive(Debug, Serialize)]
    pub struct Partner {
        pub id: i64,
        pub code: String,
        pub name: String,
    }
}

/// How many there are.
pub async fn count(database: &Database) -> Result<i64, sqlx::Error> {
    on!(database, pool => sqlx::query_scalar("SELECT count(*) FROM partners").fetch_one(pool).await)
}

/// A page of them, by code.
pub async fn page(database: &Database, limit: i64, offset: i64) -> Result<Vec<Partner>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as("SELECT id, code, name FROM partners ORDER BY code LIMIT $1 OFFSET $2")
            .bind(limit)
            .bind(offset)
            .fetch_all(pool)
            .await
    })
}

/// The partner of that code.
pub async fn id_by_code(database: &Database, code: &str) -> Result<Option<i64>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_scalar("SELECT id FROM partners WHERE code = $1").bind(code).fetch_optional(pool).await
    })
}

/// The site of that domain.
pub async fn site_id_by_domain(database: &Database, domain: &str) -> Result<Option<i64>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_scalar("SELECT id FROM sites WHERE domain = $1").bind(domain).fetch_optional(pool).await
    })
}
