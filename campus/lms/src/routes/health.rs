//! Whether the service lives, and whether it can do its work.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

use crate::service::Service;

/// 200 as long as requests are answered at all: who does not get that may end the process.
pub async fn live() -> Json<Value> {
    Json(json!({ "status": "alive" }))
}

/// 200 if the database answers and the service is not about to end, else 503: requests had better go elsewhere.
pub async fn heartbeat(State(service): State<Service>) -> (StatusCode, Json<Value>) {
    let failed = |message: &str| {
        (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "sql": { "status": false, "message": message } })))
    };
    if service.0.ends.load(Ordering::Relaxed) {
        return failed("The service is about to end.");
    }
    match service.0.database.ping().await {
        Ok(()) => (StatusCode::OK, Json(json!({ "sql": { "status": true, "message": "OK" } }))),
        Err(error) => {
            tracing::warn!(%error, "the heartbeat does not reach the database");
            failed("The database cannot be reached.")
        }
    }
}
