//! The one place where errors become responses: a status and JSON with the field and the reason.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use identity::Refusal;
use serde_json::json;
use sqlx::error::DatabaseError;

/// Why a request is not answered as it was asked.
#[derive(Debug)]
pub enum Error {
    /// The caller's doing.
    Refused {
        /// The status of the response.
        status: StatusCode,
        /// The part of the request that is to blame.
        field: Option<String>,
        /// For a human.
        reason: String,
    },
    /// The method is not one of these, which the address has.
    NotAllowed(&'static str),
    /// More requests than one may make; after this time there may be another one.
    TooMany(Duration),
    /// The database's doing.
    Database(sqlx::Error),
}

impl Error {
    /// 400: the request as a whole cannot be done.
    pub fn bad_request(reason: impl Into<String>) -> Self {
        Self::refused(StatusCode::BAD_REQUEST, reason)
    }

    /// 400: one field is missing or wrong.
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Refused { status: StatusCode::BAD_REQUEST, field: Some(field.into()), reason: reason.into() }
    }

    /// 400: one field is missing.
    pub fn required(field: impl Into<String>) -> Self {
        Self::invalid(field, "This field is required.")
    }

    /// 401: it has to be known who asks.
    pub fn unauthorized(reason: impl Into<String>) -> Self {
        Self::refused(StatusCode::UNAUTHORIZED, reason)
    }

    /// 403: known, and not allowed.
    pub fn forbidden(reason: impl Into<String>) -> Self {
        Self::refused(StatusCode::FORBIDDEN, reason)
    }

    /// 404: not there, or not for the eyes of the caller.
    pub fn not_found() -> Self {
        Self::refused(StatusCode::NOT_FOUND, "Not found.")
    }

    /// 409: it is there already.
    pub fn conflict(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Refused { status: StatusCode::CONFLICT, field: Some(field.into()), reason: reason.into() }
    }

    /// Any other status.
    pub fn refused(status: StatusCode, reason: impl Into<String>) -> Self {
        Self::Refused { status, field: None, reason: reason.into() }
    }
}

/// Whether a row was not written because there is one with the same key.
pub fn is_taken(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(DatabaseError::is_unique_violation)
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        // What no text of PostgreSQL can hold came from the caller.
        let is_text = error.as_database_error().and_then(DatabaseError::code).is_some_and(|code| code == "22021");
        if is_text { Self::bad_request("Texts cannot hold the character 0.") } else { Self::Database(error) }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::KeysUnavailable => Self::refused(StatusCode::SERVICE_UNAVAILABLE, refusal.to_string()),
            _ => Self::unauthorized(refusal.to_string()),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut wait = None;
        let mut allow = None;
        let (status, field, reason) = match self {
            Self::Refused { status, field, reason } => (status, field, reason),
            Self::NotAllowed(methods) => {
                allow = Some(methods);
                (StatusCode::METHOD_NOT_ALLOWED, None, format!("This is not done here; there is {methods}."))
            }
            Self::TooMany(after) => {
                let seconds = after.as_secs() + 1;
                wait = Some(seconds);
                let reason = format!("Too many requests. The next one may come in {seconds} s.");
                (StatusCode::TOO_MANY_REQUESTS, None, reason)
            }
            Self::Database(error) => {
                tracing::error!(%error, "the database failed");
                match error {
                    sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
                        (StatusCode::SERVICE_UNAVAILABLE, None, "The database cannot be reached.".to_owned())
                    }
                    _ => (StatusCode::INTERNAL_SERVER_ERROR, None, "The database refused the request.".to_owned()),
                }
            }
        };
        let problem = json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or_default(),
            "status": status.as_u16(),
            "detail": reason,
            "field": field,
            "reason": reason,
        });
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("JWT, Bearer"));
        }
        if let Some(methods) = allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(methods));
        }
        if let Some(seconds) = wait {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
