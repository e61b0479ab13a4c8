//! `/api/v1/course_codes/`: courses that programs can be made of.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::Author;
use crate::document::OrganizationDocument;
use crate::error::Error;
use crate::extract::Parameters;
use crate::page::{Page, Paging};
use crate::queries::course_code::{self, CourseCode};
use crate::service::Shared;

/// How the list can be narrowed.
#[derive(Deserialize)]
pub struct ListParameters {
    organization: Option<String>,
}

/// All course codes.
pub async fn list(
    State(service): State<Shared>,
    _author: Author,
    Parameters(parameters): Parameters<ListParameters>,
    paging: Paging,
) -> Result<Json<Page<Value>>, Error> {
    let organization = parameters.organization.as_deref();
    let codes = course_code::page(&service.database, organization, paging.limit(), paging.offset()).await?;
    let count = codes.first().map_or(0, |code| code.total);
    Ok(Json(paging.page(count, codes.iter().map(document).collect())?))
}

fn document(code: &CourseCode) -> Value {
    json!({
        "display_name": code.display_name,
        "key": code.key,
        "organization": OrganizationDocument::new(&code.organization_key, &code.organization_name),
    })
}
