//! The application: built from a configuration, run until a shutdown; the same for the binary and for tests.

use std::future::pending;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use chrono::{TimeDelta, Utc};
use either_database::{Database, OpenError, Options};
use events::{Bus, BusError, Relay, RelayOptions};
use identity::{Signer, SignerError};
use toggles::{Configuration, ConfigurationError};
use tokio::net::TcpListener;

use crate::config::Config;
use crate::filters::{Filters, FiltersError};
use crate::key_file::{self, KeyFileError};
use crate::learning::navigation;
use crate::rate::Limiter;
use crate::routes;
use crate::secret;
use crate::service::{Parts, Service};
use crate::tokens::Tokens;

/// How long requests under way may take after the shutdown began.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// How often old events are looked for.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);
/// How long events can be asked for.
const EVENTS_STAY: TimeDelta = TimeDelta::days(30);
/// When the database is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A service that listens already and answers once it is run.
pub struct App {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    service: Service,
    toggles: Option<Configuration>,
    bus: Option<Bus>,
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
    /// A file with a key can be neither read nor made.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// A file has no keys in it.
    #[error("SIGNING_KEY_FILE is wrong")]
    SigningKey(#[from] SignerError),
    /// Filters that are not there, or not in order.
    #[error("FILTERS_FILE is wrong")]
    Filters(#[from] FiltersError),
    /// A file of toggles that is not there.
    #[error("cannot read {path}")]
    ReadToggles {
        /// The file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// Toggles that are not in order.
    #[error("TOGGLES_FILE is wrong")]
    Toggles(#[from] ConfigurationError),
    /// A broker that is none.
    #[error("EVENTS_BUS is wrong")]
    Bus(#[from] BusError),
    /// A processor of outlines that does not exist.
    #[error("OUTLINE_PROCESSORS is wrong: {0}")]
    Processors(String),
}

impl App {
    /// Listens at the configured address. The database is reached for when the first request needs it.
    pub async fn build(config: &Config) -> Result<Self, StartError> {
        let database = Database::open(&config.database_url, Options::default())?;
        let signer = match &config.signing_key_file {
            Some(path) => Signer::from_pem(&key_file::read_or_make(path, Signer::new_pem)?)?,
            None => {
                tracing::warn!("SIGNING_KEY_FILE is not set: tokens are valid until this process ends");
                Signer::generate()
            }
        };
        let dev_passwords_key = match &config.dev_passwords_key_file {
            Some(path) => Some(key_file::read_or_make(path, secret::random_text)?),
            None => None,
        };
        let filters = config.filters_file.as_deref().map(Filters::read).transpose()?.unwrap_or_default();
        let processors = match &config.outline_processors {
            Some(names) => navigation::chosen(names).map_err(StartError::Processors)?,
            None => navigation::processors(),
        };
        let toggles = config.toggles_file.as_deref().map(configured).transpose()?;
        let bus = config.events_bus.as_deref().map(Bus::parse).transpose()?;
        let listen = |source| StartError::Listen { address: config.address, source };
        let listener = TcpListener::bind(config.address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let issuer = config.issuer.clone().unwrap_or_else(|| format!("http://{address}/oauth2"));
        let tokens = Tokens::new(signer, issuer, config.audience.clone());
        let limiter = Limiter::new(config.rate_limits);
        let service = Service(Arc::new(Parts::new(database, tokens, limiter, filters, processors, dev_passwords_key)));
        Ok(Self { listener, address, router: routes::router(service.clone()), service, toggles, bus })
    }

    /// The address that it really listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until `shutdown` is ready and the requests under way are answered, or five seconds have passed.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
        let background = tokio::spawn(background(self.service.clone(), self.toggles, self.bus));
        let (begun, draining) = tokio::sync::oneshot::channel();
        let service = self.service.clone();
        let router = self.router.into_make_service_with_connect_info::<SocketAddr>();
        let server = axum::serve(self.listener, router).with_graceful_shutdown(async move {
            shutdown.await;
            service.0.end();
            // Nobody listens any more only if the server has ended before.
            let _ = begun.send(());
        });
        let drained = async {
            match draining.await {
                Ok(()) => tokio::time::sleep(DRAIN_TIMEOUT).await,
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            result = server => result?,
            () = drained => tracing::warn!("requests were still under way when the service ended"),
        }
        background.abort();
        self.service.0.database.close().await;
        Ok(())
    }
}

fn configured(path: &Path) -> Result<Configuration, StartError> {
    let read = std::fs::read_to_string(path);
    let text = read.map_err(|source| StartError::ReadToggles { path: path.display().to_string(), source })?;
    Ok(Configuration::parse(&text)?)
}

/// What is done beside answering: toggles are set once, events are handed on, and old ones are removed.
async fn background(service: Service, toggles: Option<Configuration>, bus: Option<Bus>) {
    if let Some(configuration) = toggles {
        set(&service, &configuration).await;
    }
    let outbox = &service.0.outbox;
    let relay = async {
        match bus {
            Some(bus) => Relay::new(outbox.clone(), &bus, "lms", RelayOptions::default()).run(pending()).await,
            None => pending().await,
        }
    };
    let prune = async {
        loop {
            tokio::time::sleep(PRUNE_EVERY).await;
            if let Err(error) = outbox.prune(Utc::now() - EVENTS_STAY).await {
                tracing::warn!(%error, "old events are not removed");
            }
        }
    };
    tokio::join!(relay, prune);
}

/// Sets toggles as the file says, as soon as the database can be reached.
async fn set(service: &Service, configuration: &Configuration) {
    loop {
        match service.0.toggles.apply(configuration, "TOGGLES_FILE").await {
            Ok(applied) => return tracing::info!("{} toggles, {} changes", applied.toggles, applied.changes),
            Err(ConfigurationError::Database(error)) => tracing::warn!(%error, "the toggles are not set yet"),
            Err(error) => return tracing::error!("the toggles are not set: {error}"),
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
}
