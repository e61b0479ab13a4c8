//! Events between services: a transactional outbox, three ways to deliver, and consumers that lose and repeat nothing.
//!
//! A service that publishes writes its events with [`publish`], in the transaction of the change that they tell of. From
//! its [`Outbox`] they come to others on one of three ways: over HTTP, which needs nothing but the two databases ([`feed`]
//! answers whoever asks what came after a position); over Redis streams; over NATS JetStream (a [`Relay`] hands them on).
//! At least once, and in order per key, on each of them.
//!
//! A service that wants them runs a [`Consumer`] with a [`Handler`]. Where it stands, which events it has taken, and what its
//! handler writes are one transaction: an event that comes again changes nothing. What fails is tried again with growing
//! pauses while later events of its key wait; after the last attempt it is a [dead letter](DeadLetter).
//!
//! The tables are in two migrations, [`outbox_migration`] and [`inbox_migration`].

mod bus;
mod consumer;
mod delivery;
mod event;
mod feed;
mod http;
mod inbox;
mod nats;
mod outbox;
mod position;
mod redis_stream;
mod relay;
mod schema;
mod source;
mod waiting;

pub use bus::{Bus, BusError};
pub use consumer::{Consumer, ConsumerError, ConsumerOptions, Dead, Handler, HandlerError};
pub use delivery::{Delivery, Page};
pub use event::{Event, EventType, Publisher};
pub use feed::feed;
pub use http::{Asking, Credentials, HttpFeed, Open};
pub use inbox::{ReplayError, replay};
pub use outbox::{Outbox, OutboxError, publish, publish_all};
pub use position::Position;
pub use relay::{Relay, RelayOptions};
pub use schema::{inbox_migration, outbox_migration};
pub use source::{Source, SourceError};
pub use waiting::{DeadLetter, dead_letters, drop_dead_letter, retry_dead_letter};
