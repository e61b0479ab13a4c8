//! A stand-in for the learning management system: it signs tokens, keeps what is published and who is enrolled, refuses what
//! it does not know, and fails when it is told to.

use std::sync::{Arc, Mutex};

use axum::extract::{Form, OriginalUri, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use identity::{Claims, KeySet, Signer};
use serde_json::{Value, json};

/// What it knows: courses of this organisation.
const KNOWN: &str = "course-v1:edX+";
/// For whom its tokens are.
pub const AUDIENCE: &str = "campus";
/// The password of everybody.
pub const PASSWORD: &str = "secret";
/// The secret of this service there.
pub const CLIENT_SECRET: &str = "client-secret";

/// A running stand-in; it ends with the test's process.
pub struct Lms {
    /// Where it listens.
    pub url: String,
    inner: Arc<Inner>,
}

struct Inner {
    signer: Signer,
    url: String,
    published: Mutex<Vec<(String, Value)>>,
    enrolled: Mutex<Vec<Value>>,
    broken: Mutex<bool>,
}

impl Lms {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Inner {
            signer: Signer::generate(),
            url: url.clone(),
            published: Mutex::default(),
            enrolled: Mutex::default(),
            broken: Mutex::default(),
        });
        let router = Router::new()
            .route("/oauth2/jwks", get(keys))
            .route("/oauth2/access_token", post(token))
            .route("/api/commerce/v1/courses/{*course}", put(publish))
            .route("/api/enrollment/v1/enrollment", post(enroll))
            .with_state(inner.clone());
        listener.set_nonblocking(true).unwrap();
        std::thread::spawn(move || {
            super::runtime().block_on(async {
                axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), router).await.unwrap();
            });
        });
        Self { url, inner }
    }

    /// A token of that user; `staff` administrates.
    pub fn token(&self, username: &str) -> String {
        self.inner.token(username)
    }

    /// Path and body of everything that was published since the last call.
    pub fn take_published(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.inner.published.lock().unwrap())
    }

    /// Everything that was enrolled since the last call.
    pub fn take_enrolled(&self) -> Vec<Value> {
        std::mem::take(&mut self.inner.enrolled.lock().unwrap())
    }

    /// Answers 503 to everything but tokens from now on, or no more.
    pub fn breaks(&self, broken: bool) {
        *self.inner.broken.lock().unwrap() = broken;
    }
}

impl Inner {
    fn token(&self, username: &str) -> String {
        let now = identity::now();
        let mut claims = Claims::new(&format!("{}/oauth2", self.url), AUDIENCE, username, now, now + 3600);
        claims.administrator = Some(username == "staff");
        self.signer.sign(&claims)
    }

    /// A refusal, if this is not the service, or nothing works.
    fn refusal(&self, headers: &HeaderMap) -> Option<(StatusCode, Json<Value>)> {
        if *self.broken.lock().unwrap() {
            return Some((StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "reason": "Not now." }))));
        }
        let known = headers.get("Authorization").and_then(|value| value.to_str().ok());
        match known.and_then(identity::token_of) {
            Some(_) => None,
            None => Some((StatusCode::UNAUTHORIZED, Json(json!({ "reason": "Nobody has this token." })))),
        }
    }
}

async fn keys(State(inner): State<Arc<Inner>>) -> Json<KeySet> {
    Json(inner.signer.key_set())
}

async fn token(
    State(inner): State<Arc<Inner>>,
    Form(form): Form<std::collections::HashMap<String, String>>,
) -> (StatusCode, Json<Value>) {
    let secret = form.get("client_secret").map(String::as_str);
    let username = match (form["grant_type"].as_str(), form["client_id"].as_str()) {
        ("client_credentials", "commerce") if secret == Some(CLIENT_SECRET) => "commerce",
        ("password", "login") if form["password"] == PASSWORD => &form["username"],
        _ => return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" }))),
    };
    let token = inner.token(username);
    (StatusCode::OK, Json(json!({ "access_token": token, "expires_in": 3600, "token_type": "JWT", "scope": "" })))
}

async fn publish(
    State(inner): State<Arc<Inner>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    if let Some(refusal) = inner.refusal(&headers) {
        return refusal;
    }
    if !uri.path().contains(&format!("/{KNOWN}")) {
        return (StatusCode::BAD_REQUEST, Json(json!({ "reason": "Course X does not exist." })));
    }
    inner.published.lock().unwrap().push((uri.path().to_owned(), body.clone()));
    (StatusCode::OK, Json(body))
}

async fn enroll(
    State(inner): State<Arc<Inner>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    if let Some(refusal) = inner.refusal(&headers) {
        return refusal;
    }
    if body["user"] == "stranger" {
        return (StatusCode::NOT_ACCEPTABLE, Json(json!({ "message": "User stranger does not exist." })));
    }
    inner.enrolled.lock().unwrap().push(body.clone());
    (StatusCode::OK, Json(body))
}
