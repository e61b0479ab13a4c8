//! `/health/`: whether the service can do its work.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use either_database::Database;
use serde_json::{Value, json};

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
