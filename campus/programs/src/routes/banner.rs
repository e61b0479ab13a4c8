//! Banners: the pictures, and whose they are.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use either_database::transaction;
use serde_json::{Value, json};

use super::program;
use crate::auth::{Administrator, Caller, Person};
use crate::banner::{self, Banner};
use crate::error::Error;
use crate::extract::{Named, Picture};
use crate::page::BaseUrl;
use crate::queries;
use crate::queries::writer::{Note, Writer};
use crate::service::{Service, Shared};

/// A picture never changes under its name.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// One size of a banner.
pub async fn file(State(service): State<Shared>, Path(file): Path<String>) -> Result<Response, Error> {
    let (digest, width) = banner::asked(&file).ok_or_else(Error::not_found)?;
    let headers = [(header::CONTENT_TYPE, "image/jpeg"), (header::CACHE_CONTROL, FOR_EVER)];
    let Some(digest) = digest else {
        let drawn = tokio::task::spawn_blocking(move || banner::drawn(width)).await.expect("drawing does not panic");
        return Ok((headers, drawn.ok_or_else(Error::not_found)?).into_response());
    };
    if digest.contains('\0') {
        return Err(Error::not_found());
    }
    let width = i32::try_from(width).expect("one of the sizes");
    let content = queries::banner::find(&service.database, digest, width).await?.ok_or_else(Error::not_found)?;
    Ok((headers, content).into_response())
}

/// The addresses of a program's banner.
pub async fn show(
    State(service): State<Shared>,
    Caller(person): Caller,
    Named(name): Named,
    BaseUrl(base): BaseUrl,
) -> Result<Json<Value>, Error> {
    let program = program::visible(&service, person.role, name).await?;
    Ok(addresses(program.banner_image.as_deref(), &base))
}

/// Gives a program a banner of its own.
pub async fn set(
    State(service): State<Shared>,
    Administrator(person): Administrator,
    Named(name): Named,
    BaseUrl(base): BaseUrl,
    Picture(upload): Picture,
) -> Result<Json<Value>, Error> {
    let program = program::visible(&service, person.role, name).await?;
    let banner = scaled(&service, upload).await?;
    let owner = Owner { program: Some((program.id, &program.uuid)), person: &person, now: Utc::now() };
    transaction!(&service.database, transaction => owner.set(&mut *transaction, Some(&banner)).await?);
    Ok(addresses(Some(&banner.digest), &base))
}

/// Takes a program's own banner away: it has that of all others again.
pub async fn remove(
    State(service): State<Shared>,
    Administrator(person): Administrator,
    Named(name): Named,
) -> Result<StatusCode, Error> {
    let program = program::visible(&service, person.role, name).await?;
    let owner = Owner { program: Some((program.id, &program.uuid)), person: &person, now: Utc::now() };
    transaction!(&service.database, transaction => owner.set(&mut *transaction, None).await?);
    Ok(StatusCode::NO_CONTENT)
}

/// The addresses of the banner of programs that have none of their own.
pub async fn show_default(
    State(service): State<Shared>,
    _administrator: Administrator,
    BaseUrl(base): BaseUrl,
) -> Result<Json<Value>, Error> {
    Ok(addresses(queries::banner::default_digest(&service.database).await?.as_deref(), &base))
}

/// Replaces that banner.
pub async fn set_default(
    State(service): State<Shared>,
    Administrator(person): Administrator,
    BaseUrl(base): BaseUrl,
    Picture(upload): Picture,
) -> Result<Json<Value>, Error> {
    let banner = scaled(&service, upload).await?;
    let owner = Owner { program: None, person: &person, now: Utc::now() };
    transaction!(&service.database, transaction => owner.set(&mut *transaction, Some(&banner)).await?);
    Ok(addresses(Some(&banner.digest), &base))
}

/// Goes back to the banner that the service draws.
pub async fn remove_default(
    State(service): State<Shared>,
    Administrator(person): Administrator,
) -> Result<StatusCode, Error> {
    let owner = Owner { program: None, person: &person, now: Utc::now() };
    transaction!(&service.database, transaction => owner.set(&mut *transaction, None).await?);
    Ok(StatusCode::NO_CONTENT)
}

/// One picture at a time: each takes much memory.
async fn scaled(service: &Service, upload: axum::body::Bytes) -> Result<Banner, Error> {
    let _alone = service.scaling.lock().await;
    let scaled = tokio::task::spawn_blocking(move || banner::scale(&upload)).await;
    // A decoder that panics has met a picture that nobody thought of.
    let scaled = scaled.map_err(|_| Error::bad_request("The picture cannot be read."))?;
    scaled.map_err(|error| Error::bad_request(error.to_string()))
}

fn addresses(digest: Option<&str>, base: &str) -> Json<Value> {
    Json(json!({ "banner_image_urls": banner::urls(digest, base) }))
}

/// Whose banner is changed, by whom.
struct Owner<'a> {
    /// Number and UUID; none for the banner of all programs without their own.
    program: Option<(i64, &'a str)>,
    person: &'a Person,
    now: DateTime<Utc>,
}

impl Owner<'_> {
    async fn set(&self, writer: &mut impl Writer, banner: Option<&Banner>) -> Result<(), Error> {
        writer.lock().await?;
        for (width, content) in banner.iter().flat_map(|banner| &banner.sizes) {
            let width = i32::try_from(*width).expect("one of the sizes");
            writer.keep_banner(&banner.expect("it has sizes").digest, width, content).await?;
        }
        let digest = banner.map(|banner| banner.digest.as_str());
        writer.set_banner(self.program.map(|(id, _)| id), digest, self.now).await?;
        writer.remove_unused_banners().await?;
        let (subject, key) = self.program.map_or(("program_default", "banner_image"), |(_, uuid)| ("program", uuid));
        let changes = json!({ "banner_image": { "to": digest } }).to_string();
        let note = Note { subject, key, action: "changed", username: &self.person.username, changes };
        Ok(writer.note(note, self.now).await?)
    }
}
