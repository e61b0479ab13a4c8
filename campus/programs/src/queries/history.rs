//! The history: who changed what.

use chrono::{DateTime, Utc};
use either_database::{Database, on, row};

row! {
    /// A change.
    #[derive(Debug)]
    pub struct Entry {
        pub total: i64,
        pub subject: String,
        pub key: String,
        pub action: String,
        pub username: String,
        /// JSON.
        pub changes: String,
        pub created: DateTime<Utc>,
    }
}

/// A page of the changes, newest first; of one program if its UUID is given.
pub async fn page(
    database: &Database,
    program: Option<&str>,
    limit: i64,
    offset: i64,
) -> Result<Vec<Entry>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(
            "SELECT count(*) OVER () AS total, subject, key, action, username, changes, created FROM history
             WHERE $1 IS NULL OR (subject = 'program' AND key = $1) ORDER BY id DESC LIMIT $2 OFFSET $3",
        )
        .bind(program)
        .bind(limit)
        .bind(offset)
        .fetch_all(pool)
        .await
    })
}
