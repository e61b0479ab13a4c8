//! Course codes: courses apart from their runs.

use either_database::{Database, on, row};

row! {
    /// A course code, with its organisation.
    #[derive(Debug)]
    pub struct CourseCode {
        pub total: i64,
        pub key: String,
        pub display_name: String,
        pub organization_key: String,
        pub organization_name: String,
    }
}

/// A page of them, by organisation and key; of one organisation if it is given.
pub async fn page(
    database: &Database,
    organization: Option<&str>,
    limit: i64,
    offset: i64,
) -> Result<Vec<CourseCode>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(
            "SELECT count(*) OVER () AS total, c.key, c.display_name,
                 o.key AS organization_key, o.display_name AS organization_name
             FROM course_codes c JOIN organizations o ON o.id = c.organization_id
             WHERE $1 IS NULL OR o.key = $1 ORDER BY o.key, c.key LIMIT $2 OFFSET $3",
        )
        .bind(organization)
        .bind(limit)
        .bind(offset)
        .fetch_all(pool)
        .await
    })
}
