//! What all requests share: the database, whose tokens are believed, and what is kept in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use either_database::Database;
use identity::Verifier;

use crate::auth::Gate;
use crate::config::{Settings, TokenConfig};
use crate::kept::Kept;
use crate::queries::run_mode::Requirement;

/// What all requests share.
pub struct Service {
    /// Where everything is.
    pub database: Database,
    /// What can be one way or the other.
    pub settings: Settings,
    /// Who may come in.
    pub gate: Gate,
    /// Answers that are still true.
    pub answers: Kept<axum::body::Bytes>,
    /// What programs ask for, as long as that is still true.
    pub requirements: Kept<Arc<Vec<Requirement>>>,
    /// Held by whoever scales a picture.
    pub scaling: tokio::sync::Mutex<()>,
    ending: AtomicBool,
}

/// The same for every request.
pub type Shared = Arc<Service>;

/// So many bytes of answers are kept.
const ANSWERS: usize = 4 << 20;

impl Service {
    /// Makes one, without reaching for the database.
    pub fn new(database: Database, tokens: &TokenConfig, settings: Settings) -> Self {
        let verifier = Verifier::new(&tokens.issuer, &tokens.audience, tokens.keys.clone());
        let gate = Gate::new(verifier, settings.users, settings.rate_limit);
        let (answers, requirements) = (Kept::new(ANSWERS), Kept::new(1));
        Self {
            database,
            settings,
            gate,
            answers,
            requirements,
            scaling: tokio::sync::Mutex::default(),
            ending: AtomicBool::new(false),
        }
    }

    /// From now on the service is not ready any more, though it still answers.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    /// Whether it is told to end.
    pub fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }
}
