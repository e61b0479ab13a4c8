//! A stand-in for the learning management system: it has 120 active organisations and one that is not.

use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

/// How many active organisations it has.
pub const ACTIVE: usize = 120;

/// A running stand-in; it ends with the test's process.
pub struct Lms {
    /// Where it listens.
    pub url: String,
}

impl Lms {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let router = Router::new().route("/api/organizations/v0/organizations/", get(organizations));
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        listener.set_nonblocking(true).unwrap();
        std::thread::spawn(move || {
            super::runtime().block_on(async {
                axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), router).await.unwrap();
            });
        });
        Self { url }
    }
}

#[derive(Deserialize)]
struct Wanted {
    page: usize,
    page_size: usize,
}

async fn organizations(headers: HeaderMap, Query(wanted): Query<Wanted>) -> (StatusCode, Json<Value>) {
    if headers.get("Authorization").is_none_or(|value| value != "Token lms-token") {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "reason": "Nobody has this token." })));
    }
    let all: Vec<Value> = (0..=ACTIVE)
        .map(|n| json!({ "id": n, "short_name": format!("org{n}"), "name": format!("Organization {n}"), "active": n < ACTIVE }))
        .collect();
    let results: Vec<&Value> = all.iter().skip((wanted.page - 1) * wanted.page_size).take(wanted.page_size).collect();
    let num_pages = all.len().div_ceil(wanted.page_size);
    (StatusCode::OK, Json(json!({ "count": all.len(), "num_pages": num_pages, "results": results })))
}
