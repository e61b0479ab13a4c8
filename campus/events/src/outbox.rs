//! The outbox: events are written in the transaction of the change that they tell of, and read in the order of commits.

use std::time::Duration;

use chrono::{DateTime, Utc};
use either_database::{Connection, Database, on, row, through};
use sqlx::QueryBuilder;
use tokio::sync::watch;

use crate::consumer;
use crate::event::Event;

/// How many rows one statement inserts: nine values each, and SQLite takes 32,766.
const ROWS: usize = 500;
/// How many events get their positions at once.
const NUMBERED: i64 = 10_000;
/// The name of the lock of PostgreSQL under which positions are given.
const LOCK: i64 = 0x6f75_7462_6f78;
/// How often a reader that waits looks for new events.
pub(crate) const POLL: Duration = Duration::from_millis(100);

/// The events that a service has published. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox {
    database: Database,
    open: watch::Sender<bool>,
}

/// Why the outbox has no answer.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The database cannot be reached, or refuses a statement.
    #[error("the outbox cannot be read")]
    Database(#[from] sqlx::Error),
    /// Some of the events after that position have been removed.
    #[error("events up to position {pruned} have been removed")]
    Pruned {
        /// The last one that was removed.
        pruned: i64,
    },
    /// Nobody has got that far: the reader's position is that of another outbox.
    #[error("there is no position after {last}")]
    Ahead {
        /// The last one that there is.
        last: i64,
    },
}

row! {
    /// An event as it is stored.
    struct Stored {
        position: i64,
        event_id: String,
        event_type: String,
        event_key: String,
        minorversion: i32,
        source: String,
        sourcehost: String,
        sourcelib: String,
        time: DateTime<Utc>,
        data: String,
    }
}

/// Some of the events after a position.
#[derive(Debug)]
pub(crate) struct Read {
    /// With their positions.
    pub events: Vec<(i64, Event)>,
    /// Up to here everything has been seen.
    pub position: i64,
}

/// Publishes an event, if and when the transaction is committed.
///
/// In a handler that handles an event from a bus it does nothing: who published that one tells the others, too.
pub async fn publish<'c>(connection: impl Into<Connection<'c>>, event: &Event) -> Result<(), sqlx::Error> {
    publish_all(connection, std::slice::from_ref(event)).await
}

/// Publishes many events at once, as [`publish`] does with one.
pub async fn publish_all<'c>(connection: impl Into<Connection<'c>>, events: &[Event]) -> Result<(), sqlx::Error> {
    if consumer::handles_an_event_of_others() {
        return Ok(());
    }
    let mut connection = connection.into();
    for events in events.chunks(ROWS) {
        through!(connection, connection => {
            let mut query = QueryBuilder::new(
                "INSERT INTO outbox_events
                    (event_id, event_type, event_key, minorversion, source, sourcehost, sourcelib, time, data) ",
            );
            query.push_values(events, |mut row, event| {
                row.push_bind(&event.id)
                    .push_bind(&event.event_type)
                    .push_bind(&event.key)
                    .push_bind(event.minorversion)
                    .push_bind(&event.source)
                    .push_bind(&event.sourcehost)
                    .push_bind(&event.sourcelib)
                    .push_bind(event.time)
                    .push_bind(event.data.to_string());
            });
            query.build().execute(&mut *connection).await?;
        });
    }
    Ok(())
}

impl Outbox {
    /// The outbox in this database.
    pub fn new(database: Database) -> Self {
        Self { database, open: watch::Sender::new(true) }
    }

    /// Lets everybody who waits for events go at once, and nobody wait any more: the service ends.
    pub fn close(&self) {
        self.open.send_replace(false);
    }

    /// Whether the service ends: nobody waits for events any more.
    pub fn is_closed(&self) -> bool {
        !*self.open.borrow()
    }

    /// Up to `limit` events after a position, of these types or of all if there are none; waits for the first one.
    pub(crate) async fn read(
        &self,
        after: i64,
        types: &[String],
        limit: i64,
        wait: Duration,
    ) -> Result<Read, OutboxError> {
        let deadline = tokio::time::Instant::now() + wait;
        let mut open = self.open.subscribe();
        loop {
            let read = self.read_now(after, types, limit).await?;
            if !read.events.is_empty() || tokio::time::Instant::now() >= deadline || self.is_closed() {
                return Ok(read);
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => (),
                // Whoever dropped the other end has closed it, too.
                _ = open.wait_for(|open| !open) => (),
            }
        }
    }

