//! What is answered, one noun per file.

mod banner;
mod completion;
mod course_code;
mod course_run;
mod history;
mod learner;
mod openapi;
mod organization;
mod program;
mod program_change;
mod status;
mod version;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};

use crate::error::Error;
use crate::extract::receive;
use crate::service::Shared;

pub use openapi::DOCUMENT as OPENAPI;

/// Every path, with what answers it. The OpenAPI document has the same ones: a test compares them.
fn routes() -> Vec<(&'static str, MethodRouter<Shared>)> {
    let program = get(program::show).put(program_change::replace).patch(program_change::merge);
    let banner = get(banner::show).put(banner::set).delete(banner::remove);
    let default = get(banner::show_default).put(banner::set_default).delete(banner::remove_default);
    vec![
        ("/health/", get(status::health)),
        ("/ready/", get(status::readiness)),
        ("/api/openapi.json", get(openapi::show)),
        ("/media/program_banners/{file}", get(banner::file)),
        ("/api/v1/programs/", get(program::list).post(program_change::create)),
        ("/api/v1/programs/complete/", post(completion::show)),
        ("/api/v1/programs/deleted/", get(program::list_deleted)),
        ("/api/v1/programs/{program}/", program.delete(program_change::delete)),
        ("/api/v1/programs/{program}/restore/", post(program_change::restore)),
        ("/api/v1/programs/{program}/start/", post(learner::start)),
        ("/api/v1/programs/{program}/versions/", get(version::list)),
        ("/api/v1/programs/{program}/history/", get(history::of_program)),
        ("/api/v1/programs/{program}/banner_image/", banner),
        ("/api/v1/program_default/banner_image/", default),
        ("/api/v1/course_codes/", get(course_code::list)),
        ("/api/v1/course_runs/", get(course_run::list)),
        ("/api/v1/organizations/", get(organization::list).post(organization::create)),
        ("/api/v1/history/", get(history::list)),
    ]
}

/// The paths that are answered.
pub fn paths() -> Vec<&'static str> {
    routes().into_iter().map(|(path, _)| path).collect()
}

/// All routes.
pub fn router(service: Shared) -> Router {
    let routes = routes().into_iter().fold(Router::new(), |router, (path, route)| router.route(path, route));
    routes
        .fallback(async || Error::not_found())
        .method_not_allowed_fallback(async || {
            Error::refused(StatusCode::METHOD_NOT_ALLOWED, "This is not what can be done here.")
        })
        .layer(middleware::from_fn(receive))
        .layer(middleware::from_fn(log))
        .with_state(service)
}

async fn log(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let begun = std::time::Instant::now();
    let response = next.run(request).await;
    tracing::info!("{method} {path} {} in {:.1?}", response.status().as_u16(), begun.elapsed());
    response
}
