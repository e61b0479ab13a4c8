//! Who asks: `Authorization: JWT …` or `Bearer …`, and how often.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, OptionalFromRequestParts};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use crate::error::Error;
use crate::queries::user::{self, User};
use crate::rate::Counted;
use crate::service::Service;

/// A user who has shown a token.
pub struct Caller(pub User);

/// A caller who is staff; others get 403.
pub struct Staff(pub User);

/// The address of who asks, counted for signing in.
pub struct SigningIn;

impl Caller {
    /// Whether the caller may see or change what belongs to this user.
    pub fn may_act_for(&self, username: &str) -> bool {
        self.0.is_staff || self.0.username == username
    }
}

fn address(parts: &Parts) -> IpAddr {
    let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    parts.extensions.get::<ConnectInfo<SocketAddr>>().map_or(unknown, |ConnectInfo(address)| address.ip())
}

async fn user_of(parts: &Parts, service: &Service) -> Result<User, Error> {
    let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some(token) = header.and_then(|value| value.strip_prefix("Token ")) {
        let user = user::by_token(&service.0.database, token.trim()).await?;
        return user.ok_or_else(|| Error::unauthorized("Nobody has this token."));
    }
    let token = header.and_then(identity::token_of);
    let token = token.ok_or_else(|| Error::unauthorized("A token is needed: 'Authorization: JWT …'."))?;
    let claims = service.0.tokens.verify(token).await?;
    match user::by_username(&service.0.database, &claims.preferred_username).await? {
        Some(user) if user.is_active => Ok(user),
        Some(_) => Err(Error::unauthorized("The user of this token is inactive.")),
        None => Err(Error::unauthorized("The user of this token is not there any more.")),
    }
}

impl FromRequestParts<Service> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Error> {
        let user = user_of(parts, service).await;
        let (who, is_staff) = match &user {
            Ok(user) => (Counted::User(user.id), user.is_staff),
            Err(_) => (Counted::Address(address(parts)), false),
        };
        service.0.limiter.count(who, is_staff).map_err(Error::TooMany)?;
        user.map(Self)
    }
}

impl OptionalFromRequestParts<Service> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Option<Self>, Error> {
        if parts.headers.contains_key(header::AUTHORIZATION) {
            return <Self as FromRequestParts<Service>>::from_request_parts(parts, service).await.map(Some);
        }
        service.0.limiter.count(Counted::Address(address(parts)), false).map_err(Error::TooMany)?;
        Ok(None)
    }
}

impl FromRequestParts<Service> for Staff {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Error> {
        let caller = <Caller as FromRequestParts<Service>>::from_request_parts(parts, service).await?;
        if caller.0.is_staff { Ok(Self(caller.0)) } else { Err(Error::forbidden("Only staff may do this.")) }
    }
}

impl FromRequestParts<Service> for SigningIn {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Error> {
        service.0.limiter.count(Counted::SignIn(address(parts)), false).map_err(Error::TooMany)?;
        Ok(Self)
    }
}

impl toggles::Authority for Service {
    async fn caller(&self, parts: &mut Parts) -> Result<Option<toggles::Caller>, Response> {
        let caller = <Caller as OptionalFromRequestParts<Self>>::from_request_parts(parts, self).await;
        let known = |caller: Caller| toggles::Caller { username: caller.0.username, is_staff: caller.0.is_staff };
        caller.map(|caller| caller.map(known)).map_err(IntoResponse::into_response)
    }
}
