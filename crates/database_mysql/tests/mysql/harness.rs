//! A private server for one test binary, and a database of it for each test.

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use database::contract::{Harness, RelationalHarness, TypeKind, change_rows, fill_tables, image_of};
use database::{
    Binaries, Database, DatabaseSettings, Durability, Engine as _, EngineKind, Location, Secret, ServerFound,
    ServerPlace, ServerRequest,
};
use database_mysql::MysqlEngine;
use mysql::prelude::Queryable as _;
use mysql::{Conn, Opts};
use tempfile::TempDir;

/// How long a server may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs a server until its standard input is closed, which happens however the test binary ends; then stops it and removes
/// its directory. The arguments are the directory, and the server's program with its arguments.
const GUARD: &str = r#"
    place=$1; shift
    "$@" </dev/null & server=$!
    cat >/dev/null; kill -TERM $server; wait $server; rm -rf "$place"
"#;

/// A running server.
pub struct Server {
    place: ServerPlace,
    found: ServerFound,
    /// Its standard input keeps the server alive.
    _guard: Child,
}

/// Finds the programs.
pub fn found() -> ServerFound {
    let found = MysqlEngine.find_server(&ServerRequest::default()).expect("a server is installed");
    found.expect("the engine has servers")
}

/// Describes a place for a server in a directory, on a free port.
pub fn place(directory: &Path) -> ServerPlace {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
    ServerPlace {
        directory: directory.join("server"),
        socket_directory: directory.join("socket"),
        host: "127.0.0.1".to_owned(),
        port,
        password: Secret::new("p@ss 'word'\\"),
        // No test cuts the power.
        durability: Durability::Relaxed,
        is_shared: false,
        templates: None,
    }
}

/// Gives the server of this test binary, started by the first test that asks.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| start(found()))
}

/// Gives a server in a container, of an image with the programs of this machine; `None` where there are no containers.
pub fn contained() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(|| in_image().map(start)).as_ref()
}

/// Finds the programs in an image that is made of those of this machine.
fn in_image() -> Option<ServerFound> {
    let image = image_of(EngineKind::Mysql)?;
    let request = ServerRequest { version: None, binaries: Some(Binaries::Image(image)) };
    Some(MysqlEngine.find_server(&request).expect("it is in the image").expect("it has a server"))
}

