//! Who asks: `Authorization: JWT …`, a token of the learning management system.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header;
use axum::http::request::Parts;
use either_database::Database;
use identity::{Claims, Refusal, Verifier};

use crate::config::Users;
use crate::error::Error;
use crate::queries::user;
use crate::rate_limit::RateLimit;
use crate::service::Shared;

/// The role that lets a token's bearer write programs that are not published.
const AUTHOR: &str = "program_author";
/// A token is not checked again within this time.
const TRUSTED: Duration = Duration::from_secs(60);
/// So many tokens and users are remembered.
const REMEMBERED: usize = 10_000;
/// The longest name of a user, in characters.
const LONGEST_NAME: usize = 255;

/// What somebody may do, from little to much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Sees what is published.
    Learner,
    /// Sees and writes what is not published, too.
    Author,
    /// Everything.
    Administrator,
}

/// Somebody who has shown a token.
#[derive(Debug)]
pub struct Person {
    /// The name in the learning management system.
    pub username: String,
    /// What the token allows.
    pub role: Role,
}

/// Who asks.
pub struct Caller(pub Arc<Person>);

/// Who asks is an author or an administrator; others get 403.
pub struct Author(pub Arc<Person>);

/// Who asks is an administrator; others get 403.
pub struct Administrator(pub Arc<Person>);

/// Lets callers in.
pub struct Gate {
    verifier: Verifier,
    users: Users,
    limit: Option<Mutex<RateLimit>>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    tokens: HashMap<String, (Arc<Person>, Instant)>,
    /// What the database says of users, as far as it was written from here.
    roles: HashMap<String, Role>,
}

impl Gate {
    /// Makes one that lets in whom the verifier believes.
    pub fn new(verifier: Verifier, users: Users, rate_limit: Option<NonZeroU32>) -> Self {
        let limit = rate_limit.map(|per_minute| Mutex::new(RateLimit::new(per_minute)));
        Self { verifier, users, limit, known: Mutex::default() }
    }

    async fn admit(&self, database: &Database, parts: &Parts) -> Result<Arc<Person>, Error> {
        let person = match self.identify(parts).await {
            Ok(person) => person,
            Err(error) => {
                let address = parts.extensions.get::<ConnectInfo<SocketAddr>>();
                self.count(&address.map_or_else(String::new, |address| format!("@{}", address.0.ip())))?;
                return Err(error);
            }
        };
        self.count(&person.username)?;
        let remembered = {
            let known = self.known.lock().expect("nobody panics while holding it");
            known.roles.get(&person.username) == Some(&person.role)
        };
        if !remembered {
            user::remember(database, &person, self.users).await?;
            let mut known = self.known.lock().expect("nobody panics while holding it");
            if known.roles.len() >= REMEMBERED {
                known.roles.clear();
            }
            known.roles.insert(person.username.clone(), person.role);
        }
        Ok(person)
    }

    async fn identify(&self, parts: &Parts) -> Result<Arc<Person>, Error> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(token) = header.and_then(identity::token_of) else {
            return Err(Error::unauthorized("A token is needed: 'Authorization: JWT …'."));
        };
        let now = Instant::now();
        if let Some((person, until)) = self.known.lock().expect("nobody panics while holding it").tokens.get(token)
            && now < *until
        {
            return Ok(Arc::clone(person));
        }
        let claims = self.verifier.verify(token).await.map_err(|refusal| match refusal {
            Refusal::KeysUnavailable => Error::Unavailable("The keys that tokens are checked with cannot be had now."),
            refusal => Error::unauthorized(refusal.to_string()),
        })?;
        let lasts = Duration::from_secs(claims.exp.saturating_sub(identity::now())).min(TRUSTED);
        let person = Arc::new(person_of(claims)?);
        let mut known = self.known.lock().expect("nobody panics while holding it");
        if known.tokens.len() >= REMEMBERED {
            known.tokens.retain(|_, (_, until)| now < *until);
            if known.tokens.len() >= REMEMBERED {
                known.tokens.clear();
            }
        }
        known.tokens.insert(token.to_owned(), (Arc::clone(&person), now + lasts));
        Ok(person)
    }

    fn count(&self, caller: &str) -> Result<(), Error> {
        let Some(limit) = &self.limit else { return Ok(()) };
        let mut limit = limit.lock().expect("nobody panics while holding it");
        limit.take(caller, Instant::now()).map_err(Error::TooMany)
    }
}

fn person_of(claims: Claims) -> Result<Person, Error> {
    let has = |role: &str| claims.roles.iter().any(|one| one.split(':').next() == Some(role));
    let role = match (claims.administrator, has(AUTHOR)) {
        (Some(true), _) => Role::Administrator,
        (_, true) => Role::Author,
        _ => Role::Learner,
    };
    let username = claims.preferred_username;
    // It is stored, and no database takes everything.
    if username.chars().count() > LONGEST_NAME || username.contains(char::is_control) {
        return Err(Error::unauthorized("The token names no user."));
    }
    Ok(Person { username, role })
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, service: &Shared) -> Result<Self, Error> {
        service.gate.admit(&service.database, parts).await.map(Self)
    }
}

impl FromRequestParts<Shared> for Author {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, service: &Shared) -> Result<Self, Error> {
        let Caller(person) = Caller::from_request_parts(parts, service).await?;
        if person.role >= Role::Author {
            Ok(Self(person))
        } else {
            Err(Error::forbidden("Only administrators and authors may do this."))
        }
    }
}

impl FromRequestParts<Shared> for Administrator {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, service: &Shared) -> Result<Self, Error> {
        let Caller(person) = Caller::from_request_parts(parts, service).await?;
        if person.role == Role::Administrator {
            Ok(Self(person))
        } else {
            Err(Error::forbidden("Only administrators may do this."))
        }
    }
}
