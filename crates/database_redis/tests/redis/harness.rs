//! A private server for one test binary, and a database of it for each test.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use database::contract::{Harness, LARGE, image_of};
use database::{
    Binaries, Database, DatabaseSettings, Durability, Engine as _, EngineKind, Location, Secret, ServerFound,
    ServerPlace, ServerRequest,
};
use database_redis::RedisEngine;
use redis::{Client, Connection};
use tempfile::TempDir;

/// How long a server may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs a server until its standard input is closed, which happens however the test binary ends; then stops it and removes
/// its directory. The arguments are the directory, and the server's program with its arguments.
const GUARD: &str = r#"
    place=$1; shift
    "$@" </dev/null & server=$!
    cat >/dev/null; kill -KILL $server; wait $server; rm -rf "$place"
"#;

/// A server that runs as long as this lives.
pub struct Server {
    pub place: ServerPlace,
    pub found: ServerFound,
    guard: Child,
}

/// Names the directory of the server's programs, to test another version than the newest installed.
const BINARIES: &str = "SEEDBED_TEST_REDIS";

/// Asks for the server to test.
pub fn request() -> ServerRequest {
    ServerRequest { version: None, binaries: std::env::var_os(BINARIES).map(|place| PathBuf::from(place).into()) }
}

/// Finds the programs; every machine that runs the tests has them.
pub fn found() -> ServerFound {
    RedisEngine.find_server(&request()).expect("a Redis is installed").expect("it has a server")
}

/// Describes a place for a server in a directory, on a free port.
pub fn place(directory: &Path) -> ServerPlace {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
    ServerPlace {
        directory: directory.join("the \"server\""),
        socket_directory: directory.join("socket"),
        host: "127.0.0.1".to_owned(),
        port,
        password: Secret::new("p@ss 'word' \"\\"),
        durability: Durability::Relaxed,
        is_shared: false,
        templates: None,
    }
}

/// Makes a directory for a server, which its guard removes.
pub fn directory() -> PathBuf {
    tempfile::Builder::new().prefix("seedbed-").tempdir().expect("a temporary directory").keep()
}

/// Gives the server of this test binary, started by the first test that asks.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start(place(&directory())))
}

/// Gives a server in a container, of an image with the programs of this machine; `None` where there are no containers.
pub fn contained() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(|| Some(Server::start_found(in_image()?, place(&directory())))).as_ref()
}

/// Finds the programs in an image that is made of those of this machine.
fn in_image() -> Option<ServerFound> {
    let image = image_of(EngineKind::Redis)?;
    let request = ServerRequest { version: None, binaries: Some(Binaries::Image(image)) };
    Some(RedisEngine.find_server(&request).expect("it is in the image").expect("it has a server"))
}

impl Server {
    /// Starts a server in a place, of which the directory above is its own.
    pub fn start(place: ServerPlace) -> Self {
        Self::start_found(found(), place)
    }

    fn start_found(found: ServerFound, place: ServerPlace) -> Self {
        RedisEngine.prepare_server(&found, &place).expect("prepare");
        let process = RedisEngine.server_process(&found, &place).expect("how to run it");
        let mut command = Command::new("sh");
        let above = place.directory.parent().expect("a directory above");
        command.arg("-c").arg(GUARD).arg("guard").arg(above).arg(&process.program).args(&process.arguments);
        command.envs(&process.env).current_dir(&process.directory);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // Ctrl-C ends the test binary, and through it the server.
        command.process_group(0);
        let guard = command.spawn().expect("start");
        let server = Server { place, found, guard };
        let deadline = Instant::now() + START_TIMEOUT;
        while let Err(error) = server.open("probe", 999).exists() {
            assert!(Instant::now() < deadline, "the server does not listen: {error:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        server
    }

    /// Says where a database is.
    pub fn location(&self, name: &str, number: u16) -> Location {
        Location::Redis {
            host: self.place.host.clone(),
            port: self.place.port,
            socket_directory: self.place.socket_directory.clone(),
            password: self.place.password.clone(),
            name: name.to_owned(),
            number,
            binaries: self.found.binaries.clone(),
        }
    }

    /// Opens a database.
    pub fn open(&self, name: &str, number: u16) -> Box<dyn Database> {
        RedisEngine.open(&self.location(name, number), &DatabaseSettings::default()).expect("open")
    }

    /// Kills the server, and starts another one in its place.
    pub fn kill_and_restart(mut self) -> Self {
        let mut owner = self.connect(0);
        let facts: String = redis::cmd("INFO").arg("server").query(&mut owner).expect("info");
        let process = facts.lines().find_map(|line| line.strip_prefix("process_id:")).expect("its process");
        let killed = Command::new("kill").arg("-KILL").arg(process).status().expect("kill");
        assert!(killed.success());
        while redis::cmd("PING").exec(&mut owner).is_ok() {}
        // The guard would remove the directory.
        self.guard.kill().expect("end the guard");
        self.guard.wait().expect("wait for the guard");
        Server::start(self.place)
    }

    /// Connects as Seedbed does, who may look everywhere.
    pub fn connect(&self, number: i64) -> Connection {
        let settings = redis::RedisConnectionInfo::default()
            .set_db(number)
            .set_username("seedbed")
            .set_password(self.place.password.expose());
        let socket = redis::ConnectionAddr::Unix(self.place.socket_directory.join("redis.sock"));
        let address = redis::IntoConnectionInfo::into_connection_info(socket).expect("an address");
        Client::open(address.set_redis_settings(settings)).and_then(|client| client.get_connection()).expect("connect")
    }
}

/// A database of its own on the common server.
pub struct RedisHarness {
    pub server: &'static Server,
    pub name: String,
    pub number: u16,
    dumps: TempDir,
}

impl RedisHarness {
    pub fn new() -> Self {
        Self::on(server())
    }

    /// Makes a harness on a server.
    pub fn on(server: &'static Server) -> Self {
        static COUNT: AtomicU16 = AtomicU16::new(1);
        // With nextest each test has a process of its own, and a server.
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let dumps = TempDir::new().expect("a temporary directory");
        RedisHarness { server, name: format!("Test \"{number}\" 'a=b'"), number, dumps }
    }

    /// Connects as a service does: by the URL.
    pub fn service(&self) -> Connection {
        let url = self.server.location(&self.name, self.number).url();
        Client::open(url).and_then(|client| client.get_connection()).expect("connect over TCP")
    }

    /// Makes the database and executes a script in it.
    pub fn filled(&self, script: &str) -> Box<dyn Database> {
        let mut database = self.open();
        database.create().expect("create");
        database.execute_script(script).expect("script");
        database
    }
}

impl Harness for RedisHarness {
    fn open(&self) -> Box<dyn Database> {
        self.server.open(&self.name, self.number)
    }

    fn directory(&self) -> &Path {
        self.dumps.path()
    }

    fn fill(&self, database: &mut dyn Database, variant: u8) {
        let mut script = format!("SET variant {variant}\nHSET author:1 name ada\nSADD authors:all 1\n");
        script.push_str("RPUSH \"books\\x00\\xff\" Notes \"Semicolons; and 'quotes'\"\n");
        if variant == LARGE {
            for number in 0..5000_u128 {
                let name = number * 0x9e37_79b9_7f4a_7c15;
                writeln!(script, "HSET author:{number:04} name {name:032x}").expect("a string takes it");
            }
        }
        database.execute_script(&script).expect("script");
    }

    fn change(&self, database: &mut dyn Database) {
        database.execute_script("INCR changes").expect("change");
    }
}
