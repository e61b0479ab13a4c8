//! Courses, each a run that learners enrol in.

use chrono::{DateTime, Utc};
use either_database::{Database, on, row};

row! {
    /// A course.
    #[derive(Debug, Clone)]
    pub struct Course {
        pub id: i64,
        pub course_key: String,
        pub org: String,
        pub number: String,
        pub name: String,
        pub short_description: String,
        pub effort: Option<String>,
        pub image: Option<String>,
        pub start_date: Option<DateTime<Utc>>,
        pub end_date: Option<DateTime<Utc>>,
        pub enrollment_start: Option<DateTime<Utc>>,
        pub enrollment_end: Option<DateTime<Utc>>,
        pub verification_deadline: Option<DateTime<Utc>>,
        pub self_paced: bool,
        pub hidden: bool,
        pub invitation_only: bool,
        pub mobile_available: bool,
    }
}

/// One `FROM` and `WHERE` for the list and its count: `$1` hidden, `$2` organisation, `$3` pattern.
macro_rules! matching {
    ($columns:literal, $tail:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM courses c JOIN organizations o ON o.id = c.organization_id",
            " WHERE ($1 OR NOT c.hidden) AND ($2 IS NULL OR o.short_name = $2)",
            " AND ($3 IS NULL OR lower(c.name) LIKE $3 ESCAPE '\\' OR lower(c.number) LIKE $3 ESCAPE '\\'",
            " OR lower(o.short_name) LIKE $3 ESCAPE '\\') ",
            $tail
        )
    };
}

/// Which courses of the list are wanted.
#[derive(Debug)]
pub struct Filter {
    /// Hidden ones too.
    pub hidden: bool,
    /// Of this organisation.
    pub org: Option<String>,
    /// With this in their name, number or organisation, whatever the case.
    pub search_term: Option<String>,
}

impl Filter {
    /// The term as a pattern of `LIKE`, whose special characters stand for themselves.
    fn pattern(&self) -> Option<String> {
        let term = self.search_term.as_ref()?.to_lowercase();
        Some(format!("%{}%", term.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")))
    }
}

/// How many courses match.
pub async fn count(database: &Database, filter: &Filter) -> Result<i64, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_scalar(matching!("count(*)", ""))
            .bind(filter.hidden)
            .bind(&filter.org)
            .bind(filter.pattern())
            .fetch_one(pool)
            .await
    })
}

/// A page of the courses that match, by key.
pub async fn page(database: &Database, filter: &Filter, limit: i64, offset: i64) -> Result<Vec<Course>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(matching!("c.*, o.short_name AS org", "ORDER BY c.course_key LIMIT $4 OFFSET $5"))
            .bind(filter.hidden)
            .bind(&filter.org)
            .bind(filter.pattern())
            .bind(limit)
            .bind(offset)
            .fetch_all(pool)
            .await
    })
}

/// The course of that key.
pub async fn by_key(database: &Database, key: &str) -> Result<Option<Course>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(
            "SELECT c.*, o.short_name AS org FROM courses c JOIN organizations o ON o.id = c.organization_id
             WHERE c.course_key = $1",
        )
        .bind(key)
        .fetch_optional(pool)
        .await
    })
}
