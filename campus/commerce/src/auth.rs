//! Who asks: `Authorization: Token …`.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::header;
use axum::http::request::Parts;
use either_database::Database;

use crate::error::Error;
use crate::queries::token::{self, Token};

/// Somebody who has shown a token.
pub struct Caller(pub Token);

/// A caller who is staff; others get 403.
pub struct Staff;

impl<S: Send + Sync> FromRequestParts<S> for Caller
where
    Database: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(token) = header.and_then(|value| value.strip_prefix("Token ")) else {
            return Err(Error::unauthorized("A token is needed: 'Authorization: Token …'."));
        };
        let found = token::find(&Database::from_ref(state), token.trim()).await?;
        found.map(Self).ok_or_else(|| Error::unauthorized("Nobody has this token."))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Staff
where
    Database: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let caller = Caller::from_request_parts(parts, state).await?;
        if caller.0.is_staff { Ok(Self) } else { Err(Error::forbidden("Only staff may do this.")) }
    }
}
