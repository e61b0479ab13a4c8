//! `/api/v1/organizations/`: who offers programs.

use axum::Json;
use axum::extract::State;
use either_database::Database;

use crate::auth::Administrator;
use crate::error::Error;
use crate::page::{Page, Paging};
use crate::queries::organization::{self, Organization};

/// All organisations.
pub async fn list(
    State(database): State<Database>,
    _administrator: Administrator,
    paging: Paging,
) -> Result<Json<Page<Organization>>, Error> {
    let count = organization::count(&database).await?;
    let organizations = organization::page(&database, paging.limit(), paging.offset()).await?;
    Ok(Json(paging.page(count, organizations)?))
}
