//! The application: built from a configuration, run until a shutdown; the same for the binary and for tests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use either_database::{Database, OpenError, Options};
use events::Consumer;
use tokio::net::TcpListener;

use crate::config::Config;
use crate::listener::{self, Listener};
use crate::routes;
use crate::service::{Service, Shared};

/// How long requests under way may take after the shutdown began.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// A service that listens already and answers once it is run.
pub struct App {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    service: Shared,
    listening: Option<Consumer<Listener>>,
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
}

impl App {
    /// Listens at the configured address. The database is reached for when the first request needs it.
    pub async fn build(config: &Config) -> Result<Self, StartError> {
        let options = Options { connections: config.connections, ..Options::default() };
        let database = Database::open(&config.database_url, options)?;
        let listen = |source| StartError::Listen { address: config.address, source };
        let listener = TcpListener::bind(config.address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let service = Arc::new(Service::new(database, &config.tokens, config.settings.clone()));
        let listening = config.lms.as_ref().map(|lms| listener::consumer(&service.database, lms, config.bus.as_ref()));
        Ok(Self { listener, address, router: routes::router(Arc::clone(&service)), service, listening })
    }

    /// The address that it really listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until `shutdown` is ready and the requests under way are answered, or five seconds have passed.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
        let (begun, draining) = tokio::sync::oneshot::channel();
        let (ended, listening) = tokio::sync::oneshot::channel::<()>();
        let consumer = self.listening.map(|consumer| {
            // Ready when the sender is dropped: whatever is under way then is done again by the next process.
            tokio::spawn(consumer.run(async move { drop(listening.await) }))
        });
        let service = Arc::clone(&self.service);
        let router = self.router.into_make_service_with_connect_info::<SocketAddr>();
        let server = axum::serve(self.listener, router).with_graceful_shutdown(async move {
            shutdown.await;
            service.end();
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
        drop(ended);
        if let Some(consumer) = consumer {
            // It has not panicked, or its error is in the log.
            let _ = consumer.await;
        }
        self.service.database.close().await;
        Ok(())
    }
}
