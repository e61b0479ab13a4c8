//! Partners, in whose name courses are sold.

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
pub async fn by_code(database: &Database, code: &str) -> Result<Option<Partner>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as("SELECT id, code, name FROM partners WHERE code = $1").bind(code).fetch_optional(pool).await
    })
}

/// Makes a partner, or gives it this name; true if it was not there.
pub async fn save(database: &Database, code: &str, name: &str) -> Result<bool, sqlx::Error> {
    on!(database, pool => {
        let made = sqlx::query("INSERT INTO partners (code, name) VALUES ($1, $2) ON CONFLICT (code) DO NOTHING")
            .bind(code)
            .bind(name)
            .execute(pool)
            .await?
            .rows_affected();
        if made == 0 {
            sqlx::query("UPDATE partners SET name = $2 WHERE code = $1").bind(code).bind(name).execute(pool).await?;
        }
        Ok(made == 1)
    })
}
