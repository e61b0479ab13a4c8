//! `GET /?after=&limit=&wait=&types=`: the events of an outbox for whoever asks what came after a position.

use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::event::Event;
use crate::outbox::{Outbox, OutboxError};

const DEFAULT_LIMIT: i64 = 100;
const LARGEST_LIMIT: i64 = 1000;
/// In seconds.
const LONGEST_WAIT: f64 = 30.0;

#[derive(Deserialize)]
struct Parameters {
    #[serde(default)]
    after: i64,
    limit: Option<i64>,
    #[serde(default)]
    wait: f64,
    #[serde(default)]
    types: String,
}

/// What is answered, and read by [`crate::HttpFeed`].
#[derive(Serialize, Deserialize)]
pub(crate) struct FeedPage {
    pub events: Vec<FeedEvent>,
    /// Up to here everything has been seen.
    pub position: i64,
}

/// An event with its position.
#[derive(Serialize, Deserialize)]
pub(crate) struct FeedEvent {
    pub position: i64,
    #[serde(flatten)]
    pub event: Event,
}

/// The answer, at `/` of the router, to who may ask: the service puts a layer around it that says who that is.
///
/// `after` is the position behind which to begin (0: from the start), `limit` how many at most (100; 1000 at most), `wait` how
/// many seconds to wait for the first one (0; 30 at most; fractions are understood), `types` the wanted event types, separated by commas (all). The answer
/// is `{"events": [{"position", …}], "position"}`; 410 if events after that position have been removed, 409 if there is no such
/// position, both with the `position` to go on from.
pub fn feed(outbox: Outbox) -> Router {
    Router::new().route("/", get(show)).with_state(outbox)
}

async fn show(
    State(outbox): State<Outbox>,
    parameters: Result<Query<Parameters>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let Query(parameters) = match parameters {
        Ok(parameters) => parameters,
        Err(rejection) => return problem(StatusCode::BAD_REQUEST, &rejection.body_text(), None),
    };
    if parameters.after < 0 {
        return problem(StatusCode::BAD_REQUEST, "'after' is a position: 0, or that of an event.", None);
    }
    let limit = parameters.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, LARGEST_LIMIT);
    // Neither a negative number nor one that is none is a time: both mean not to wait.
    let wait = Duration::try_from_secs_f64(parameters.wait.min(LONGEST_WAIT)).unwrap_or_default();
    let types: Vec<String> = parameters.types.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    match outbox.read(parameters.after, &types, limit, wait).await {
        Ok(read) => {
            let events = read.events.into_iter().map(|(position, event)| FeedEvent { position, event }).collect();
            Json(FeedPage { events, position: read.position }).into_response()
        }
        Err(OutboxError::Pruned { pruned }) => {
            let detail =
                format!("Events up to position {pruned} have been removed. What they told has to be asked for.");
            problem(StatusCode::GONE, &detail, Some(pruned))
        }
        Err(OutboxError::Ahead { last }) => {
            problem(StatusCode::CONFLICT, &format!("There is no position after {last}."), Some(last))
        }
        Err(OutboxError::Database(error)) => {
            tracing::error!(%error, "the outbox cannot be read");
            problem(StatusCode::SERVICE_UNAVAILABLE, "The database cannot be reached.", None)
        }
    }
}

fn problem(status: StatusCode, detail: &str, position: Option<i64>) -> Response {
    let mut body = json!({
        "type": "about:blank",
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": detail,
    });
    if let Some(position) = position {
        body["position"] = position.into();
    }
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}
