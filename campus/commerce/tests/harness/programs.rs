//! A stand-in for the service of programs: it keeps programs in memory, with the refusals that the pages have to show.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

type Kept = Arc<Mutex<Vec<Value>>>;

/// A running stand-in; it ends with the test's process.
pub struct Programs {
    /// Where it listens.
    pub url: String,
    kept: Kept,
}

impl Programs {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let kept = Kept::default();
        let router = Router::new()
            .route("/api/v1/organizations/", get(organizations))
            .route("/api/v1/programs/", get(list).post(create))
            .route("/api/v1/programs/deleted/", get(deleted))
            .route("/api/v1/programs/{program}/", get(show).patch(change).delete(delete))
            .route("/api/v1/programs/{program}/restore/", post(restore))
            .with_state(kept.clone());
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        listener.set_nonblocking(true).unwrap();
        std::thread::spawn(move || {
            super::runtime().block_on(async {
                axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), router).await.unwrap();
            });
        });
        Self { url, kept }
    }

    /// All that it has.
    pub fn all(&self) -> Vec<Value> {
        self.kept.lock().unwrap().clone()
    }
}

type Answer = (StatusCode, Json<Value>);

fn page(results: &[Value]) -> Json<Value> {
    Json(json!({ "count": results.len(), "num_pages": 1, "next": null, "previous": null, "results": results }))
}

fn refused(field: &str, reason: &str) -> Answer {
    let errors = json!([{ "field": field, "reason": reason }]);
    (StatusCode::BAD_REQUEST, Json(json!({ "field": field, "reason": reason, "errors": errors })))
}

fn absent() -> Answer {
    (StatusCode::NOT_FOUND, Json(json!({ "reason": "Not found." })))
}

async fn organizations() -> Json<Value> {
    page(&[
        json!({ "key": "edX", "display_name": "edX Inc." }),
        json!({ "key": "Uni", "display_name": "The <University>" }),
    ])
}

async fn list(
    State(kept): State<Kept>,
    Query(filter): Query<std::collections::HashMap<String, String>>,
) -> Json<Value> {
    let matches = |program: &&Value| {
        let is = |name: &str, value: &Value| filter.get(name).is_none_or(|wanted| value == wanted.as_str());
        program["status"] != "deleted"
            && is("status", &program["status"])
            && is("organization", &program["organizations"][0]["key"])
    };
    page(&kept.lock().unwrap().iter().filter(matches).cloned().collect::<Vec<_>>())
}

async fn deleted(State(kept): State<Kept>) -> Json<Value> {
    page(&kept.lock().unwrap().iter().filter(|program| program["status"] == "deleted").cloned().collect::<Vec<_>>())
}

async fn create(State(kept): State<Kept>, Json(mut body): Json<Value>) -> Answer {
    let mut kept = kept.lock().unwrap();
    if kept.iter().any(|program| program["name"] == body["name"]) {
        return refused("name", "must be unique");
    }
    body["uuid"] = format!("00000000-0000-0000-0000-{:012}", kept.len()).into();
    body["status"] = "unpublished".into();
    body["organizations"][0]["display_name"] = "edX Inc.".into();
    kept.push(body.clone());
    (StatusCode::CREATED, Json(body))
}

fn with(kept: &Kept, name: &str, body: impl FnOnce(&mut Value) -> Answer) -> Answer {
    kept.lock().unwrap().iter_mut().find(|program| program["uuid"] == name).map_or_else(absent, body)
}

async fn show(State(kept): State<Kept>, Path(name): Path<String>) -> Answer {
    with(
        &kept,
        &name,
        |program| if program["status"] == "deleted" { absent() } else { (StatusCode::OK, Json(program.clone())) },
    )
}

async fn change(State(kept): State<Kept>, Path(name): Path<String>, body: String) -> Answer {
    let body: Value = serde_json::from_str(&body).unwrap();
    for (code, runs) in body["course_codes"].as_array().into_iter().flatten().enumerate() {
        for (run, mode) in runs["run_modes"].as_array().into_iter().flatten().enumerate() {
            if !mode["course_key"].as_str().unwrap().starts_with("course-v1:") {
                return refused(&format!("course_codes[{code}].run_modes[{run}].course_key"), "Invalid course key.");
            }
        }
    }
    with(&kept, &name, |program| {
        if body["status"] == "active" && program["marketing_slug"] == "" {
            return refused("marketing_slug", "Active XSeries Programs must have a valid marketing slug.");
        }
        for (field, value) in body.as_object().unwrap() {
            program[field] = value.clone();
        }
        (StatusCode::OK, Json(program.clone()))
    })
}

async fn delete(State(kept): State<Kept>, Path(name): Path<String>) -> Answer {
    with(&kept, &name, |program| {
        program["status"] = "deleted".into();
        (StatusCode::NO_CONTENT, Json(Value::Null))
    })
}

async fn restore(State(kept): State<Kept>, Path(name): Path<String>) -> Answer {
    with(&kept, &name, |program| {
        program["status"] = "unpublished".into();
        (StatusCode::OK, Json(program.clone()))
    })
}
