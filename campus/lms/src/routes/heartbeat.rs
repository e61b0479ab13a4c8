//! `/heartbeat`: whether the service can do its work.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use either_database::Database;
use serde_json::{Value, json};

/// 200 if the database answers, else 503.
pub async fn show(State(database): State<Database>) -> (StatusCode, Json<Value>) {
    match database.ping().await {
        Ok(()) => (StatusCode::OK, Json(json!({ "sql": { "status": true, "message": "OK" } }))),
        Err(error) => {
            tracing::warn!(%error, "the heartbeat does not reach the database");
            let message = "The database cannot be reached.";
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "sql": { "status": false, "message": message } })))
        }
    }
}
