//! The inbox: where a consumer stands and what it has taken.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use either_database::{Connection, Database, on, through, transaction};
use sqlx::QueryBuilder;

use crate::position::Position;

/// How many rows one statement inserts.
const ROWS: usize = 1000;

/// Where the consumer stands; a new one at the start.
pub(crate) async fn position(database: &Database, consumer: &str) -> Result<Position, sqlx::Error> {
    let select = "SELECT position FROM event_consumers WHERE name = $1";
    let found: Option<String> =
        on!(database, pool => sqlx::query_scalar(select).bind(consumer).fetch_optional(pool).await?);
    if let Some(found) = found {
        return Ok(Position::stored(found));
    }
    on!(database, pool => {
        sqlx::query("INSERT INTO event_consumers (name, position) VALUES ($1, '') ON CONFLICT DO NOTHING")
            .bind(consumer)
            .execute(pool)
            .await?;
        sqlx::query_scalar(select).bind(consumer).fetch_one(pool).await.map(Position::stored)
    })
}

/// Moves the consumer on, for as long as the transaction is open it alone; false if another one has moved it before.
pub(crate) async fn advance(
    mut connection: Connection<'_>,
    consumer: &str,
    from: &Position,
    to: &Position,
) -> Result<bool, sqlx::Error> {
    let moved = through!(connection, connection => {
        sqlx::query("UPDATE event_consumers SET position = $3 WHERE name = $1 AND position = $2")
            .bind(consumer)
            .bind(from.as_str())
            .bind(to.as_str())
            .execute(&mut *connection)
            .await?
            .rows_affected()
    });
    Ok(moved == 1)
}

/// Notes these events as taken, and gives the ids of those that had not been.
pub(crate) async fn register(
    mut connection: Connection<'_>,
    consumer: &str,
    events: &[(&str, &Position)],
) -> Result<HashSet<String>, sqlx::Error> {
    let mut new = HashSet::with_capacity(events.len());
    for events in events.chunks(ROWS) {
        let ids: Vec<String> = through!(connection, connection => {
            let mut query = QueryBuilder::new("INSERT INTO event_inbox (consumer, event_id, position) ");
            query.push_values(events, |mut row, (id, position)| {
                row.push_bind(consumer).push_bind(*id).push_bind(position.as_str());
            });
            query.push(" ON CONFLICT DO NOTHING RETURNING event_id");
            query.build_query_scalar().fetch_all(&mut *connection).await?
        });
        new.extend(ids);
    }
    Ok(new)
}

/// Why a consumer could not be set back.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The database cannot be reached, or refuses a statement.
    #[error("the consumer cannot be set back")]
    Database(#[from] sqlx::Error),
    /// Nothing has been consumed under that name.
    #[error("there is no consumer '{0}'")]
    NoSuchConsumer(String),
}

/// Sets a consumer back, so that it takes again what came after that position, and says how many events it had taken since.
///
/// What waits or was given up of that is forgotten, since it comes again. Handlers see these events a second time.
pub async fn replay(database: &Database, consumer: &str, after: &Position) -> Result<u64, ReplayError> {
    transaction!(database, transaction => {
        let moved = sqlx::query("UPDATE event_consumers SET position = $2 WHERE name = $1")
            .bind(consumer)
            .bind(after.as_str())
            .execute(&mut *transaction)
            .await?;
        if moved.rows_affected() == 0 {
            return Err(ReplayError::NoSuchConsumer(consumer.to_owned()));
        }
        sqlx::query("DELETE FROM event_waiting WHERE consumer = $1 AND position > $2")
            .bind(consumer)
            .bind(after.as_str())
            .execute(&mut *transaction)
            .await?;
        let taken = sqlx::query("DELETE FROM event_inbox WHERE consumer = $1 AND position > $2")
            .bind(consumer)
            .bind(after.as_str())
            .execute(&mut *transaction)
            .await?;
        Ok(taken.rows_affected())
    })
}

/// Milliseconds since 1970.
pub(crate) fn milliseconds(time: DateTime<Utc>) -> i64 {
    time.timestamp_millis()
}
