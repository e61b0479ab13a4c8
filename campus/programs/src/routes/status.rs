//! `/health/` and `/ready/`: whether the service can do its work, and whether it should be given any.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::migrations;
use crate::service::Shared;

/// 200 if the database answers, else 503.
pub async fn health(State(service): State<Shared>) -> (StatusCode, Json<Value>) {
    let (status, word) = match service.database.ping().await {
        Ok(()) => (StatusCode::OK, "OK"),
        Err(error) => {
            tracing::warn!(%error, "the health check does not reach the database");
            (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE")
        }
    };
    (status, Json(json!({ "overall_status": word, "detailed_status": { "database_status": word } })))
}

/// 200 if requests can be answered; 503 while the database is not there or has another schema, and when the service is
/// about to end.
pub async fn readiness(State(service): State<Shared>) -> (StatusCode, Json<Value>) {
    let reason = if service.is_ending() {
        Some("The service is about to end.")
    } else {
        match migrations::is_current(&service.database).await {
            Ok(true) => None,
            Ok(false) => Some("The database has another schema: run 'programs migrate'."),
            Err(error) => {
                tracing::warn!(%error, "the schema of the database cannot be read");
                Some("The database cannot be reached, or has no schema: run 'programs migrate'.")
            }
        }
    };
    let status = if reason.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": reason.is_none(), "reason": reason })))
}
