//! `/api/v1/organizations/`: who offers programs.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::Utc;
use either_database::transaction;
use serde_json::json;

use crate::auth::{Administrator, Author, Person};
use crate::error::Error;
use crate::extract;
use crate::fields::{self, Text};
use crate::page::{Page, Paging};
use crate::queries::organization::{self, Organization};
use crate::queries::writer::{Note, Writer};
use crate::service::Shared;

/// All organisations.
pub async fn list(
    State(service): State<Shared>,
    _author: Author,
    paging: Paging,
) -> Result<Json<Page<Organization>>, Error> {
    let count = organization::count(&service.database).await?;
    let organizations = organization::page(&service.database, paging.limit(), paging.offset()).await?;
    Ok(Json(paging.page(count, organizations)?))
}

/// Makes one that the learning management system does not have yet, or of which this service does not know.
pub async fn create(
    State(service): State<Shared>,
    Administrator(person): Administrator,
    extract::Json(body): extract::Json,
) -> Result<(StatusCode, Json<Organization>), Error> {
    let (key, display_name) = fields::read(&body, |fields| {
        fields.require("key");
        fields.require("display_name");
        let key = fields.text("key", Text { longest: 64, blank: false });
        (key, fields.text("display_name", Text { longest: 128, blank: false }))
    })?;
    let made = Organization { key: key.unwrap_or_default(), display_name: display_name.unwrap_or_default() };
    transaction!(&service.database, transaction => insert(&mut *transaction, &person, &made).await?);
    Ok((StatusCode::CREATED, Json(made)))
}

async fn insert(writer: &mut impl Writer, person: &Person, made: &Organization) -> Result<(), Error> {
    writer.lock().await?;
    if writer.organization(&made.key).await?.is_some() {
        return Err(Error::invalid("key", "This field must be unique."));
    }
    let now = Utc::now();
    writer.insert_organization(&made.key, &made.display_name, now).await?;
    let changes = json!({ "display_name": { "to": made.display_name } }).to_string();
    let note = Note { subject: "organization", key: &made.key, action: "created", username: &person.username, changes };
    Ok(writer.note(note, now).await?)
}
