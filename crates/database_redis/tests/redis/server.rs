//! The server: prepared once, never half, and what it lets the services do.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use database::{DatabaseSettings, Durability, Engine as _, EngineError, Location, ServerRequest, StateName};
use database_redis::RedisEngine;
use tempfile::TempDir;

use crate::harness::{RedisHarness, Server, directory, found, place, request};

#[test]
fn a_prepared_server_is_left_alone_and_another_version_is_refused() {
    let mut found = found();
    let directory = TempDir::new().expect("a temporary directory");
    let mut place = place(directory.path());
    // What a killed attempt leaves behind.
    fs::create_dir_all(place.directory.join("data.unfinished")).expect("a leftover");
    RedisEngine.prepare_server(&found, &place).expect("prepare");
    let first = RedisEngine.server_process(&found, &place).expect("how to run it");
    fs::write(place.directory.join("data/content"), "x").expect("content");
    RedisEngine.prepare_server(&found, &place).expect("prepare again");
    assert_eq!(RedisEngine.server_process(&found, &place).expect("how to run it"), first);
    assert!(place.directory.join("data/content").exists());
    let mut entries: Vec<_> =
        fs::read_dir(&place.directory).expect("read").flatten().map(|entry| entry.file_name()).collect();
    entries.sort();
    assert_eq!(entries, ["data", "redis.conf"]);
    for file in ["data", "redis.conf"] {
        let permissions = fs::metadata(place.directory.join(file)).expect("inspect").permissions();
        assert_eq!(permissions.mode() & 0o077, 0, "{file} is for its owner alone");
    }
    let settings = fs::read_to_string(place.directory.join("redis.conf")).expect("read");
    assert!(settings.contains("appendfsync no"));
    place.durability = Durability::Full;
    RedisEngine.prepare_server(&found, &place).expect("prepare for durability");
    let settings = fs::read_to_string(place.directory.join("redis.conf")).expect("read");
    assert!(settings.contains("appendfsync always"));

    let version = found.version.clone();
    found.version = "99.1".to_owned();
    RedisEngine.prepare_server(&found, &place).expect("a newer one reads it");
    found.version = version;
    match RedisEngine.prepare_server(&found, &place) {
        Err(EngineError::OtherVersion { made_by, .. }) => assert_eq!(made_by, "Redis 99"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_socket_path_that_does_not_fit_is_refused_before_anything_is_made() {
    let directory = TempDir::new().expect("a temporary directory");
    let mut place = place(directory.path());
    place.socket_directory = directory.path().join("x".repeat(100));
    match RedisEngine.prepare_server(&found(), &place) {
        Err(EngineError::SocketPathTooLong { path, .. }) => assert!(path.starts_with(&place.socket_directory)),
        other => panic!("{other:?}"),
    }
    assert!(!place.directory.exists());
}

#[test]
fn a_version_that_is_not_installed_is_not_found() {
    let found = found();
    let mut request = ServerRequest { version: Some(found.major().to_owned()), ..request() };
    assert_eq!(RedisEngine.find_server(&request).expect("the same by its version"), Some(found.clone()));
    request.version = Some("6".to_owned());
    request.binaries = Some(found.binaries.clone());
    let error = RedisEngine.find_server(&request).expect_err("it is another one");
    assert!(error.to_string().contains(&found.version), "it says what it found: {error}");
    request.binaries = Some("/nowhere".into());
    assert!(matches!(RedisEngine.find_server(&request), Err(EngineError::NotFound { .. })));
}

#[test]
fn the_shell_is_in_the_database() {
    let harness = RedisHarness::new();
    harness.filled("SET a \"the value\"");
    let location = harness.server.location(&harness.name, harness.number);
    let shell = RedisEngine.shell(&location).expect("how to run it");
    let mut command = Command::new(&shell.program);
    let output = command.args(&shell.arguments).envs(&shell.env).args(["GET", "a"]).output().expect("run");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "the value", "{output:?}");
    assert!(!format!("{:?}", shell.arguments).contains(harness.server.place.password.expose()));
}

#[test]
fn services_cannot_empty_the_databases_of_others() {
    let harness = RedisHarness::new();
    harness.filled("SET a 1");
    let mut service = harness.service();
    let error = redis::cmd("FLUSHALL").exec(&mut service).expect_err("not allowed");
    assert_eq!(error.code(), Some("NOPERM"), "{error}");
    redis::cmd("FLUSHDB").exec(&mut service).expect("their own content");
}

#[test]
fn settings_that_it_does_not_know_and_other_locations_are_refused() {
    let harness = RedisHarness::new();
    let location = harness.server.location(&harness.name, harness.number);
    let settings = DatabaseSettings { encoding: Some("UTF8".to_owned()), ..DatabaseSettings::default() };
    let error = RedisEngine.open(&location, &settings).map(drop).expect_err("no encodings");
    assert_eq!(error.to_string(), "redis cannot choose an encoding");
    let other = Location::Sqlite { path: "/x.db".into(), kept: "/k".into() };
    assert!(RedisEngine.open(&other, &DatabaseSettings::default()).is_err());
    assert!(RedisEngine.shell(&other).is_err());
}

#[test]
fn what_was_done_is_there_after_the_server_is_killed() {
    let server = Server::start(place(&directory()));
    let state = |name: &str| StateName::new(name).expect("a valid name");
    let mut database = server.open("lms", 1);
    database.create().expect("create");
    database.execute_script("SET a 1").expect("script");
    database.keep(&state("base")).expect("keep");
    let base = database.fingerprint().expect("fingerprint");
    database.execute_script("SET a 2").expect("script");
    let changed = database.fingerprint().expect("fingerprint");
    database.prepare_spare(&state("base")).expect("prepare a spare");
    database.reset_to(&state("base"), Some(&state("undo"))).expect("reset");
    database.prepare_spare(&state("base")).expect("prepare a spare");

    let server = server.kill_and_restart();
    // The handle of before finds the server of now.
    assert_eq!(database.fingerprint().expect("fingerprint"), base);
    let mut database = server.open("lms", 1);
    let kept = database.kept().expect("kept");
    assert_eq!(
        kept.iter().map(|kept| (kept.name.as_str(), kept.has_spare)).collect::<Vec<_>>(),
        [("base", true), ("undo", false)]
    );
    database.take(&state("undo"), None).expect("take");
    assert_eq!(database.fingerprint().expect("fingerprint"), changed);
    database.reset_to(&state("base"), None).expect("reset");
    assert_eq!(database.fingerprint().expect("fingerprint"), base);
    let mut files: Vec<_> = fs::read_dir(RedisEngine.server_files(&server.place).expect("it has files").directory)
        .expect("read")
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    files.sort();
    assert_eq!(files, ["appendonlydir", "version"]);
}
