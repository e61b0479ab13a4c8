//! RDB files, which every Redis writes: read with Redis's own programs.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use database::{Binaries, DatabaseError, FileError, Inside, Program, ProgramFailure, StateName};
use redis::{Connection, RedisResult};
use tempfile::TempDir;

use crate::client::{Address, OWNER, SOCKET};
use crate::content;
use crate::database::RedisDatabase;
use crate::dump::damaged;
use crate::error::refused;
use crate::program::{path, program};
use crate::value::Bytes;

/// How RDB files begin, by maker.
const MAGIC: [&[u8]; 2] = [b"REDIS", b"VALKEY"];

/// The file in the directory of a server.
const FILE: &str = "dump.rdb";

/// Runs a server until its standard input is closed, which happens however its owner ends; then stops it and removes its
/// directory. The arguments are the directory, and the server's program with its arguments.
const GUARD: &str = r#"
    place=$1; shift
    "$@" </dev/null & server=$!
    cat >/dev/null; kill -KILL $server; wait $server; rm -rf "$place"
"#;

/// More databases than any file has.
const DATABASES: &str = "4096";

/// How many keys are copied at a time.
const BATCH: usize = 200;

/// How long a server may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How often to look whether it does.
const START_INTERVAL: Duration = Duration::from_millis(5);

/// Says whether a file is an RDB file.
pub(crate) fn is_rdb(file: &Path) -> Result<bool, FileError> {
    let mut start = Vec::new();
    let opened = File::open(file).map_err(FileError::of("read", file))?;
    opened.take(8).read_to_end(&mut start).map_err(FileError::of("read", file))?;
    Ok(MAGIC.iter().any(|magic| start.starts_with(magic)))
}

impl RedisDatabase {
    /// Keeps the content of an RDB file: a server of its own reads it, and its keys are copied.
    pub(crate) fn import_rdb(&mut self, state: &StateName, file: &Path) -> Result<(), DatabaseError> {
        let findings = self.check_rdb(file)?;
        if !findings.is_empty() {
            return Err(damaged(file, findings.join("; ")));
        }
        let reader = Reader::start(&self.binaries, self.socket_directory(), file)?;
        let name = self.name.clone();
        let mut source = reader.connect(&name)?;
        let numbers = numbers(&mut source).map_err(refused(&name, "read an RDB file"))?;
        if numbers.len() > 1 {
            return Err(damaged(file, format!("it holds several databases ({}), not one", numbers.join(", "))));
        }
        let keys = match numbers.first() {
            Some(number) => {
                redis::cmd("SELECT").arg(number).exec(&mut source).map_err(refused(&name, "read an RDB file"))?;
                content::keys(&mut source, &name)?
            }
            None => Vec::new(),
        };
        self.keep_filled(state, |session| copy(&mut source, session, &keys).map_err(refused(&name, "copy an RDB file")))
    }

    /// Lets the server write an RDB file of all it has, and checks that.
    pub(crate) fn check_server(&mut self) -> Result<Vec<String>, DatabaseError> {
        let name = self.name.clone();
        let session = self.session()?;
        let answer: RedisResult<(String, PathBuf)> = redis::cmd("CONFIG")
            .arg("GET")
            .arg("dir")
            .query(session)
            .map(|(name, value): (String, String)| (name, PathBuf::from(value)));
        let (_, directory) = answer.map_err(refused(&name, "ask for its directory"))?;
        let file = tempfile::Builder::new()
            .prefix("check-")
            .tempfile_in(&directory)
            .map_err(FileError::of("write into", &directory))?;
        let mut program = program(&self.binaries, "cli");
        program.argument("-s").argument(&self.address.socket).argument("--user").argument(OWNER);
        if let Some(password) = &self.address.password {
            program.env("REDISCLI_AUTH", password.expose());
        }
        program.argument("--rdb").argument(file.path()).share(&directory).share(self.socket_directory());
        run(&mut program)?;
        self.check_rdb(file.path())
    }

    /// Gives what the checker of RDB files found wrong.
    fn check_rdb(&self, file: &Path) -> Result<Vec<String>, DatabaseError> {
        let mut program = program(&self.binaries, "check-rdb");
        let file = std::path::absolute(file).map_err(FileError::of("find", file))?;
        let Err(error) = run(program.argument(&file).share(&file)) else { return Ok(Vec::new()) };
        let DatabaseError::Program { output, .. } = &error else { return Err(error) };
        let lines = output.lines().filter(|line| line.starts_with("---") || line.starts_with('['));
        let findings: Vec<String> = lines.map(finding).collect();
        // A checker that failed and found nothing did not check.
        if findings.is_empty() { Err(error) } else { Ok(findings) }
    }

