//! A private server for a test, which ends with the process of the test.

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use database::{
    Binaries, Database, DatabaseSettings, Durability, Engine, EngineKind, Location, Secret, ServerPlace, ServerRequest,
};
use database_mysql::MysqlEngine;
use database_postgres::PostgresEngine;

use super::proxy::{Protocol, Proxy};
use super::world::in_memory;

/// How long a server may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// Runs a server until its standard input is closed, which happens however the test ends; then stops it and removes its
/// directory. The arguments are the directory, the signal, and the server's program with its arguments.
const GUARD: &str = r#"
    place=$1; signal=$2; shift 2
    "$@" </dev/null & server=$!
    cat >/dev/null; kill -$signal $server; wait $server; rm -rf "$place"
"#;

/// A running server, with a proxy before it.
pub(super) struct Server {
    kind: EngineKind,
    engine: Box<dyn Engine>,
    place: ServerPlace,
    binaries: Binaries,
    directory: PathBuf,
    /// Its standard input keeps the server alive.
    _guard: Child,
}

impl Server {
    /// Starts one; `None` where the engine is not installed.
    pub(super) fn start(kind: EngineKind) -> Option<Self> {
        let (engine, signal): (Box<dyn Engine>, _) = match kind {
            EngineKind::Postgres => (Box::new(PostgresEngine), "INT"),
            _ => (Box::new(MysqlEngine), "TERM"),
        };
        let found = match engine.find_server(&ServerRequest::default()) {
            Ok(found) => found.expect("the engine has servers"),
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "in CI nothing is skipped: {error}");
                eprintln!("skipped: {error}");
                return None;
            }
        };
        let directory = in_memory("seedbed-").keep();
        // The server's user has to get through.
        std::fs::set_permissions(&directory, std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let place = ServerPlace {
            directory: directory.join("server"),
            socket_directory: directory.join("socket"),
            host: "127.0.0.1".to_owned(),
            port,
            password: Secret::new("secret"),
            // No test cuts the power.
            durability: Durability::Relaxed,
            is_shared: false,
            templates: None,
        };
        engine.prepare_server(&found, &place).unwrap();
        let process = engine.server_process(&found, &place).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", GUARD, "guard"]).arg(&directory).arg(signal).arg(&process.program).args(&process.arguments);
        command.envs(&process.env).current_dir(&process.directory);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((user, group)) = process.user {
            std::os::unix::fs::chown(&directory, Some(user), Some(group)).unwrap();
            command.uid(user).gid(group);
        }
        // Ctrl-C ends the test, and through it the server.
        command.process_group(0);
        let guard = command.spawn().unwrap();
        let server = Self { kind, engine, place, binaries: found.binaries, directory, _guard: guard };
        let deadline = Instant::now() + START_TIMEOUT;
        let mut probe = server.open("probe");
        while let Err(error) = probe.exists() {
            assert!(Instant::now() < deadline, "the server does not listen: {error:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(server)
    }

    /// Opens a database of this name.
    pub(super) fn open(&self, name: &str) -> Box<dyn Database> {
        self.open_at(name, self.place.socket_directory.clone())
    }

    /// A proxy for the databases of one test, and the directory of its socket.
    pub(super) fn proxy(&self, name: &str) -> (Proxy, PathBuf) {
        let directory = self.directory.join(name);
        std::fs::create_dir(&directory).unwrap();
        let (protocol, socket) = match self.kind {
            EngineKind::Postgres => (Protocol::Postgres, format!(".s.PGSQL.{}", self.place.port)),
            _ => (Protocol::Mysql, "mysql.sock".to_owned()),
        };
        let proxy = Proxy::listen(protocol, &directory.join(&socket), &self.place.socket_directory.join(&socket));
        (proxy, directory)
    }

    /// Opens a database of this name through a socket in a directory.
    pub(super) fn open_at(&self, name: &str, socket_directory: PathBuf) -> Box<dyn Database> {
        let (host, port) = (self.place.host.clone(), self.place.port);
        let (user, password) = ("seedbed".to_owned(), self.place.password.clone());
        let (name, binaries) = (name.to_owned(), self.binaries.clone());
        let location = match self.kind {
            EngineKind::Postgres => {
                let administrator = None;
                Location::Postgres { host, port, socket_directory, user, password, administrator, name, binaries }
            }
            _ => Location::Mysql { host, port, socket_directory, user, password, name, binaries },
        };
        self.engine.open(&location, &DatabaseSettings::default()).unwrap()
    }
}
