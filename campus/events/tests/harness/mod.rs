//! Fresh databases of each engine, brokers of one's own, and a wait for a state.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use either_database::{Database, Migration, Options, on};
use tempfile::TempDir;

/// A server URL with the right to create databases; without it the tests run on SQLite alone.
const POSTGRES: &str = "CAMPUS_TEST_POSTGRES_URL";
/// Long enough for a machine that does much else.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The engines at hand.
pub fn engines() -> Vec<Engine> {
    let server = std::env::var(POSTGRES).ok().map(Engine::Postgres);
    std::iter::once(Engine::Sqlite(tempfile::tempdir().unwrap())).chain(server).collect()
}

/// Where databases are made.
pub enum Engine {
    Sqlite(TempDir),
    Postgres(String),
}

impl Engine {
    /// The URL of a new database with these tables.
    pub async fn make(&self, migrations: &[Migration]) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("events_test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let url = match self {
            Self::Sqlite(directory) => format!("sqlite://{}", directory.path().join(name).display()),
            Self::Postgres(server) => {
                let statement = format!("CREATE DATABASE {name}");
                let administration = Database::open(server, Options::default()).unwrap();
                on!(&administration, pool => {
                    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(pool).await.map(drop)
                })
                .unwrap();
                administration.close().await;
                format!("{}/{name}", server.rsplit_once('/').unwrap().0)
            }
        };
        let database = Database::open(&url, Options { create_file: true, ..Options::default() }).unwrap();
        database.migrate(migrations).await.unwrap();
        database.close().await;
        url
    }

    /// A new database with these tables.
    pub async fn database(&self, migrations: &[Migration]) -> Database {
        Database::open(&self.make(migrations).await, Options::default()).unwrap()
    }
}

/// A broker that ends with the test.
pub struct Broker {
    pub url: String,
    process: Child,
    _directory: TempDir,
}

impl Broker {
    /// A Redis, if it is installed.
    pub fn redis() -> Option<Self> {
        Self::start("redis-server", "redis", |port, directory| {
            ["--port", port, "--save", "", "--dir", directory].map(str::to_owned).to_vec()
        })
    }

    /// A NATS with JetStream, if it is installed.
    pub fn nats() -> Option<Self> {
        Self::start("nats-server", "nats", |port, directory| {
            ["--port", port, "--jetstream", "--store_dir", directory].map(str::to_owned).to_vec()
        })
    }

    fn start(program: &str, scheme: &str, arguments: impl Fn(&str, &str) -> Vec<String>) -> Option<Self> {
        if !installed(program) {
            assert!(std::env::var_os("CI").is_none(), "{program} is not installed");
            eprintln!("skipped: {program} is not installed");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().display().to_string();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
            let mut process = Command::new(program)
                .args(arguments(&port.to_string(), &path))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            while process.try_wait().unwrap().is_none() {
                if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return Some(Self { url: format!("{scheme}://127.0.0.1:{port}"), process, _directory: directory });
                }
                assert!(Instant::now() < deadline, "{program} does not listen");
                std::thread::sleep(Duration::from_millis(10));
            }
            // Somebody else has taken the port meanwhile.
            assert!(Instant::now() < deadline, "{program} ends");
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]).any(|directory| directory.join(program).is_file())
}

/// Waits until something is so; what was seen last is said if it does not come.
pub async fn until<T: std::fmt::Debug>(what: &str, mut look: impl AsyncFnMut() -> T, good: impl Fn(&T) -> bool) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = look().await;
        if good(&seen) {
            return seen;
        }
        assert!(Instant::now() < deadline, "{what}: {seen:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
