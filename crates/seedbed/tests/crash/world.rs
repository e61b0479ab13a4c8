//! A workspace with two databases and a service, the program run in it, and looks at what it left.

use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// Longer than anything here may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// What both databases hold after `up`.
pub const DECLARED: &str = "a=plain b=plain | x=plain y=plain";
/// What they hold after `load more.yaml` on top of that.
pub const MORE: &str = "a=plain b=plain c=plain d=plain | x=plain y=plain z=plain";

const DATABASES: &str = r"
databases:
  orders: { engine: sqlite, schema: { sql: [orders.sql] }, types: orders.types.yaml, data: [orders.yaml] }
  stock: { engine: sqlite, schema: { sql: [stock.sql] }, types: stock.types.yaml, data: [stock.yaml] }
profiles:
  postgres:
    databases: { orders: { engine: postgres }, stock: { engine: postgres } }
  own:
    servers: own
    databases: { orders: { engine: postgres }, stock: { engine: postgres } }
";

/// A workspace whose environment is gone when this is dropped.
pub struct World {
    directory: TempDir,
    root: PathBuf,
}

impl World {
    /// A workspace that nothing was done with.
    pub fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("seedbed-crash").tempdir().expect("a directory");
        let root = directory.path().to_owned();
        let world = Self { directory, root };
        world.write_all();
        world
    }

    /// A workspace that is up, with a snapshot `base` of its declared data.
    pub fn up() -> Self {
        let world = Self::new();
        world.done(&["up"]);
        world.done(&["snapshot", "base"]);
        world
    }

    /// Moves the workspace into a directory below, which something can be mounted on.
    pub fn below(&mut self, name: &str) -> PathBuf {
        self.root = self.directory.path().join(name);
        fs::create_dir(&self.root).expect("a directory");
        self.root.clone()
    }

    /// Writes the files of the workspace.
    pub fn write_all(&self) {
        self.manifest("");
        for (table, keys) in [("orders", ["a", "b"]), ("stock", ["x", "y"])] {
            // What fails when it is repeated on a database that has it.
            self.write(&format!("{table}.sql"), &schema(table, "plain"));
            let types = format!(
                "types:\n  {table}:\n    table: {table}\n    key: [code]\n    list: {table}\n    fields: {{ code: {{}}, note: plain }}\n"
            );
            self.write(&format!("{table}.types.yaml"), &types);
            self.write(
                &format!("{table}.yaml"),
                &format!("{table}: [{{ code: {} }}, {{ code: {} }}]\n", keys[0], keys[1]),
            );
        }
        self.write("more.yaml", "- { ida: shop, path: more_orders.yaml }\n- { ida: shop, path: more_stock.yaml }\n");
        self.write("more_orders.yaml", "orders: [{ code: c }, { code: d }]\n");
        self.write("more_stock.yaml", "stock: [{ code: z }]\n");
        self.write("same.yaml", "- { ida: shop, path: orders.yaml }\n");
    }

    /// Writes the manifest: the databases, the service `web`, and these services or other sections.
    pub fn manifest(&self, more: &str) {
        let web = format!(
            "name: shop\n{DATABASES}\nservices:\n  web:\n    run: [{}, '${{port}}']\n    env: {{ A: '${{databases.orders.url}}', B: '${{databases.stock.url}}' }}\n    port: auto\n    ready: {{ http: / }}\n",
            trivial_service().display()
        );
        self.write("seedbed.yaml", &format!("{web}{more}"));
    }

    /// Changes the schema of both databases, in a way that is seen in every row.
    pub fn migrate_to(&self, note: &str) {
        for table in ["orders", "stock"] {
            self.write(&format!("{table}.sql"), &format!("UPDATE {table} SET note = '{note}';\n{}", filler(table)));
        }
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.root.join(name), text).expect("a file that can be written");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The directory of the environment.
    pub fn environment(&self) -> PathBuf {
        self.root.join(".seedbed/default")
    }

    /// The file of a database.
    pub fn database(&self, name: &str) -> PathBuf {
        self.environment().join("databases/shop").join(format!("{name}.sqlite3"))
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seedbed"));
        // Servers that environments share are those of this workspace.
        command.env("XDG_STATE_HOME", self.root.join("state"));
        command.arg("-C").arg(&self.root).args(arguments).env("NO_COLOR", "1").stdin(Stdio::null());
        command
    }

    /// Starts the program.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.command(arguments);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program");
        Running { words: arguments.join(" "), child: Some(child) }
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).end()
    }

    /// Runs the program, which must succeed.
    pub fn done(&self, arguments: &[&str]) -> Ended {
        self.run(arguments).expect_code(0)
    }

    /// How long an undisturbed run takes.
    pub fn measure(&self, arguments: &[&str]) -> Duration {
        let began = Instant::now();
        self.done(arguments);
        began.elapsed()
    }

    /// Starts the program and kills it after a while, if it still runs then.
    pub fn kill_after(&self, arguments: &[&str], delay: Duration) {
        let mut running = self.start(arguments);
        std::thread::sleep(delay);
        running.signal(Signal::KILL);
        running.end();
    }

    /// The rows of both databases; a database or table that is not there shows as such.
    pub fn content(&self) -> String {
        format!("{} | {}", self.rows("orders"), self.rows("stock"))
    }

    fn rows(&self, table: &str) -> String {
        let read = || -> rusqlite::Result<String> {
            let connection = Connection::open_with_flags(self.database(table), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            let mut statement =
                connection.prepare(&format!("SELECT code || '=' || note FROM {table} ORDER BY code"))?;
            let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?.join(" "))
        };
        read().unwrap_or_else(|error| format!("({error})"))
    }

    /// The result of a command as JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let ended = self.done(&[arguments, &["--json"]].concat());
        serde_json::from_str(&ended.output).expect("JSON")
    }

    /// The tags of the snapshots.
    pub fn snapshots(&self) -> Vec<String> {
        let listed = self.json(&["snapshots"]);
        let records = listed["snapshots"].as_array().expect("a list");
        records.iter().map(|record| record["tag"].as_str().expect("a tag").to_owned()).collect()
    }

    /// The process of a service, as the program tells it.
    pub fn process_of(&self, service: &str) -> Option<u64> {
        let status = self.json(&["status"]);
        let services = status["services"].as_array().expect("a list");
        services.iter().find(|known| known["service"] == service).and_then(|known| known["pid"].as_u64())
    }

    /// The words of all living processes that belong to units of the environment.
    pub fn unit_processes(&self) -> Vec<String> {
        let mark = format!("SEEDBED_UNIT_OF={}", self.environment().display());
        processes().filter(|process| has_variable(process, &mark)).map(|process| words(&process)).collect()
    }

    /// The words of all living processes that name the workspace: commands, supervisors, programs of engines.
    pub fn other_processes(&self) -> Vec<String> {
        let root = self.root.display().to_string();
        processes().map(|process| words(&process)).filter(|words| words.contains(&root)).collect()
    }

    /// The process of the supervisor.
    pub fn supervisor(&self) -> Pid {
        let text = fs::read_to_string(self.environment().join("supervisor.pid")).expect("a supervisor");
        text.trim().parse().ok().and_then(Pid::from_raw).expect("its process")
    }

    /// Brings the workspace up and says that all is there: the content, and one instance of the service.
    pub fn is_up_with(&self, content: &str, when: &str) {
        let up = self.done(&["up"]);
        assert_eq!(self.content(), content, "{when}\n{}", up.errors);
        let processes = self.unit_processes();
        assert_eq!(processes.len(), 1, "{when}: {processes:?}");
    }

    /// Removes the environment; every other time with its store, so that nothing can be had that was made before.
    pub fn destroy_for(&self, index: usize) {
        self.done(&["destroy", "--yes"]);
        if index.is_multiple_of(2) {
            fs::remove_dir_all(self.root.join(".seedbed")).expect("nobody uses it");
        }
    }

    /// Removes the environment, if there is one.
    pub fn destroy(&self) {
        if self.environment().exists() {
            let _ = self.run(&["destroy", "--yes"]);
        }
    }

    /// Stops the environment; then nothing of it may be left.
    pub fn is_down_without_rest(&self) {
        self.done(&["down"]);
        eventually("processes are left", || match [self.unit_processes(), self.other_processes()].concat() {
            left if left.is_empty() => Ok(()),
            left => Err(left),
        });
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.destroy();
    }
}

