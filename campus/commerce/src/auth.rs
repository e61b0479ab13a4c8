//! Who asks, `Authorization: JWT …` or `Bearer …`, and how often.

use std::net::SocketAddr;
use std::time::Instant;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use toggles::Authority;

use crate::error::Error;
use crate::service::Service;

/// The longest name of a user, in characters.
const LONGEST_NAME: usize = 255;

/// Somebody who has shown a token.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The name in the learning management system.
    pub username: String,
    /// May do everything.
    pub is_staff: bool,
}

/// A caller who is staff; others get 403.
pub struct Staff;

/// Who a token is for; 401 if it is not good.
pub async fn identify(service: &Service, token: &str) -> Result<Caller, Error> {
    let claims = service.0.verifier.verify(token).await?;
    let username = &claims.preferred_username;
    // It is stored, and no database takes everything.
    if username.chars().count() > LONGEST_NAME || username.contains(char::is_control) {
        return Err(Error::unauthorized("The token names no user."));
    }
    Ok(Caller { username: username.clone(), is_staff: claims.is_administrator() })
}

/// Counts a request of an address, for what can be asked without a token.
pub fn count_address(service: &Service, parts: &Parts) -> Result<(), Error> {
    let address = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let address = address.map_or_else(String::new, |address| address.0.ip().to_string());
    service.0.rate_limit.take(&format!("@{address}"), Instant::now()).map_err(Error::TooMany)
}

async fn admit(service: &Service, parts: &Parts) -> Result<Caller, Error> {
    let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let caller = match header.and_then(identity::token_of) {
        Some(token) => identify(service, token).await,
        None => Err(Error::unauthorized("A token is needed: 'Authorization: JWT …'.")),
    };
    match &caller {
        Ok(caller) if caller.is_staff => (),
        Ok(caller) => service.0.rate_limit.take(&caller.username, Instant::now()).map_err(Error::TooMany)?,
        Err(_) => count_address(service, parts)?,
    }
    caller
}

impl FromRequestParts<Service> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Error> {
        admit(service, parts).await
    }
}

impl FromRequestParts<Service> for Staff {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Error> {
        if admit(service, parts).await?.is_staff { Ok(Self) } else { Err(Error::forbidden("Only staff may do this.")) }
    }
}

impl Authority for Service {
    async fn caller(&self, parts: &mut Parts) -> Result<Option<toggles::Caller>, Response> {
        if !parts.headers.contains_key(header::AUTHORIZATION) {
            return count_address(self, parts).map(|()| None).map_err(IntoResponse::into_response);
        }
        let caller = admit(self, parts).await.map_err(IntoResponse::into_response)?;
        Ok(Some(toggles::Caller { username: caller.username, is_staff: caller.is_staff }))
    }
}
