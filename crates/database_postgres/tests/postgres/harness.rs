//! A private server for one test binary, and a database of it for each test.

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use database::contract::{Harness, RelationalHarness, TypeKind, change_rows, fill_tables, image_of};
use database::{
    Binaries, Database, DatabaseSettings, Durability, Engine as _, EngineKind, Location, Login, Secret, ServerFound,
    ServerPlace, ServerRequest,
};
use database_postgres::PostgresEngine;
use postgres::{Client, NoTls};
use tempfile::TempDir;

/// How long a server may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs a server until its standard input is closed, which happens however the test binary ends; then stops it and removes
/// its directory. The arguments are the directory, and the server's program with its arguments.
const GUARD: &str = r#"
    place=$1; shift
    "$@" </dev/null & server=$!
    cat >/dev/null; kill -INT $server; wait $server; rm -rf "$place"
"#;

/// A running server.
pub struct Server {
    place: ServerPlace,
    found: ServerFound,
    /// Its standard input keeps the server alive.
    _guard: Child,
}

/// Names the directory of the server's programs, to test another version than the newest installed.
const BINARIES: &str = "SEEDBED_TEST_POSTGRES";

/// Asks for the server to test.
pub fn request() -> ServerRequest {
    ServerRequest { version: None, binaries: std::env::var_os(BINARIES).map(|place| PathBuf::from(place).into()) }
}

/// Finds the programs.
pub fn found() -> ServerFound {
    PostgresEngine.find_server(&request()).expect("the tests need PostgreSQL").expect("it has a server")
}

