//! The one place where errors become responses: problem details (RFC 9457) with the fields and the reasons.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Why a request is not answered as it was asked.
#[derive(Debug)]
pub enum Error {
    /// The caller's doing.
    Refused {
        /// The status of the response.
        status: StatusCode,
        /// For a human.
        reason: String,
    },
    /// 400: parts of the request are missing or wrong. There is at least one.
    Invalid(Vec<Fault>),
    /// 429: so many seconds have to pass.
    TooMany(u64),
    /// 503: something that this service needs is not there.
    Unavailable(&'static str),
    /// The database's doing.
    Database(sqlx::Error),
}

/// A part of a request that is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Where: `name`, `course_codes[1].run_modes[0].course_key`.
    pub field: String,
    /// Why, for a human.
    pub reason: String,
}

#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    field: Option<&'a str>,
    reason: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Fault],
}

impl Error {
    /// 400: the request as a whole cannot be done.
    pub fn bad_request(reason: impl Into<String>) -> Self {
        Self::refused(StatusCode::BAD_REQUEST, reason)
    }

    /// 400: one field is missing or wrong.
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid(vec![Fault { field: field.into(), reason: reason.into() }])
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
        Self::Refused { status, reason: reason.into() }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// What the database's refusal means for the caller.
fn of_database(error: &sqlx::Error) -> (StatusCode, &'static str) {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
            (StatusCode::SERVICE_UNAVAILABLE, "The database cannot be reached.")
        }
        // What is checked before a change may no longer be so when it is written.
        sqlx::Error::Database(refusal) if refusal.is_unique_violation() => {
            (StatusCode::CONFLICT, "Somebody else has just made something of the same name. Look, and try again.")
        }
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "The database refused the request."),
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut wait = None;
        let (status, faults, reason) = match self {
            Self::Refused { status, reason } => (status, Vec::new(), reason),
            Self::Invalid(faults) => {
                let reason = faults.first().map_or_else(String::new, |fault| fault.reason.clone());
                (StatusCode::BAD_REQUEST, faults, reason)
            }
            Self::TooMany(seconds) => {
                wait = Some(seconds);
                let reason = format!("Too many requests: the next one is taken in {seconds} s.");
                (StatusCode::TOO_MANY_REQUESTS, Vec::new(), reason)
            }
            Self::Unavailable(reason) => (StatusCode::SERVICE_UNAVAILABLE, Vec::new(), reason.to_owned()),
            Self::Database(error) => {
                tracing::error!(%error, "the database failed");
                let (status, reason) = of_database(&error);
                (status, Vec::new(), reason.to_owned())
            }
        };
        let problem = Problem {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: &reason,
            field: faults.first().map(|fault| fault.field.as_str()),
            reason: &reason,
            errors: &faults,
        };
        let body = serde_json::to_vec(&problem).expect("texts and numbers");
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("JWT"));
        }
        if let Some(seconds) = wait {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
