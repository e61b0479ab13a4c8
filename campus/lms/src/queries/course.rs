//! Courses, each a run that learners enrol in.

use chrono::{DateTime, Utc};
use either_database::{Database, on, row, transaction};

use crate::course_key::CourseKey;
use crate::queries::course_mode::tell;

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

impl Course {
    /// A course of which nothing but the key is known.
    pub fn new(key: &CourseKey) -> Self {
        Self {
            id: 0,
            course_key: key.as_str().to_owned(),
            org: key.org().to_owned(),
            number: key.number().to_owned(),
            name: String::new(),
            short_description: String::new(),
            effort: None,
            image: None,
            start_date: None,
            end_date: None,
            enrollment_start: None,
            enrollment_end: None,
            verification_deadline: None,
            self_paced: false,
            hidden: false,
            invitation_only: false,
            mobile_available: false,
        }
    }
}

/// One `FROM` and `WHERE` for the list and its count: `$1` hidden, `$2` organisation, `$3` pattern, `$4` mobile.
macro_rules! matching {
    ($columns:literal, $tail:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM courses c JOIN organizations o ON o.id = c.organization_id",
            " WHERE ($1 OR NOT c.hidden) AND ($2 IS NULL OR o.short_name = $2)",
            " AND ($4 IS NULL OR c.mobile_available = $4)",
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
    /// That can, or cannot, be taken on a telephone.
    pub mobile: Option<bool>,
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
            .bind(filter.mobile)
            .fetch_one(pool)
            .await
    })
}

/// A page of the courses that match, by key.
pub async fn page(database: &Database, filter: &Filter, limit: i64, offset: i64) -> Result<Vec<Course>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(matching!("c.*, o.short_name AS org", "ORDER BY c.course_key LIMIT $5 OFFSET $6"))
            .bind(filter.hidden)
            .bind(&filter.org)
            .bind(filter.pattern())
            .bind(filter.mobile)
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

/// Writes a new course down.
pub async fn insert(database: &Database, course: &Course, organization_id: i64) -> Result<(), sqlx::Error> {
    transaction!(database, transaction => {
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO courses (course_key, organization_id, number, name, short_description, effort, image, start_date,
                end_date, enrollment_start, enrollment_end, self_paced, hidden, invitation_only, mobile_available)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
             RETURNING id",
        )
        .bind(&course.course_key)
        .bind(organization_id)
        .bind(&course.number)
        .bind(&course.name)
        .bind(&course.short_description)
        .bind(&course.effort)
        .bind(&course.image)
        .bind(course.start_date)
        .bind(course.end_date)
        .bind(course.enrollment_start)
        .bind(course.enrollment_end)
        .bind(course.self_paced)
        .bind(course.hidden)
        .bind(course.invitation_only)
        .bind(course.mobile_available)
        .fetch_one(&mut *transaction)
        .await?;
        let course = Course { id, ..course.clone() };
        tell!(transaction, &course);
    });
    Ok(())
}

/// Writes down what is said of a course now.
pub async fn update(database: &Database, course: &Course) -> Result<(), sqlx::Error> {
    transaction!(database, transaction => {
        sqlx::query(
            "UPDATE courses SET name = $1, short_description = $2, effort = $3, image = $4, start_date = $5,
                end_date = $6, enrollment_start = $7, enrollment_end = $8, self_paced = $9, hidden = $10,
                invitation_only = $11, mobile_available = $12, modified = $13 WHERE id = $14",
        )
        .bind(&course.name)
        .bind(&course.short_description)
        .bind(&course.effort)
        .bind(&course.image)
        .bind(course.start_date)
        .bind(course.end_date)
        .bind(course.enrollment_start)
        .bind(course.enrollment_end)
        .bind(course.self_paced)
        .bind(course.hidden)
        .bind(course.invitation_only)
        .bind(course.mobile_available)
        .bind(Utc::now())
        .bind(course.id)
        .execute(&mut *transaction)
        .await?;
        tell!(transaction, course);
    });
    Ok(())
}
