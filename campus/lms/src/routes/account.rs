//! `/api/user/v1/accounts/`: what is known about a user.

use axum::Json;
use axum::extract::{Path, State};
use either_database::Database;
use serde_json::{Value, json};

use crate::auth::Caller;
use crate::error::Error;
use crate::queries::user;

/// Everything for the user and for staff; for others the name alone.
pub async fn show(
    State(database): State<Database>,
    caller: Caller,
    Path(username): Path<String>,
) -> Result<Json<Value>, Error> {
    let user = user::by_username(&database, &username).await?.ok_or_else(Error::not_found)?;
    Ok(Json(if caller.may_act_for(&username) { json!(user) } else { json!({ "username": user.username }) }))
}
