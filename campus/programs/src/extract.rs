//! Bodies, query strings and names in paths, with errors that look like all others.

use axum::body::{self, Body as RawBody, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderMap};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::banner;
use crate::error::Error;
use crate::service::Shared;
use crate::slug::Reference;

/// The longest JSON body that is taken, in bytes.
const LONGEST_JSON: usize = 1 << 20;
const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";

/// Waits for the whole body before anybody answers.
///
/// A refusal that did not wait for the body would make the server close the connection, on which a caller that keeps its
/// connections may be sending the next request already.
pub async fn receive(request: Request, next: Next) -> Response {
    let (parts, raw) = request.into_parts();
    let longest = match content_type(&parts.headers) {
        Some(media) if media.starts_with("image/") => banner::LARGEST_UPLOAD,
        _ => LONGEST_JSON,
    };
    match body::to_bytes(raw, longest).await {
        Ok(bytes) => next.run(Request::from_parts(parts, RawBody::from(bytes))).await,
        Err(_) => {
            let reason = format!("The body is longer than {longest} bytes, or it broke off.");
            Error::refused(StatusCode::PAYLOAD_TOO_LARGE, reason).into_response()
        }
    }
}

fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn unsupported(wanted: &str) -> Error {
    Error::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("The Content-Type of the body has to be {wanted}."))
}

/// The whole body: it was received before.
async fn bytes(request: Request) -> Bytes {
    Bytes::from_request(request, &()).await.unwrap_or_default()
}

fn parse(bytes: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error::bad_request(format!("The body is no JSON: {error}.")))
}

/// A JSON body.
pub struct Json(pub Value);

impl FromRequest<Shared> for Json {
    type Rejection = Error;

    async fn from_request(request: Request, _: &Shared) -> Result<Self, Error> {
        if content_type(request.headers()).as_deref() != Some(JSON) {
            return Err(unsupported(JSON));
        }
        parse(&bytes(request).await).map(Self)
    }
}

/// A JSON body that says what to change (RFC 7396), by either name.
pub struct MergePatch(pub Value);

impl FromRequest<Shared> for MergePatch {
    type Rejection = Error;

    async fn from_request(request: Request, _: &Shared) -> Result<Self, Error> {
        if !matches!(content_type(request.headers()).as_deref(), Some(JSON | MERGE_PATCH)) {
            return Err(unsupported("application/merge-patch+json or application/json"));
        }
        parse(&bytes(request).await).map(Self)
    }
}

/// A picture.
pub struct Picture(pub Bytes);

impl FromRequest<Shared> for Picture {
    type Rejection = Error;

    async fn from_request(request: Request, _: &Shared) -> Result<Self, Error> {
        if !matches!(content_type(request.headers()).as_deref(), Some("image/png" | "image/jpeg")) {
            return Err(unsupported("image/png or image/jpeg"));
        }
        Ok(Self(bytes(request).await))
    }
}

/// The parameters after the question mark.
pub struct Parameters<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Shared> for Parameters<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, service: &Shared) -> Result<Self, Error> {
        if parts.uri.query().is_some_and(|query| query.contains("%00")) {
            return Err(Error::bad_request("Null characters are not allowed."));
        }
        match Query::from_request_parts(parts, service).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(Error::bad_request(rejection.body_text())),
        }
    }
}

/// The program that a path names; 404 if nothing can have that name.
pub struct Named(pub Reference);

impl FromRequestParts<Shared> for Named {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, service: &Shared) -> Result<Self, Error> {
        let path: Result<Path<String>, _> = Path::from_request_parts(parts, service).await;
        path.ok().and_then(|Path(name)| Reference::parse(&name)).map(Self).ok_or_else(Error::not_found)
    }
}
