//! Who asks, as the service knows it.

use axum::http::request::Parts;
use axum::response::Response;

/// Somebody who has said who he is.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The name of the user.
    pub username: String,
    /// May see and change all toggles.
    pub is_staff: bool,
}

/// How a service finds out who asks.
pub trait Authority: Clone + Send + Sync + 'static {
    /// The caller; nobody if he does not say who he is; a refusal if what he shows is not good.
    fn caller(&self, parts: &mut Parts) -> impl Future<Output = Result<Option<Caller>, Response>> + Send;
}
