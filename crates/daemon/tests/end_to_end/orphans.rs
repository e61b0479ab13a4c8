//! Supervisors and clients that are killed: no process stays without an owner.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use supervisor::UserId;

use crate::place::{FIXTURE, Place, UnitSpecWords, eventually, is_alive, kill, processes_with};

/// A process with children and grandchildren in its group, all with a word by which they are found.
fn family(word: &str) -> String {
    format!("sleep {word} & sh -c 'sleep {word} & wait' & sleep {word} & wait")
}

/// What tells why a process is still there.
fn circumstances(pid: u32) -> String {
    let file = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
    format!("{}, waiting in {:?}, {}", file("cmdline").replace('\0', " "), file("wchan"), file("status"))
}

fn kill_supervisors(trials: u32, user: Option<UserId>) {
    for trial in 0..trials {
        let place = Place::new();
        let word = format!("1{:07}{trial:03}", std::process::id());
        let word = if user.is_some() { format!("2{word}") } else { word };
        let mut unit = place.service("family", &family(&word));
        if let Some(user) = user {
            unit = unit.user(user);
        }
        assert!(place.up(vec![unit]).0);
        let group = place.status("family").pid.expect("a process");
        let supervisor = place.client().pid();
        // Every third is killed while its family may still be growing.
        if trial % 3 != 0 {
            eventually("the family is complete", || {
                let count = processes_with(&format!("sleep {word}")).len();
                if count >= 5 { Ok(()) } else { Err(count) }
            });
        }
        kill(supervisor, Signal::KILL);
        assert!(runtime::wait_gone(supervisor, Duration::from_secs(5)));
        let group = rustix::process::Pid::from_raw(group.cast_signed()).expect("a group");
        eventually("the group is gone", || {
            if rustix::process::test_kill_process_group(group) == Err(rustix::io::Errno::SRCH) {
                return Ok(());
            }
            // What is dead and not yet reaped by the system's first process is gone as well.
            let left = processes_with(&format!("sleep {word}"));
            if left.is_empty() { Ok(()) } else { Err(left.into_iter().map(circumstances).collect::<Vec<_>>()) }
        });
    }
}

#[test]
fn a_killed_supervisor_leaves_no_process() {
    kill_supervisors(100, None);
}

#[test]
fn a_killed_supervisor_leaves_no_process_of_another_user() {
    if rustix::process::geteuid().is_root() {
        kill_supervisors(100, Some(UserId { uid: 65534, gid: 65534 }));
    }
}

/// With one lifeline, some of each hundred groups that grow fast leave a process: the kernel sends to a group that it does not
/// hold still.
#[test]
fn a_killed_supervisor_leaves_no_process_that_was_just_being_forked() {
    for trial in 0..40 {
        let place = Place::new();
        let word = format!("4{:07}{trial:03}", std::process::id());
        let family = format!("while [ ${{i:=0}} -lt 200 ]; do sleep {word} & i=$((i + 1)); done; wait");
        assert!(place.up(vec![place.service("family", &family)]).0);
        let supervisor = place.client().pid();
        // At another moment of its growth each time.
        eventually("the family grows", || {
            let count = processes_with(&format!("sleep {word}")).len();
            if count > trial * 3 { Ok(()) } else { Err(count) }
        });
        kill(supervisor, Signal::KILL);
        eventually("the family is gone", || {
            let left = processes_with(&format!("sleep {word}"));
            if left.is_empty() { Ok(()) } else { Err(left.into_iter().map(circumstances).collect::<Vec<_>>()) }
        });
    }
}

#[test]
fn a_new_supervisor_ends_what_escaped_from_a_killed_one() {
    let place = Place::new();
    let word = format!("3{}", std::process::id());
    // Out of the group, and without the inherited files: out of the kernel's reach.
    let escape = "import os, sys\nos.setsid()\nos.closerange(0, 64)\nos.execv('/bin/sleep', ['sleep', sys.argv[1]])";
    let script = format!("python3 -c \"{escape}\" {word} & exec sleep 1000");
    assert!(place.up(vec![place.service("escape", &script)]).0);
    let find = || processes_with(&format!("sleep {word}"));
    eventually("it has escaped", || if find().is_empty() { Err("not there") } else { Ok(()) });
    let pid = place.status("escape").pid.expect("a process");
    let supervisor = place.client().pid();
    kill(supervisor, Signal::KILL);
    assert!(runtime::wait_gone(supervisor, Duration::from_secs(5)));
    eventually("the service is gone", || if is_alive(pid) { Err(pid) } else { Ok(()) });
    assert_eq!(find().len(), 1, "only a new supervisor can find it");

    assert!(place.client().status().expect("a status").is_empty());
    assert_eq!(find(), Vec::<u32>::new());
}

#[test]
fn a_killed_client_takes_its_apply_back() {
    let place = Place::new();
    drop(place.client());
    let mut client = Command::new(FIXTURE)
        .arg("apply-and-wait")
        .arg(place.socket())
        .arg(place.log("sleeper"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("a client");
    let told = BufReader::new(client.stdout.take().expect("its output")).lines();
    assert!(told.map(|line| line.expect("a line")).any(|line| line == "work due"));
    let pid = place.status("sleeper").pid.expect("a process");
    client.kill().expect("a living client");
    client.wait().expect("its end");
    eventually("the service is stopped", || if is_alive(pid) { Err(pid) } else { Ok(()) });
}
