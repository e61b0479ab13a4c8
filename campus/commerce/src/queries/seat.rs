//! Seats: what can be bought of a course.

use chrono::{DateTime, Utc};
use either_database::{Database, on, row};
use serde::Serialize;

row! {
    /// A seat.
    #[derive(Debug, Serialize)]
    pub struct Seat {
        #[serde(skip)]
        pub course_id: i64,
        #[serde(rename = "type")]
        pub seat_type: String,
        pub sku: String,
        pub price: i64,
        pub currency: String,
        pub expires: Option<DateTime<Utc>>,
    }
}

row! {
    /// A seat with what an order needs to know of its course.
    #[derive(Debug)]
    pub struct Offer {
        pub course_key: String,
        pub site: Option<String>,
        pub seat_type: String,
        pub sku: String,
        pub price: i64,
        pub currency: String,
        pub expires: Option<DateTime<Utc>>,
    }
}

/// The seats of a course, by type.
pub async fn of_course(database: &Database, course_id: i64) -> Result<Vec<Seat>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(
            "SELECT course_id, type AS seat_type, sku, price, currency, expires FROM seats
             WHERE course_id = $1 ORDER BY type",
        )
        .bind(course_id)
        .fetch_all(pool)
        .await
    })
}

/// The seats of several courses, by type.
pub async fn of_courses(database: &Database, courses: &[i64]) -> Result<Vec<Seat>, sqlx::Error> {
    if courses.is_empty() {
        return Ok(Vec::new());
    }
    on!(database, pool => {
        let mut query = sqlx::QueryBuilder::new(
            "SELECT course_id, type AS seat_type, sku, price, currency, expires FROM seats WHERE course_id IN (",
        );
        let mut list = query.separated(", ");
        for id in courses {
            list.push_bind(id);
        }
        query.push(") ORDER BY type");
        query.build_query_as().fetch_all(pool).await
    })
}

/// The seat of that sku.
pub async fn by_sku(database: &Database, sku: &str) -> Result<Option<Offer>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(
            "SELECT c.course_key, w.domain AS site, s.type AS seat_type, s.sku, s.price, s.currency, s.expires
             FROM seats s JOIN courses c ON c.id = s.course_id LEFT JOIN sites w ON w.id = c.site_id WHERE s.sku = $1",
        )
        .bind(sku)
        .fetch_optional(pool)
        .await
    })
}

row! {
    /// A seat, to be chosen for a run mode of a program.
    #[derive(Debug)]
    pub struct Suggestion {
        pub course_key: String,
        pub seat_type: String,
        pub sku: String,
    }
}

/// The first thousand seats, by course.
pub async fn suggestions(database: &Database) -> Result<Vec<Suggestion>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(
            "SELECT c.course_key, s.type AS seat_type, s.sku FROM seats s JOIN courses c ON c.id = s.course_id
             ORDER BY c.course_key, s.type LIMIT 1000",
        )
        .fetch_all(pool)
        .await
    })
}
