//! The real service on a fresh database of each engine, called over HTTP, beside a stand-in for what it calls itself.

mod lms;

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use commerce::{App, Config, LmsConfig};
use either_database::{Database, Options, on};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

pub use lms::Lms;

/// A server URL with the right to create databases; without it the tests run on SQLite alone.
const POSTGRES: &str = "CAMPUS_TEST_POSTGRES_URL";

/// A running service.
pub struct System {
    runtime: Runtime,
    database: Database,
    url: String,
    agent: ureq::Agent,
    /// What this service publishes to.
    pub lms: Lms,
    shutdown: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

/// Runs a test against the service on each engine, its database holding what `seed` inserts.
pub fn on_each_engine(seed: &'static str, test: impl Fn(&System)) {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", directory.path().join("test.db").display());
    test(&System::start(&url, seed));

    if let Ok(server) = std::env::var(POSTGRES) {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}_test_{}_{number}", env!("CARGO_PKG_NAME"), std::process::id());
        administer(&server, format!("CREATE DATABASE {name}"));
        let (base, query) = server.split_once('?').map_or((&*server, String::new()), |(b, q)| (b, format!("?{q}")));
        let (host, _) = base.rsplit_once('/').expect("the server URL names a database");
        test(&System::start(&format!("{host}/{name}{query}"), seed));
        administer(&server, format!("DROP DATABASE {name} WITH (FORCE)"));
    }
}

fn runtime() -> Runtime {
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
    fn start(database_url: &str, seed: &'static str) -> Self {
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
            lms: LmsConfig { url: lms.url.clone(), token: "lms-token".to_owned() },
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

    /// Calls the service: status and JSON of the answer.
    pub fn call(&self, method: &str, path: &str, token: Option<&str>, body: Option<Value>) -> (u16, Value) {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.header("Authorization", format!("Token {token}"));
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

    /// Reads with a token.
    pub fn get(&self, path: &str, token: &str) -> (u16, Value) {
        self.call("GET", path, Some(token), None)
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
