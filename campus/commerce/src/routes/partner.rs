//! `/api/v2/partners/`: in whose name courses are sold.

use axum::Json;
use axum::extract::State;
use either_database::Database;

use crate::auth::Caller;
use crate::error::Error;
use crate::page::{Page, Paging};
use crate::queries::partner::{self, Partner};

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
