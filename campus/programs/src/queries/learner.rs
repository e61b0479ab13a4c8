//! Learners: with which version of a program somebody started.

use chrono::{DateTime, Utc};
use either_database::{Database, on, row, transaction};

row! {
    /// That somebody started with a program.
    #[derive(Debug)]
    pub struct Learner {
        pub program_id: i64,
        pub version: i32,
        pub started: DateTime<Utc>,
    }
}

row! {
    /// The version of an active or retired program that somebody started with and that is not the newest.
    #[derive(Debug)]
    pub struct Earlier {
        pub program_id: i64,
        pub course_codes: String,
    }
}

/// Notes that somebody starts with the newest version of a program; says whether that is new. Whoever has started stays
/// with the version of then.
pub async fn start(database: &Database, program_id: i64, username: &str) -> Result<(Learner, bool), sqlx::Error> {
    transaction!(database, transaction => {
        let made = sqlx::query(
            "INSERT INTO learners (program_id, username, version, started)
             SELECT id, $2, version, $3 FROM programs WHERE id = $1
             ON CONFLICT (username, program_id) DO NOTHING",
        )
        .bind(program_id)
        .bind(username)
        .bind(Utc::now())
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        let learner = sqlx::query_as(
            "SELECT program_id, version, started FROM learners WHERE program_id = $1 AND username = $2",
        )
        .bind(program_id)
        .bind(username)
        .fetch_one(&mut *transaction)
        .await?;
        Ok((learner, made == 1))
    })
}

/// The versions that somebody started with, where they are not the newest.
pub async fn earlier(database: &Database, username: &str) -> Result<Vec<Earlier>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(
            "SELECT l.program_id, v.course_codes FROM learners l
             JOIN programs p ON p.id = l.program_id
             JOIN program_versions v ON v.program_id = l.program_id AND v.number = l.version
             WHERE l.username = $1 AND p.status IN ('active', 'retired')",
        )
        .bind(username)
        .fetch_all(pool)
        .await
    })
}
