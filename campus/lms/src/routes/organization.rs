//! `/api/organizations/`: who offers courses.

use axum::Json;
use axum::extract::State;
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
