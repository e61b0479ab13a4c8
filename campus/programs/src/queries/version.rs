//! Versions of programs that were replaced.

use chrono::{DateTime, Utc};
use either_database::{Database, on, row};

row! {
    /// A version that was replaced.
    #[derive(Debug)]
    pub struct Version {
        pub number: i32,
        /// JSON.
        pub course_codes: String,
        pub author: String,
        pub created: DateTime<Utc>,
    }
}

/// A page of a program's, newest first.
pub async fn page(database: &Database, program_id: i64, limit: i64, offset: i64) -> Result<Vec<Version>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(
            "SELECT number, course_codes, author, created FROM program_versions
             WHERE program_id = $1 ORDER BY number DESC LIMIT $2 OFFSET $3",
        )
        .bind(program_id)
        .bind(limit)
        .bind(offset)
        .fetch_all(pool)
        .await
    })
}

/// How many of a program's there are.
pub async fn count(database: &Database, program_id: i64) -> Result<i64, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_scalar("SELECT count(*) FROM program_versions WHERE program_id = $1")
            .bind(program_id)
            .fetch_one(pool)
            .await
    })
}
