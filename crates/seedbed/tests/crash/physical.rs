//! Kills while files of servers are saved and read again, of engines whose files do not go back as they are.

use std::io::Write as _;
use std::process::Stdio;

use crate::postgres::{kill, snapshot_as_files};
use crate::world::{World, moments, skip};

/// What is said to an engine in its own words.
struct Engine {
    word: &'static str,
    /// A program of the server.
    program: &'static str,
    schema: &'static str,
    change: &'static str,
}

const MYSQL: Engine = Engine {
    word: "mysql",
    program: "mariadbd",
    schema: "CREATE TABLE orders (id INTEGER PRIMARY KEY, note VARCHAR(50));\nINSERT INTO orders VALUES (1, 'plain');\n",
    change: "INSERT INTO orders VALUES (2, 'more');\n",
};

const REDIS: Engine =
    Engine { word: "redis", program: "redis-server", schema: "SET order:1 plain\n", change: "SET order:2 more\n" };

/// A workspace with a database of an engine; `None` if its server is not installed.
fn workspace(engine: &Engine) -> Option<World> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    if !places.any(|place| place.join(engine.program).exists()) {
        skip(&format!("{} is not installed", engine.program));
        return None;
    }
    let world = World::new();
    let manifest = "name: shop\ndatabases:\n  orders: { engine: ENGINE, schema: { sql: [orders.sql] } }\n";
    world.write("seedbed.yaml", &manifest.replace("ENGINE", engine.word));
    world.write("orders.sql", engine.schema);
    Some(world)
}

/// A workspace that is up on an engine, with the snapshots `base` and `more` of different states, and the first again as files.
fn up(engine: &Engine) -> Option<World> {
    let world = workspace(engine)?;
    world.done(&["up"]);
    world.done(&["snapshot", "base"]);
    let mut shell = world.command(&["db", "shell"]);
    let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the program");
    shell.stdin.take().expect("a pipe").write_all(engine.change.as_bytes()).expect("it reads");
    assert!(shell.wait().expect("it ends").success());
    world.done(&["snapshot", "more"]);
    world.done(&["restore", "base"]);
    Some(world)
}

fn snapshot(engine: &Engine) {
    let Some(world) = up(engine) else { return };
    snapshot_as_files(&world, 6, "more");
}

fn restore(engine: &Engine) {
    let Some(world) = up(engine) else { return };
    world.done(&["snapshot", "files", "--physical"]);
    // What is to be proved is brought from the store, by a server of its own, also if it is kept in the engine.
    kill(&world, &["restore", "files", "--prove"], 8, &|| drop(world.done(&["restore", "more"])));
}

/// A server that is asked to end while it starts would wait for itself, and be killed in the end.
#[test]
fn a_mysql_that_starts_when_its_command_is_killed_ends_in_order() {
    let Some(world) = workspace(&MYSQL) else { return };
    world.done(&["up"]);
    world.done(&["down"]);
    let length = world.measure(&["up"]);
    for delay in moments(length, 10) {
        world.done(&["down"]);
        world.kill_after(&["up"], delay);
        world.done(&["up"]);
        let log = world.environment().join("logs/mysql.log");
        let log = std::fs::read_to_string(log).expect("the log of the server");
        let count = |words: &str| log.matches(words).count();
        let (started, ended) = (count(" s started pid "), count(" s exited with code 0\n"));
        assert_eq!(started, ended + 1, "after {delay:?} of {length:?}:\n{log}");
    }
    world.is_down_without_rest();
}

#[test]
fn snapshot_of_files_of_mysql() {
    snapshot(&MYSQL);
}

#[test]
fn snapshot_of_files_of_redis() {
    snapshot(&REDIS);
}

#[test]
fn restore_of_files_of_mysql() {
    restore(&MYSQL);
}

#[test]
fn restore_of_files_of_redis() {
    restore(&REDIS);
}
