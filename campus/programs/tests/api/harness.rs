//! The real service on a fresh database of each engine, called over HTTP.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::JoinHandle;
use std::time::Duration;

use either_database::{Database, Options, on};
use identity::{Claims, KeySource, Signer};
use programs::{App, Changes, Config, LmsConfig, Settings, SyncConfig, SyncError, TokenConfig};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::lms::Lms;

/// A server URL with the right to create databases; without it the tests run on SQLite alone.
const POSTGRES: &str = "CAMPUS_TEST_POSTGRES_URL";
const SEED: &str = include_str!("seed.sql");
const ISSUER: &str = "http://lms.test";
const AUDIENCE: &str = "campus";

static SIGNER: LazyLock<Signer> = LazyLock::new(Signer::generate);

/// A running service.
pub struct System {
    runtime: Runtime,
    database: Database,
    database_url: String,
    pub url: String,
    agent: ureq::Agent,
    shutdown: Cell<Option<oneshot::Sender<()>>>,
    server: Option<JoinHandle<()>>,
    pub queries: Arc<AtomicU32>,
}

/// An answer of the service.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub headers: ureq::http::HeaderMap,
    pub bytes: Vec<u8>,
    /// Null for what is no JSON.
    pub body: Value,
}

impl Answer {
    /// The reasons that are given for each field.
    pub fn faults(&self) -> Vec<(String, String)> {
        let faults = self.body["errors"].as_array().unwrap_or_else(|| panic!("{self:?}"));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        faults.iter().map(|fault| (text(&fault["field"]), text(&fault["reason"]))).collect()
    }
}

/// Runs a test against the service on each engine, with the programs of the seed.
pub fn on_each_engine(test: impl Fn(&System)) {
    with_settings(&Settings::default(), test);
}

/// The same with other settings than the usual ones.
pub fn with_settings(settings: &Settings, test: impl Fn(&System)) {
    on_sqlite(settings, None, &test);
    on_postgres(settings, None, test);
}

/// The same with a service that listens to what a learning management system tells.
pub fn listening(settings: &Settings, lms: &Lms, test: impl Fn(&System)) {
    on_sqlite(settings, Some(lms), &test);
    lms.content.lock().unwrap().clear_events();
    on_postgres(settings, Some(lms), test);
}

fn on_sqlite(settings: &Settings, lms: Option<&Lms>, test: &impl Fn(&System)) {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", directory.path().join("test.db").display());
    test(&System::start(&url, settings, lms));
}

/// Only on PostgreSQL, if there is one.
pub fn on_postgres(settings: &Settings, lms: Option<&Lms>, test: impl Fn(&System)) {
    let Ok(server) = std::env::var(POSTGRES) else { return };
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("{}_test_{}_{number}", env!("CARGO_PKG_NAME"), std::process::id());
    administer(&server, format!("CREATE DATABASE {name}"));
    let (base, query) = server.split_once('?').map_or((&*server, String::new()), |(b, q)| (b, format!("?{q}")));
    let (host, _) = base.rsplit_once('/').expect("the server URL names a database");
    test(&System::start(&format!("{host}/{name}{query}"), settings, lms));
    administer(&server, format!("DROP DATABASE {name} WITH (FORCE)"));
}

pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn administer(server: &str, statement: String) {
    runtime().block_on(async {
        let database = Database::open(server, Options::default()).unwrap();
        on!(&database, pool => sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(pool).await.map(drop)).unwrap();
        database.close().await;
    });
}

/// A token of a user: `boss` is an administrator, `writer` an author, everybody else neither.
pub fn token(username: &str) -> String {
    signed(&claims(username))
}

/// What the token of a user says.
pub fn claims(username: &str) -> Claims {
    let now = identity::now();
    let mut claims = Claims::new(ISSUER, AUDIENCE, username, now, now + 600);
    claims.administrator = Some(username == "boss");
    if username == "writer" {
        claims.roles = vec!["program_author".to_owned()];
    }
    claims
}

/// A token with these claims.
pub fn signed(claims: &Claims) -> String {
    SIGNER.sign(claims)
}

fn config_of(lms: &Lms, secret: &str) -> LmsConfig {
    LmsConfig { url: lms.url.clone(), client_id: "programs".to_owned(), client_secret: secret.to_owned() }
}

