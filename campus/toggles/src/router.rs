//! The routes under `/api/toggles/`: the report, the evaluation for front ends, changes and their history.

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRef, FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::caller::{Authority, Caller};
use crate::change::Scope;
use crate::evaluation::Context;
use crate::report::report;
use crate::store::{ChangeError, Toggles};
use crate::toggle::Kind;

const PAGE: i64 = 100;

/// The routes, for a service that says who asks.
///
/// | call | for | |
/// | --- | --- | --- |
/// | GET `/api/toggles/v0/state/` | staff | the report: `waffle_flags`, `waffle_switches`, `django_settings` |
/// | GET `/api/toggles/v1/evaluate/?names=&user=&course=&organization=&site=` | all | values, with an ETag; another `user` than oneself for staff alone |
/// | PUT `/api/toggles/v1/toggles/{name}/` | staff | `{scope, key, value, note}`; the value null takes back |
/// | GET `/api/toggles/v1/toggles/{name}/history/?offset=` | staff | the newest first, 100 at most |
/// | POST `/api/toggles/v1/toggles/{name}/revert/` | staff | `{to}`: the id of a change, 0 for before the first |
pub fn router<A: Authority>(toggles: Toggles, authority: A) -> Router {
    Router::new()
        .route("/api/toggles/v0/state/", get(state))
        .route("/api/toggles/v1/evaluate/", get(evaluate::<A>))
        .route("/api/toggles/v1/toggles/{name}/", put(set))
        .route("/api/toggles/v1/toggles/{name}/history/", get(history))
        .route("/api/toggles/v1/toggles/{name}/revert/", post(revert))
        .with_state(Shared { toggles, authority })
}

#[derive(Clone)]
struct Shared<A> {
    toggles: Toggles,
    authority: A,
}

impl<A> FromRef<Shared<A>> for Toggles {
    fn from_ref(shared: &Shared<A>) -> Self {
        shared.toggles.clone()
    }
}

/// Staff; others get 401 or 403.
struct Staff(Caller);

impl<A: Authority> FromRequestParts<Shared<A>> for Staff {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared<A>) -> Result<Self, Response> {
        match shared.authority.caller(parts).await? {
            Some(caller) if caller.is_staff => Ok(Self(caller)),
            Some(_) => Err(problem(StatusCode::FORBIDDEN, None, "Only staff may do this.")),
            None => Err(problem(StatusCode::UNAUTHORIZED, None, "It has to be known who asks.")),
        }
    }
}

#[derive(Deserialize)]
struct Question {
    /// Separated by commas; all toggles if there are none.
    #[serde(default)]
    names: String,
    user: Option<String>,
    course: Option<String>,
    organization: Option<String>,
    site: Option<String>,
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    key: String,
    #[serde(default)]
    value: Option<Value>,
    #[serde(default)]
    note: String,
}

#[derive(Deserialize)]
struct Reverted {
    to: i64,
}

#[derive(Deserialize)]
struct Skipped {
    #[serde(default)]
    offset: u32,
}

async fn state(State(toggles): State<Toggles>, _staff: Staff) -> Result<Response, Response> {
    let snapshot = toggles.snapshot().await.map_err(|error| database(&error))?;
    Ok(Json(report(&snapshot)).into_response())
}

/// Many toggles at once, with the defaults that hold where nothing is set: a front end that cannot ask goes by them.
async fn evaluate<A: Authority>(
    State(shared): State<Shared<A>>,
    question: Result<Query<Question>, QueryRejection>,
    request: axum::extract::Request,
) -> Result<Response, Response> {
    let (mut parts, _) = request.into_parts();
    let caller = shared.authority.caller(&mut parts).await?;
    let Query(question) = question.map_err(|error| problem(StatusCode::BAD_REQUEST, None, &error.body_text()))?;
    let own = caller.as_ref().map(|caller| caller.username.clone());
    let user = match question.user.filter(|user| !user.is_empty()) {
        Some(user) if own.as_ref() == Some(&user) || caller.is_some_and(|caller| caller.is_staff) => Some(user),
        Some(_) => {
            return Err(problem(StatusCode::FORBIDDEN, Some("user"), "Only staff may ask on behalf of somebody else."));
        }
        None => own,
    };
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let context = Context {
        user,
        course: given(question.course),
        organization: given(question.organization),
        site: given(question.site),
    };
    let snapshot = shared.toggles.snapshot().await.map_err(|error| database(&error))?;
    let wanted: Vec<&str> = question.names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let (mut flags, mut switches, mut settings, mut defaults) = (Map::new(), Map::new(), Map::new(), Map::new());
    for (name, state) in &snapshot.toggles {
        if !wanted.is_empty() && !wanted.contains(name) {
            continue;
        }
        let list = match state.toggle.kind() {
            Kind::Flag => &mut flags,
            Kind::Switch => &mut switches,
            // Settings may hold what is not for everybody's eyes: whoever wants one has to name it, and be known.
            Kind::Setting if wanted.is_empty() || own_is_unknown(&context) => continue,
            Kind::Setting => &mut settings,
        };
        let value = snapshot.value(name, &context).expect("the name is one of the snapshot");
        list.insert((*name).to_owned(), value.clone());
        defaults.insert((*name).to_owned(), state.default.clone());
    }
    // A front end may be newer than the service: that is no error, and it goes by its own default.
    let unknown: Vec<&str> = wanted.into_iter().filter(|name| !snapshot.toggles.contains_key(name)).collect();
    let body = json!({
        "flags": flags, "switches": switches, "settings": settings, "defaults": defaults, "unknown": unknown,
    });
    Ok(tagged(&parts.headers, &body.to_string()))
}

