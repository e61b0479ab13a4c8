//! Courses as they are sold: the same keys as in the learning management system.

use chrono::{DateTime, Utc};
use either_database::{Database, on, row, transaction};

use super::seat::Seat;

row! {
    /// A course, with the names of its partner and site.
    #[derive(Debug)]
    pub struct Course {
        pub id: i64,
        pub course_key: String,
        pub name: String,
        pub partner: Option<String>,
        pub site: Option<String>,
        pub verification_deadline: Option<DateTime<Utc>>,
        pub created: DateTime<Utc>,
        pub modified: DateTime<Utc>,
    }
}

/// A course as it shall be. Its seats are all that it will have.
#[derive(Debug)]
pub struct Change<'a> {
    pub course_key: &'a str,
    pub name: &'a str,
    pub partner_id: Option<i64>,
    pub site_id: Option<i64>,
    pub verification_deadline: Option<DateTime<Utc>>,
    pub seats: &'a [Seat],
}

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT c.id, c.course_key, c.name, p.code AS partner, s.domain AS site, c.verification_deadline,",
            " c.created, c.modified FROM courses c",
            " LEFT JOIN partners p ON p.id = c.partner_id LEFT JOIN sites s ON s.id = c.site_id ",
            $tail
        )
    };
}

/// How many there are.
pub async fn count(database: &Database) -> Result<i64, sqlx::Error> {
    on!(database, pool => sqlx::query_scalar("SELECT count(*) FROM courses").fetch_one(pool).await)
}

/// A page of them, by key.
pub async fn page(database: &Database, limit: i64, offset: i64) -> Result<Vec<Course>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(select!("ORDER BY c.course_key LIMIT $1 OFFSET $2"))
            .bind(limit)
            .bind(offset)
            .fetch_all(pool)
            .await
    })
}

/// The course of that key.
pub async fn by_key(database: &Database, key: &str) -> Result<Option<Course>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(select!("WHERE c.course_key = $1")).bind(key).fetch_optional(pool).await
    })
}

/// Makes the course what the change says, whether it was there or not. A seat that stays keeps its sku.
pub async fn save(database: &Database, change: &Change<'_>) -> Result<(), sqlx::Error> {
    transaction!(database, transaction => {
        let course_id: i64 = sqlx::query_scalar(
            "INSERT INTO courses (course_key, name, partner_id, site_id, verification_deadline, created, modified)
             VALUES ($1, $2, $3, $4, $5, $6, $6)
             ON CONFLICT (course_key) DO UPDATE SET name = excluded.name, partner_id = excluded.partner_id,
                site_id = excluded.site_id, verification_deadline = excluded.verification_deadline,
                modified = excluded.modified
             RETURNING id",
        )
        .bind(change.course_key)
        .bind(change.name)
        .bind(change.partner_id)
        .bind(change.site_id)
        .bind(change.verification_deadline)
        .bind(Utc::now())
        .fetch_one(&mut *transaction)
        .await?;
        let present: Vec<String> = sqlx::query_scalar("SELECT type FROM seats WHERE course_id = $1")
            .bind(course_id)
            .fetch_all(&mut *transaction)
            .await?;
        for seat_type in present.iter().filter(|present| change.seats.iter().all(|seat| seat.seat_type != **present)) {
            sqlx::query("DELETE FROM seats WHERE course_id = $1 AND type = $2")
                .bind(course_id)
                .bind(seat_type)
                .execute(&mut *transaction)
                .await?;
        }
        for seat in change.seats {
            sqlx::query(
                "INSERT INTO seats (course_id, type, sku, price, currency, expires) VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (course_id, type) DO UPDATE SET price = excluded.price, currency = excluded.currency,
                    expires = excluded.expires",
            )
            .bind(course_id)
            .bind(&seat.seat_type)
            .bind(&seat.sku)
            .bind(seat.price)
            .bind(&seat.currency)
            .bind(seat.expires)
            .execute(&mut *transaction)
            .await?;
        }
    });
    Ok(())
}
