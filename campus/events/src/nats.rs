//! NATS JetStream: one stream per publishing service, a subject per type of event, what is known of the event in headers.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::{Ordered, OrderedConfig};
use async_nats::jetstream::{self, Context, stream};
use async_nats::{HeaderMap, header};
use futures_util::StreamExt;
use futures_util::future::FutureExt;

use crate::delivery::{Delivery, Malformed, Page};
use crate::event::Event;
use crate::position::Position;
use crate::source::SourceError;

const TIMEOUT: Duration = Duration::from_secs(10);
/// The time in which the server itself drops a message that it has already. A relay repeats the last ones after a crash.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// The stream of one publishing service.
pub struct NatsStream {
    url: String,
    name: String,
    subjects: String,
    context: Option<Context>,
    /// The reader, and the position up to which it has read.
    ///
    /// It cannot be shared by threads, and the mutex is never locked: it says that nobody does.
    reader: Mutex<Option<(Box<Ordered>, Position)>>,
}

impl Clone for NatsStream {
    fn clone(&self) -> Self {
        let (url, name, subjects) = (self.url.clone(), self.name.clone(), self.subjects.clone());
        Self { url, name, subjects, context: self.context.clone(), reader: Mutex::new(None) }
    }
}

impl fmt::Debug for NatsStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NatsStream").field("name", &self.name).finish_non_exhaustive()
    }
}

impl NatsStream {
    pub(crate) fn new(url: &str, service: &str) -> Self {
        let (name, subjects) = (format!("events-{service}"), format!("events.{service}"));
        Self { url: url.to_owned(), name, subjects, context: None, reader: Mutex::new(None) }
    }

    async fn context(&mut self) -> Result<Context, SourceError> {
        if self.context.is_none() {
            let client =
                async_nats::connect(&self.url).await.map_err(|error| SourceError::caused(&self.name, error))?;
            self.context = Some(jetstream::new(client));
        }
        Ok(self.context.clone().expect("it has just been made"))
    }

    pub(crate) async fn read(&mut self, after: &Position, limit: usize, wait: Duration) -> Result<Page, SourceError> {
        let number = after.number().ok_or_else(|| SourceError::foreign(after))?;
        let reader = self.reader.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let (mut messages, mut position) = match reader.filter(|(_, position)| position == after) {
            Some(reader) => reader,
            None => (self.open(number).await?, after.clone()),
        };
        let mut deliveries = Vec::new();
        let mut next = tokio::time::timeout(wait, messages.next()).await.ok().flatten();
        while let Some(message) = next {
            let delivery = message
                .map_err(|error| SourceError::caused(&self.name, error))
                .and_then(|message| delivery(&self.name, &message));
            match delivery {
                Ok(delivery) => {
                    position = delivery.position.clone();
                    deliveries.push(delivery);
                }
                // The next reader begins behind what has come until here.
                Err(error) if deliveries.is_empty() => return Err(error),
                Err(_) => return Ok(Page { deliveries, position }),
            }
            if deliveries.len() >= limit {
                break;
            }
            // What has come already is taken; nobody waits for more.
            next = messages.next().now_or_never().flatten();
        }
        *self.reader.get_mut().unwrap_or_else(PoisonError::into_inner) = Some((messages, position.clone()));
        Ok(Page { deliveries, position })
    }

    async fn open(&mut self, after: u64) -> Result<Box<Ordered>, SourceError> {
        let context = self.context().await?;
        let stream = context.get_stream(&self.name).await.map_err(|error| SourceError::caused(&self.name, error))?;
        let state = &stream.cached_info().state;
        if state.last_sequence < after {
            return Err(SourceError::Gap { position: Position::start() });
        }
        if state.first_sequence > after + 1 {
            return Err(SourceError::Gap { position: Position::of_number(state.first_sequence - 1) });
        }
        let config = OrderedConfig {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: after + 1 },
            ..OrderedConfig::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(|error| SourceError::caused(&self.name, error))?;
        let messages = consumer.messages().await.map_err(|error| SourceError::caused(&self.name, error))?;
        Ok(Box::new(messages))
    }

    /// Adds events in their order; the server has stored all of them when this is done.
    pub(crate) async fn add(&mut self, events: &[(i64, Event)]) -> Result<(), SourceError> {
        let context = self.context().await?;
        let config = stream::Config {
            name: self.name.clone(),
            subjects: vec![format!("{}.>", self.subjects)],
            duplicate_window: DUPLICATE_WINDOW,
            ..stream::Config::default()
        };
        context.get_or_create_stream(config).await.map_err(|error| SourceError::caused(&self.name, error))?;
        let mut acknowledgments = Vec::with_capacity(events.len());
        for (_, event) in events {
            let subject = format!("{}.{}", self.subjects, event.event_type);
            let sent = context.publish_with_headers(subject, headers(event), event.data.to_string().into()).await;
            acknowledgments.push(sent.map_err(|error| SourceError::caused(&self.name, error))?);
        }
        for acknowledgment in acknowledgments {
            let stored = tokio::time::timeout(TIMEOUT, acknowledgment.into_future()).await;
            let stored = stored.map_err(|_| SourceError::new(&self.name, "no acknowledgment in time"))?;
            stored.map_err(|error| SourceError::caused(&self.name, error))?;
        }
        Ok(())
    }
}

fn headers(event: &Event) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::NATS_MESSAGE_ID, event.id.as_str());
    headers.insert("type", event.event_type.as_str());
    headers.insert("id", event.id.as_str());
    headers.insert("source", event.source.as_str());
    headers.insert("time", event.time.to_rfc3339().as_str());
    headers.insert("minorversion", event.minorversion.to_string().as_str());
    headers.insert("sourcehost", event.sourcehost.as_str());
    headers.insert("sourcelib", event.sourcelib.as_str());
    // A header is one line; a key may be anything.
    headers.insert("key", serde_json::Value::from(event.key.as_str()).to_string().as_str());
    headers
}

fn delivery(stream: &str, message: &jetstream::Message) -> Result<Delivery, SourceError> {
    let info = message.info().map_err(|error| SourceError::new(stream, error.to_string()))?;
    let number = info.stream_sequence;
    let text = |name: &str| {
        let value = message.headers.as_ref().and_then(|headers| headers.get(name));
        value.map(|value| value.as_str().to_owned()).ok_or_else(|| format!("the header '{name}' is missing"))
    };
    let event = || -> Result<Event, String> {
        Ok(Event {
            event_type: text("type")?,
            id: text("id")?,
            minorversion: text("minorversion")?.parse().map_err(|_| "'minorversion' is no number".to_owned())?,
            source: text("source")?,
            sourcehost: text("sourcehost")?,
            time: text("time")?.parse().map_err(|_| "'time' is no time".to_owned())?,
            sourcelib: text("sourcelib")?,
            key: serde_json::from_str(&text("key")?).map_err(|error| format!("'key': {error}"))?,
            data: serde_json::from_slice(&message.payload).map_err(|error| format!("the payload: {error}"))?,
        })
    };
    let event = event().map_err(|reason| Malformed {
        id: format!("{stream}/{number}"),
        text: String::from_utf8_lossy(&message.payload).into_owned(),
        reason,
    });
    Ok(Delivery { position: Position::of_number(number), event })
}
