//! Measures how long a reset is waited for, and how long until the next spare is ready, beside `cp` of the same files.
//!
//! Arguments: the scale of `pgbench` (100 is 1.5 GB), a directory on the file system to measure, the rounds, and the
//! directory of the server's programs (that of the newest installed if not given). Gives a line of JSON on standard output.
#![expect(clippy::print_stdout, reason = "a program that measures says what it has measured")]

use std::error::Error;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use database::{
    Binaries, Database, DatabaseSettings, Durability, Engine as _, Location, Secret, ServerPlace, ServerRequest,
    StateName,
};
use database_postgres::PostgresEngine;

/// How long the server may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [scale, directory, rounds, binaries @ ..] = arguments.as_slice() else {
        return Err("usage: reset_times SCALE DIRECTORY ROUNDS [BINARIES]".into());
    };
    let request = ServerRequest { version: None, binaries: binaries.first().map(|place| place.as_str().into()) };
    let found = PostgresEngine.find_server(&request)?.ok_or("PostgreSQL has a server")?;
    let directory = tempfile::Builder::new().prefix("seedbed-").tempdir_in(directory)?;
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o711))?;
    let place = ServerPlace {
        directory: directory.path().join("server"),
        socket_directory: directory.path().join("socket"),
        host: "127.0.0.1".to_owned(),
        port: TcpListener::bind("127.0.0.1:0")?.local_addr()?.port(),
        password: Secret::new("measured"),
        durability: Durability::Full,
        is_shared: false,
        templates: None,
    };
    PostgresEngine.prepare_server(&found, &place)?;
    let process = PostgresEngine.server_process(&found, &place)?;
    let mut command = Command::new(&process.program);
    command.args(&process.arguments).envs(&process.env).current_dir(&process.directory);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Some((user, group)) = process.user {
        command.uid(user).gid(group);
    }
    let mut server = command.spawn()?;
    let measured = measure(scale, rounds.parse()?, &found.binaries, &place);
    stop(&mut server, process.stop_signal)?;
    println!("{}", measured?);
    Ok(())
}

fn stop(server: &mut Child, signal: i32) -> Result<(), Box<dyn Error>> {
    let pid = rustix::process::Pid::from_child(server);
    let signal = rustix::process::Signal::from_named_raw(signal).ok_or("it is a signal")?;
    rustix::process::kill_process(pid, signal)?;
    server.wait()?;
    Ok(())
}

fn measure(scale: &str, rounds: usize, binaries: &Binaries, place: &ServerPlace) -> Result<String, Box<dyn Error>> {
    let location = Location::Postgres {
        host: place.host.clone(),
        port: place.port,
        socket_directory: place.socket_directory.clone(),
        user: "seedbed".to_owned(),
        password: place.password.clone(),
        administrator: None,
        name: "bench".to_owned(),
        binaries: binaries.clone(),
    };
    let open = || PostgresEngine.open(&location, &DatabaseSettings::default());
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = open()?.exists() {
        if Instant::now() > deadline {
            return Err(error.into());
        }
        thread::sleep(Duration::from_millis(10));
    }
    let base = StateName::new("base")?;
    let mut database = open()?;
    database.create()?;
    let loaded = Command::new(binaries.program(&["pgbench"]))
        .args(["--initialize", "--quiet", "--scale", scale, "--host"])
        .arg(&place.socket_directory)
        .args(["--port", &place.port.to_string(), "--username", "seedbed", "bench"])
        .env("PGPASSWORD", place.password.expose())
        .stderr(Stdio::null())
        .status()?;
    if !loaded.success() {
        return Err(format!("pgbench: {loaded}").into());
    }
    let bytes = database.size()?;
    let timed = |database: &mut dyn Database,
                 work: &dyn Fn(&mut dyn Database) -> Result<(), database::DatabaseError>| {
        let start = Instant::now();
        work(database).map(|()| start.elapsed().as_secs_f64())
    };
    let keep = timed(&mut *database, &|database| database.keep(&base))?;
    let cold = timed(&mut *database, &|database| database.reset_to(&base, None))?;
    let (mut resets, mut spares, mut tidies, mut copies) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        spares.push(timed(&mut *database, &|database| database.prepare_spare(&base))?);
        copies.push(copy(place)?);
        database.execute_script("UPDATE pgbench_tellers SET tbalance = tbalance + 1")?;
        // As a command does: with a connection of its own.
        let mut command = open()?;
        resets.push(timed(&mut *command, &|database| database.reset_to(&base, None))?);
        tidies.push(timed(&mut *database, &|database| database.tidy())?);
    }
    let fingerprint = timed(&mut *database, &|database| database.fingerprint().map(drop))?;
    Ok(format!(
        "{{\"bytes\":{bytes},\"keep_s\":{keep:.3},\"reset_without_spare_s\":{cold:.3},\"reset_with_spare_s\":{resets:.4?},\
         \"spare_s\":{spares:.3?},\"cp_s\":{copies:.3?},\"tidy_s\":{tidies:.3?},\"fingerprint_s\":{fingerprint:.3}}}"
    ))
}

/// Copies the files of the largest database with `cp`, and removes the copy. The state, its spare and the content are equal.
fn copy(place: &ServerPlace) -> Result<f64, Box<dyn Error>> {
    let files = place.directory.join("data/base");
    let mut directories = Vec::new();
    for entry in std::fs::read_dir(&files)? {
        let path = entry?.path();
        let sizes = std::fs::read_dir(&path)?.flatten().filter_map(|file| file.metadata().ok()).map(|file| file.len());
        directories.push((sizes.sum::<u64>(), path));
    }
    let (_, largest) = directories.into_iter().max().ok_or("there are databases")?;
    let to = place.directory.join("copied");
    let start = Instant::now();
    let copied = Command::new("cp").args(["--archive", "--reflink=never"]).arg(&largest).arg(&to).status()?;
    let seconds = start.elapsed().as_secs_f64();
    std::fs::remove_dir_all(&to)?;
    if copied.success() { Ok(seconds) } else { Err(format!("cp: {copied}").into()) }
}