impl System {
    fn start(database_url: &str, settings: &Settings, lms: Option<&Lms>) -> Self {
        let runtime = runtime();
        let database = runtime.block_on(async {
            programs::migrate(database_url).await.unwrap();
            let database = Database::open(database_url, Options::default()).unwrap();
            on!(&database, pool => sqlx::raw_sql(SEED).execute(pool).await.map(drop)).unwrap();
            database
        });
        let tokens = TokenConfig {
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            keys: KeySource::Inline(SIGNER.key_set()),
        };
        let config = Config {
            database_url: database_url.to_owned(),
            connections: 4,
            address: ([127, 0, 0, 1], 0).into(),
            tokens,
            lms: lms.map(|lms| config_of(lms, "right")),
            bus: None,
            settings: settings.clone(),
        };
        let (shutdown, stop) = oneshot::channel();
        let (ready, address) = std::sync::mpsc::channel();
        let queries = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&queries);
        let server = std::thread::spawn(move || {
            // The queries of PostgreSQL are logged in the thread that asks them.
            let _counting = tracing::subscriber::set_default(QueryCounter(counter));
            self::runtime().block_on(async {
                let app = App::build(&config).await.unwrap();
                ready.send(app.address()).unwrap();
                app.run(async { drop(stop.await) }).await.unwrap();
            });
        });
        let url = format!("http://{}", address.recv_timeout(Duration::from_secs(60)).unwrap());
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        Self {
            runtime,
            database,
            database_url: database_url.to_owned(),
            url,
            agent,
            shutdown: Cell::new(Some(shutdown)),
            server: Some(server),
            queries,
        }
    }

    /// Calls the service with all that can be said.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = if body.is_empty() && matches!(method, "GET" | "DELETE" | "HEAD" | "OPTIONS") {
            self.agent.run(request.body(()).unwrap())
        } else {
            let run = self.agent.configure_request(request.body(body.to_vec()).unwrap());
            self.agent.run(run.allow_non_standard_methods(true).build())
        }
        .unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let headers = response.headers().clone();
        let bytes = response.body_mut().with_config().limit(16 << 20).read_to_vec().unwrap();
        Answer {
            status: response.status().as_u16(),
            content_type: headers.get("content-type").map_or("", |value| value.to_str().unwrap()).to_owned(),
            headers,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
            bytes,
        }
    }

    /// Calls it with JSON, as somebody.
    pub fn call(&self, method: &str, path: &str, username: &str, body: &Value) -> Answer {
        let authorization = format!("JWT {}", token(username));
        let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
        self.send(method, path, &headers, body.to_string().as_bytes())
    }

    /// Reads as somebody.
    pub fn get(&self, path: &str, username: &str) -> Answer {
        self.send("GET", path, &[("Authorization", &format!("JWT {}", token(username)))], &[])
    }

    /// Reads as nobody.
    pub fn get_anonymously(&self, path: &str) -> Answer {
        self.send("GET", path, &[], &[])
    }

    /// The JSON of a program, which is there.
    pub fn program(&self, name: &str) -> Value {
        let answer = self.get(&format!("/api/v1/programs/{name}/"), "boss");
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// Synchronises with a learning management system.
    pub fn sync(&self, lms: &Lms, secret: &str, commit: bool) -> Result<Changes, SyncError> {
        let config = SyncConfig { database_url: self.database_url.clone(), lms: config_of(lms, secret) };
        self.runtime.block_on(programs::synchronize(&config, commit))
    }

    /// One number of the database.
    pub fn count(&self, query: &'static str) -> i64 {
        self.runtime
            .block_on(async { on!(&self.database, pool => sqlx::query_scalar(query).fetch_one(pool).await) })
            .unwrap()
    }

    /// Whether this is the service on PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        matches!(self.database, Database::Postgres(_))
    }

    /// Changes the database behind the service's back.
    pub fn execute(&self, statement: &'static str) {
        self.runtime
            .block_on(async { on!(&self.database, pool => sqlx::raw_sql(statement).execute(pool).await.map(drop)) })
            .unwrap();
    }

    /// Lets the service end, while its requests are still answered.
    pub fn tell_to_end(&self) {
        drop(self.shutdown.take());
    }
}

impl Drop for System {
    fn drop(&mut self) {
        self.runtime.block_on(self.database.close());
        self.tell_to_end();
        let ended = self.server.take().expect("dropped once").join();
        assert!(ended.is_ok() || std::thread::panicking(), "the service panicked");
    }
}

/// Counts what is asked of the database.
struct QueryCounter(Arc<AtomicU32>);

impl tracing::Subscriber for QueryCounter {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}
