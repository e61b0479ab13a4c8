//! The style and the script of the pages.

use axum::http::header;
use axum::response::IntoResponse;

/// The style.
pub async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("pages.css"))
}

/// The script, without which everything works but dragging.
pub async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("pages.js"))
}
