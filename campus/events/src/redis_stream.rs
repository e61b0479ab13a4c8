//! Redis streams: one per publishing service, its entries with the fields of the event.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::streams::{StreamId, StreamReadReply};
use redis::{AsyncConnectionConfig, Client, FromRedisValue, RedisError, Value};

use crate::delivery::{Delivery, Malformed, Page};
use crate::event::Event;
use crate::position::Position;
use crate::source::SourceError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How much longer than it was asked to wait the server may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The stream of one publishing service.
#[derive(Clone)]
pub struct RedisStream {
    url: String,
    name: String,
    connection: Option<MultiplexedConnection>,
    /// Whether it has been asked if the events after the position are all there.
    complete: bool,
}

impl fmt::Debug for RedisStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RedisStream").field("name", &self.name).finish_non_exhaustive()
    }
}

impl RedisStream {
    pub(crate) fn new(url: &str, service: &str) -> Self {
        Self { url: url.to_owned(), name: format!("events:{service}"), connection: None, complete: false }
    }

    async fn connection(&mut self) -> Result<&mut MultiplexedConnection, RedisError> {
        if self.connection.is_none() {
            // How long a request may take is decided where it is made: one that waits for events may take long.
            let config =
                AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_TIMEOUT)).set_response_timeout(None);
            let client = Client::open(self.url.as_str())?;
            self.connection = Some(client.get_multiplexed_async_connection_with_config(&config).await?);
            self.complete = false;
        }
        Ok(self.connection.as_mut().expect("it has just been made"))
    }

    async fn ask<T: FromRedisValue>(&mut self, command: &redis::Cmd, patience: Duration) -> Result<T, SourceError> {
        let name = self.name.clone();
        let answer = async { command.query_async(self.connection().await?).await };
        let answer = tokio::time::timeout(patience, answer).await;
        let result = match answer {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => SourceError::caused(&name, error),
            Err(_) => SourceError::new(&name, "no answer in time"),
        };
        // The next attempt connects anew: what is in this connection belongs to a request that was given up.
        self.connection = None;
        Err(result)
    }

    pub(crate) async fn read(&mut self, after: &Position, limit: usize, wait: Duration) -> Result<Page, SourceError> {
        let entry = after.entry().ok_or_else(|| SourceError::foreign(after))?;
        if !self.complete || self.connection.is_none() {
            self.check_complete(after).await?;
        }
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(limit);
        if !wait.is_zero() {
            // No milliseconds would mean for ever.
            command.arg("BLOCK").arg(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1));
        }
        command.arg("STREAMS").arg(&self.name).arg(entry);
        let reply: Option<StreamReadReply> = self.ask(&command, wait + PATIENCE).await?;
        let entries = reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids);
        let deliveries = entries.map(|entry| self.delivery(&entry)).collect::<Result<Vec<_>, _>>()?;
        let position = deliveries.last().map_or_else(|| after.clone(), |delivery| delivery.position.clone());
        Ok(Page { deliveries, position })
    }

    /// Whether entries after the position may have been removed, by the stream's own account.
    ///
    /// Trimming takes the oldest. Where one is left that has been read, nothing is missing; else there is no telling.
    async fn check_complete(&mut self, after: &Position) -> Result<(), SourceError> {
        let mut exists = redis::cmd("EXISTS");
        exists.arg(&self.name);
        if self.ask::<bool>(&exists, PATIENCE).await? {
            let mut command = redis::cmd("XINFO");
            command.arg("STREAM").arg(&self.name);
            let info: HashMap<String, Value> = self.ask(&command, PATIENCE).await?;
            let number = |name: &str| info.get(name).and_then(|value| i64::from_redis_value_ref(value).ok());
            let id = |value: &Value| String::from_redis_value_ref(value).ok();
            // Servers before version 7 do not say how many there were.
            let removed = number("entries-added").zip(number("length")).is_some_and(|(added, length)| added > length);
            let begin = match info.get("first-entry") {
                Some(Value::Array(entry)) => entry.first().and_then(id).and_then(|id| Position::before_entry(&id)),
                _ => info.get("last-generated-id").and_then(id).and_then(|id| Position::of_entry(&id)),
            };
            if let Some(position) = begin.filter(|begin| removed && begin > after) {
                return Err(SourceError::Gap { position });
            }
        }
        self.complete = true;
        Ok(())
    }

    fn delivery(&self, entry: &StreamId) -> Result<Delivery, SourceError> {
        let position = Position::of_entry(&entry.id)
            .ok_or_else(|| SourceError::new(&self.name, format!("'{}' is no id of an entry", entry.id)))?;
        let text = |name: &str| entry.get::<String>(name).ok_or_else(|| format!("the field '{name}' is missing"));
        let event = || -> Result<Event, String> {
            Ok(Event {
                event_type: text("type")?,
                id: text("id")?,
                minorversion: text("minorversion")?.parse().map_err(|_| "'minorversion' is no number".to_owned())?,
                source: text("source")?,
                sourcehost: text("sourcehost")?,
                time: text("time")?.parse().map_err(|_| "'time' is no time".to_owned())?,
                sourcelib: text("sourcelib")?,
                key: text("key")?,
                data: serde_json::from_str(&text("event_data")?).map_err(|error| format!("'event_data': {error}"))?,
            })
        };
        let event = event().map_err(|reason| Malformed {
            id: format!("{}/{}", self.name, entry.id),
            text: format!("{:?}", entry.map),
            reason,
        });
        Ok(Delivery { position, event })
    }

    /// Adds events in their order; all of them are there when this is done.
    pub(crate) async fn add(&mut self, events: &[(i64, Event)]) -> Result<(), SourceError> {
        let mut pipe = redis::pipe();
        for (_, event) in events {
            pipe.cmd("XADD").arg(&self.name).arg("*");
            pipe.arg("type").arg(&event.event_type).arg("id").arg(&event.id).arg("source").arg(&event.source);
            pipe.arg("time").arg(event.time.to_rfc3339()).arg("minorversion").arg(event.minorversion);
            pipe.arg("sourcehost").arg(&event.sourcehost).arg("sourcelib").arg(&event.sourcelib);
            pipe.arg("key").arg(&event.key).arg("event_data").arg(event.data.to_string()).ignore();
        }
        let name = self.name.clone();
        let answer = async { pipe.query_async::<()>(self.connection().await?).await };
        let result = match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => SourceError::caused(&name, error),
            Err(_) => SourceError::new(&name, "no answer in time"),
        };
        self.connection = None;
        Err(result)
    }
}
