//! The real service on a fresh database of each engine, called over HTTP, beside a stand-in for what it calls itself.

#![allow(dead_code, unused_imports, reason = "each test binary uses its part")]

mod browser;
mod lms;
mod programs;

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use commerce::{App, Config, LmsConfig, Settings};
use either_database::{Database, Options, on};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

pub use browser::Browser;
pub use lms::{AUDIENCE, CLIENT_SECRET, Lms, PASSWORD};
pub use programs::Programs;

/// A server URL with the right to create databases; without it the tests run on SQLite alone.
const POSTGRES: &str = "CAMPUS_TEST_POSTGRES_URL";

/// Long enough for a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running service.
pub struct System {
    runtime: Runtime,
    database: Database,
    /// Where it listens.
    pub url: String,
    agent: ureq::Agent,
    /// What this service publishes to.
    pub lms: Lms,
    shutdown: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

/// Runs a test against the service on each engine, its database holding what `seed` inserts.
pub fn on_each_engine(seed: &'static str, test: impl Fn(&System)) {
    on_each_engine_with(seed, &Settings { rate_limit: None, ..Settings::default() }, test);
}

/// The same with other settings.
pub fn on_each_engine_with(seed: &'static str, settings: &Settings, test: impl Fn(&System)) {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", directory.path().join("test.db").display());
    test(&System::start(&url, seed, settings));

    if let Ok(server) = std::env::var(POSTGRES) {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}_test_{}_{number}", env!("CARGO_PKG_NAME"), std::process::id());
        administer(&server, format!("CREATE DATABASE {name}"));
        let (base, query) = server.split_once('?').map_or((&*server, String::new()), |(b, q)| (b, format!("?{q}")));
        let (host, _) = base.rsplit_once('/').expect("the server URL names a database");
        test(&System::start(&format!("{host}/{name}{query}"), seed, settings));
        administer(&server, format!("DROP DATABASE {name} WITH (FORCE)"));
    }
}

/// A runtime of one thread.
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

impl System {
    fn start(database_url: &str, seed: &'static str, settings: &Settings) -> Self {
        let runtime = runtime();
        let database = runtime.block_on(async {
            commerce::migrate(database_url).await.unwrap();
            let database = Database::open(database_url, Options::default()).unwrap();
            on!(&database, pool => sqlx::raw_sql(seed).execute(pool).await.map(drop)).unwrap();
            database
        });
        let lms = Lms::start();
        let config = Config {
            database_url: database_url.to_owned(),
            address: ([127, 0, 0, 1], 0).into(),
            lms: LmsConfig {
                url: lms.url.clone(),
                client_id: "commerce".to_owned(),
                client_secret: CLIENT_SECRET.to_owned(),
                login_client_id: "login".to_owned(),
                issuer: format!("{}/oauth2", lms.url),
                audience: AUDIENCE.to_owned(),
            },
            settings: settings.clone(),
        };
        let (shutdown, stop) = oneshot::channel();
        let (ready, address) = std::sync::mpsc::channel();
        let server = std::thread::spawn(move || {
            self::runtime().block_on(async {
                let app = App::build(&config).await.unwrap();
                ready.send(app.address()).unwrap();
                app.run(async { drop(stop.await) }).await.unwrap();
            });
        });
        let url = format!("http://{}", address.recv_timeout(Duration::from_secs(10)).unwrap());
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        Self { runtime, database, url, agent, lms, shutdown: Some(shutdown), server: Some(server) }
    }

    /// Calls the service in the name of somebody: status and JSON of the answer.
    pub fn call(&self, method: &str, path: &str, who: Option<&str>, body: Option<Value>) -> (u16, Value) {
        let header = who.map(|who| format!("JWT {}", self.lms.token(who)));
        self.call_with(method, path, header.as_deref(), body)
    }

    /// Calls the service with any header `Authorization`.
    pub fn call_with(&self, method: &str, path: &str, header: Option<&str>, body: Option<Value>) -> (u16, Value) {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        if let Some(header) = header {
            request = request.header("Authorization", header);
        }
        let response = match body {
            Some(body) => {
                let request = request.header("Content-Type", "application/json");
                self.agent.run(request.body(body.to_string()).unwrap())
            }
            None => self.agent.run(request.body(()).unwrap()),
        };
        let mut response = response.unwrap();
        (response.status().as_u16(), response.body_mut().read_json().unwrap())
    }

    /// Reads in the name of somebody.
    pub fn get(&self, path: &str, who: &str) -> (u16, Value) {
        self.call("GET", path, Some(who), None)
    }

    /// Reads until it is so, and gives it; what was seen last is said if it does not come.
    pub fn until(&self, path: &str, who: &str, good: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (_, body) = self.get(path, who);
            if good(&body) {
                return body;
            }
            assert!(Instant::now() < deadline, "{path}: {body}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Reads without one.
    pub fn get_anonymously(&self, path: &str) -> (u16, Value) {
        self.call("GET", path, None, None)
    }

    /// One number of the database.
    pub fn count(&self, query: &'static str) -> i64 {
        self.runtime
            .block_on(async { on!(&self.database, pool => sqlx::query_scalar(query).fetch_one(pool).await) })
            .unwrap()
    }
}

impl Drop for System {
    fn drop(&mut self) {
        self.runtime.block_on(self.database.close());
        drop(self.shutdown.take());
        let ended = self.server.take().expect("dropped once").join();
        assert!(ended.is_ok() || std::thread::panicking(), "the service panicked");
    }
}
