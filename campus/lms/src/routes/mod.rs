//! What is answered, one noun per file.

pub mod account;
mod commerce;
mod content;
mod course;
mod course_mode;
mod enrollment;
mod health;
mod learner;
pub mod learning_table;
mod oauth;
mod organization;
pub mod registration;
mod table;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::{Json, Router};

use crate::auth::Staff;
use crate::error::Error;
use crate::extract::receive;
use crate::openapi;
use crate::service::Service;
pub use table::endpoints;

/// All routes.
pub fn router(service: Service) -> Router {
    let mut router = Router::new();
    for endpoint in endpoints() {
        if let Some(handler) = endpoint.handler {
            router = router.route(endpoint.route, handler);
        }
    }
    // Made once: it does not change while the service runs.
    let document = openapi::document();
    let only_staff = middleware::from_fn_with_state(service.clone(), for_staff);
    router
        .nest_service("/api/events/v1", events::feed(service.0.outbox.clone()).layer(only_staff))
        .merge(toggles::router(service.0.toggles.clone(), service.clone()).with_state(()))
        .route("/openapi.json", axum::routing::get(async move || Json(document)))
        .fallback(async || Error::not_found())
        .method_not_allowed_fallback(async || {
            Error::refused(StatusCode::METHOD_NOT_ALLOWED, "This is not done here; `Allow` says what is.")
        })
        .layer(middleware::from_fn(receive))
        .layer(middleware::from_fn(log))
        .with_state(service)
}

async fn for_staff(_staff: Staff, request: Request, next: Next) -> Response {
    next.run(request).await
}

async fn log(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let begun = std::time::Instant::now();
    let response = next.run(request).await;
    tracing::info!("{method} {path} {} in {:.1?}", response.status().as_u16(), begun.elapsed());
    response
}
