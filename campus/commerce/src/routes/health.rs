//! `/health/` and `/ready/`: whether the service lives, and whether it can do its work.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use either_database::Database;
use serde_json::{Value, json};

use crate::service::Service;

/// 200 if the database answers, else 503.
pub async fn show(State(database): State<Database>) -> (StatusCode, Json<Value>) {
    let (status, word) = match database.ping().await {
        Ok(()) => (StatusCode::OK, "OK"),
        Err(error) => {
            tracing::warn!(%error, "the health check does not reach the database");
            (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE")
        }
    };
    (status, Json(json!({ "overall_status": word, "detailed_status": { "database_status": word } })))
}

/// 200 if requests should be sent here: the database has its newest schema, and the service does not end.
pub async fn ready(State(service): State<Service>) -> (StatusCode, Json<Value>) {
    // The newest table is there if all are; what is read is most times kept.
    let reason = if service.0.outbox.is_closed() {
        "The service ends."
    } else if service.0.toggles.snapshot().await.is_err() {
        "The database cannot be reached, or has not the newest schema: run `commerce migrate`."
    } else {
        return (StatusCode::OK, Json(json!({ "ready": true, "reason": null })));
    };
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "ready": false, "reason": reason })))
}
