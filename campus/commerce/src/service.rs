//! What the routes share.

use std::sync::Arc;

use axum::extract::FromRef;
use either_database::Database;
use events::{Outbox, Publisher};
use identity::Verifier;
use toggles::Toggles;

use crate::lms::Lms;
use crate::programs::Programs;
use crate::rate::RateLimit;
use crate::session::Sealer;

/// The name of this service towards others.
pub const NAME: &str = "commerce";

/// What the routes share. Cheap to clone.
#[derive(Clone)]
pub struct Service(pub Arc<Parts>);

/// The parts.
pub struct Parts {
    pub database: Database,
    pub lms: Lms,
    pub verifier: Verifier,
    pub rate_limit: RateLimit,
    pub outbox: Outbox,
    pub publisher: Publisher,
    pub toggles: Toggles,
    pub sealer: Sealer,
    /// Without it there are no pages.
    pub programs: Option<Programs>,
}

impl FromRef<Service> for Database {
    fn from_ref(service: &Service) -> Self {
        service.0.database.clone()
    }
}
