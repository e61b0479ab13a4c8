//! `/api/v2/partners/`: in whose name courses are sold.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use either_database::Database;
use serde::Deserialize;

use crate::auth::{Caller, Staff};
use crate::error::Error;
use crate::extract::{Body, name, text};
use crate::page::{Page, Paging};
use crate::queries::partner::{self, Partner};

const LONGEST_CODE: usize = 128;
const LONGEST_NAME: usize = 255;

/// A partner as it is wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    name: Option<String>,
}

/// All partners.
pub async fn list(
    State(database): State<Database>,
    _caller: Caller,
    paging: Paging,
) -> Result<Json<Page<Partner>>, Error> {
    let count = partner::count(&database).await?;
    let partners = partner::page(&database, paging.limit(), paging.offset()).await?;
    Ok(Json(paging.page(count, partners)?))
}

/// One partner.
pub async fn show(
    State(database): State<Database>,
    _caller: Caller,
    Path(code): Path<String>,
) -> Result<Json<Partner>, Error> {
    partner::by_code(&database, name(&code)?).await?.map(Json).ok_or_else(Error::not_found)
}

/// Makes a partner, or gives it another name.
pub async fn save(
    State(database): State<Database>,
    _staff: Staff,
    Path(code): Path<String>,
    Body(wanted): Body<Wanted>,
) -> Result<(StatusCode, Json<Partner>), Error> {
    let code = text("code", Some(&code), LONGEST_CODE)?;
    let made = partner::save(&database, &code, &text("name", wanted.name.as_deref(), LONGEST_NAME)?).await?;
    let saved = partner::by_code(&database, &code).await?.ok_or_else(Error::not_found)?;
    Ok((if made { StatusCode::CREATED } else { StatusCode::OK }, Json(saved)))
}
