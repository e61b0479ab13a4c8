//! A server in a container is a server like any other.

use std::process::Command;

use database::Engine as _;
use database_postgres::PostgresEngine;

use crate::harness::{PostgresHarness, contained};

/// One test for all, since each test process would start a server of its own.
#[test]
fn the_contract_is_kept_in_a_container() {
    let Some(server) = contained() else { return };
    database::run_contract!(PostgresHarness::on(server));
    the_shell_runs_in_a_container(server);
}

fn the_shell_runs_in_a_container(server: &crate::harness::Server) {
    let shell = PostgresEngine.shell(&server.location("postgres")).expect("it has one");
    let password = server.place().password.expose();
    assert!(shell.arguments.iter().all(|argument| !argument.contains(password)));
    let output = Command::new(shell.program)
        .args(shell.arguments)
        .args(["--no-psqlrc", "--tuples-only", "--no-align", "--command", "SELECT current_database()"])
        .envs(shell.env)
        .output()
        .expect("start");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "postgres", "{output:?}");
}
