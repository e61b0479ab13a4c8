//! `/api/v1/programs/{program}/versions/`: what a program consisted of, and consists of.

use axum::Json;
use axum::extract::State;
use chrono::Utc;
use serde_json::{Value, json};

use super::program;
use crate::auth::Caller;
use crate::document;
use crate::error::Error;
use crate::extract::Named;
use crate::page::{Page, Paging};
use crate::queries::program::Filter;
use crate::queries::version;
use crate::queries::{self};
use crate::service::Shared;
use crate::slug::Reference;

/// The versions of a program, newest first. The newest one is the program itself.
pub async fn list(
    State(service): State<Shared>,
    Caller(person): Caller,
    Named(name): Named,
    paging: Paging,
) -> Result<Json<Page<Value>>, Error> {
    let program = program::visible(&service, person.role, name).await?;
    let count = version::count(&service.database, program.id).await? + 1;
    let mut results = Vec::new();
    let is_first = paging.offset() == 0;
    if is_first {
        let filter = Filter { unpublished: true, reference: Some(Reference::Id(program.id)), ..Filter::default() };
        let rows = queries::program::courses(&service.database, &filter, 1, 0).await?;
        results.push(json!({
            "number": program.version,
            "author": program.version_author,
            "created": program.version_created,
            "course_codes": document::course_codes(&rows, Utc::now()),
        }));
    }
    let (limit, offset) = if is_first { (paging.limit() - 1, 0) } else { (paging.limit(), paging.offset() - 1) };
    for version in version::page(&service.database, program.id, limit, offset).await? {
        let course_codes: Value = serde_json::from_str(&version.course_codes).unwrap_or_default();
        results.push(json!({
            "number": version.number,
            "author": version.author,
            "created": version.created,
            "course_codes": course_codes,
        }));
    }
    Ok(Json(paging.page(count, results)?))
}
