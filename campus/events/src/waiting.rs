//! What waits: events that failed, those of the same key behind them, and dead letters.

use std::collections::HashSet;

use either_database::{Connection, Database, on, row, through};

use crate::consumer::Dead;
use crate::event::Event;
use crate::position::Position;

row! {
    /// An event that waits for its next attempt.
    #[derive(Debug)]
    pub(crate) struct Waiting {
        pub id: i64,
        pub event: String,
        pub attempts: i32,
    }
}

row! {
    /// An event that was given up.
    #[derive(Debug, Clone)]
    pub struct DeadLetter {
        /// To name it by.
        pub id: i64,
        /// The id of the event.
        pub event_id: String,
        /// What the event is about.
        pub event_key: String,
        /// The event, as JSON; what was found on the bus, if that was no event.
        pub event: String,
        /// How often it was tried.
        pub attempts: i32,
        /// Why the last attempt failed.
        pub error: String,
    }
}

/// A row to be.
pub(crate) struct Entry<'a> {
    pub event_id: &'a str,
    pub key: &'a str,
    pub position: &'a Position,
    pub event: String,
    pub attempts: i32,
    /// Milliseconds since 1970.
    pub due: i64,
    pub dead: bool,
    pub error: &'a str,
}

/// The keys of which nothing may be handled before what waits.
pub(crate) async fn held_keys(
    mut connection: Connection<'_>,
    consumer: &str,
    dead: Dead,
) -> Result<HashSet<String>, sqlx::Error> {
    let keys: Vec<String> = through!(connection, connection => {
        sqlx::query_scalar("SELECT DISTINCT event_key FROM event_waiting WHERE consumer = $1 AND (NOT dead OR $2)")
            .bind(consumer)
            .bind(dead == Dead::HoldKey)
            .fetch_all(&mut *connection)
            .await?
    });
    Ok(keys.into_iter().collect())
}

/// The same, outside of a transaction.
pub(crate) async fn held_keys_of(
    database: &Database,
    consumer: &str,
    dead: Dead,
) -> Result<HashSet<String>, sqlx::Error> {
    on!(database, pool => {
        let mut connection = pool.acquire().await?;
        held_keys((&mut *connection).into(), consumer, dead).await
    })
}

/// Adds one to what waits.
pub(crate) async fn insert(
    mut connection: Connection<'_>,
    consumer: &str,
    entry: &Entry<'_>,
) -> Result<(), sqlx::Error> {
    through!(connection, connection => {
        sqlx::query(
            "INSERT INTO event_waiting (consumer, event_id, event_key, position, event, attempts, due, dead, error)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(consumer)
        .bind(entry.event_id)
        .bind(entry.key)
        .bind(entry.position.as_str())
        .bind(&entry.event)
        .bind(entry.attempts)
        .bind(entry.due)
        .bind(entry.dead)
        .bind(entry.error)
        .execute(&mut *connection)
        .await?;
    });
    Ok(())
}

/// The first of each key that is due, and when the next one will be.
pub(crate) async fn due(
    database: &Database,
    consumer: &str,
    dead: Dead,
    now: i64,
    limit: i64,
) -> Result<(Vec<Waiting>, Option<i64>), sqlx::Error> {
    let hold = dead == Dead::HoldKey;
    on!(database, pool => {
        let rows: Vec<Waiting> = sqlx::query_as(
            "SELECT id, event, attempts FROM event_waiting AS w
             WHERE consumer = $1 AND NOT dead AND due <= $2 AND NOT EXISTS (
                SELECT 1 FROM event_waiting AS o WHERE o.consumer = w.consumer AND o.event_key = w.event_key
                AND o.id < w.id AND (NOT o.dead OR $3))
             ORDER BY id LIMIT $4",
        )
        .bind(consumer)
        .bind(now)
        .bind(hold)
        .bind(limit)
        .fetch_all(pool)
        .await?;
        // Those that wait behind another one are due with it.
        let next: Option<i64> = sqlx::query_scalar(
            "SELECT min(due) FROM event_waiting AS w WHERE consumer = $1 AND NOT dead AND NOT EXISTS (
                SELECT 1 FROM event_waiting AS o WHERE o.consumer = w.consumer AND o.event_key = w.event_key
                AND o.id < w.id AND (NOT o.dead OR $2))",
        )
        .bind(consumer)
        .bind(hold)
        .fetch_one(pool)
        .await?;
        Ok((rows, next))
    })
}

/// Takes an event off the list, within the transaction of its handler; false if somebody else has had it.
pub(crate) async fn remove(mut connection: Connection<'_>, waiting: &Waiting) -> Result<bool, sqlx::Error> {
    let removed = through!(connection, connection => {
        sqlx::query("DELETE FROM event_waiting WHERE id = $1 AND NOT dead AND attempts = $2")
            .bind(waiting.id)
            .bind(waiting.attempts)
            .execute(&mut *connection)
            .await?
            .rows_affected()
    });
    Ok(removed == 1)
}

/// Notes another failure.
pub(crate) async fn failed(
    database: &Database,
    waiting: &Waiting,
    due: i64,
    dead: bool,
    error: &str,
) -> Result<(), sqlx::Error> {
    on!(database, pool => {
        sqlx::query(
            "UPDATE event_waiting SET attempts = attempts + 1, due = $3, dead = $4, error = $5
             WHERE id = $1 AND NOT dead AND attempts = $2",
        )
        .bind(waiting.id)
        .bind(waiting.attempts)
        .bind(due)
        .bind(dead)
        .bind(error)
        .execute(pool)
        .await?;
    });
    Ok(())
}

impl Waiting {
    pub(crate) fn event(&self) -> Result<Event, sqlx::Error> {
        serde_json::from_str(&self.event).map_err(|error| sqlx::Error::Decode(Box::new(error)))
    }
}

/// The events that a consumer has given up, in their order.
pub async fn dead_letters(database: &Database, consumer: &str) -> Result<Vec<DeadLetter>, sqlx::Error> {
    on!(database, pool => {
        sqlx::query_as(
            "SELECT id, event_id, event_key, event, attempts, error FROM event_waiting
             WHERE consumer = $1 AND dead ORDER BY id",
        )
        .bind(consumer)
        .fetch_all(pool)
        .await
    })
}

/// Lets a dead letter be tried again, with all its attempts; false if there is none of that id.
pub async fn retry_dead_letter(database: &Database, consumer: &str, id: i64) -> Result<bool, sqlx::Error> {
    on!(database, pool => {
        let updated = sqlx::query(
            "UPDATE event_waiting SET dead = FALSE, attempts = 0, due = 0 WHERE consumer = $1 AND id = $2 AND dead",
        )
        .bind(consumer)
        .bind(id)
        .execute(pool)
        .await?;
        Ok(updated.rows_affected() == 1)
    })
}

/// Takes a dead letter off the list for good; what waits behind it is then due. False if there is none of that id.
pub async fn drop_dead_letter(database: &Database, consumer: &str, id: i64) -> Result<bool, sqlx::Error> {
    on!(database, pool => {
        let removed = sqlx::query("DELETE FROM event_waiting WHERE consumer = $1 AND id = $2 AND dead")
            .bind(consumer)
            .bind(id)
            .execute(pool)
            .await?;
        Ok(removed.rows_affected() == 1)
    })
}
