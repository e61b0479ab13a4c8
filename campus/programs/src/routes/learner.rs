//! `/api/v1/programs/{program}/start/`: that a learner starts with a program, in its version of now.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::program;
use crate::auth::Caller;
use crate::error::Error;
use crate::extract::Named;
use crate::queries::learner;
use crate::service::Shared;

/// Notes that the caller starts with a program; 201 for the first time. The version stays that of then.
pub async fn start(
    State(service): State<Shared>,
    Caller(person): Caller,
    Named(name): Named,
) -> Result<(StatusCode, Json<Value>), Error> {
    let program = program::visible(&service, person.role, name).await?;
    if program.status != "active" {
        return Err(Error::refused(StatusCode::CONFLICT, "One can only start with a program that is active."));
    }
    let (learner, is_new) = learner::start(&service.database, program.id, &person.username).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let document = json!({
        "program_id": learner.program_id,
        "username": person.username,
        "version": learner.version,
        "started": learner.started,
    });
    Ok((status, Json(document)))
}