    fn socket_directory(&self) -> &Path {
        self.address.socket.parent().unwrap_or(Path::new("/"))
    }
}

/// Takes the decoration off a line of the checker: `[offset 0] Checking RDB file x` and `--- RDB ERROR DETECTED ---`.
fn finding(line: &str) -> String {
    line.trim_matches(|character: char| character == '-' || character == ' ').to_owned()
}

fn run(program: &mut Program) -> Result<(), DatabaseError> {
    let path = program.path().to_owned();
    program.run().map(drop).map_err(|failure| match failure {
        ProgramFailure::Start(source) => FileError { action: "start", path, source }.into(),
        ProgramFailure::Status { status, output } => DatabaseError::Program { program: path, status, output },
    })
}

/// A server that reads an RDB file and writes nothing.
struct Reader {
    guard: Child,
    address: Address,
    /// Removed by the guard, or here when there was none.
    _directory: TempDir,
}

impl Reader {
    fn start(binaries: &Binaries, near: &Path, file: &Path) -> Result<Self, DatabaseError> {
        let file = std::path::absolute(file).map_err(FileError::of("find", file))?;
        let directory =
            tempfile::Builder::new().prefix("rdb-").tempdir_in(near).map_err(FileError::of("write into", near))?;
        let link = directory.path().join(FILE);
        symlink(&file, &link).map_err(FileError::of("create", &link))?;
        let socket = directory.path().join(SOCKET);
        let server = path(binaries, "server");
        let mut plain = Command::new(&server);
        plain.args(["--port", "0", "--save", "", "--appendonly", "no", "--databases", DATABASES, "--dbfilename", FILE]);
        plain.arg("--unixsocket").arg(&socket).arg("--unixsocketperm").arg("700");
        plain.arg("--dir").arg(directory.path());
        let mut command = match binaries.image() {
            None => {
                let mut command = Command::new("sh");
                command.arg("-c").arg(GUARD).arg("guard").arg(directory.path()).arg(&server).args(plain.get_args());
                command
            }
            // A container ends like that by itself; should its owner be killed, the directory goes with the environment.
            Some(image) => {
                let mut inside = Inside::default();
                inside.share(directory.path());
                inside.share(&file);
                image.command_with_lifeline(&plain, &inside)
            }
        };
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let guard = command.spawn().map_err(FileError::of("start", &server))?;
        Ok(Reader { guard, address: Address { socket, password: None }, _directory: directory })
    }

    fn connect(&self, database: &str) -> Result<Connection, DatabaseError> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            match self.address.connect(OWNER, 0) {
                Err(error) if error.is_io_error() && Instant::now() < deadline => {
                    std::thread::sleep(START_INTERVAL);
                }
                result => return result.map_err(refused(database, "start a server for an RDB file")),
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // The guard ends as soon as it has ended the server; there is nobody to tell if it does not.
        let _: io::Result<_> = self.guard.wait();
    }
}

/// Lists the numbers that have keys.
fn numbers(source: &mut Connection) -> RedisResult<Vec<String>> {
    let facts: String = redis::cmd("INFO").arg("keyspace").query(source)?;
    let number = |line: &str| Some(line.strip_prefix("db")?.split_once(':')?.0.to_owned());
    Ok(facts.lines().filter_map(number).collect())
}

/// Copies keys from one server to another, as the servers serialise them.
fn copy(source: &mut Connection, target: &mut Connection, keys: &[Bytes]) -> RedisResult<()> {
    for batch in keys.chunks(BATCH) {
        let mut reading = redis::pipe();
        for key in batch {
            reading.cmd("DUMP").arg(key).cmd("PEXPIRETIME").arg(key);
        }
        let answers: Vec<redis::Value> = reading.query(source)?;
        let mut writing = redis::pipe();
        for (key, answers) in batch.iter().zip(answers.chunks_exact(2)) {
            let expiry: i64 = redis::from_redis_value(answers[1].clone())?;
            let payload: Option<Bytes> = redis::from_redis_value(answers[0].clone())?;
            if let Some(payload) = payload {
                writing.cmd("RESTORE").arg(key).arg(expiry.max(0)).arg(payload).arg("ABSTTL");
            }
        }
        if !writing.is_empty() {
            writing.exec(target)?;
        }
    }
    Ok(())
}
