//! What is answered, one noun per file.

mod course;
mod health;
mod openapi;
mod order;
mod partner;
mod site;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodRouter, any, get, post};

use crate::auth::Staff;
use crate::error::Error;
use crate::extract::receive;
use crate::pages;
use crate::service::Service;

pub use openapi::DOCUMENT as OPENAPI;

/// What is asked by programs, with what answers it. Those with a course key end in a wildcard, since a key of the old form
/// has slashes.
fn routes() -> Vec<(&'static str, MethodRouter<Service>)> {
    vec![
        ("/health/", get(health::show)),
        ("/ready/", get(health::ready)),
        ("/api/openapi.json", get(openapi::show)),
        ("/api/v2/partners/", get(partner::list)),
        ("/api/v2/partners/{code}/", get(partner::show).put(partner::save)),
        ("/api/v2/sites/", get(site::list)),
        ("/api/v2/sites/{domain}/", axum::routing::put(site::save)),
        ("/api/v2/site_configurations/", get(site::list_configurations)),
        ("/api/v2/site_configurations/{domain}/", get(site::show_configuration).put(site::save_configuration)),
        ("/api/v2/courses/", get(course::list).post(course::create)),
        ("/api/v2/courses/{*course}", any(course::answer)),
        ("/api/v2/orders/", get(order::list).post(order::create)),
        ("/api/v2/orders/{number}/", get(order::show)),
        ("/api/v2/orders/{number}/payment/", post(order::pay)),
        ("/api/v2/orders/{number}/cancel/", post(order::cancel)),
        ("/api/v2/orders/{number}/refund/", post(order::refund)),
        ("/api/v2/orders/{number}/retry/", post(order::retry)),
    ]
}

/// The paths of programs.
pub fn paths() -> Vec<&'static str> {
    routes().into_iter().map(|(path, _)| path).collect()
}

/// All routes: those of programs, the feed of events, the toggles, and the pages.
pub fn router(service: Service) -> Router {
    let api = routes().into_iter().fold(Router::new(), |router, (path, route)| router.route(path, route));
    let feed = events::feed(service.0.outbox.clone());
    let feed = feed.route_layer(middleware::from_extractor_with_state::<Staff, _>(service.clone()));
    api.merge(pages::router())
        .fallback(async || Error::not_found())
        .method_not_allowed_fallback(async || Error::not_allowed())
        .with_state(service.clone())
        .nest("/api/events/v1/", feed)
        .merge(toggles::router(service.0.toggles.clone(), service))
        .layer(middleware::from_fn(receive))
        .layer(middleware::from_fn(log))
}

async fn log(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let begun = std::time::Instant::now();
    let response = next.run(request).await;
    tracing::info!("{method} {path} {} in {:.1?}", response.status().as_u16(), begun.elapsed());
    response
}
