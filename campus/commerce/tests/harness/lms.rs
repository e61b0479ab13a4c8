//! A stand-in for the learning management system: it keeps what is published, and refuses what it does not know.

use std::sync::{Arc, Mutex};

use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::put;
use axum::{Json, Router};
use serde_json::{Value, json};

/// What it knows: courses of this organisation.
const KNOWN: &str = "/course-v1:edX+";

type Published = Arc<Mutex<Vec<(String, Value)>>>;

/// A running stand-in; it ends with the test's process.
pub struct Lms {
    /// Where it listens.
    pub url: String,
    published: Published,
}

impl Lms {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let published = Published::default();
        let router =
            Router::new().route("/api/commerce/v1/courses/{*course}", put(publish)).with_state(published.clone());
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        listener.set_nonblocking(true).unwrap();
        std::thread::spawn(move || {
            super::runtime().block_on(async {
                axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), router).await.unwrap();
            });
        });
        Self { url, published }
    }

    /// Path and body of everything that was published since the last call.
    pub fn take_published(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.published.lock().unwrap())
    }
}

async fn publish(
    State(published): State<Published>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    if headers.get("Authorization").is_none_or(|value| value != "Token lms-token") {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "reason": "Nobody has this token." })));
    }
    if !uri.path().contains(KNOWN) {
        return (StatusCode::BAD_REQUEST, Json(json!({ "reason": "Course X does not exist." })));
    }
    published.lock().unwrap().push((uri.path().to_owned(), body.clone()));
    (StatusCode::OK, Json(body))
}
