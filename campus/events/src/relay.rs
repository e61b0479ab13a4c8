//! The relay: hands the events of the outbox on to a broker, in their order, and again after a failure.

use std::time::Duration;

use crate::bus::Bus;
use crate::nats::NatsStream;
use crate::outbox::{Outbox, OutboxError, POLL};
use crate::redis_stream::RedisStream;
use crate::source::SourceError;

/// How many events are handed on at once.
const BATCH: i64 = 500;
/// How long it is waited for the next event before it is looked whether the service ends.
const WAIT: Duration = Duration::from_secs(20);

/// How the relay behaves.
#[derive(Debug, Clone, Copy)]
pub struct RelayOptions {
    /// The pause after a failure; doubled after each further one.
    pub pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
}

impl Default for RelayOptions {
    fn default() -> Self {
        Self { pause: Duration::from_millis(200), longest_pause: Duration::from_secs(30) }
    }
}

/// Hands the events of an outbox on to a broker.
#[derive(Debug)]
pub struct Relay {
    outbox: Outbox,
    broker: Broker,
    /// The name under which it is noted how far it has got.
    name: &'static str,
    options: RelayOptions,
}

#[derive(Debug)]
enum Broker {
    Redis(RedisStream),
    Nats(Box<NatsStream>),
}

#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    #[error("the outbox cannot be written")]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Broker(#[from] SourceError),
}

impl Relay {
    /// A relay of what `service` publishes. Two of them at once do no harm: consumers know what they have had.
    pub fn new(outbox: Outbox, bus: &Bus, service: &str, options: RelayOptions) -> Self {
        let (name, broker) = match bus {
            Bus::Redis(url) => ("redis", Broker::Redis(RedisStream::new(url, service))),
            Bus::Nats(url) => ("nats", Broker::Nats(Box::new(NatsStream::new(url, service)))),
        };
        Self { outbox, broker, name, options }
    }

    /// Hands on until `shutdown` is ready. An event is noted as handed on when the broker has it.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        tokio::select! {
            () = shutdown => (),
            () = self.hand_on() => (),
        }
    }

    async fn hand_on(&mut self) {
        let mut pause = self.options.pause;
        loop {
            match self.hand_on_batch().await {
                Ok(()) => pause = self.options.pause,
                Err(error) => {
                    tracing::warn!(%error, "events are not handed on; next attempt in {pause:?}");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(self.options.longest_pause);
                }
            }
        }
    }

    async fn hand_on_batch(&mut self) -> Result<(), RelayError> {
        let after = self.outbox.relayed(self.name).await?;
        let read = match self.outbox.read(after, &[], BATCH, WAIT).await {
            // Removed before the first relay of this kind: who wants to know asks the service.
            Err(OutboxError::Pruned { pruned }) => return Ok(self.outbox.note_relayed(self.name, pruned).await?),
            read => read?,
        };
        if !read.events.is_empty() {
            match &mut self.broker {
                Broker::Redis(stream) => stream.add(&read.events).await?,
                Broker::Nats(stream) => stream.add(&read.events).await?,
            }
        } else if self.outbox.is_closed() {
            // Nobody waits in it any more, and the relay is told to end soon.
            tokio::time::sleep(POLL).await;
        }
        if read.position > after {
            self.outbox.note_relayed(self.name, read.position).await?;
        }
        Ok(())
    }
}
