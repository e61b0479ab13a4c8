//! `/api/v1/programs/`, as far as it changes something.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use chrono::Utc;
use either_database::transaction;
use serde_json::Value;

use super::program;
use crate::auth::{Administrator, Author, Person, Role};
use crate::editor::Editor;
use crate::error::Error;
use crate::extract::{Json, MergePatch, Named};
use crate::page::BaseUrl;
use crate::program_input::{Form, ProgramInput};
use crate::service::{Service, Shared};
use crate::slug::Reference;

/// Makes a program.
pub async fn create(
    State(service): State<Shared>,
    Author(person): Author,
    BaseUrl(base): BaseUrl,
    Json(body): Json,
) -> Result<Response, Error> {
    let input = ProgramInput::read(&body, Form::Create)?;
    let editor = editor(&service, &person);
    let id: i64 = transaction!(&service.database, transaction => editor.create(&mut *transaction, input).await?);
    let mut response = program::one(&service, person.role, Reference::Id(id), &base).await?;
    *response.status_mut() = StatusCode::CREATED;
    let location = HeaderValue::try_from(format!("{base}/api/v1/programs/{id}/"));
    response.headers_mut().insert(header::LOCATION, location.expect("a checked host and digits"));
    Ok(response)
}

/// Replaces what a program is.
pub async fn replace(
    State(service): State<Shared>,
    Author(person): Author,
    Named(name): Named,
    BaseUrl(base): BaseUrl,
    Json(body): Json,
) -> Result<Response, Error> {
    change(&service, &person, &name, &base, &body, Form::Replace).await
}

/// Changes some of what a program is.
pub async fn merge(
    State(service): State<Shared>,
    Author(person): Author,
    Named(name): Named,
    BaseUrl(base): BaseUrl,
    MergePatch(body): MergePatch,
) -> Result<Response, Error> {
    change(&service, &person, &name, &base, &body, Form::Merge).await
}

async fn change(
    service: &Service,
    person: &Person,
    name: &Reference,
    base: &str,
    body: &Value,
    form: Form,
) -> Result<Response, Error> {
    // Whoever may not see it shall not learn from what is wrong with the body that it is there.
    let seen = program::visible(service, person.role, name.clone()).await?;
    let input = ProgramInput::read(body, form)?;
    let editor = editor(service, person);
    let id = Reference::Id(seen.id);
    let deleted = input.status.as_deref() == Some(crate::program_input::DELETED);
    let _: i64 = transaction!(&service.database, transaction => editor.change(&mut *transaction, &id, input).await?);
    if deleted {
        return program::one_deleted(service, id, base).await;
    }
    program::one(service, person.role, id, base).await
}

/// Deletes a program. It can be restored.
pub async fn delete(
    State(service): State<Shared>,
    Administrator(person): Administrator,
    Named(name): Named,
) -> Result<StatusCode, Error> {
    let editor = editor(&service, &person);
    let _: i64 =
        transaction!(&service.database, transaction => editor.set_deleted(&mut *transaction, &name, true).await?);
    Ok(StatusCode::NO_CONTENT)
}

/// Brings a deleted program back, as one that is not published.
pub async fn restore(
    State(service): State<Shared>,
    Administrator(person): Administrator,
    Named(name): Named,
    BaseUrl(base): BaseUrl,
) -> Result<Response, Error> {
    let editor = editor(&service, &person);
    let id: i64 =
        transaction!(&service.database, transaction => editor.set_deleted(&mut *transaction, &name, false).await?);
    program::one(&service, Role::Administrator, Reference::Id(id), &base).await
}

fn editor<'a>(service: &Service, person: &'a Person) -> Editor<'a> {
    Editor { person, now: Utc::now(), closed_runs: service.settings.closed_runs }
}
