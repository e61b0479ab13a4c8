//! `/api/v1/history/`: who changed what.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::auth::Administrator;
use crate::error::Error;
use crate::extract::Named;
use crate::page::{Page, Paging};
use crate::queries::history::{self, Entry};
use crate::queries::program::{self, Filter};
use crate::service::{Service, Shared};
use crate::slug::Reference;

/// All changes, newest first.
pub async fn list(
    State(service): State<Shared>,
    _administrator: Administrator,
    paging: Paging,
) -> Result<Json<Page<Value>>, Error> {
    page(&service, None, &paging).await
}

/// Those of one program, deleted or not.
pub async fn of_program(
    State(service): State<Shared>,
    _administrator: Administrator,
    Named(name): Named,
    paging: Paging,
) -> Result<Json<Page<Value>>, Error> {
    let uuid = uuid_of(&service, name).await?;
    page(&service, Some(&uuid), &paging).await
}

async fn uuid_of(service: &Service, name: Reference) -> Result<String, Error> {
    for deleted in [false, true] {
        let filter = Filter { deleted, unpublished: true, reference: Some(name.clone()), ..Filter::default() };
        if let Some(program) = program::page(&service.database, &filter, 1, 0).await?.pop() {
            return Ok(program.uuid);
        }
    }
    Err(Error::not_found())
}

async fn page(service: &Service, program: Option<&str>, paging: &Paging) -> Result<Json<Page<Value>>, Error> {
    let entries = history::page(&service.database, program, paging.limit(), paging.offset()).await?;
    let count = entries.first().map_or(0, |entry| entry.total);
    Ok(Json(paging.page(count, entries.iter().map(document).collect())?))
}

fn document(entry: &Entry) -> Value {
    let changes: Value = serde_json::from_str(&entry.changes).unwrap_or_default();
    json!({
        "subject": entry.subject,
        "key": entry.key,
        "action": entry.action,
        "username": entry.username,
        "changes": changes,
        "created": entry.created,
    })
}