/// The program while it runs; killed when it is dropped.
pub struct Running {
    words: String,
    child: Option<Child>,
}

impl Running {
    /// Sends a signal, if it still runs.
    pub fn signal(&mut self, signal: Signal) {
        if self.runs() {
            let pid = Pid::from_raw(self.pid().cast_signed()).expect("a process");
            // Not waited for yet, so its number is its own.
            kill_process(pid, signal).expect("a signal");
        }
    }

    /// Whether it has not ended yet.
    pub fn runs(&mut self) -> bool {
        self.child.as_mut().expect("it has not ended").try_wait().is_ok_and(|status| status.is_none())
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it has not ended").id()
    }

    /// Waits for its end.
    pub fn end(mut self) -> Ended {
        let child = self.child.take().expect("it has not ended");
        let watched = Pid::from_raw(child.id().cast_signed()).expect("a process");
        let (tell, told) = std::sync::mpsc::channel();
        let waiting = std::thread::spawn(move || {
            let output = child.wait_with_output();
            // Whoever waited too long is not there any more.
            let _ = tell.send(());
            output
        });
        if told.recv_timeout(DEADLINE).is_err() {
            kill_process(watched, Signal::KILL).expect("a process that hangs");
            let output = waiting.join().expect("no panic").expect("its output");
            panic!("`seedbed {}` hangs; it said:\n{}", self.words, String::from_utf8_lossy(&output.stderr));
        }
        Ended::of(&self.words, &waiting.join().expect("no panic").expect("its output"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What a run of the program came to.
#[derive(Debug)]
pub struct Ended {
    pub words: String,
    pub status: ExitStatus,
    pub output: String,
    pub errors: String,
}

impl Ended {
    fn of(words: &str, output: &Output) -> Self {
        Self {
            words: words.to_owned(),
            status: output.status,
            output: String::from_utf8_lossy(&output.stdout).into_owned(),
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "`seedbed {}` ended with {}:\n{}", self.words, self.status, self.errors);
        self
    }
}

/// Waits until something holds; panics with what was seen last.
pub fn eventually<T: Debug>(what: &str, mut look: impl FnMut() -> Result<(), T>) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match look() {
            Ok(()) => return,
            Err(seen) if Instant::now() > deadline => panic!("{what}: {seen:?}"),
            Err(_) => std::thread::yield_now(),
        }
    }
}

/// Moments from the beginning of something to a little after its end.
pub fn moments(length: Duration, count: u32) -> impl Iterator<Item = Duration> {
    (0..count).map(move |index| length.mul_f64(1.1) * index / count)
}

/// Says why a test cannot run here; in CI that is a failure.
pub fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "in CI nothing is skipped: {why}");
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    // Straight to the terminal: the test's own output is shown only when it fails.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("skipped: {name}: {why}\n").as_bytes());
}

