//! The one place where errors become responses: a status and JSON with the field and the reason.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
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

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, field, reason) = match self {
            Self::Refused { status, field, reason } => (status, field, reason),
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
        let mut response = (status, Json(json!({ "field": field, "reason": reason }))).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Token"));
        }
        response
    }
}
