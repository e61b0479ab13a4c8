//! A stand-in for the learning management system: a token endpoint, organisations and courses, as many as are wanted.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

/// What it has.
#[derive(Debug, Default, Clone)]
pub struct Content {
    /// As its interface shows them.
    pub organizations: Vec<Value>,
    /// As its interface shows them.
    pub courses: Vec<Value>,
    /// What it has told, and how many events before that nobody can have any more.
    pub events: Vec<Value>,
    pub forgotten: usize,
}

impl Content {
    /// It has told nothing yet.
    pub fn clear_events(&mut self) {
        self.events.clear();
        self.forgotten = 0;
    }

    /// It has told something that nobody can have any more.
    pub fn forget_events(&mut self) {
        self.forgotten += self.events.len() + 1;
        self.events.clear();
    }
}

/// A running stand-in; it ends with the test's process.
pub struct Lms {
    /// Where it listens.
    pub url: String,
    /// What it has; tests change it.
    pub content: Arc<Mutex<Content>>,
}

/// An organisation.
pub fn organization(key: &str, active: bool) -> Value {
    json!({ "id": 1, "short_name": key, "name": format!("{key} Inc."), "active": active })
}

/// An event.
pub fn event(event_type: &str, key: &str, data: &Value) -> Value {
    json!({ "event_type": event_type, "id": uuid::Uuid::now_v7().to_string(), "minorversion": 0, "source": "openedx/lms/web", "sourcehost": "lms",
        "time": "2030-01-01T00:00:00Z", "sourcelib": "0.1.0", "key": key, "data": data })
}

/// A course.
pub fn course(org: &str, number: &str, run: &str) -> Value {
    json!({ "id": format!("course-v1:{org}+{number}+{run}"), "name": format!("{number} {run}"), "number": number, "org": org,
        "start": "2030-01-01T00:00:00Z", "end": null, "enrollment_start": null, "enrollment_end": null })
}

impl Lms {
    /// Starts one on a free port.
    pub fn start(content: Content) -> Self {
        let content = Arc::new(Mutex::new(content));
        let router = Router::new()
            .route("/oauth2/access_token", post(token))
            .route("/api/organizations/v0/organizations/", get(organizations))
            .route("/api/organizations/v0/organizations/{key}/", get(one_organization))
            .route("/api/courses/v1/courses/", get(courses))
            .route("/api/courses/v1/courses/{key}", get(one_course))
            .route("/api/events/v1/", get(events))
            .with_state(Arc::clone(&content));
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        listener.set_nonblocking(true).unwrap();
        std::thread::spawn(move || {
            super::harness::runtime().block_on(async {
                axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), router).await.unwrap();
            });
        });
        Self { url, content }
    }

    /// Tells something.
    pub fn tell(&self, event: Value) {
        self.content.lock().unwrap().events.push(event);
    }
}

async fn token(body: String) -> (StatusCode, Json<Value>) {
    if body.contains("client_secret=right") && body.contains("grant_type=client_credentials") {
        (StatusCode::OK, Json(json!({ "access_token": "lms-token", "expires_in": 3600, "token_type": "JWT" })))
    } else {
        (StatusCode::UNAUTHORIZED, Json(json!({ "error": "invalid_client" })))
    }
}

#[derive(Deserialize)]
struct Wanted {
    page: usize,
    page_size: usize,
}

type Answer = (StatusCode, Json<Value>);

fn paged(headers: &HeaderMap, all: &[Value], wanted: &Wanted) -> Result<(Vec<Value>, usize), Answer> {
    if headers.get("Authorization").is_none_or(|value| value != "JWT lms-token") {
        return Err((StatusCode::UNAUTHORIZED, Json(json!({ "reason": "A token is needed." }))));
    }
    let results = all.iter().skip((wanted.page - 1) * wanted.page_size).take(wanted.page_size).cloned().collect();
    Ok((results, all.len().div_ceil(wanted.page_size)))
}

async fn organizations(
    State(content): State<Arc<Mutex<Content>>>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Answer> {
    let all = &content.lock().unwrap().organizations;
    let (results, num_pages) = paged(&headers, all, &wanted)?;
    Ok(Json(json!({ "count": all.len(), "num_pages": num_pages, "results": results })))
}

async fn courses(
    State(content): State<Arc<Mutex<Content>>>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Answer> {
    let all = &content.lock().unwrap().courses;
    let (results, num_pages) = paged(&headers, all, &wanted)?;
    Ok(Json(json!({ "results": results, "pagination": { "count": all.len(), "num_pages": num_pages } })))
}

fn one(all: &[Value], field: &str, key: &str) -> Answer {
    match all.iter().find(|one| one[field] == key) {
        Some(one) => (StatusCode::OK, Json(one.clone())),
        None => (StatusCode::NOT_FOUND, Json(json!({ "reason": "Not found." }))),
    }
}

async fn one_organization(State(content): State<Arc<Mutex<Content>>>, Path(key): Path<String>) -> Answer {
    one(&content.lock().unwrap().organizations, "short_name", &key)
}

async fn one_course(State(content): State<Arc<Mutex<Content>>>, Path(key): Path<String>) -> Answer {
    one(&content.lock().unwrap().courses, "id", &key)
}

#[derive(Deserialize)]
struct After {
    after: usize,
}

/// As the feed of an outbox; it does not wait long.
async fn events(State(content): State<Arc<Mutex<Content>>>, Query(wanted): Query<After>) -> Answer {
    for _ in 0..10 {
        {
            let content = content.lock().unwrap();
            if wanted.after < content.forgotten {
                return (StatusCode::GONE, Json(json!({ "detail": "gone", "position": content.forgotten })));
            }
            let new: Vec<Value> = content
                .events
                .iter()
                .enumerate()
                .skip(wanted.after - content.forgotten)
                .map(|(index, event)| {
                    let mut event = event.clone();
                    event["position"] = json!(content.forgotten + index + 1);
                    event
                })
                .collect();
            if !new.is_empty() {
                let position = content.forgotten + content.events.len();
                return (StatusCode::OK, Json(json!({ "events": new, "position": position })));
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    (StatusCode::OK, Json(json!({ "events": [], "position": wanted.after })))
}
