//! `/api/v1/programs/`: programs with their course codes and run modes.

use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{OriginalUri, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use serde::Deserialize;

use crate::auth::{Administrator, Caller, Role};
use crate::document;
use crate::error::Error;
use crate::extract::{Named, Parameters};
use crate::page::{BaseUrl, Paging};
use crate::program_input::STATUSES;
use crate::queries::program::{self, Filter};
use crate::queries::revision;
use crate::service::{Service, Shared};
use crate::slug::Reference;

/// How the list can be narrowed.
#[derive(Deserialize)]
pub struct ListParameters {
    status: Option<String>,
    organization: Option<String>,
    site: Option<String>,
}

/// The programs that the caller may see: unpublished ones are for administrators and authors.
pub async fn list(
    State(service): State<Shared>,
    Caller(person): Caller,
    Parameters(parameters): Parameters<ListParameters>,
    OriginalUri(uri): OriginalUri,
    BaseUrl(base): BaseUrl,
    paging: Paging,
) -> Result<Response, Error> {
    if let Some(status) = parameters.status.as_deref().filter(|status| !STATUSES.contains(status)) {
        return Err(Error::invalid("status", format!("'{status}' is not one of {}.", STATUSES.join(", "))));
    }
    let filter = Filter {
        unpublished: person.role >= Role::Author,
        status: parameters.status,
        organization: parameters.organization,
        site: parameters.site,
        ..Filter::default()
    };
    let name = format!("{} {base}{uri}", filter.unpublished);
    page(&service, name, &filter, &base, &paging).await
}

/// The programs that are deleted, and can be restored.
pub async fn list_deleted(
    State(service): State<Shared>,
    _administrator: Administrator,
    OriginalUri(uri): OriginalUri,
    BaseUrl(base): BaseUrl,
    paging: Paging,
) -> Result<Response, Error> {
    let filter = Filter { deleted: true, unpublished: true, ..Filter::default() };
    page(&service, format!("deleted {base}{uri}"), &filter, &base, &paging).await
}

/// A page that was made before, if it is still true: one query. Else a new one: three, whatever there is in it.
async fn page(
    service: &Service,
    name: String,
    filter: &Filter,
    base: &str,
    paging: &Paging,
) -> Result<Response, Error> {
    let revision = revision::current(&service.database).await?;
    if let Some(kept) = service.answers.get(&name, revision, Instant::now()) {
        return Ok(json(kept));
    }
    let programs = program::page(&service.database, filter, paging.limit(), paging.offset()).await?;
    let rows = if programs.is_empty() {
        Vec::new()
    } else {
        program::courses(&service.database, filter, paging.limit(), paging.offset()).await?
    };
    let (documents, lifetime) = document::programs(&programs, &rows, base, Utc::now());
    let page = paging.page(programs.first().map_or(0, |program| program.total), documents)?;
    let answer = Bytes::from(serde_json::to_vec(&page).expect("texts, numbers and moments"));
    let size = name.len() + answer.len();
    service.answers.put(name, revision, Instant::now(), lifetime, size, answer.clone());
    Ok(json(answer))
}

/// One program, if the caller may see it.
pub async fn show(
    State(service): State<Shared>,
    Caller(person): Caller,
    Named(name): Named,
    BaseUrl(base): BaseUrl,
) -> Result<Response, Error> {
    one(&service, person.role, name, &base).await
}

/// The answer that shows one program.
pub async fn one(service: &Service, role: Role, name: Reference, base: &str) -> Result<Response, Error> {
    let filter = Filter { unpublished: role >= Role::Author, reference: Some(name), ..Filter::default() };
    single(service, &filter, base).await
}

/// The answer that shows one program that is deleted.
pub async fn one_deleted(service: &Service, name: Reference, base: &str) -> Result<Response, Error> {
    let filter = Filter { deleted: true, unpublished: true, reference: Some(name), ..Filter::default() };
    single(service, &filter, base).await
}

async fn single(service: &Service, filter: &Filter, base: &str) -> Result<Response, Error> {
    let key = format!("{base} {filter:?}");
    let revision = revision::current(&service.database).await?;
    if let Some(kept) = service.answers.get(&key, revision, Instant::now()) {
        return Ok(json(kept));
    }
    let programs = program::page(&service.database, filter, 1, 0).await?;
    if programs.is_empty() {
        return Err(Error::not_found());
    }
    let rows = program::courses(&service.database, filter, 1, 0).await?;
    let (documents, lifetime) = document::programs(&programs, &rows, base, Utc::now());
    let answer = Bytes::from(serde_json::to_vec(&documents[0]).expect("texts, numbers and moments"));
    let size = key.len() + answer.len();
    service.answers.put(key, revision, Instant::now(), lifetime, size, answer.clone());
    Ok(json(answer))
}

/// A program that somebody with this role may see.
pub async fn visible(service: &Service, role: Role, name: Reference) -> Result<program::Program, Error> {
    let filter = Filter { unpublished: role >= Role::Author, reference: Some(name), ..Filter::default() };
    program::page(&service.database, &filter, 1, 0).await?.pop().ok_or_else(Error::not_found)
}

fn json(body: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
