//! A workspace in a directory of its own, whose environments do not outlive it.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tempfile::TempDir;

use crate::http;
use crate::program::{self, Ran};

const PATIENCE: Duration = Duration::from_secs(60);

/// A temporary workspace.
pub struct Workspace {
    directory: TempDir,
    root: PathBuf,
    home: PathBuf,
}

impl Workspace {
    /// An empty one.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let top = directory.path().canonicalize().unwrap();
        let (root, home) = (top.join("work"), top.join("home"));
        fs::create_dir_all(&root).unwrap();
        fs::create_dir_all(&home).unwrap();
        let programs = top.join("bin");
        fs::create_dir_all(&programs).unwrap();
        symlink(trivial_service(), programs.join("trivial_service")).unwrap();
        Self { directory, root, home }
    }

    /// One with these files.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let workspace = Self::new();
        for (path, text) in files {
            workspace.write(path, text);
        }
        workspace
    }

    /// Its root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Writes a file.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Reads a file.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap()
    }

    /// The program, started here, in surroundings that are the same everywhere.
    pub fn command(&self, arguments: &[&str]) -> Command {
        // The same programs everywhere: the small service, and those of the system.
        let path = format!("{}:/usr/bin:/bin", self.root.with_file_name("bin").display());
        let mut command = program::seedbed();
        command.env_clear().env("PATH", path).env("HOME", &self.home).env("USER", "you");
        command.env("COLUMNS", "100").env("NO_COLOR", "1");
        // Whoever says where the engine of containers is means the tests, too.
        command.envs(env::var_os("DOCKER_HOST").map(|host| ("DOCKER_HOST", host)));
        command.current_dir(&self.root).args(arguments);
        command
    }

    /// Runs the program here.
    #[track_caller]
    pub fn seedbed(&self, arguments: &[&str]) -> Ran {
        program::run(&mut self.command(arguments), PATIENCE)
    }

    /// What an engine's own client answers, as `seedbed ARGUMENTS db shell` starts it.
    #[track_caller]
    pub fn client(&self, arguments: &[&str], input: &str) -> String {
        self.asked(&[arguments, &["db", "shell"]].concat(), input)
    }

    /// What a command answers to an input.
    #[track_caller]
    pub fn asked(&self, arguments: &[&str], input: &str) -> String {
        program::run_with(&mut self.command(arguments), input, PATIENCE).ends_with(0).stdout
    }

    /// Runs a script of the shell here.
    #[track_caller]
    pub fn shell(&self, script: &str) -> Ran {
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(&self.root);
        program::run(&mut command, PATIENCE).ends_with(0)
    }

    /// The process of each service that runs, in the default environment.
    pub fn processes(&self) -> BTreeMap<String, u64> {
        let status = self.seedbed(&["status", "--json"]).ends_with(0).json();
        let services = status["services"].as_array().unwrap().iter();
        services.filter_map(|one| Some((one["service"].as_str()?.to_owned(), one["pid"].as_u64()?))).collect()
    }

    /// What a service of the default environment answers.
    pub fn get(&self, service: &str, path: &str) -> String {
        let status = self.seedbed(&["status", "--json"]).ends_with(0).json();
        let found = status["services"].as_array().unwrap().iter().find(|one| one["service"] == service);
        let address = found.unwrap_or_else(|| panic!("no {service} in {status}"))["address"].as_str().unwrap();
        let answer = http::get(address, path, None);
        format!("{} {}", answer.status, answer.body.trim_end())
    }

    /// Asks a database, named `[ENVIRONMENT:]WORKSPACE/DATABASE[@DIRECTORY]`: a line for each row.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let (environment, database) = database.split_once(':').unwrap_or(("default", database));
        let (database, directory) = database.split_once('@').unwrap_or((database, "."));
        let environment = self.root.join(directory).join(".seedbed").join(environment);
        let file = environment.join("databases").join(format!("{database}.sqlite3"));
        assert!(file.exists(), "there is no {}", file.display());
        let connection = Connection::open(file).unwrap();
        let mut statement = connection.prepare(sql).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        let mut text = String::new();
        while let Some(row) = rows.next().unwrap() {
            let cells: Vec<String> = (0..columns).map(|column| cell(row.get_ref(column).unwrap())).collect();
            text.push_str(&cells.join(" | "));
            text.push('\n');
        }
        text
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        for root in workspaces(&self.root) {
            let environments = fs::read_dir(root.join(".seedbed")).into_iter().flatten().flatten();
            for environment in environments.filter(|entry| entry.path().join("environment.json").exists()) {
                // A test may have taken the manifest away; what runs is found by its place alone.
                let _ = fs::OpenOptions::new().create(true).append(true).open(root.join("seedbed.yaml"));
                let name = environment.file_name().into_string().unwrap();
                let mut destroy = self.command(&["destroy", "--yes", "--quiet", "--name", &name]);
                let ended = destroy.current_dir(&root).output().unwrap();
                if !ended.status.success() {
                    let path = self.directory.path().display();
                    eprintln!("{path} could not be destroyed: {}", String::from_utf8_lossy(&ended.stderr));
                }
            }
        }
    }
}

/// A directory and those in it that have environments.
fn workspaces(root: &Path) -> Vec<PathBuf> {
    let below = fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
    below.chain([root.to_owned()]).filter(|directory| directory.join(".seedbed").is_dir()).collect()
}

/// The small service that the tests start.
fn trivial_service() -> PathBuf {
    let tests = env::current_exe().unwrap();
    let service = tests.parent().and_then(Path::parent).unwrap().join("examples/trivial_service");
    assert!(service.exists(), "no {}: `cargo build -p seedbed --examples` makes it", service.display());
    service
}

fn cell(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "null".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}
