//! What is answered, one noun per file.

mod completion;
mod course_code;
mod health;
mod organization;
mod program;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use either_database::Database;

use crate::error::Error;
use crate::extract::receive;

/// All routes.
pub fn router(database: Database) -> Router {
    Router::new()
        .route("/health/", get(health::show))
        .route("/api/v1/programs/", get(program::list))
        .route("/api/v1/programs/complete/", post(completion::show))
        .route("/api/v1/programs/{id}/", get(program::show))
        .route("/api/v1/course_codes/", get(course_code::list))
        .route("/api/v1/organizations/", get(organization::list))
        .fallback(async || Error::not_found())
        .layer(middleware::from_fn(receive))
        .layer(middleware::from_fn(log))
        .with_state(database)
}

async fn log(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let begun = std::time::Instant::now();
    let response = next.run(request).await;
    tracing::info!("{method} {path} {} in {:.1?}", response.status().as_u16(), begun.elapsed());
    response
}
