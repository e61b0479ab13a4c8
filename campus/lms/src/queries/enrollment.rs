//! Enrolments: who takes part in which course, and in which mode.

use chrono::{DateTime, Utc};
use either_database::{Database, on, row, transaction};
use serde::{Deserialize, Serialize};

use crate::happened::{self, Standing};
use crate::queries::course::Course;
use crate::queries::user::User;

row! {
    /// An enrolment, with the names of what it connects.
    #[derive(Debug, Serialize)]
    pub struct Enrollment {
        pub created: DateTime<Utc>,
        pub mode: String,
        pub is_active: bool,
        #[serde(rename = "user")]
        pub username: String,
        #[serde(rename = "course_id")]
        pub course_key: String,
    }
}

/// A fact about an enrolment that some other service wants to keep with it.
#[derive(Debug, Deserialize)]
pub struct Attribute {
    pub namespace: String,
    pub name: String,
    pub value: String,
}

/// What an enrolment becomes.
#[derive(Debug)]
pub struct Change<'a> {
    pub user: &'a User,
    pub course: &'a Course,
    pub mode: &'a str,
    pub is_active: bool,
    pub attributes: &'a [Attribute],
}

/// One `FROM` for everything that shows enrolments.
macro_rules! select {
    ($columns:literal, $tail:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM enrollments e JOIN users u ON u.id = e.user_id JOIN courses c ON c.id = e.course_id ",
            $tail
        )
    };
}

/// The enrolment of a user in a course.
pub async fn find(database: &Database, username: &str, course_key: &str) -> Result<Option<Enrollment>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(select!("e.*, u.username, c.course_key", "WHERE u.username = $1 AND c.course_key = $2"))
            .bind(username)
            .bind(course_key)
            .fetch_optional(pool)
            .await
    })
}

/// The active enrolments of a user, by course.
pub async fn active_of_user(database: &Database, username: &str) -> Result<Vec<Enrollment>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(select!(
            "e.*, u.username, c.course_key",
            "WHERE u.username = $1 AND e.is_active ORDER BY c.course_key"
        ))
        .bind(username)
        .fetch_all(pool)
        .await
    })
}

/// How many enrolments there are, in a course and of a user if they are given.
pub async fn count(database: &Database, course_key: Option<&str>, username: Option<&str>) -> Result<i64, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_scalar(select!(
            "count(*)",
            "WHERE ($1 IS NULL OR c.course_key = $1) AND ($2 IS NULL OR u.username = $2)"
        ))
        .bind(course_key)
        .bind(username)
        .fetch_one(pool)
        .await
    })
}

/// A page of the enrolments that [`count`] counts, oldest first.
pub async fn page(
    database: &Database,
    course_key: Option<&str>,
    username: Option<&str>,
    limit: i64,
    offset: i64,
) -> Result<Vec<Enrollment>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(select!(
            "e.*, u.username, c.course_key",
            "WHERE ($1 IS NULL OR c.course_key = $1) AND ($2 IS NULL OR u.username = $2)
             ORDER BY e.id LIMIT $3 OFFSET $4"
        ))
        .bind(course_key)
        .bind(username)
        .bind(limit)
        .bind(offset)
        .fetch_all(pool)
        .await
    })
}

/// Makes the enrolment what the change says, whether it was there or not, and tells of it.
pub async fn save(database: &Database, change: &Change<'_>) -> Result<(), sqlx::Error> {
    transaction!(database, transaction => {
        // Of two changes for one user at the same time, the second has to see what the first has done.
        sqlx::query("UPDATE users SET id = id WHERE id = $1").bind(change.user.id).execute(&mut *transaction).await?;
        let before: Option<(String, bool, DateTime<Utc>)> =
            sqlx::query_as("SELECT mode, is_active, created FROM enrollments WHERE user_id = $1 AND course_id = $2")
                .bind(change.user.id)
                .bind(change.course.id)
                .fetch_optional(&mut *transaction)
                .await?;
        let (enrollment_id, created): (i64, DateTime<Utc>) = sqlx::query_as(
            "INSERT INTO enrollments (user_id, course_id, mode, is_active) VALUES ($1, $2, $3, $4)
             ON CONFLICT (user_id, course_id) DO UPDATE SET mode = excluded.mode, is_active = excluded.is_active
             RETURNING id, created",
        )
        .bind(change.user.id)
        .bind(change.course.id)
        .bind(change.mode)
        .bind(change.is_active)
        .fetch_one(&mut *transaction)
        .await?;
        for attribute in change.attributes {
            sqlx::query(
                "INSERT INTO enrollment_attributes (enrollment_id, namespace, name, value) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (enrollment_id, namespace, name) DO UPDATE SET value = excluded.value",
            )
            .bind(enrollment_id)
            .bind(&attribute.namespace)
            .bind(&attribute.name)
            .bind(&attribute.value)
            .execute(&mut *transaction)
            .await?;
        }
        let before = before.map(|(mode, is_active, created)| Standing { mode, is_active, created });
        let now = Standing { mode: change.mode.to_owned(), is_active: change.is_active, created };
        if let Some(event) = happened::enrollment(change.user, change.course, before.as_ref(), &now) {
            events::publish(&mut *transaction, &event).await?;
        }
    });
    Ok(())
}
