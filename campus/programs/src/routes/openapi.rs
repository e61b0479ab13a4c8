//! `/api/openapi.json`: what this service can be asked, for programs.

use axum::http::header;
use axum::response::IntoResponse;

/// The document. A test compares it with the routes.
pub const DOCUMENT: &str = include_str!("../../openapi.json");

/// The document.
pub async fn show() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT)
}
