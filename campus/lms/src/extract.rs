//! Bodies and query strings, with errors that look like all others.

use std::time::Duration;

use axum::Json;
use axum::body::{self, Body as RawBody};
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

use crate::error::Error;

/// The longest body that is taken, in bytes.
const LARGEST_BODY: usize = 1 << 20;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Waits for the whole body before anybody answers.
///
/// A refusal that did not wait for the body would make the server close the connection, on which a caller that keeps its
/// connections may be sending the next request already.
pub async fn receive(request: Request, next: Next) -> Response {
    let (parts, raw) = request.into_parts();
    match tokio::time::timeout(BODY_TIMEOUT, body::to_bytes(raw, LARGEST_BODY)).await {
        Ok(Ok(bytes)) => next.run(Request::from_parts(parts, RawBody::from(bytes))).await,
        Ok(Err(_)) => {
            let reason = format!("The body is longer than {LARGEST_BODY} bytes, or it broke off.");
            Error::refused(StatusCode::PAYLOAD_TOO_LARGE, reason).into_response()
        }
        Err(_) => Error::refused(StatusCode::REQUEST_TIMEOUT, "The body took too long to arrive.").into_response(),
    }
}

/// A JSON body.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        match Json::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(JsonRejection::MissingJsonContentType(rejection)) => {
                Err(Error::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, rejection.body_text()))
            }
            Err(rejection) => Err(Error::bad_request(rejection.body_text())),
        }
    }
}

/// The parameters after the question mark.
pub struct Parameters<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(Error::bad_request(rejection.body_text())),
        }
    }
}
