//! Course codes: courses apart from their runs.

use either_database::{Database, on, row};

row! {
    /// A course code, with its organisation.
    #[derive(Debug)]
    pub struct CourseCode {
        pub id: i64,
        pub key: String,
        pub display_name: String,
        pub organization_key: String,
        pub organization_name: String,
    }
}

macro_rules! select {
    ($columns:literal, $tail:literal) => {
        concat!("SELECT ", $columns, " FROM course_codes c JOIN organizations o ON o.id = c.organization_id ", $tail)
    };
}

/// How many there are, of one organisation if it is given.
pub async fn count(database: &Database, organization: Option<&str>) -> Result<i64, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_scalar(select!("count(*)", "WHERE $1 IS NULL OR o.key = $1"))
            .bind(organization)
            .fetch_one(pool)
            .await
    })
}

/// A page of them, by organisation and key.
pub async fn page(
    database: &Database,
    organization: Option<&str>,
    limit: i64,
    offset: i64,
) -> Result<Vec<CourseCode>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(select!(
            "c.id, c.key, c.display_name, o.key AS organization_key, o.display_name AS organization_name",
            "WHERE $1 IS NULL OR o.key = $1 ORDER BY o.key, c.key LIMIT $2 OFFSET $3"
        ))
        .bind(organization)
        .bind(limit)
        .bind(offset)
        .fetch_all(pool)
        .await
    })
}

/// Those of a program, by their position in it.
pub async fn of_program(database: &Database, program_id: i64) -> Result<Vec<CourseCode>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(select!(
            "c.id, c.key, c.display_name, o.key AS organization_key, o.display_name AS organization_name",
            "JOIN program_course_codes pc ON pc.course_code_id = c.id WHERE pc.program_id = $1 ORDER BY pc.position"
        ))
        .bind(program_id)
        .fetch_all(pool)
        .await
    })
}
