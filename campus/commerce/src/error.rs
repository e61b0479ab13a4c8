//! The one place where errors become responses: a problem (RFC 9457) with the field and the reason.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use identity::Refusal;
use serde_json::json;

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
    /// More requests than one may make; after this time there may be another one.
    TooMany(Duration),
    /// Something that this service needs cannot be had now.
    Unavailable(&'static str),
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

    /// 405: nobody can do this here.
    pub fn not_allowed() -> Self {
        Self::refused(StatusCode::METHOD_NOT_ALLOWED, "This is not what can be done here.")
    }

    /// 409: it is in a state in which this cannot be done.
    pub fn conflict(reason: impl Into<String>) -> Self {
        Self::refused(StatusCode::CONFLICT, reason)
    }

    /// Any other status.
    pub fn refused(status: StatusCode, reason: impl Into<String>) -> Self {
        Self::Refused { status, field: None, reason: reason.into() }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::KeysUnavailable => Self::Unavailable("The keys that tokens are checked with cannot be had now."),
            refusal => Self::unauthorized(refusal.to_string()),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut wait = None;
        let (status, field, reason) = match self {
            Self::Refused { status, field, reason } => (status, field, reason),
            Self::TooMany(pause) => {
                let seconds = pause.as_secs() + 1;
                wait = Some(seconds);
                (StatusCode::TOO_MANY_REQUESTS, None, format!("Too many requests: the next one in {seconds} seconds."))
            }
            Self::Unavailable(reason) => (StatusCode::SERVICE_UNAVAILABLE, None, reason.to_owned()),
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
        let body = json!({
            "type": "about:blank",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": reason,
            "field": field,
            "reason": reason,
        });
        let kind = HeaderValue::from_static("application/problem+json");
        let mut response = (status, [(header::CONTENT_TYPE, kind)], body.to_string()).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("JWT"));
        }
        if let Some(seconds) = wait {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
