//! Seats: what can be bought of a course.

use chrono::{DateTime, Utc};
use either_database::{Database, on, row};
use serde::Serialize;

row! {
    /// A seat.
    #[derive(Debug, Serialize)]
    pub struct Seat {
        #[serde(rename = "type")]
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
            "SELECT type AS seat_type, sku, price, currency, expires FROM seats WHERE course_id = $1 ORDER BY type",
        )
        .bind(course_id)
        .fetch_all(pool)
        .await
    })
}
