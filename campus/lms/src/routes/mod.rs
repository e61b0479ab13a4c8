//! What is answered, one noun per file.

mod account;
mod commerce;
mod course;
mod course_mode;
mod enrollment;
mod heartbeat;
mod organization;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use either_database::Database;

use crate::error::Error;
use crate::extract::receive;

/// All routes. Those with a course key end in a wildcard, since a key of the old form has slashes.
pub fn router(database: Database) -> Router {
    Router::new()
        .route("/heartbeat", get(heartbeat::show))
        .route("/api/courses/v1/courses/", get(course::list))
        .route("/api/enrollment/v1/enrollment", get(enrollment::list_own).post(enrollment::save))
        .route("/api/enrollment/v1/enrollment/{*user_and_course}", get(enrollment::show))
        .route("/api/enrollment/v1/enrollments", get(enrollment::list))
        .route("/api/enrollment/v1/course/{*course}", get(enrollment::show_course))
        .route("/api/course_modes/v1/courses/{*course_and_mode}", get(course_mode::show))
        .route("/api/commerce/v1/courses/{*course}", get(commerce::show).put(commerce::replace))
        .route("/api/organizations/v0/organizations/", get(organization::list))
        .route("/api/user/v1/accounts/{username}", get(account::show))
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
