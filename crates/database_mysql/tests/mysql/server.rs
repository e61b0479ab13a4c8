//! The server's data directory: made once, never half.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use database::contract::Harness as _;
use database::{Engine as _, EngineError, ServerRequest};
use database_mysql::MysqlEngine;
use mysql::{Conn, OptsBuilder};
use tempfile::TempDir;

use crate::harness::{MysqlHarness, found, place};

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
    fs::create_dir_all(place.directory.join("data.unfinished/mysql")).expect("a leftover");

    MysqlEngine.prepare_server(&found, &place).expect("prepare");
    let first = MysqlEngine.server_process(&found, &place).expect("how to run it");
    let files = MysqlEngine.server_files(&place).expect("it has files");
    let identity = || fs::metadata(files.directory.join("ibdata1")).and_then(|file| file.modified()).expect("inspect");
    let made = identity();
    MysqlEngine.prepare_server(&found, &place).expect("prepare again");
    assert_eq!(MysqlEngine.server_process(&found, &place).expect("how to run it"), first);
    assert_eq!(identity(), made, "the data is not made again");
    let mut entries: Vec<_> =
        fs::read_dir(&place.directory).expect("read").flatten().map(|entry| entry.file_name()).collect();
    entries.sort();
    assert_eq!(entries, ["data", "my.cnf", "tmp"]);
    let permissions = fs::metadata(place.directory.join("my.cnf")).expect("inspect").permissions();
    assert_eq!(permissions.mode() & 0o077, 0, "it is for the server's user alone");

    place.port = place.port.checked_sub(1).expect("ports are not zero");
    MysqlEngine.prepare_server(&found, &place).expect("prepare for another port");

    found.version = "99.1".to_owned();
    match MysqlEngine.prepare_server(&found, &place) {
        Err(EngineError::OtherVersion { found, .. }) => assert!(found.ends_with("99.1"), "{found}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_socket_path_that_does_not_fit_is_refused_before_anything_is_made() {
    let directory = directory();
    let mut place = place(directory.path());
    place.socket_directory = directory.path().join("x".repeat(100));
    match MysqlEngine.prepare_server(&found(), &place) {
        Err(EngineError::SocketPathTooLong { path, .. }) => assert!(path.starts_with(&place.socket_directory)),
        other => panic!("{other:?}"),
    }
    assert!(!place.directory.exists());
}

#[test]
fn a_version_is_asked_for_by_its_first_numbers() {
    let found = found();
    let numbers: Vec<&str> = found.version.split('.').collect();
    for count in 1..=numbers.len() {
        let request = ServerRequest { version: Some(numbers[..count].join(".")), binaries: None };
        assert_eq!(MysqlEngine.find_server(&request).expect("the same"), Some(found.clone()));
    }
    let request = ServerRequest { version: Some("5.1".to_owned()), binaries: Some(found.binaries.clone()) };
    let error = MysqlEngine.find_server(&request).expect_err("it is another one").to_string();
    assert!(error.contains(&found.version) && error.contains("5.1"), "{error}");
}

#[test]
fn nobody_connects_without_the_password() {
    let harness = MysqlHarness::plain();
    let port = harness.location().property("port").expect("a port").parse().expect("a number");
    for (user, password) in [("root", ""), ("seedbed", ""), ("", ""), ("mysql", "")] {
        let options = OptsBuilder::new().ip_or_hostname(Some("127.0.0.1")).tcp_port(port).prefer_socket(false);
        let refused = Conn::new(options.user(Some(user)).pass(Some(password)));
        assert!(refused.is_err(), "{user}");
    }
}

#[test]
fn the_shell_is_a_client_that_is_in_the_database() {
    let harness = MysqlHarness::new();
    harness.open().create().expect("create");
    let shell = MysqlEngine.shell(&harness.location()).expect("a shell");
    assert!(shell.arguments.iter().all(|argument| !argument.contains("p@ss")));
    let output = std::process::Command::new(&shell.program)
        .args(&shell.arguments)
        .args(["--batch", "--skip-column-names", "--execute=SELECT DATABASE()"])
        .envs(&shell.env)
        .output()
        .expect("run it");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), harness.name, "{output:?}");
}
