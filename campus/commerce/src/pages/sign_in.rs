//! Signing in with the learning management system, and out.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use serde::Deserialize;

use super::guard::{Administrator, COOKIE, SIGN_IN, same_site};
use super::layout;
use crate::auth::count_address;
use crate::lms::LmsError;
use crate::service::Service;
use crate::session::Session;

/// The longest time that somebody stays signed in, in seconds.
const LONGEST: u64 = 8 * 3600;

/// What is filled in.
#[derive(Deserialize)]
pub struct Credentials {
    username: String,
    password: String,
}

/// The form.
pub async fn show() -> Response {
    form("", None)
}

fn form(username: &str, problem: Option<&str>) -> Response {
    let content = html! {
        @if let Some(problem) = problem {
            div.problem role="alert" tabindex="-1" { p { (problem) } }
        }
        form.narrow method="post" action=(SIGN_IN) {
            p { "With your account of the learning management system." }
            label for="username" { "Username" }
            input id="username" name="username" value=(username) autocomplete="username" required autofocus;
            label for="password" { "Password" }
            input id="password" name="password" type="password" autocomplete="current-password" required;
            button.primary { "Sign in" }
        }
    };
    layout::page(None, "Sign in", None, &content)
}

/// Exchanges a password for a token, which is kept in the cookie.
pub async fn sign_in(
    State(service): State<Service>,
    parts: Parts,
    credentials: Result<Form<Credentials>, FormRejection>,
) -> Response {
    if let Err(error) = count_address(&service, &parts) {
        return error.into_response();
    }
    if !same_site(&parts.headers) {
        return (StatusCode::FORBIDDEN, form("", Some("The form was sent from another site."))).into_response();
    }
    let Ok(Form(Credentials { username, password })) = credentials else {
        return (StatusCode::BAD_REQUEST, form("", Some("Both fields are required."))).into_response();
    };
    match service.0.lms.sign_in(username.clone(), password).await {
        Ok(granted) => {
            let lasts = granted.expires_in.min(LONGEST);
            let session = Session {
                username,
                token: granted.access_token,
                csrf: service.0.sealer.random_text(),
                expires: identity::now() + lasts,
            };
            let cookie = format!("{COOKIE}={}; {}", service.0.sealer.seal(&session), attributes(lasts));
            ([(header::SET_COOKIE, cookie)], Redirect::to("/programs/")).into_response()
        }
        Err(LmsError::Refused { status: 400..=403, .. }) => {
            let problem = "There is no such user, or the password is another one.";
            (StatusCode::UNAUTHORIZED, form(&username, Some(problem))).into_response()
        }
        Err(LmsError::Refused { status: 429, .. }) => {
            let problem = "There were too many attempts. Try again in a minute.";
            (StatusCode::TOO_MANY_REQUESTS, form(&username, Some(problem))).into_response()
        }
        Err(error) => {
            tracing::warn!(%error, "nobody can sign in");
            let problem = "The learning management system cannot be reached. Try again in a moment.";
            (StatusCode::BAD_GATEWAY, form(&username, Some(problem))).into_response()
        }
    }
}

/// Ends the session of this browser.
pub async fn sign_out(
    administrator: Administrator,
    headers: HeaderMap,
    Form(form): Form<Vec<(String, String)>>,
) -> Response {
    if let Err(refusal) = administrator.check(&headers, &form) {
        return *refusal;
    }
    let cookie = format!("{COOKIE}=; {}", attributes(0));
    ([(header::SET_COOKIE, cookie)], Redirect::to(SIGN_IN)).into_response()
}

/// No script reads it, and no other site sends it along.
fn attributes(lasts: u64) -> String {
    format!("Path=/programs; HttpOnly; SameSite=Lax; Max-Age={lasts}")
}
