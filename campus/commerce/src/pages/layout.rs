//! What all pages have: the head, the navigation, a notice.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use crate::session::Session;

/// Nothing but what comes from here is loaded or run, and no other site shows these pages in a frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src *; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// A whole page. A notice is said aloud by a screen reader.
pub fn page(session: Option<&Session>, title: &str, notice: Option<&str>, content: &Markup) -> Response {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Programs" }
                link rel="stylesheet" href="/programs/assets/pages.css";
                script src="/programs/assets/pages.js" defer {}
            }
            body {
                a.skip href="#main" { "To the content" }
                header {
                    nav aria-label="Main" {
                        a.brand href="/programs/" { "Programs" }
                        @if session.is_some() {
                            a href="/programs/new" { "New program" }
                            a href="/programs/deleted/" { "Deleted" }
                        }
                    }
                    @if let Some(session) = session {
                        form.inline method="post" action="/programs/sign-out" {
                            (csrf(session))
                            span { (session.username) }
                            button.quiet { "Sign out" }
                        }
                    }
                }
                main id="main" {
                    h1 { (title) }
                    p.notice #notice role="status" aria-live="polite" { (notice.unwrap_or_default()) }
                    (content)
                }
            }
        }
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, markup.into_string()).into_response()
}

/// What every form sends along.
pub fn csrf(session: &Session) -> Markup {
    html! { input type="hidden" name="csrf" value=(session.csrf); }
}

/// The text of a notice by the word in the address.
pub fn notice(word: Option<&str>) -> Option<&'static str> {
    match word? {
        "created" => Some("The program was created."),
        "saved" => Some("The program was saved."),
        "active" => Some("The program is active."),
        "retired" => Some("The program is retired."),
        "deleted" => Some("The program was deleted. It can be restored."),
        "restored" => Some("The program was restored."),
        _ => None,
    }
}
