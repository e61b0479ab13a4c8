//! What is done in the background, beside commands that do not wait for it.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::program::wait_until;
use crate::workspace::Workspace;

const PATIENCE: Duration = Duration::from_secs(60);

const MANIFEST: &str = "name: shop
servers: own
databases:
  shop: { engine: postgres, schema: { sql: [1.sql] } }
";

/// A client of a server, which is ended with this.
struct Client(Child);

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a command with an input that stays open as long as the value.
fn start(command: &mut Command, input: &str) -> Client {
    use std::io::Write as _;
    let quiet = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = quiet.spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(input.as_bytes()).unwrap();
    Client(child)
}

/// What a question to the server is answered with, without a frame.
fn ask(workspace: &Workspace, sql: &str) -> String {
    workspace.client(&[], &format!("\\t on\n\\a\n{sql};\n")).lines().last().unwrap_or_default().to_owned()
}

#[test]
fn a_kept_state_that_is_forgotten_while_it_is_written_to_the_store_is_passed_over() {
    if !Path::new("/usr/lib/postgresql").is_dir() {
        return;
    }
    let workspace =
        Workspace::of(&[("seedbed.yaml", MANIFEST), ("1.sql", "CREATE TABLE notes (id int PRIMARY KEY);\n")]);
    workspace.seedbed(&["up"]).ends_with(0);
    workspace.seedbed(&["tend"]).ends_with(0);
    // All is in the store; without it all of it is written again.
    workspace.shell("rm -r .seedbed/store .seedbed/store-cache");
    let kept = ask(&workspace, "SELECT datname FROM pg_database WHERE datname ~ '^seedbed-kept-'");
    assert!(!kept.is_empty(), "{}", ask(&workspace, "SELECT string_agg(datname, ' ') FROM pg_database"));
    let awaited = |what: &str, sql: &str| {
        let seen = || if ask(&workspace, sql) == "t" { Ok(()) } else { Err("it is not so") };
        wait_until(what, PATIENCE, seen).unwrap();
    };
    let of_kept = format!("FROM pg_stat_activity WHERE datname = '{kept}'");
    let lock = format!("\\c \"{kept}\"\nBEGIN; LOCK TABLE notes; SELECT 'locked';\n");
    let _holder = start(&mut workspace.command(&["db", "shell"]), &lock);
    awaited("the table is locked", &format!("SELECT count(*) = 1 {of_kept} AND query LIKE '%locked%'"));
    let mut tending = start(&mut workspace.command(&["tend"]), "");
    awaited("it is written to the store", &format!("SELECT count(*) > 0 {of_kept} AND wait_event_type = 'Lock'"));
    // As a command does that forgets it.
    ask(&workspace, &format!("DROP DATABASE \"{kept}\" WITH (FORCE)"));
    let ended = || tending.0.try_wait().unwrap().ok_or("it still runs");
    let status = wait_until("the background is done", PATIENCE, ended).unwrap();
    assert!(status.success(), "{status}");
    workspace.seedbed(&["destroy", "--yes"]).ends_with(0);
}
