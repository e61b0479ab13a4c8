//! The lists: programs with filters, and those that were deleted.

use axum::extract::Query;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::guard::Administrator;
use super::layout;

/// The statuses that can be chosen.
const STATUSES: [(&str, &str); 4] =
    [("", "All"), ("unpublished", "Unpublished"), ("active", "Active"), ("retired", "Retired")];

/// How the list is narrowed, and what has just been done.
#[derive(Debug, Default, Deserialize)]
pub struct Parameters {
    #[serde(default)]
    status: String,
    #[serde(default)]
    organization: String,
    page: Option<u32>,
    notice: Option<String>,
}

/// All programs but those that were deleted.
pub async fn show(administrator: Administrator, Query(parameters): Query<Parameters>) -> Response {
    let page = parameters.page.unwrap_or(1);
    let mut path = format!("/api/v1/programs/?page={page}");
    for (name, value) in [("status", &parameters.status), ("organization", &parameters.organization)] {
        if !value.is_empty() {
            path.push_str(&format!("&{name}={}", encoded(value)));
        }
    }
    let token = &administrator.session.token;
    let (found, organizations) = tokio::join!(
        administrator.programs.get(token, &path),
        administrator.programs.get(token, "/api/v1/organizations/?page_size=100"),
    );
    let (found, organizations) = match (found, organizations) {
        (Ok(found), Ok(organizations)) => (found, organizations),
        (Err(error), _) | (_, Err(error)) => return administrator.failed(&error),
    };
    let content = html! {
        form.filters method="get" action="/programs/" role="search" aria-label="Filter programs" {
            div {
                label for="status" { "Status" }
                select id="status" name="status" {
                    @for (value, text) in STATUSES {
                        option value=(value) selected[value == parameters.status] { (text) }
                    }
                }
            }
            div {
                label for="organization" { "Organisation" }
                select id="organization" name="organization" {
                    option value="" { "All" }
                    @for organization in items(&organizations) {
                        @let key = text(organization, "key");
                        option value=(key) selected[key == parameters.organization] { (text(organization, "display_name")) }
                    }
                }
            }
            button { "Filter" }
            a.button.primary href="/programs/new" { "New program" }
        }
        (table(&found, &html! { "There are no programs like this." }, |program| html! {
            a href={ "/programs/" (text(program, "uuid")) "/" } { (text(program, "name")) }
        }, None))
        (pages(&found, page, &parameters))
    };
    let notice = layout::notice(parameters.notice.as_deref());
    layout::page(Some(&administrator.session), "Programs", notice, &content)
}

/// The programs that were deleted, each with a button to restore it.
pub async fn show_deleted(administrator: Administrator, Query(parameters): Query<Parameters>) -> Response {
    let page = parameters.page.unwrap_or(1);
    let path = format!("/api/v1/programs/deleted/?page={page}");
    let found = match administrator.programs.get(&administrator.session.token, &path).await {
        Ok(found) => found,
        Err(error) => return administrator.failed(&error),
    };
    let restore = |program: &Value| {
        html! {
            form method="post" action={ "/programs/" (text(program, "uuid")) "/restore" } {
                (layout::csrf(&administrator.session))
                button aria-label={ "Restore " (text(program, "name")) } { "Restore" }
            }
        }
    };
    let content = html! {
        (table(&found, &html! { "Nothing was deleted." }, |program| html! { (text(program, "name")) }, Some(&restore)))
        (pages(&found, page, &parameters))
    };
    let notice = layout::notice(parameters.notice.as_deref());
    layout::page(Some(&administrator.session), "Deleted programs", notice, &content)
}

fn table(
    found: &Value,
    empty: &Markup,
    name: impl Fn(&Value) -> Markup,
    action: Option<&dyn Fn(&Value) -> Markup>,
) -> Markup {
    html! {
        @if items(found).is_empty() {
            p.empty { (empty) }
        } @else {
            table {
                thead {
                    tr {
                        th scope="col" { "Name" }
                        th scope="col" { "Category" }
                        th scope="col" { "Status" }
                        th scope="col" { "Organisation" }
                        th.number scope="col" { "Courses" }
                        @if action.is_some() { th scope="col" { span.hidden { "What can be done" } } }
                    }
                }
                tbody {
                    @for program in items(found) {
                        tr {
                            th scope="row" { (name(program)) }
                            td { (text(program, "category")) }
                            td { (badge(&text(program, "status"))) }
                            td { (text(&program["organizations"][0], "display_name")) }
                            td.number { (program["course_codes"].as_array().map_or(0, Vec::len)) }
                            @if let Some(action) = action { td { (action(program)) } }
                        }
                    }
                }
            }
        }
    }
}

fn pages(found: &Value, page: u32, parameters: &Parameters) -> Markup {
    let of = found["num_pages"].as_u64().unwrap_or(1);
    let link = |page: u32| {
        let (status, organization) = (encoded(&parameters.status), encoded(&parameters.organization));
        format!("?status={status}&organization={organization}&page={page}")
    };
    html! {
        @if of > 1 {
            nav.pages aria-label="Pages" {
                @if page > 1 { a rel="prev" href=(link(page - 1)) { "Previous" } }
                span { "Page " (page) " of " (of) }
                @if u64::from(page) < of { a rel="next" href=(link(page + 1)) { "Next" } }
            }
        }
    }
}

/// A status, by word and colour.
pub fn badge(status: &str) -> Markup {
    html! { span.badge data-status=(status) { (status) } }
}

/// The items of a page of the service of programs.
pub fn items(page: &Value) -> &[Value] {
    page["results"].as_array().map_or(&[], Vec::as_slice)
}

/// A field that is a text, or nothing.
pub fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

/// A text as a part of an address.
pub fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut all, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            all.push(char::from(byte));
        } else {
            all.push_str(&format!("%{byte:02X}"));
        }
        all
    })
}
