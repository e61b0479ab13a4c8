//! Who asks: `Authorization: Token …`.

use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use axum::http::header;
use axum::http::request::Parts;
use either_database::Database;

use crate::error::Error;
use crate::queries::user::{self, User};

/// A user who has shown a token.
pub struct Caller(pub User);

/// A caller who is staff; others get 403.
pub struct Staff;

impl Caller {
    /// Whether the caller may see or change what belongs to this user.
    pub fn may_act_for(&self, username: &str) -> bool {
        self.0.is_staff || self.0.username == username
    }
}

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
        match user::by_token(&Database::from_ref(state), token.trim()).await? {
            Some(user) if user.is_active => Ok(Self(user)),
            Some(_) => Err(Error::unauthorized("The user of this token is inactive.")),
            None => Err(Error::unauthorized("Nobody has this token.")),
        }
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Caller
where
    Database: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Error> {
        if !parts.headers.contains_key(header::AUTHORIZATION) {
            return Ok(None);
        }
        <Self as FromRequestParts<S>>::from_request_parts(parts, state).await.map(Some)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Staff
where
    Database: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let caller = <Caller as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        if caller.0.is_staff { Ok(Self) } else { Err(Error::forbidden("Only staff may do this.")) }
    }
}
