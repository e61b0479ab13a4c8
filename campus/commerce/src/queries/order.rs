//! Orders: what somebody has bought.

use chrono::{DateTime, Utc};
use either_database::{Connection, Database, on, row, through};
use serde::Serialize;

use super::seat::Offer;

/// The states of an order.
pub const STATUSES: [&str; 6] = ["open", "paid", "complete", "failed", "cancelled", "refunded"];

row! {
    /// An order.
    #[derive(Debug, Clone, Serialize)]
    pub struct Order {
        pub number: String,
        #[serde(rename = "user")]
        pub username: String,
        pub course_key: String,
        pub seat_type: String,
        pub sku: String,
        pub price: i64,
        pub currency: String,
        pub status: String,
        pub error: String,
        pub payment_processor: String,
        pub payment_reference: String,
        pub created: DateTime<Utc>,
        pub modified: DateTime<Utc>,
    }
}

/// Which orders are listed.
#[derive(Debug, Default)]
pub struct Filter {
    pub username: Option<String>,
    pub status: Option<String>,
}

/// A change of an order.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// The states in which it can be made.
    pub from: &'a [&'a str],
    pub to: &'a str,
    pub error: &'a str,
}

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT number, username, course_key, seat_type, sku, price, currency, status, error, payment_processor,",
            " payment_reference, created, modified FROM orders ",
            $tail
        )
    };
}

macro_rules! filtered {
    ($what:literal, $tail:literal) => {
        concat!(
            $what,
            " WHERE (CAST($1 AS TEXT) IS NULL OR username = $1) AND (CAST($2 AS TEXT) IS NULL OR status = $2) ",
            $tail
        )
    };
}

/// How many there are.
pub async fn count(database: &Database, filter: &Filter) -> Result<i64, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_scalar(filtered!("SELECT count(*) FROM orders", ""))
            .bind(&filter.username)
            .bind(&filter.status)
            .fetch_one(pool)
            .await
    })
}

/// A page of them, the newest first.
pub async fn page(database: &Database, filter: &Filter, limit: i64, offset: i64) -> Result<Vec<Order>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(filtered!(
            "SELECT number, username, course_key, seat_type, sku, price, currency, status, error, payment_processor,
                payment_reference, created, modified FROM orders",
            "ORDER BY id DESC LIMIT $3 OFFSET $4"
        ))
        .bind(&filter.username)
        .bind(&filter.status)
        .bind(limit)
        .bind(offset)
        .fetch_all(pool)
        .await
    })
}

/// The order of that number.
pub async fn by_number(mut connection: Connection<'_>, number: &str) -> Result<Option<Order>, sqlx::Error> {
    through!(connection, connection => {
        sqlx::query_as(select!("WHERE number = $1")).bind(number).fetch_optional(&mut *connection).await
    })
}

/// The order of that number, outside of a transaction.
pub async fn find(database: &Database, number: &str) -> Result<Option<Order>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(select!("WHERE number = $1")).bind(number).fetch_optional(pool).await
    })
}

/// The order by which somebody has a seat, or is about to.
pub async fn of_seat(mut connection: Connection<'_>, username: &str, sku: &str) -> Result<Option<Order>, sqlx::Error> {
    through!(connection, connection => {
        sqlx::query_as(select!(
            "WHERE username = $1 AND sku = $2 AND status IN ('open', 'paid', 'complete', 'failed')"
        ))
        .bind(username)
        .bind(sku)
        .fetch_optional(&mut *connection)
        .await
    })
}

/// Orders a seat, unless somebody has it already; true if it was ordered.
pub async fn insert(
    mut connection: Connection<'_>,
    number: &str,
    username: &str,
    offer: &Offer,
    status: &str,
) -> Result<bool, sqlx::Error> {
    let inserted = through!(connection, connection => {
        sqlx::query(
            "INSERT INTO orders
                (number, username, course_key, seat_type, sku, price, currency, status, created, modified)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) ON CONFLICT DO NOTHING",
        )
        .bind(number)
        .bind(username)
        .bind(&offer.course_key)
        .bind(&offer.seat_type)
        .bind(&offer.sku)
        .bind(offer.price)
        .bind(&offer.currency)
        .bind(status)
        .bind(Utc::now())
        .execute(&mut *connection)
        .await?
        .rows_affected()
    });
    Ok(inserted == 1)
}

/// Notes by what an order is paid, while it is open.
pub async fn pay(
    mut connection: Connection<'_>,
    number: &str,
    processor: &str,
    reference: &str,
) -> Result<bool, sqlx::Error> {
    let paid = through!(connection, connection => {
        sqlx::query(
            "UPDATE orders SET status = 'paid', payment_processor = $2, payment_reference = $3, modified = $4
             WHERE number = $1 AND status = 'open'",
        )
        .bind(number)
        .bind(processor)
        .bind(reference)
        .bind(Utc::now())
        .execute(&mut *connection)
        .await?
        .rows_affected()
    });
    Ok(paid == 1)
}

/// Brings an order from one of some states to another; false if it is in none of them.
pub async fn advance(mut connection: Connection<'_>, number: &str, step: Step<'_>) -> Result<bool, sqlx::Error> {
    let advanced = through!(connection, connection => {
        let mut query = sqlx::QueryBuilder::new("UPDATE orders SET status = ");
        query.push_bind(step.to).push(", error = ").push_bind(step.error).push(", modified = ").push_bind(Utc::now());
        query.push(" WHERE number = ").push_bind(number).push(" AND status IN (");
        let mut list = query.separated(", ");
        for status in step.from {
            list.push_bind(*status);
        }
        query.push(")");
        query.build().execute(&mut *connection).await?.rows_affected()
    });
    Ok(advanced == 1)
}