fn own_is_unknown(context: &Context) -> bool {
    context.user.is_none()
}

/// The body, or 304 to whoever has it already. It is another one for another user, so that only a browser may keep it.
fn tagged(headers: &HeaderMap, body: &str) -> Response {
    let digest = Sha256::digest(body);
    let tag = digest.iter().take(12).fold(String::from("\""), |tag, byte| format!("{tag}{byte:02x}")) + "\"";
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_known = known.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == tag || one == "*");
    let cache = [
        (header::ETAG, tag),
        (header::CACHE_CONTROL, "private, no-cache".to_owned()),
        (header::VARY, "Authorization, Cookie".to_owned()),
    ];
    if is_known {
        (StatusCode::NOT_MODIFIED, cache).into_response()
    } else {
        (cache, [(header::CONTENT_TYPE, "application/json")], body.to_owned()).into_response()
    }
}

async fn set(
    State(toggles): State<Toggles>,
    Staff(caller): Staff,
    Path(name): Path<String>,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Result<Response, Response> {
    let Json(wanted) = wanted.map_err(|error| problem(StatusCode::BAD_REQUEST, None, &error.body_text()))?;
    let scope_name = wanted.scope.as_deref().unwrap_or("everyone");
    let scope = Scope::of(scope_name, &wanted.key).ok_or_else(|| {
        let reason = format!("'{scope_name}' is not one of everyone, site, organization, course, user.");
        problem(StatusCode::BAD_REQUEST, Some("scope"), &reason)
    })?;
    if (scope == Scope::Everyone) != wanted.key.is_empty() {
        return Err(problem(
            StatusCode::BAD_REQUEST,
            Some("key"),
            "Everyone has no key, and every other scope has one.",
        ));
    }
    let changed = toggles.set(&name, &scope, wanted.value.as_ref(), &wanted.note, &caller.username).await;
    let id = changed.map_err(|error| refusal(&error))?;
    Ok(Json(json!({ "name": name, "change": id })).into_response())
}

async fn history(
    State(toggles): State<Toggles>,
    _staff: Staff,
    Path(name): Path<String>,
    skipped: Result<Query<Skipped>, QueryRejection>,
) -> Result<Response, Response> {
    let Query(Skipped { offset }) =
        skipped.map_err(|error| problem(StatusCode::BAD_REQUEST, Some("offset"), &error.body_text()))?;
    let changes = toggles.history(&name, PAGE, offset.into()).await.map_err(|error| refusal(&error))?;
    Ok(Json(json!({ "name": name, "changes": changes })).into_response())
}

async fn revert(
    State(toggles): State<Toggles>,
    Staff(caller): Staff,
    Path(name): Path<String>,
    reverted: Result<Json<Reverted>, JsonRejection>,
) -> Result<Response, Response> {
    let Json(Reverted { to }) =
        reverted.map_err(|error| problem(StatusCode::BAD_REQUEST, Some("to"), &error.body_text()))?;
    let changes = toggles.revert(&name, to, &caller.username).await.map_err(|error| refusal(&error))?;
    Ok(Json(json!({ "name": name, "changes": changes })).into_response())
}

fn refusal(error: &ChangeError) -> Response {
    match error {
        ChangeError::Database(error) => database(error),
        ChangeError::NoSuchToggle(_) => problem(StatusCode::NOT_FOUND, None, &format!("{error}.")),
        ChangeError::NoSuchChange { .. } => problem(StatusCode::BAD_REQUEST, Some("to"), &format!("{error}.")),
        ChangeError::NotBoolean(_) => problem(StatusCode::BAD_REQUEST, Some("value"), &format!("{error}.")),
        ChangeError::NotForSome(_) => problem(StatusCode::BAD_REQUEST, Some("scope"), &format!("{error}.")),
    }
}

fn database(error: &sqlx::Error) -> Response {
    tracing::error!(%error, "the database failed");
    problem(StatusCode::SERVICE_UNAVAILABLE, None, "The database cannot be reached.")
}

fn problem(status: StatusCode, field: Option<&str>, reason: &str) -> Response {
    let body = json!({
        "type": "about:blank",
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": reason,
        "field": field,
        "reason": reason,
    });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}
