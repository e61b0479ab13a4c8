//! Bodies and parameters, with errors that look like all others and name the field.

use axum::body::{self, Body as RawBody, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Datelike, Utc};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Error;

/// The longest body that is taken, in bytes.
const LARGEST_BODY: usize = 2 << 20;

/// Waits for the whole body before anybody answers.
///
/// A refusal that did not wait for the body would make the server close the connection, on which a caller that keeps its
/// connections may be sending the next request already.
pub async fn receive(request: Request, next: Next) -> Response {
    let (parts, raw) = request.into_parts();
    match body::to_bytes(raw, LARGEST_BODY).await {
        Ok(bytes) => next.run(Request::from_parts(parts, RawBody::from(bytes))).await,
        Err(_) => {
            let reason = format!("The body is longer than {LARGEST_BODY} bytes, or it broke off.");
            Error::refused(StatusCode::PAYLOAD_TOO_LARGE, reason).into_response()
        }
    }
}

/// A JSON body.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        if !is_json(request.headers()) {
            let reason = "The body has to be JSON: 'Content-Type: application/json'.";
            return Err(Error::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|error| Error::bad_request(error.body_text()))?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| Error::bad_request(format!("{error}.")))?;
        if let Some(field) = unstorable(&value, String::new()) {
            return Err(Error::invalid(field, "A text cannot hold the character 0."));
        }
        serde_path_to_error::deserialize(value).map(Self).map_err(|error| {
            let (path, reason) = (error.path().to_string(), format!("{}.", error.inner()));
            if path == "." { Error::bad_request(reason) } else { Error::invalid(path, reason) }
        })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// The first text that PostgreSQL would not take.
fn unstorable(value: &Value, path: String) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then_some(path),
        Value::Array(list) => {
            list.iter().enumerate().find_map(|(index, value)| unstorable(value, format!("{path}[{index}]")))
        }
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            if name.contains('\0') { Some(path) } else { unstorable(value, path) }
        }),
        _ => None,
    }
}

/// Parameters of the query.
pub struct Parameters<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let query = Query::from_request_parts(parts, state).await;
        query.map(|Query(value)| Self(value)).map_err(|error: QueryRejection| Error::bad_request(error.body_text()))
    }
}

/// A text that is not empty, not too long, and can be shown on a line.
pub fn text(field: &str, value: Option<&str>, longest: usize) -> Result<String, Error> {
    let value = value.map(str::trim).filter(|value| !value.is_empty()).ok_or_else(|| Error::required(field))?;
    if value.chars().count() > longest {
        return Err(Error::invalid(field, format!("It has more than {longest} characters.")));
    }
    if value.contains(char::is_control) {
        return Err(Error::invalid(field, "It has characters that cannot be shown."));
    }
    Ok(value.to_owned())
}

/// A moment that every database can hold: of the years 1 to 9999.
pub fn moment(field: &str, value: Option<DateTime<Utc>>) -> Result<Option<DateTime<Utc>>, Error> {
    match value {
        Some(value) if !(1..=9999).contains(&value.year()) => Err(Error::invalid(field, "The year is from 1 to 9999.")),
        value => Ok(value),
    }
}

/// A word of a path that stands for something in the database; 404 for what cannot be there.
pub fn name(path: &str) -> Result<&str, Error> {
    if path.contains(char::is_control) { Err(Error::not_found()) } else { Ok(path) }
}