fn schema(table: &str, note: &str) -> String {
    format!("CREATE TABLE {table} (code TEXT PRIMARY KEY, note TEXT NOT NULL);\nUPDATE {table} SET note = '{note}';\n")
}

/// Statements that change nothing, so that there is time to be killed in.
fn filler(table: &str) -> String {
    format!("UPDATE {table} SET code = code;\n").repeat(200)
}

/// The example of this crate, beside the directory of this test.
fn trivial_service() -> PathBuf {
    let test = std::env::current_exe().expect("this test");
    let built = test.ancestors().nth(2).expect("target/debug/deps is above it");
    let service = built.join("examples/trivial_service");
    assert!(service.exists(), "{} is built along with the tests", service.display());
    service
}

/// The directories of living processes in `/proc`.
fn processes() -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir("/proc").expect("a list of processes").flatten().map(|entry| entry.path());
    entries.filter(|path| {
        let stat = fs::read_to_string(path.join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
    })
}

fn has_variable(process: &Path, variable: &str) -> bool {
    let environ = fs::read(process.join("environ")).unwrap_or_default();
    environ.split(|byte| *byte == 0).any(|known| known == variable.as_bytes())
}

fn words(process: &Path) -> String {
    let words = fs::read(process.join("cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&words).replace('\0', " ").trim_end().to_owned()
}
