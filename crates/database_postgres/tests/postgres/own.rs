//! A server of a test's own, which can be stopped.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use database::{Database, DatabaseSettings, Durability, Engine as _, Location, ServerFiles, ServerFound, ServerPlace};
use database_postgres::PostgresEngine;
use postgres::{Client, NoTls};

use crate::harness::{found, place};

/// How long a server may take to listen, or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that can be stopped.
pub struct Own {
    pub found: ServerFound,
    pub place: ServerPlace,
    /// Further arguments of the next start.
    pub more: Vec<String>,
    /// It, when it runs.
    pub process: Option<Child>,
}

impl Own {
    /// Prepares one that outlives a crash.
    pub fn new(directory: &Path) -> Self {
        Self::with(ServerPlace { durability: Durability::Full, ..place(directory) })
    }

    /// Prepares one in a place.
    pub fn with(place: ServerPlace) -> Self {
        let directory = place.directory.parent().expect("it is within a directory");
        fs::create_dir_all(directory).expect("create");
        fs::set_permissions(directory, fs::Permissions::from_mode(0o711)).expect("permissions");
        let own = Own { found: found(), place, more: Vec::new(), process: None };
        PostgresEngine.prepare_server(&own.found, &own.place).expect("prepare");
        own
    }

    /// Starts it, and waits until it takes connections.
    pub fn start(&mut self) {
        let process = PostgresEngine.server_process(&self.found, &self.place).expect("how to run it");
        let mut command = Command::new(&process.program);
        command.args(&process.arguments).args(&self.more).envs(&process.env).current_dir(&process.directory);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((user, group)) = process.user {
            command.uid(user).gid(group);
        }
        let mut process = command.spawn().expect("start");
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = self.open("postgres").exists() {
            // It does not start beside children of one that was killed, which are about to end.
            if process.try_wait().expect("wait").is_some() {
                process = command.spawn().expect("start");
            }
            assert!(Instant::now() < deadline, "the server does not listen: {error:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        self.process = Some(process);
    }

    /// Ends the server by a signal and waits until it is gone.
    pub fn end(&mut self, signal: &str) {
        let Some(mut process) = self.process.take() else { return };
        let sent = Command::new("kill").arg(signal).arg(process.id().to_string()).status().expect("kill");
        assert!(sent.success());
        process.wait().expect("wait");
    }

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
        PostgresEngine.open(&self.location(name), &DatabaseSettings::default()).expect("open")
    }

    /// Connects to a database as a service does.
    pub fn client(&self, name: &str) -> Client {
        Client::connect(&self.location(name).url(), NoTls).expect("connect over TCP")
    }

    /// Gives the directory of its files.
    pub fn data(&self) -> PathBuf {
        PostgresEngine.server_files(&self.place).expect("it has a server").directory
    }

    /// Stops the server, copies its files to where nobody changes them, and starts it again.
    pub fn save(&mut self, more: &[String], to: &Path) {
        self.end("-INT");
        let files = PostgresEngine.stopped_files(&self.found, &self.place).expect("it was stopped").expect("its files");
        copy(&files, more, to);
        self.start();
    }

    /// The directories of databases that no database has.
    pub fn strays(&self) -> Vec<String> {
        let sql = "SELECT oid::text FROM pg_database";
        let known: Vec<String> =
            self.client("postgres").query(sql, &[]).expect("query").iter().map(|row| row.get(0)).collect();
        let entries = fs::read_dir(self.data().join("base")).expect("read").flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| !known.contains(name) && name != "pgsql_tmp").collect()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.end("-KILL");
    }
}

/// Copies what is to be saved, as the store does.
pub fn copy(files: &ServerFiles, more: &[String], to: &Path) {
    let exclude: Vec<String> = files.exclude.iter().chain(more).map(|glob| format!("--exclude=./{glob}")).collect();
    let mut pack = Command::new("tar");
    pack.arg("-C").arg(&files.directory).args(exclude).args(["-cf", "-", "."]).stdout(Stdio::piped());
    let mut pack = pack.spawn().expect("tar");
    fs::create_dir_all(to).expect("create");
    let mut unpack = Command::new("tar");
    unpack.arg("-C").arg(to).args(["-xpf", "-"]).stdin(pack.stdout.take().expect("it is piped"));
    assert!(unpack.status().expect("tar").success());
    assert!(pack.wait().expect("tar").success());
}
