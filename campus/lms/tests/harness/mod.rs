//! The real service on a fresh database of each engine, called over HTTP.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use either_database::{Database, Options, on};
use identity::{Claims, Signer};
use lms::{App, Config, RateLimits};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// A server URL with the right to create databases; without it the tests run on SQLite alone.
const POSTGRES: &str = "CAMPUS_TEST_POSTGRES_URL";

/// What the service has answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub kind: String,
    pub retry_after: String,
    pub cache_control: String,
    pub body: Value,
}

/// A running service.
pub struct System {
    runtime: Runtime,
    database: Database,
    url: String,
    signer: Signer,
    config: Config,
    agent: ureq::Agent,
    shutdown: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

/// Runs a test against the service on each engine, its database holding what `seed` inserts.
pub fn on_each_engine(seed: &'static str, test: impl Fn(&System)) {
    on_each_engine_with(seed, |config, _| config, test);
}

/// The same with other settings; files of theirs belong into the directory.
pub fn on_each_engine_with(seed: &'static str, settings: impl Fn(Config, &Path) -> Config, test: impl Fn(&System)) {
    let directory = tempfile::tempdir().unwrap();
    let start = |url: &str| {
        let config = Config { rate_limits: RateLimits::NONE, ..Config::new(url, ([127, 0, 0, 1], 0).into()) };
        let key_file = directory.path().join("signing-key.pem");
        let signer = Signer::new_pem();
        std::fs::write(&key_file, &signer).unwrap();
        let config = settings(Config { signing_key_file: Some(key_file), ..config }, directory.path());
        System::start(config, Signer::from_pem(&signer).unwrap(), seed)
    };
    let url = format!("sqlite://{}", directory.path().join("test.db").display());
    test(&start(&url));

    if let Ok(server) = std::env::var(POSTGRES) {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}_test_{}_{number}", env!("CARGO_PKG_NAME"), std::process::id());
        administer(&server, format!("CREATE DATABASE {name}"));
        let (base, query) = server.split_once('?').map_or((&*server, String::new()), |(b, q)| (b, format!("?{q}")));
        let (host, _) = base.rsplit_once('/').expect("the server URL names a database");
        test(&start(&format!("{host}/{name}{query}")));
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
    fn start(config: Config, signer: Signer, seed: &'static str) -> Self {
        let runtime = runtime();
        let database_url = config.database_url.as_str();
        let database = runtime.block_on(async {
            lms::migrate(database_url).await.unwrap();
            let database = Database::open(database_url, Options::default()).unwrap();
            on!(&database, pool => sqlx::raw_sql(seed).execute(pool).await.map(drop)).unwrap();
            database
        });
        let (shutdown, stop) = oneshot::channel();
        let (ready, address) = std::sync::mpsc::channel();
        let served = config.clone();
        let server = std::thread::spawn(move || {
            self::runtime().block_on(async {
                let app = App::build(&served).await.unwrap();
                ready.send(app.address()).unwrap();
                app.run(async { drop(stop.await) }).await.unwrap();
            });
        });
        let url = format!("http://{}", address.recv_timeout(Duration::from_secs(10)).unwrap());
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        Self { runtime, database, url, signer, config, agent, shutdown: Some(shutdown), server: Some(server) }
    }

    /// The passwords that are worked out.
    pub fn dev_passwords(&self) -> Vec<lms::DevPassword> {
        let key_file = self.config.dev_passwords_key_file.clone().unwrap();
        self.runtime.block_on(lms::dev_passwords(&self.config.database_url, &key_file)).unwrap()
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What a token of this user says.
    pub fn claims(&self, user: &str) -> Claims {
        let now = identity::now();
        Claims::new(&format!("{}/oauth2", self.url), "campus", user, now, now + 60)
    }

    /// A token with these claims, as the service would sign it.
    pub fn signed(&self, claims: &Claims) -> String {
        self.signer.sign(claims)
    }

    /// Calls the service as this user: status and JSON of the answer.
    pub fn call(&self, method: &str, path: &str, user: Option<&str>, body: Option<Value>) -> (u16, Value) {
        let kind = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let authorization = user.map(|user| format!("JWT {}", self.signed(&self.claims(user))));
        let answer = self.send(method, path, authorization.as_deref(), body.map(|body| (kind, body.to_string())));
        (answer.status, answer.body)
    }

    /// Calls the service: what is sent as it is, and all of the answer.
    pub fn send(&self, method: &str, path: &str, authorization: Option<&str>, body: Option<(&str, String)>) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        if let Some(authorization) = authorization {
            request = request.header("Authorization", authorization);
        }
        let response = match body {
            Some((kind, body)) => self.agent.run(request.header("Content-Type", kind).body(body).unwrap()),
            None => self.agent.run(request.body(()).unwrap()),
        };
        let mut response = response.unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        let header = |name: &str| {
            response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
        };
        Answer {
            status: response.status().as_u16(),
            kind: header("Content-Type"),
            retry_after: header("Retry-After"),
            cache_control: header("Cache-Control"),
            body: if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() },
        }
    }

    /// Sends a form to the token endpoint.
    pub fn token(&self, authorization: Option<&str>, form: &[(&str, &str)]) -> Answer {
        let encode = |text: &str| {
            let byte = |byte: u8| {
                if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
            };
            text.bytes().map(byte).collect::<String>()
        };
        let form: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let body = ("application/x-www-form-urlencoded", form.join("&"));
        self.send("POST", "/oauth2/access_token", authorization, Some(body))
    }

    /// Reads as this user.
    pub fn get(&self, path: &str, user: &str) -> (u16, Value) {
        self.call("GET", path, Some(user), None)
    }

    /// Reads as nobody.
    pub fn get_anonymously(&self, path: &str) -> (u16, Value) {
        self.call("GET", path, None, None)
    }

    /// Changes the database past the service.
    pub fn execute(&self, statement: &'static str) {
        let done = self
            .runtime
            .block_on(async { on!(&self.database, pool => sqlx::query(statement).execute(pool).await.map(drop)) });
        done.unwrap();
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