/// Describes a place for a server in a directory, on a free port.
pub fn place(directory: &Path) -> ServerPlace {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
    ServerPlace {
        directory: directory.join("server"),
        socket_directory: directory.join("socket"),
        host: "127.0.0.1".to_owned(),
        port,
        password: Secret::new("p@ss 'word'"),
        // No test cuts the power, and each drop of a database would wait for the disk.
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
pub fn in_image() -> Option<ServerFound> {
    let image = image_of(EngineKind::Postgres)?;
    let request = ServerRequest { version: None, binaries: Some(Binaries::Image(image)) };
    Some(PostgresEngine.find_server(&request).expect("it is in the image").expect("it has a server"))
}

fn start(found: ServerFound) -> Server {
    let directory = tempfile::Builder::new().prefix("seedbed-").tempdir().expect("a temporary directory").keep();
    // The server's user has to get through.
    std::fs::set_permissions(&directory, std::os::unix::fs::PermissionsExt::from_mode(0o711)).expect("permissions");
    let place = place(&directory);
    PostgresEngine.prepare_server(&found, &place).expect("prepare");
    let process = PostgresEngine.server_process(&found, &place).expect("how to run it");
    let mut command = Command::new("sh");
    command.arg("-c").arg(GUARD).arg("guard").arg(&directory).arg(&process.program).args(&process.arguments);
    command.envs(&process.env).current_dir(&process.directory);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Some((user, group)) = process.user {
        std::os::unix::fs::chown(&directory, Some(user), Some(group)).expect("change the owner");
        command.uid(user).gid(group);
    }
    // Ctrl-C ends the test binary, and through it the server.
    command.process_group(0);
    let guard = command.spawn().expect("start");
    let server = Server { place, found, _guard: guard };
    let deadline = Instant::now() + START_TIMEOUT;
    let mut probe = server.open("postgres");
    loop {
        match probe.exists() {
            Ok(_) => return server,
            Err(error) => assert!(Instant::now() < deadline, "the server does not listen: {error:?}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Server {
    /// Says where a database of this name is.
    pub fn location(&self, name: &str) -> Location {
        Location::Postgres {
            host: self.place.host.clone(),
            port: self.place.port,
            socket_directory: self.place.socket_directory.clone(),
            user: "seedbed".to_owned(),
            password: self.place.password.clone(),
            administrator: None,
            name: name.to_owned(),
            binaries: self.found.binaries.clone(),
        }
    }

    /// Opens the database of this name.
    pub fn open(&self, name: &str) -> Box<dyn Database> {
        self.open_with(name, &DatabaseSettings::default())
    }

    /// Opens the database of this name with settings.
    pub fn open_with(&self, name: &str, settings: &DatabaseSettings) -> Box<dyn Database> {
        PostgresEngine.open(&self.location(name), settings).expect("open")
    }

    /// Connects to the server's own database.
    pub fn client(&self) -> Client {
        self.client_of("postgres")
    }

    /// Connects to a database as a service does: by the URL.
    pub fn client_of(&self, name: &str) -> Client {
        Client::connect(&self.location(name).url(), NoTls).expect("connect over TCP")
    }

    /// Says where the server lives.
    pub fn place(&self) -> &ServerPlace {
        &self.place
    }
}

/// A database of its own on the common server.
pub struct PostgresHarness {
    /// The server.
    pub server: &'static Server,
    /// The database's name, with what a name may contain.
    pub name: String,
    /// The role that owns the database, if the server is shared.
    pub tenant: Option<Login>,
    dumps: TempDir,
}

impl PostgresHarness {
    /// Makes a harness.
    pub fn new() -> Self {
        Self::on(server())
    }

    /// Makes a harness on a server.
    pub fn on(server: &'static Server) -> Self {
        Self::named(server, format!("Test \"{}\" 'a=b'", next()))
    }

    /// Makes a harness whose database has a name of letters and digits.
    pub fn plain() -> Self {
        Self::named(server(), format!("plain{}x", next()))
    }

    fn named(server: &'static Server, name: String) -> Self {
        PostgresHarness { server, name, tenant: None, dumps: TempDir::new().expect("a temporary directory") }
    }

    /// Makes a harness whose database belongs to a role of its own.
    pub fn of_tenant(tenant: &Login) -> Self {
        PostgresEngine.admit(server().place(), tenant).expect("admit");
        PostgresHarness { tenant: Some(tenant.clone()), ..Self::new() }
    }

    /// Says where the database is.
    pub fn location(&self) -> Location {
        let mut location = self.server.location(&self.name);
        if let (Location::Postgres { user, password, administrator, .. }, Some(tenant)) = (&mut location, &self.tenant)
        {
            *administrator = PostgresEngine.administrator(&self.server.place);
            (*user, *password) = (tenant.user.clone(), tenant.password.clone());
        }
        location
    }
}

/// Counts the harnesses.
fn next() -> usize {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

impl Harness for PostgresHarness {
    fn open(&self) -> Box<dyn Database> {
        PostgresEngine.open(&self.location(), &DatabaseSettings::default()).expect("open")
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

    fn damage(&self, database: &mut dyn Database) -> bool {
        // An index that did not hear of a row.
        for ready in [false, true] {
            database
                .execute_script(&format!(
                    "UPDATE pg_index SET indisready = {ready} WHERE indexrelid = 'authors_pkey'::regclass"
                ))
                .expect("change the catalog");
            if !ready {
                database.execute_script("INSERT INTO authors (name) VALUES ('unheard of')").expect("insert");
            }
        }
        true
    }
}

impl RelationalHarness for PostgresHarness {
    fn open_clone(&self, name: &str) -> Box<dyn Database> {
        PostgresEngine.open(&self.location().renamed(name), &DatabaseSettings::default()).expect("open")
    }

    fn sql_type(&self, kind: TypeKind) -> &'static str {
        match kind {
            TypeKind::Serial => "bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
            TypeKind::Boolean => "boolean",
            TypeKind::Decimal => "numeric(20, 4)",
            TypeKind::Date => "date",
            TypeKind::Timestamp => "timestamptz",
            TypeKind::Json => "jsonb",
            TypeKind::Uuid => "uuid",
            TypeKind::Bytes => "bytea",
        }
    }
}
