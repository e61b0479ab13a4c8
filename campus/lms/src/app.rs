//! The application: built from a configuration, run until a shutdown; the same for the binary and for tests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use either_database::{Database, OpenError, Options};
use identity::{Signer, SignerError};
use tokio::net::TcpListener;

use crate::config::Config;
use crate::filters::{Filters, FiltersError};
use crate::key_file::{self, KeyFileError};
use crate::rate::Limiter;
use crate::routes;
use crate::secret;
use crate::service::{Parts, Service};
use crate::tokens::Tokens;

/// How long requests under way may take after the shutdown began.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// A service that listens already and answers once it is run.
pub struct App {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    service: Service,
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
        let listen = |source| StartError::Listen { address: config.address, source };
        let listener = TcpListener::bind(config.address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let issuer = config.issuer.clone().unwrap_or_else(|| format!("http://{address}/oauth2"));
        let tokens = Tokens::new(signer, issuer, config.audience.clone());
        let limiter = Limiter::new(config.rate_limits);
        let service = Service(Arc::new(Parts::new(database, tokens, limiter, filters, dev_passwords_key)));
        Ok(Self { listener, address, router: routes::router(service.clone()), service })
    }

    /// The address that it really listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until `shutdown` is ready and the requests under way are answered, or five seconds have passed.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
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
        self.service.0.database.close().await;
        Ok(())
    }
}
