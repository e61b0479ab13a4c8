//! Copies of the runs of courses that the learning management system has.

use chrono::{DateTime, Utc};
use either_database::{Database, on, row};

use crate::run_state::Dates;

row! {
    /// A run of a course.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct CourseRun {
        /// Its name among all runs.
        pub course_key: String,
        /// Who offers it.
        pub organization_key: String,
        /// The key of its course code.
        pub number: String,
        /// A human's name for it.
        pub name: String,
        /// When it begins.
        pub start_date: Option<DateTime<Utc>>,
        /// When it is over.
        pub end_date: Option<DateTime<Utc>>,
        /// When enrolment begins.
        pub enrollment_start: Option<DateTime<Utc>>,
        /// When enrolment is over.
        pub enrollment_end: Option<DateTime<Utc>>,
        /// Whether the learning management system has it no longer.
        pub withdrawn: bool,
    }
}

impl CourseRun {
    /// What its state follows from.
    pub fn dates(&self) -> Dates {
        Dates {
            start: self.start_date,
            end: self.end_date,
            enrollment_start: self.enrollment_start,
            enrollment_end: self.enrollment_end,
            withdrawn: self.withdrawn,
        }
    }
}

macro_rules! select {
    ($columns:literal, $tail:literal) => {
        concat!("SELECT ", $columns, " FROM course_runs r JOIN organizations o ON o.id = r.organization_id ", $tail)
    };
}

/// How many there are, of one organisation and of one course if they are given.
pub async fn count(database: &Database, organization: Option<&str>, number: Option<&str>) -> Result<i64, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_scalar(select!("count(*)", "WHERE ($1 IS NULL OR o.key = $1) AND ($2 IS NULL OR r.number = $2)"))
            .bind(organization)
            .bind(number)
            .fetch_one(pool)
            .await
    })
}

/// A page of them, by their keys; of one organisation and of one course if they are given.
pub async fn page(
    database: &Database,
    organization: Option<&str>,
    number: Option<&str>,
    limit: i64,
    offset: i64,
) -> Result<Vec<CourseRun>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(select!(
            "r.course_key, o.key AS organization_key, r.number, r.name, r.start_date, r.end_date,
             r.enrollment_start, r.enrollment_end, r.withdrawn",
            "WHERE ($1 IS NULL OR o.key = $1) AND ($2 IS NULL OR r.number = $2) ORDER BY r.course_key LIMIT $3 OFFSET $4"
        ))
        .bind(organization)
        .bind(number)
        .bind(limit)
        .bind(offset)
        .fetch_all(pool)
        .await
    })
}

/// The one of this key.
pub async fn find(database: &Database, course_key: &str) -> Result<Option<CourseRun>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(select!(
            "r.course_key, o.key AS organization_key, r.number, r.name, r.start_date, r.end_date,
             r.enrollment_start, r.enrollment_end, r.withdrawn",
            "WHERE r.course_key = $1"
        ))
        .bind(course_key)
        .fetch_optional(pool)
        .await
    })
}

/// All of them.
pub async fn all(database: &Database) -> Result<Vec<CourseRun>, sqlx::Error> {
    page(database, None, None, i64::MAX, 0).await
}
