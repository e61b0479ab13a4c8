//! Who may use the pages, and that a form is one of ours.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use toggles::Context;

use super::layout;
use crate::auth::identify;
use crate::error::Error;
use crate::features::PROGRAM_PAGES;
use crate::programs::{Programs, ProgramsError};
use crate::service::Service;
use crate::session::Session;

/// The cookie with the session.
pub const COOKIE: &str = "commerce_session";
/// Where one signs in.
pub const SIGN_IN: &str = "/programs/sign-in";

/// Somebody who may administrate programs, with the service of programs to call in his name.
pub struct Administrator {
    pub session: Session,
    pub programs: Programs,
}

impl FromRequestParts<Service> for Administrator {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Response> {
        let Some(programs) = service.0.programs.clone() else {
            let text = "This service does not know where the programs are: PROGRAMS_URL is not set.";
            return Err(refused(StatusCode::NOT_FOUND, None, "There are no pages here", text));
        };
        let session = cookie(&parts.headers).and_then(|sealed| service.0.sealer.open(sealed, identity::now()));
        let Some(session) = session else { return Err(Redirect::to(SIGN_IN).into_response()) };
        // The rights may have been taken away since, and the keys may be others.
        let caller = match identify(service, &session.token).await {
            Ok(caller) => caller,
            Err(error @ Error::Unavailable(_)) => return Err(error.into_response()),
            Err(_) => return Err(Redirect::to(SIGN_IN).into_response()),
        };
        let context = Context { user: Some(caller.username), ..Context::default() };
        let toggles = service.0.toggles.snapshot().await.map_err(|error| Error::from(error).into_response())?;
        if !toggles.is_on(&PROGRAM_PAGES, &context) {
            let text = "They are switched off at the moment.";
            return Err(refused(StatusCode::NOT_FOUND, Some(&session), "There are no pages here", text));
        }
        if !caller.is_staff {
            let text = "Only administrators may work on programs.";
            return Err(refused(StatusCode::FORBIDDEN, Some(&session), "This is not for you", text));
        }
        Ok(Self { session, programs })
    }
}

impl Administrator {
    /// Whether a form was made for this session, and sent from this site.
    pub fn check(&self, headers: &HeaderMap, form: &[(String, String)]) -> Result<(), Box<Response>> {
        let sent = form.iter().find(|(name, _)| name == "csrf").map_or("", |(_, value)| value);
        if same_site(headers) && equal(sent.as_bytes(), self.session.csrf.as_bytes()) {
            return Ok(());
        }
        let text = "It was made for another session. Nothing was changed. Go back, load the page again, and repeat it.";
        Err(Box::new(refused(StatusCode::FORBIDDEN, Some(&self.session), "The form is out of date", text)))
    }

    /// What a page does about an error that it has no better place for.
    pub fn failed(&self, error: &ProgramsError) -> Response {
        match error {
            ProgramsError::Refused { status: 401, .. } => Redirect::to(SIGN_IN).into_response(),
            ProgramsError::Refused { status: 404, .. } => {
                let text = "It may have been deleted meanwhile.";
                refused(StatusCode::NOT_FOUND, Some(&self.session), "There is no such program", text)
            }
            ProgramsError::Refused { body, status } => {
                let reason = body["reason"].as_str().unwrap_or("It gives no reason.");
                let text = format!("The service of programs answered {status}: {reason}");
                refused(StatusCode::BAD_GATEWAY, Some(&self.session), "This could not be done", &text)
            }
            ProgramsError::Unreachable(cause) => {
                tracing::warn!(%cause, "the programs cannot be reached");
                let text = "Nothing was changed. Try again in a moment.";
                refused(StatusCode::BAD_GATEWAY, Some(&self.session), "The programs cannot be reached", text)
            }
        }
    }
}

fn refused(status: StatusCode, session: Option<&Session>, title: &str, text: &str) -> Response {
    (status, layout::page(session, title, None, &maud::html! { p { (text) } })).into_response()
}

/// The sealed session.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = pairs.flat_map(|list| list.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

/// Whether a browser says that the request comes from a page of this host. One that says nothing is believed.
pub fn same_site(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, origin)| origin == host),
        (Some(_), None) => false,
        (None, _) => true,
    }
}

/// Compares without telling by the time where two differ.
fn equal(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}
