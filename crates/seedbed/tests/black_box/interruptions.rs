//! Signals that arrive while a command goes on.

use std::fs;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::program::wait_until;
use crate::workspace::Workspace;

const PATIENCE: Duration = Duration::from_secs(20);

const MANIFEST: &str = "\
name: shop
services:
  web:
    run: trivial_service ${port}
    port: auto
    ready: { http: / }
";

fn interrupt(child: &mut Child) -> Option<i32> {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
    let ended = wait_until("the program ends", PATIENCE, || child.try_wait().unwrap().ok_or("it still runs"));
    ended
        .unwrap_or_else(|state| {
            child.kill().unwrap();
            panic!("{state}")
        })
        .code()
}

#[test]
fn following_logs_shows_new_lines_and_ends_on_an_interrupt() {
    let workspace = Workspace::of(&[("seedbed.yaml", MANIFEST)]);
    workspace.seedbed(&["up"]).ends_with(0);
    let output = workspace.root().join("followed");
    let file = fs::File::create(&output).unwrap();
    let mut child = workspace
        .command(&["logs", "-f", "web"])
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let shows = |text: &str| {
        let found = wait_until(text, PATIENCE, || {
            let shown = fs::read_to_string(&output).unwrap();
            if shown.contains(text) { Ok(()) } else { Err(shown) }
        });
        found.unwrap_or_else(|state| panic!("{state}"));
    };
    shows("listening on");
    workspace.get("shop/web", "/after-the-start");
    shows("GET /after-the-start HTTP/1.1");
    assert_eq!(interrupt(&mut child), Some(0));
}

#[test]
fn an_interrupted_up_leaves_nothing_that_it_began_and_what_ran_before_still_runs() {
    let workspace = Workspace::of(&[("seedbed.yaml", MANIFEST)]);
    workspace.seedbed(&["up"]).ends_with(0);
    let before = workspace.processes();
    workspace.write(
        "seedbed.yaml",
        &format!(
            "{MANIFEST}  slow:\n    run: [sh, -c, 'echo begun > begun; exec sleep 1000']\n    ready: {{ log: never }}\n"
        ),
    );
    let mut child =
        workspace.command(&["up"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = workspace.root().join("begun");
    let started = wait_until("the slow service starts", PATIENCE, || begun.exists().then_some(()).ok_or("not yet"));
    let code = interrupt(&mut child);
    started.unwrap();
    assert_eq!(code, Some(130));
    assert_eq!(workspace.processes(), before);
}
