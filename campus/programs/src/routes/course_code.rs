//! `/api/v1/course_codes/`: courses that programs can be made of.

use axum::Json;
use axum::extract::State;
use either_database::Database;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::Administrator;
use crate::error::Error;
use crate::extract::Parameters;
use crate::page::{Page, Paging};
use crate::queries::course_code::{self, CourseCode};

/// How the list can be narrowed.
#[derive(Deserialize)]
pub struct ListParameters {
    organization: Option<String>,
}

/// All course codes.
pub async fn list(
    State(database): State<Database>,
    _administrator: Administrator,
    Parameters(parameters): Parameters<ListParameters>,
    paging: Paging,
) -> Result<Json<Page<Value>>, Error> {
    let organization = parameters.organization.as_deref();
    let count = course_code::count(&database, organization).await?;
    let course_codes = course_code::page(&database, organization, paging.limit(), paging.offset()).await?;
    Ok(Json(paging.page(count, course_codes.iter().map(item).collect())?))
}

/// A course code, with its organisation.
pub fn item(course_code: &CourseCode) -> Value {
    json!({
        "display_name": course_code.display_name,
        "key": course_code.key,
        "organization": { "display_name": course_code.organization_name, "key": course_code.organization_key },
    })
}