fn start(found: ServerFound) -> Server {
    let directory = tempfile::Builder::new().prefix("seedbed-").tempdir().expect("a temporary directory").keep();
    // The server's user has to get through.
    std::fs::set_permissions(&directory, std::os::unix::fs::PermissionsExt::from_mode(0o711)).expect("permissions");
    let place = place(&directory);
    MysqlEngine.prepare_server(&found, &place).expect("prepare");
    let process = MysqlEngine.server_process(&found, &place).expect("how to run it");
    let mut command = Command::new("sh");
    command.arg("-c").arg(GUARD).arg("guard").arg(&directory).arg(&process.program).args(&process.arguments);
    command.envs(&process.env).current_dir(&process.directory);
    let log = std::fs::File::create(directory.join("log")).expect("a log");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
    if let Some((user, group)) = process.user {
        std::os::unix::fs::chown(&directory, Some(user), Some(group)).expect("change the owner");
        command.uid(user).gid(group);
    }
    // Ctrl-C ends the test binary, and through it the server.
    command.process_group(0);
    let guard = command.spawn().expect("start");
    let server = Server { place, found, _guard: guard };
    let deadline = Instant::now() + START_TIMEOUT;
    let mut probe = server.open("probe");
    loop {
        match probe.exists() {
            Ok(_) => return server,
            Err(error) => assert!(
                Instant::now() < deadline,
                "the server does not listen: {error:?}\n{}",
                std::fs::read_to_string(directory.join("log")).unwrap_or_default()
            ),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Server {
    /// Says where a database of this name is, for a user.
    pub fn location(&self, user: &str, name: &str) -> Location {
        Location::Mysql {
            host: self.place.host.clone(),
            port: self.place.port,
            socket_directory: self.place.socket_directory.clone(),
            user: user.to_owned(),
            password: self.place.password.clone(),
            name: name.to_owned(),
            binaries: self.found.binaries.clone(),
        }
    }

    /// Opens the database of this name.
    pub fn open(&self, name: &str) -> Box<dyn Database> {
        MysqlEngine.open(&self.location("seedbed", name), &DatabaseSettings::default()).expect("open")
    }
}

/// A database of its own on the common server.
pub struct MysqlHarness {
    pub server: &'static Server,
    /// The database's name, with what a name may contain.
    pub name: String,
    dumps: TempDir,
}

impl MysqlHarness {
    /// Makes a harness.
    pub fn new() -> Self {
        Self::on(server())
    }

    /// Makes a harness on a server.
    pub fn on(server: &'static Server) -> Self {
        Self::named(server, format!("Test `{}` 'a=b'", next()))
    }

    /// Makes a harness whose database has a name of letters and digits.
    pub fn plain() -> Self {
        Self::named(server(), format!("plain{}x", next()))
    }

    fn named(server: &'static Server, name: String) -> Self {
        MysqlHarness { server, name, dumps: TempDir::new().expect("a temporary directory") }
    }

    /// Says where the database is.
    pub fn location(&self) -> Location {
        self.server.location("seedbed", &self.name)
    }

    /// Connects as a service does: by the URL.
    pub fn service(&self) -> Conn {
        Conn::new(Opts::from_url(&self.location().url()).expect("a URL")).expect("connect over TCP")
    }
}

/// Counts the harnesses.
fn next() -> usize {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

impl Harness for MysqlHarness {
    fn open(&self) -> Box<dyn Database> {
        self.server.open(&self.name)
    }

    fn directory(&self) -> &Path {
        self.dumps.path()
    }

    fn fill(&self, database: &mut dyn Database, variant: u8) {
        fill_tables(self, database, variant);
    }

    fn change(&self, database: &mut dyn Database) {
        change_rows(database);
    }

    fn damage(&self, _database: &mut dyn Database) -> bool {
        // An index of MyISAM is checked by its file, which a test can overwrite.
        let mut service = self.service();
        service.query_drop("CREATE TABLE fragile (a int PRIMARY KEY, b text) ENGINE = MyISAM").expect("a table");
        service.query_drop("INSERT INTO fragile VALUES (1, REPEAT('x', 9000)), (2, REPEAT('y', 9000))").expect("rows");
        service.query_drop("FLUSH TABLES fragile").expect("flush");
        let directory: Option<String> = service.query_first("SELECT @@datadir").expect("the directory");
        let mut found = false;
        for entry in std::fs::read_dir(directory.expect("it has one")).expect("read").flatten() {
            let file = entry.path().join("fragile.MYD");
            if file.is_file() {
                let bytes = std::fs::read(&file).expect("read");
                std::fs::write(&file, &bytes[..bytes.len() / 2]).expect("damage");
                found = true;
            }
        }
        found
    }
}

impl RelationalHarness for MysqlHarness {
    fn open_clone(&self, name: &str) -> Box<dyn Database> {
        self.server.open(name)
    }

    fn sql_type(&self, kind: TypeKind) -> &'static str {
        match kind {
            TypeKind::Serial => "bigint AUTO_INCREMENT PRIMARY KEY",
            TypeKind::Boolean => "boolean",
            TypeKind::Decimal => "decimal(20, 4)",
            TypeKind::Date => "date",
            TypeKind::Timestamp => "timestamp(6) NULL",
            TypeKind::Json => "json",
            TypeKind::Uuid => "char(36)",
            TypeKind::Bytes => "varbinary(100)",
        }
    }

    fn quote(&self, name: &str) -> String {
        format!("`{}`", name.replace('`', "``"))
    }

    fn takes_back_schema_changes(&self) -> bool {
        false
    }

    fn has_partial_indexes(&self) -> bool {
        false
    }
}
