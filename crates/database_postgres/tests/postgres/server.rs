//! The server's data directory: made once, never half.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use database::{Durability, Engine as _, EngineError, ServerRequest};
use database_postgres::PostgresEngine;
use tempfile::TempDir;

use crate::harness::{found, place, request, server};

/// Makes a directory that the server's user can enter.
fn directory() -> TempDir {
    let directory = TempDir::new().expect("a temporary directory");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o711)).expect("permissions");
    directory
}

#[test]
fn a_prepared_server_is_left_alone_and_another_version_is_refused() {
    let mut found = found();
    let directory = directory();
    let mut place = place(directory.path());
    // What a killed attempt leaves behind.
    fs::create_dir_all(place.directory.join("data.unfinished/base")).expect("a leftover");
    fs::write(place.directory.join("password.unfinished"), "x").expect("a leftover");

    PostgresEngine.prepare_server(&found, &place).expect("prepare");
    let first = PostgresEngine.server_process(&found, &place).expect("how to run it");
    let identity = || fs::read(place.directory.join("data/global/pg_control")).expect("read");
    let made = identity();
    PostgresEngine.prepare_server(&found, &place).expect("prepare again");
    assert_eq!(PostgresEngine.server_process(&found, &place).expect("how to run it"), first);
    assert_eq!(identity(), made, "the data is not made again");
    let mut entries: Vec<_> =
        fs::read_dir(&place.directory).expect("read").flatten().map(|entry| entry.file_name()).collect();
    entries.sort();
    assert_eq!(entries, ["data", "pg_hba.conf", "postgresql.conf"]);
    for file in ["data", "pg_hba.conf", "postgresql.conf"] {
        let permissions = fs::metadata(place.directory.join(file)).expect("inspect").permissions();
        assert_eq!(permissions.mode() & 0o077, 0, "{file} is for the server's user alone");
    }

    place.port = place.port.checked_sub(1).expect("ports are not zero");
    PostgresEngine.prepare_server(&found, &place).expect("prepare for another port");
    let moved = PostgresEngine.server_process(&found, &place).expect("how to run it");
    assert_ne!(moved.ready_socket, first.ready_socket);

    found.version = "99.1".to_owned();
    match PostgresEngine.prepare_server(&found, &place) {
        Err(EngineError::OtherVersion { found, .. }) => assert_eq!(found, "99.1"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_socket_path_that_does_not_fit_is_refused_before_anything_is_made() {
    let found = found();
    let directory = directory();
    let mut place = place(directory.path());
    place.socket_directory = directory.path().join("x".repeat(100));
    match PostgresEngine.prepare_server(&found, &place) {
        Err(EngineError::SocketPathTooLong { path, .. }) => assert!(path.starts_with(&place.socket_directory)),
        other => panic!("{other:?}"),
    }
    assert!(!place.directory.exists());
}

#[test]
fn a_version_that_is_not_installed_is_not_found() {
    let mut found = found();
    let mut request = ServerRequest { version: Some(found.major().to_owned()), ..request() };
    assert_eq!(PostgresEngine.find_server(&request).expect("the same by its version"), Some(found.clone()));
    request.version = Some("12".to_owned());
    request.binaries = Some(found.binaries.clone());
    let error = PostgresEngine.find_server(&request).expect_err("it is another one");
    assert!(error.to_string().contains(&found.version), "it says what it found: {error}");
    found.binaries = PathBuf::from("/nowhere").into();
    request.binaries = Some(found.binaries);
    assert!(matches!(PostgresEngine.find_server(&request), Err(EngineError::NotFound { .. })));
}

#[test]
fn durability_is_a_matter_of_the_next_start() {
    let found = found();
    let directory = directory();
    let mut place = place(directory.path());
    for (durability, expected) in [(Durability::Full, 0), (Durability::Relaxed, 3), (Durability::Full, 0)] {
        place.durability = durability;
        PostgresEngine.prepare_server(&found, &place).expect("prepare");
        let settings = fs::read_to_string(place.directory.join("postgresql.conf")).expect("read");
        let off = settings.lines().filter(|line| line.ends_with(" = off")).count();
        assert_eq!(off, expected, "{durability:?}");
    }
    let setting =
        |name: &str| -> String { server().client().query_one(&format!("SHOW {name}"), &[]).expect("show").get(0) };
    for name in ["fsync", "synchronous_commit", "full_page_writes"] {
        assert_eq!(setting(name), "off", "{name}");
    }
}

#[test]
fn the_files_of_the_state_have_no_lock_and_keep_every_directory() {
    let files = PostgresEngine.server_files(server().place()).expect("it has a server");
    assert!(files.directory.join("PG_VERSION").is_file());
    assert!(files.exclude.contains(&"postmaster.pid".to_owned()));
    for excluded in files.exclude.iter().filter_map(|glob| glob.strip_suffix("/*")) {
        assert!(!files.exclude.contains(&excluded.to_owned()), "{excluded} itself must be there");
    }
    assert_eq!(files.pages, [("base/**".to_owned(), 16384), ("global/**".to_owned(), 16384)]);
}

#[test]
fn the_shell_connects_without_a_password_among_its_arguments() {
    let location = server().location("postgres");
    let shell = PostgresEngine.shell(&location).expect("it has one");
    let password = server().place().password.expose();
    assert!(shell.arguments.iter().all(|argument| !argument.contains(password)));
    let output = Command::new(shell.program)
        .args(shell.arguments)
        .args(["--no-psqlrc", "--tuples-only", "--no-align", "--command", "SELECT current_database()"])
        .envs(shell.env)
        .output()
        .expect("start");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "postgres");
}
