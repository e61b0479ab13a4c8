//! What is answered, one noun per file.

mod course;
mod health;
mod partner;

use axum::Router;
use axum::extract::{FromRef, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use either_database::Database;

use crate::error::Error;
use crate::extract::receive;
use crate::lms::Lms;

/// What the routes share.
#[derive(Clone)]
struct Shared {
    database: Database,
    lms: Lms,
}

impl FromRef<Shared> for Database {
    fn from_ref(shared: &Shared) -> Self {
        shared.database.clone()
    }
}

impl FromRef<Shared> for Lms {
    fn from_ref(shared: &Shared) -> Self {
        shared.lms.clone()
    }
}

/// All routes. Those with a course key end in a wildcard, since a key of the old form has slashes.
pub fn router(database: Database, lms: Lms) -> Router {
    Router::new()
        .route("/health/", get(health::show))
        .route("/api/v2/partners/", get(partner::list))
        .route("/api/v2/courses/", get(course::list).post(course::create))
        .route("/api/v2/courses/{*course}", get(course::show).put(course::replace).post(course::publish))
        .fallback(async || Error::not_found())
        .layer(middleware::from_fn(receive))
        .layer(middleware::from_fn(log))
        .with_state(Shared { database, lms })
}

async fn log(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let begun = std::time::Instant::now();
    let response = next.run(request).await;
    tracing::info!("{method} {path} {} in {:.1?}", response.status().as_u16(), begun.elapsed());
    response
}
