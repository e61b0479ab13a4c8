//! Where a consumer's events come from: one interface over the three ways, and over the service's own outbox.

use std::time::Duration;

use crate::delivery::{Delivery, Page};
use crate::http::HttpFeed;
use crate::nats::NatsStream;
use crate::outbox::{Outbox, OutboxError, POLL};
use crate::position::Position;
use crate::redis_stream::RedisStream;

/// Where events come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// The service's own outbox: for work that is done after a commit, and again until it succeeds.
    Own(Outbox),
    /// The feed of another service.
    Http(HttpFeed),
    /// What a relay has put into a Redis stream.
    Redis(RedisStream),
    /// What a relay has put into a stream of NATS.
    Nats(NatsStream),
}

/// Why a source has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Events after that position were there and are no more, or the source is a new one.
    #[error("events are missing: the source begins after position {position}")]
    Gap {
        /// Where it can be gone on from.
        position: Position,
    },
    /// Anything else; asking again may help.
    #[error("events cannot be read from {from}: {reason}")]
    Unavailable {
        /// What was asked.
        from: String,
        /// What went wrong.
        reason: String,
        /// What was behind it.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

impl SourceError {
    /// An answer that is none.
    pub fn new(from: &str, reason: impl Into<String>) -> Self {
        Self::Unavailable { from: from.to_owned(), reason: reason.into(), source: None }
    }

    /// An error below.
    pub fn caused(from: &str, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        let reason = std::iter::successors(source.source(), |error| error.source())
            .fold(source.to_string(), |text, error| format!("{text}: {error}"));
        Self::Unavailable { from: from.to_owned(), reason, source: Some(Box::new(source)) }
    }

    /// The consumer stands in another kind of source than the one that it has now.
    ///
    /// What it has taken it knows by the ids of the events, so that it can begin again.
    pub(crate) fn foreign(_: &Position) -> Self {
        Self::Gap { position: Position::start() }
    }
}

impl Source {
    /// Whether the events are those of others, who tell everybody else themselves.
    pub(crate) fn is_foreign(&self) -> bool {
        !matches!(self, Self::Own(_))
    }

    /// Up to `limit` events after a position; waits for the first one. `types` narrows where the source can do so.
    pub(crate) async fn read(
        &mut self,
        after: &Position,
        types: &[String],
        limit: usize,
        wait: Duration,
    ) -> Result<Page, SourceError> {
        match self {
            Self::Own(outbox) => own(outbox, after, types, limit, wait).await,
            Self::Http(feed) => feed.read(after, types, limit, wait).await,
            Self::Redis(stream) => stream.read(after, limit, wait).await,
            Self::Nats(stream) => stream.read(after, limit, wait).await,
        }
    }
}

async fn own(
    outbox: &Outbox,
    after: &Position,
    types: &[String],
    limit: usize,
    wait: Duration,
) -> Result<Page, SourceError> {
    let number =
        after.number().and_then(|number| i64::try_from(number).ok()).ok_or_else(|| SourceError::foreign(after))?;
    let of_number = |position: i64| Position::of_number(u64::try_from(position).unwrap_or_default());
    match outbox.read(number, types, i64::try_from(limit).unwrap_or(i64::MAX), wait).await {
        Ok(read) => {
            if read.events.is_empty() && outbox.is_closed() {
                // Nobody waits in it any more, and whoever reads it is told to end soon.
                tokio::time::sleep(POLL).await;
            }
            let delivery = |(position, event)| Delivery { position: of_number(position), event: Ok(event) };
            Ok(Page { deliveries: read.events.into_iter().map(delivery).collect(), position: of_number(read.position) })
        }
        Err(OutboxError::Pruned { pruned }) => Err(SourceError::Gap { position: of_number(pruned) }),
        Err(OutboxError::Ahead { .. }) => Err(SourceError::Gap { position: Position::start() }),
        Err(OutboxError::Database(error)) => Err(SourceError::caused("the outbox", error)),
    }
}
