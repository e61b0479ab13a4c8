//! `/oauth2/`: tokens for a client's credentials, a user's password, or a token that was given along before.

use axum::Json;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{TimeDelta, Utc};
use either_database::Database;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::SigningIn;
use crate::error::Error;
use crate::queries::client::{self, Client, RefreshToken};
use crate::queries::user::{self, User};
use crate::secret;
use crate::service::Service;
use crate::tokens::{Grant, LIFETIME};

/// How long a refresh token can be used.
const REFRESH_DAYS: i64 = 30;

/// What is wanted.
#[derive(Debug, Default, Deserialize)]
pub struct Wanted {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    token_type: Option<String>,
    scope: Option<String>,
    username: Option<String>,
    password: Option<String>,
    refresh_token: Option<String>,
}

/// A refusal in the form of RFC 6749, or one that has nothing to do with tokens.
pub enum OauthError {
    Named(StatusCode, &'static str, String),
    Other(Error),
}

use OauthError::Named;

impl From<sqlx::Error> for OauthError {
    fn from(error: sqlx::Error) -> Self {
        Self::Other(error.into())
    }
}

impl IntoResponse for OauthError {
    fn into_response(self) -> Response {
        let (status, error, description) = match self {
            Self::Named(status, error, description) => (status, error, description),
            Self::Other(error) => return error.into_response(),
        };
        let mut response = (status, Json(json!({ "error": error, "error_description": description }))).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"oauth2\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

fn refused(error: &'static str, description: impl Into<String>) -> OauthError {
    Named(StatusCode::BAD_REQUEST, error, description.into())
}

fn unknown_client() -> OauthError {
    Named(
        StatusCode::UNAUTHORIZED,
        "invalid_client",
        "There is no such client, or its secret is another one.".to_owned(),
    )
}

/// The public keys, for whoever checks tokens.
pub async fn keys(State(service): State<Service>) -> Response {
    let cache = [(header::CACHE_CONTROL, "public, max-age=60")];
    (cache, Json(service.0.tokens.key_set())).into_response()
}

/// What there is here, in the form of RFC 8414.
pub async fn metadata(State(service): State<Service>) -> Json<Value> {
    let issuer = service.0.tokens.issuer();
    Json(json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/access_token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "grant_types_supported": ["client_credentials", "password", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "none"],
        "response_types_supported": [],
    }))
}

/// Gives a token.
pub async fn access_token(
    State(service): State<Service>,
    _counted: SigningIn,
    headers: HeaderMap,
    form: Result<Form<Wanted>, FormRejection>,
) -> Result<Response, OauthError> {
    let Form(wanted) = form.map_err(|rejection| {
        if rejection.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            return OauthError::Other(Error::refused(rejection.status(), rejection.body_text()));
        }
        refused("invalid_request", rejection.body_text())
    })?;
    let database = &service.0.database;
    let grant_type =
        wanted.grant_type.as_deref().ok_or_else(|| refused("invalid_request", "grant_type is missing."))?;
    if !["client_credentials", "password", "refresh_token"].contains(&grant_type) {
        return Err(refused("unsupported_grant_type", format!("There is no grant '{grant_type}'.")));
    }
    let token_type = match wanted.token_type.as_deref().map(str::to_lowercase).as_deref() {
        None | Some("jwt") => "JWT",
        Some("bearer") => "Bearer",
        Some(_) => return Err(refused("invalid_request", "token_type is 'jwt' or 'bearer'.")),
    };
    let client = authenticated(&service, &headers, &wanted).await?;
    if !client.may(grant_type) {
        return Err(refused("unauthorized_client", format!("This client may not use the grant '{grant_type}'.")));
    }
    let nobody = || refused("invalid_grant", "There is no such user, or the password is another one.");
    let mut family = None;
    let mut allowed = client.scopes.clone();
    let user = match grant_type {
        "client_credentials" => {
            let nobody = || refused("unauthorized_client", "This client acts for no user.");
            user::by_id(database, client.user_id.ok_or_else(nobody)?).await?.ok_or_else(nobody)?
        }
        "password" => {
            let (Some(name), Some(password)) = (&wanted.username, &wanted.password) else {
                return Err(refused("invalid_request", "username and password are needed."));
            };
            let user = match user::by_username(database, name).await? {
                None if name.contains('@') => user::by_email(database, name).await?,
                found => found,
            };
            let fits = service.0.password_fits(user.as_ref(), password).await;
            family = Some(secret::random_text());
            user.filter(|_| fits).ok_or_else(nobody)?
        }
        _ => {
            let token = wanted.refresh_token.as_deref();
            let token = token.ok_or_else(|| refused("invalid_request", "refresh_token is missing."))?;
            let taken = client::take(database, client.id, &secret::digest_of(token)).await?;
            let over = || refused("invalid_grant", "The refresh token is not known, was used, or has expired.");
            let taken = taken.filter(|token| !token.used && token.expires > Utc::now()).ok_or_else(over)?;
            family = Some(taken.family);
            allowed = taken.scopes;
            user::by_id(database, taken.user_id).await?.ok_or_else(over)?
        }
    };
    if !user.is_active {
        return Err(refused("invalid_grant", "The user is inactive."));
    }
    let scopes = scopes(&allowed, wanted.scope.as_deref())?;
    let token = access(&service, &user, &client, grant_type, &scopes).await?;
    let mut answer = json!({
        "access_token": token,
        "expires_in": LIFETIME,
        "token_type": token_type,
        "scope": scopes.join(" "),
    });
    if let Some(family) = family.filter(|_| client.may("refresh_token")) {
        answer["refresh_token"] = json!(refresh(database, &user, &client, family, &scopes).await?);
    }
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

async fn access(
    service: &Service,
    user: &User,
    client: &Client,
    grant_type: &str,
    scopes: &[String],
) -> Result<String, sqlx::Error> {
    let roles = user::roles(&service.0.database, user.id).await?;
    let subject = user::anonymous_id(&service.0.database, user).await?;
    let grant = Grant { grant_type, scopes, restricted: client.restricted, roles: &roles };
    Ok(service.0.tokens.make(user, &subject, grant))
}

async fn refresh(
    database: &Database,
    user: &User,
    client: &Client,
    family: String,
    scopes: &[String],
) -> Result<String, sqlx::Error> {
    let text = secret::random_text();
    let expires = Utc::now() + TimeDelta::days(REFRESH_DAYS);
    let token = RefreshToken { family, user_id: user.id, scopes: scopes.join(" "), expires, used: false };
    client::keep(database, client.id, &token, &secret::digest_of(&text)).await?;
    Ok(text)
}

/// The client that asks, by the header `Authorization: Basic …` or by the form.
async fn authenticated(service: &Service, headers: &HeaderMap, wanted: &Wanted) -> Result<Client, OauthError> {
    let (client_id, given) = match headers.get(header::AUTHORIZATION) {
        Some(value) => {
            let (name, secret) = basic(value).ok_or_else(unknown_client)?;
            (name, Some(secret))
        }
        None => {
            let name = wanted.client_id.clone();
            (name.ok_or_else(|| refused("invalid_request", "client_id is missing."))?, wanted.client_secret.clone())
        }
    };
    let client = client::by_client_id(&service.0.database, &client_id).await?;
    let client = client.filter(|client| client.is_active).ok_or_else(unknown_client)?;
    let fits = match (client.secret.clone(), given) {
        (Some(hashed), Some(given)) => service.0.hash(move || secret::fits(&hashed, &given)).await,
        (Some(_), None) => false,
        // A public client has nothing to show, and may do nothing in its own name.
        (None, _) => wanted.grant_type.as_deref() != Some("client_credentials"),
    };
    if fits { Ok(client) } else { Err(unknown_client()) }
}

fn basic(value: &HeaderValue) -> Option<(String, String)> {
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    let decoded = BASE64_STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("Basic"))?;
    let (name, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((name.to_owned(), secret.to_owned()))
}

/// What is wanted of what is allowed; all of that if nothing is said.
fn scopes(allowed: &str, wanted: Option<&str>) -> Result<Vec<String>, OauthError> {
    let allowed: Vec<&str> = allowed.split_whitespace().collect();
    let wanted: Vec<&str> = wanted.unwrap_or_default().split_whitespace().collect();
    if let Some(scope) = wanted.iter().find(|scope| !allowed.contains(scope)) {
        return Err(refused("invalid_scope", format!("The scope '{scope}' is not allowed here.")));
    }
    let given = if wanted.is_empty() { allowed } else { wanted };
    Ok(given.into_iter().map(str::to_owned).collect())
}
