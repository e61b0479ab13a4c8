//! What all requests share: the database, the keys, the counts of callers, the filters.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::FromRef;
use either_database::Database;
use events::Outbox;
use toggles::Toggles;
use tokio::sync::Semaphore;

use crate::filters::Filters;
use crate::learning::navigation::Processor;
use crate::queries::user::User;
use crate::rate::Limiter;
use crate::secret;
use crate::switches;
use crate::tokens::Tokens;

/// So many passwords are hashed at a time; who comes later waits.
const HASHES_AT_A_TIME: usize = 2;

/// What all requests share. Cheap to clone.
#[derive(Clone)]
pub struct Service(pub Arc<Parts>);

/// The parts of it.
pub struct Parts {
    pub database: Database,
    pub tokens: Tokens,
    pub limiter: Limiter,
    pub filters: Filters,
    pub processors: Vec<Box<dyn Processor>>,
    pub toggles: Toggles,
    pub outbox: Outbox,
    /// Out of which the passwords of users without one are worked out, where that is wanted.
    pub dev_passwords_key: Option<String>,
    /// Whether the service is about to end.
    pub ends: AtomicBool,
    pub hashing: Semaphore,
}

impl Parts {
    /// Puts the parts together.
    pub fn new(
        database: Database,
        tokens: Tokens,
        limiter: Limiter,
        filters: Filters,
        processors: Vec<Box<dyn Processor>>,
        dev_passwords_key: Option<String>,
    ) -> Self {
        Self {
            toggles: switches::toggles(database.clone()),
            outbox: Outbox::new(database.clone()),
            database,
            tokens,
            limiter,
            filters,
            processors,
            dev_passwords_key,
            ends: AtomicBool::new(false),
            hashing: Semaphore::new(HASHES_AT_A_TIME),
        }
    }

    /// Whether a password is that of the user. Takes as long if there is no such user.
    pub async fn password_fits(&self, user: Option<&User>, password: &str) -> bool {
        if let (Some(User { password: None, username, .. }), Some(key)) = (user, &self.dev_passwords_key) {
            return secret::same(&secret::derived_password(key.as_bytes(), username), password);
        }
        let hashed = user.and_then(|user| user.password.clone()).unwrap_or_else(secret::unfitting);
        let password = password.to_owned();
        self.hash(move || secret::fits(&hashed, &password)).await
    }

    /// Hashes, on another thread, when it is its turn.
    pub async fn hash<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let _turn = self.hashing.acquire().await.expect("the semaphore is never closed");
        tokio::task::spawn_blocking(work).await.expect("hashing does not panic")
    }

    /// From now on the service is not ready any more, and nobody waits for events.
    pub fn end(&self) {
        self.outbox.close();
        self.ends.store(true, Ordering::Relaxed);
    }
}

impl FromRef<Service> for Database {
    fn from_ref(service: &Service) -> Self {
        service.0.database.clone()
    }
}
