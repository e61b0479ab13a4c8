//! Which bus is configured: the address says which kind it is.

use std::sync::Arc;

use crate::http::{Credentials, HttpFeed};
use crate::nats::NatsStream;
use crate::redis_stream::RedisStream;
use crate::source::Source;

/// A broker. Services that publish and those that consume have to name the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bus {
    /// `redis://host:port/database`: one stream per publishing service, `events:SERVICE`.
    Redis(String),
    /// `nats://host:port`: one stream per publishing service, `events-SERVICE`, with subjects `events.SERVICE.TYPE`.
    Nats(String),
}

/// An address that names no broker.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a bus is redis://host:port/database or nats://host:port, not '{0}'")]
pub struct BusError(String);

impl Bus {
    /// Reads an address.
    pub fn parse(url: &str) -> Result<Self, BusError> {
        match url.split_once("://") {
            Some(("redis", _)) => Ok(Self::Redis(url.to_owned())),
            Some(("nats", _)) => Ok(Self::Nats(url.to_owned())),
            _ => Err(BusError(url.to_owned())),
        }
    }

    /// What that service has published.
    pub fn source(&self, service: &str) -> Source {
        match self {
            Self::Redis(url) => Source::Redis(RedisStream::new(url, service)),
            Self::Nats(url) => Source::Nats(NatsStream::new(url, service)),
        }
    }
}

impl Source {
    /// The feed of another service, for when there is no broker.
    pub fn http(url: &str, credentials: Arc<dyn Credentials>) -> Self {
        Self::Http(HttpFeed::new(url, credentials))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_says_which_it_is() {
        assert!(matches!(Bus::parse("redis://localhost/0"), Ok(Bus::Redis(_))));
        assert!(matches!(Bus::parse("nats://localhost:4222"), Ok(Bus::Nats(_))));
        for url in ["", "localhost", "kafka://localhost", "http://localhost/events/"] {
            assert_eq!(Bus::parse(url), Err(BusError(url.to_owned())));
        }
    }
}
