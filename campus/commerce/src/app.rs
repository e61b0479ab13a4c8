//! The application: built from a configuration, run until a shutdown; the same for the binary and for tests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use either_database::{Database, OpenError, Options};
use events::{Consumer, ConsumerOptions, Dead, Outbox, Publisher, Relay, RelayOptions, Source};
use identity::{KeySource, Verifier};
use toggles::{Configuration, ConfigurationError, DeclarationError, Toggles};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::{Config, Settings};
use crate::features;
use crate::fulfilment::Fulfilment;
use crate::lms::Lms;
use crate::programs::Programs;
use crate::rate::RateLimit;
use crate::routes;
use crate::service::{NAME, Parts, Service};
use crate::session::Sealer;

/// How long requests under way may take after the shutdown began.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// For how long events are kept for those who ask for them.
const KEEP_DAYS: u64 = 30;
/// How often older ones are removed.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);
/// In whose name toggles are set from a file.
const CONFIGURATION: &str = "configuration";

/// What follows from changes is done one after the other, and for as long as it takes: no outage makes it give up.
const FULFILMENT: ConsumerOptions = ConsumerOptions {
    batch: 1,
    wait: Duration::from_secs(20),
    attempts: i32::MAX,
    pause: Duration::from_millis(500),
    longest_pause: Duration::from_secs(60),
    dead: Dead::SkipEvent,
};

/// A service that listens already and answers once it is run.
pub struct App {
    listener: TcpListener,
    address: SocketAddr,
    service: Service,
    settings: Settings,
}

/// Why the application cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database URL is not one.
    #[error("DATABASE_URL is wrong")]
    Database(#[from] OpenError),
    /// The address is taken or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// What the configuration asked for.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The program declares its toggles wrongly.
    #[error("the toggles are declared wrongly")]
    Declaration(#[from] DeclarationError),
    /// The file of toggles cannot be read.
    #[error("TOGGLES_FILE cannot be read")]
    TogglesFile(#[source] std::io::Error),
    /// What is in it cannot be applied.
    #[error("what TOGGLES_FILE says cannot be applied")]
    Toggles(#[from] ConfigurationError),
}

impl App {
    /// Listens at the configured address. The database is reached for when the first request needs it, or when there are toggles
    /// to be set from a file.
    pub async fn build(config: &Config) -> Result<Self, StartError> {
        let database = Database::open(&config.database_url, Options::default())?;
        let toggles = Toggles::new(database.clone(), &features::ALL)?;
        if let Some(path) = &config.settings.toggles_file {
            let text = std::fs::read_to_string(path).map_err(StartError::TogglesFile)?;
            let applied = toggles.apply(&Configuration::parse(&text)?, CONFIGURATION).await?;
            tracing::info!("{} changes of {} toggles from {}", applied.changes, applied.toggles, path.display());
        }
        let listen = |source| StartError::Listen { address: config.address, source };
        let listener = TcpListener::bind(config.address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let keys = KeySource::Url(format!("{}/oauth2/jwks", config.lms.url));
        let service = Service(Arc::new(Parts {
            lms: Lms::new(&config.lms),
            verifier: Verifier::new(&config.lms.issuer, &config.lms.audience, keys),
            rate_limit: RateLimit::new(config.settings.rate_limit),
            outbox: Outbox::new(database.clone()),
            publisher: Publisher::new(NAME),
            toggles,
            sealer: Sealer::new(config.settings.session_key.as_ref()),
            programs: config.settings.programs_url.as_deref().map(Programs::new),
            database,
        }));
        Ok(Self { listener, address, service, settings: config.settings.clone() })
    }

    /// The address that it really listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests and does what follows from them, until `shutdown` is ready and the requests under way are answered, or
    /// five seconds have passed.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
        let parts = self.service.0.clone();
        let (ending, ends) = watch::channel(false);
        let background = background(&self.service, &self.settings, ends.clone());
        let router = routes::router(self.service).into_make_service_with_connect_info::<SocketAddr>();
        let outbox = parts.outbox.clone();
        let server = axum::serve(self.listener, router).with_graceful_shutdown(async move {
            shutdown.await;
            // Readers of the feed may wait long; they go at once.
            outbox.close();
            ending.send_replace(true);
        });
        let drained = async {
            over(ends).await;
            tokio::time::sleep(DRAIN_TIMEOUT).await;
        };
        tokio::select! {
            result = server => result?,
            () = drained => tracing::warn!("requests were still under way when the service ended"),
        }
        for task in background {
            // What it was at is done again at the next start.
            task.abort();
        }
        parts.database.close().await;
        Ok(())
    }
}

/// What goes on beside the requests.
fn background(service: &Service, settings: &Settings, ends: watch::Receiver<bool>) -> Vec<tokio::task::JoinHandle<()>> {
    let parts = &service.0;
    let fulfilment =
        Fulfilment { database: parts.database.clone(), lms: parts.lms.clone(), publisher: parts.publisher.clone() };
    let source = Source::Own(parts.outbox.clone());
    let consumer = Consumer::new(parts.database.clone(), "fulfilment", source, fulfilment, FULFILMENT);
    let mut tasks = vec![tokio::spawn(consumer.run(over(ends.clone()))), tokio::spawn(prune(parts.outbox.clone()))];
    if let Some(bus) = &settings.bus {
        let relay = Relay::new(parts.outbox.clone(), bus, NAME, RelayOptions::default());
        tasks.push(tokio::spawn(relay.run(over(ends))));
    }
    tasks
}

async fn over(mut ends: watch::Receiver<bool>) {
    // Whoever has dropped the other end has ended, too.
    let _ = ends.wait_for(|ending| *ending).await;
}

async fn prune(outbox: Outbox) {
    loop {
        tokio::time::sleep(PRUNE_EVERY).await;
        if let Err(error) = outbox.prune(Utc::now() - Duration::from_secs(KEEP_DAYS * 24 * 3600)).await {
            tracing::warn!(%error, "old events cannot be removed");
        }
    }
}
