//! `/api/organizations/`: who offers courses.

use axum::Json;
use axum::extract::{Path, State};
use either_database::Database;

use crate::auth::Caller;
use crate::error::Error;
use crate::page::{Page, Paging};
use crate::queries::organization::{self, Organization};

/// The active organisations.
pub async fn list(
    State(database): State<Database>,
    _caller: Caller,
    paging: Paging,
) -> Result<Json<Page<Organization>>, Error> {
    let count = organization::count_active(&database).await?;
    let organizations = organization::active(&database, paging.limit(), paging.offset()).await?;
    Ok(Json(paging.page(count, organizations)?))
}

/// One organisation, active or not.
pub async fn show(
    State(database): State<Database>,
    _caller: Caller,
    Path(short_name): Path<String>,
) -> Result<Json<Organization>, Error> {
    let found = organization::by_short_name(&database, short_name.trim_end_matches('/')).await?;
    found.map(Json).ok_or_else(Error::not_found)
}