    async fn read_now(&self, after: i64, types: &[String], limit: i64) -> Result<Read, OutboxError> {
        self.number().await?;
        let (pruned, newest): (i64, i64) = on!(&self.database, pool => {
            sqlx::query_as(
                "SELECT pruned, (SELECT coalesce(max(position), 0) FROM outbox_events) FROM outbox_state WHERE id = 1",
            )
            .fetch_one(pool)
            .await?
        });
        let newest = newest.max(pruned);
        if after < pruned {
            return Err(OutboxError::Pruned { pruned });
        }
        if after > newest {
            return Err(OutboxError::Ahead { last: newest });
        }
        let stored: Vec<Stored> = on!(&self.database, pool => {
            let mut query = QueryBuilder::new(
                "SELECT position, event_id, event_type, event_key, minorversion, source, sourcehost, sourcelib, time, data
                 FROM outbox_events WHERE position > ",
            );
            query.push_bind(after).push(" AND position <= ").push_bind(newest);
            if !types.is_empty() {
                query.push(" AND event_type IN (");
                let mut list = query.separated(", ");
                for event_type in types {
                    list.push_bind(event_type);
                }
                query.push(")");
            }
            query.push(" ORDER BY position LIMIT ").push_bind(limit);
            query.build_query_as().fetch_all(pool).await?
        });
        let full = stored.len() as i64 >= limit;
        let last = stored.last().map(|event| event.position);
        let events = stored.into_iter().map(Stored::event).collect::<Result<_, _>>()?;
        Ok(Read { events, position: last.filter(|_| full).unwrap_or(newest) })
    }

    /// Gives the committed events that have no position theirs, in the order of their ids.
    ///
    /// One at a time does so: a second one leaves it to the first. Nothing to do on SQLite.
    async fn number(&self) -> Result<(), sqlx::Error> {
        let Database::Postgres(pool) = &self.database else { return Ok(()) };
        let waiting: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM outbox_events WHERE position IS NULL)")
            .fetch_one(pool)
            .await?;
        if !waiting {
            return Ok(());
        }
        let mut transaction = pool.begin().await?;
        let mine: bool =
            sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)").bind(LOCK).fetch_one(&mut *transaction).await?;
        if mine {
            sqlx::query(
                "UPDATE outbox_events SET position = numbered.position
                 FROM (SELECT id, nextval('outbox_positions') AS position FROM
                    (SELECT id FROM outbox_events WHERE position IS NULL ORDER BY id LIMIT $1) AS ordered) AS numbered
                 WHERE outbox_events.id = numbered.id",
            )
            .bind(NUMBERED)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await
    }

    /// Removes the events from before that moment, and says how many. Who has not read them is told so when he asks.
    ///
    /// Events that a relay has still to hand on stay.
    pub async fn prune(&self, before: DateTime<Utc>) -> Result<u64, sqlx::Error> {
        self.number().await?;
        either_database::transaction!(&self.database, transaction => {
            // A clock that was set back must not make a hole: everything up to the last one that is old enough goes.
            let last: Option<i64> = sqlx::query_scalar(
                "SELECT max(position) FROM outbox_events WHERE time < $1
                 AND position <= coalesce((SELECT min(position) FROM outbox_relays), 9223372036854775807)",
            )
            .bind(before)
            .fetch_one(&mut *transaction)
            .await?;
            match last {
                None => Ok(0),
                Some(last) => {
                    sqlx::query("UPDATE outbox_state SET pruned = $1 WHERE pruned < $1")
                        .bind(last)
                        .execute(&mut *transaction)
                        .await?;
                    let removed = sqlx::query("DELETE FROM outbox_events WHERE position <= $1")
                        .bind(last)
                        .execute(&mut *transaction)
                        .await?;
                    Ok(removed.rows_affected())
                }
            }
        })
    }

    /// How far a relay has got.
    pub(crate) async fn relayed(&self, relay: &str) -> Result<i64, sqlx::Error> {
        on!(&self.database, pool => {
            sqlx::query("INSERT INTO outbox_relays (name, position) VALUES ($1, 0) ON CONFLICT DO NOTHING")
                .bind(relay)
                .execute(pool)
                .await?;
            sqlx::query_scalar("SELECT position FROM outbox_relays WHERE name = $1").bind(relay).fetch_one(pool).await
        })
    }

    /// Notes how far a relay has got. Of two that hand on the same, the one that has got further is right.
    pub(crate) async fn note_relayed(&self, relay: &str, position: i64) -> Result<(), sqlx::Error> {
        on!(&self.database, pool => {
            sqlx::query("UPDATE outbox_relays SET position = $2 WHERE name = $1 AND position < $2")
                .bind(relay)
                .bind(position)
                .execute(pool)
                .await?;
        });
        Ok(())
    }
}

impl Stored {
    fn event(self) -> Result<(i64, Event), sqlx::Error> {
        let data = serde_json::from_str(&self.data).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        let event = Event {
            event_type: self.event_type,
            id: self.event_id,
            minorversion: self.minorversion,
            source: self.source,
            sourcehost: self.sourcehost,
            time: self.time,
            sourcelib: self.sourcelib,
            key: self.event_key,
            data,
        };
        Ok((self.position, event))
    }
}
