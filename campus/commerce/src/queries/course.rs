//! Courses as they are sold: the same keys as in the learning management system.

use chrono::{DateTime, Utc};
use either_database::{Connection, Database, on, row, through};

use super::seat::Seat;
use crate::sku::sku;

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
        pub publication: String,
        pub published: Option<DateTime<Utc>>,
        pub publication_error: String,
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

/// Which courses are listed.
#[derive(Debug, Default)]
pub struct Filter {
    pub partner: Option<String>,
    pub site: Option<String>,
}

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT c.id, c.course_key, c.name, p.code AS partner, s.domain AS site, c.verification_deadline,",
            " c.publication, c.published, c.publication_error, c.created, c.modified FROM courses c",
            " LEFT JOIN partners p ON p.id = c.partner_id LEFT JOIN sites s ON s.id = c.site_id ",
            $tail
        )
    };
}

/// How many there are.
pub async fn count(database: &Database, filter: &Filter) -> Result<i64, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_scalar(
            "SELECT count(*) FROM courses c LEFT JOIN partners p ON p.id = c.partner_id
             LEFT JOIN sites s ON s.id = c.site_id
             WHERE (CAST($1 AS TEXT) IS NULL OR p.code = $1) AND (CAST($2 AS TEXT) IS NULL OR s.domain = $2)",
        )
        .bind(&filter.partner)
        .bind(&filter.site)
        .fetch_one(pool)
        .await
    })
}

/// A page of them, by key.
pub async fn page(database: &Database, filter: &Filter, limit: i64, offset: i64) -> Result<Vec<Course>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(select!(
            "WHERE (CAST($1 AS TEXT) IS NULL OR p.code = $1) AND (CAST($2 AS TEXT) IS NULL OR s.domain = $2)
             ORDER BY c.course_key LIMIT $3 OFFSET $4"
        ))
        .bind(&filter.partner)
        .bind(&filter.site)
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

/// Notes that a course is to be published.
pub async fn queue(mut connection: Connection<'_>, key: &str) -> Result<(), sqlx::Error> {
    through!(connection, connection => {
        sqlx::query("UPDATE courses SET publication = 'queued' WHERE course_key = $1")
            .bind(key)
            .execute(&mut *connection)
            .await?;
    });
    Ok(())
}

/// Notes what became of a publication: the reason if it was refused.
pub async fn note_publication(database: &Database, key: &str, refusal: Option<&str>) -> Result<(), sqlx::Error> {
    on!(database, pool => {
        sqlx::query(
            "UPDATE courses SET publication = $2, publication_error = $3, published = coalesce($4, published)
             WHERE course_key = $1",
        )
        .bind(key)
        .bind(if refusal.is_some() { "failed" } else { "published" })
        .bind(refusal.unwrap_or_default())
        .bind(refusal.is_none().then(Utc::now))
        .execute(pool)
        .await?;
    });
    Ok(())
}

/// Makes the course what the change says, whether it was there or not. A seat that stays keeps its sku.
pub async fn save(mut connection: Connection<'_>, change: &Change<'_>) -> Result<(), sqlx::Error> {
    through!(connection, connection => {
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
        .fetch_one(&mut *connection)
        .await?;
        let present: Vec<String> = sqlx::query_scalar("SELECT type FROM seats WHERE course_id = $1")
            .bind(course_id)
            .fetch_all(&mut *connection)
            .await?;
        for seat_type in present.iter().filter(|present| change.seats.iter().all(|seat| seat.seat_type != **present)) {
            sqlx::query("DELETE FROM seats WHERE course_id = $1 AND type = $2")
                .bind(course_id)
                .bind(seat_type)
                .execute(&mut *connection)
                .await?;
        }
        for seat in change.seats {
            let mut free = sku(change.course_key, &seat.seat_type, 0);
            if !present.contains(&seat.seat_type) {
                // Skus are short. One that another seat has is passed over.
                for attempt in 1.. {
                    let taken: Option<i64> = sqlx::query_scalar("SELECT course_id FROM seats WHERE sku = $1")
                        .bind(&free)
                        .fetch_optional(&mut *connection)
                        .await?;
                    if taken.is_none() {
                        break;
                    }
                    free = sku(change.course_key, &seat.seat_type, attempt);
                }
            }
            sqlx::query(
                "INSERT INTO seats (course_id, type, sku, price, currency, expires) VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (course_id, type) DO UPDATE SET price = excluded.price, currency = excluded.currency,
                    expires = excluded.expires",
            )
            .bind(course_id)
            .bind(&seat.seat_type)
            .bind(&free)
            .bind(seat.price)
            .bind(&seat.currency)
            .bind(seat.expires)
            .execute(&mut *connection)
            .await?;
        }
    });
    Ok(())
}
