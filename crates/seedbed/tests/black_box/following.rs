//! Logs that are followed while much is written to them.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::program::wait_until;
use crate::workspace::Workspace;

const PATIENCE: Duration = Duration::from_secs(60);

/// More than a file of a log holds: it is rotated while it is followed.
const LINES: usize = 150_000;

const MANIFEST: &str = "\
name: shop
services:
  loud:
    run: { shell: \"cat go > /dev/null; exec seq -f 'number %0.0f of a hundred letters, so that some thousand of them are a file that is full before all are written' 1 150000\" }
    ready: { command: [test, -e, go] }
  calm:
    run: { shell: \"cat go2 > /dev/null; for i in 1 2 3 4 5 6 7 8 9; do echo number $i of the calm; sleep 0.01; done\" }
    ready: { command: [test, -e, go2] }
";

fn ended(child: &mut Child) {
    let ended = wait_until("the program ends", PATIENCE, || child.try_wait().unwrap().ok_or("it still runs"));
    if let Err(state) = ended {
        child.kill().unwrap();
        panic!("{state}");
    }
}

/// The number in `UNIT CLOCK | number N …`, and the clock.
fn numbered(line: &str, unit: &str) -> Option<(usize, String)> {
    let mut words = line.split_whitespace();
    let is_it = words.next()? == unit;
    let clock = words.next()?.to_owned();
    let number = words.nth(2)?.parse().ok()?;
    (is_it && line.contains("| number ")).then_some((number, clock))
}

#[test]
fn no_line_is_lost_and_none_comes_twice_while_logs_are_followed() {
    let workspace = Workspace::of(&[("seedbed.yaml", MANIFEST)]);
    workspace.shell("mkfifo go go2");
    workspace.seedbed(&["up"]).ends_with(0);
    let output = workspace.root().join("followed");
    let mut follow = workspace.command(&["logs", "-f"]);
    let mut child = follow.stdin(Stdio::null()).stdout(File::create(&output).unwrap()).spawn().unwrap();
    // Both begin only when they are followed.
    wait_until("it follows", PATIENCE, || {
        let shown = fs::read_to_string(&output).unwrap();
        if shown.matches("started pid").count() == 2 { Ok(()) } else { Err(shown) }
    })
    .unwrap();
    workspace.shell("echo > go & echo > go2");
    wait_until("all is shown", PATIENCE, || {
        let ends = workspace.shell("tail -n 20 followed | grep -c 'exited with' || true").stdout;
        if ends.trim() == "0" { Err(ends) } else { Ok(()) }
    })
    .unwrap();
    let all_of = |unit: &str| -> Vec<(usize, String)> {
        BufReader::new(File::open(&output).unwrap()).lines().filter_map(|line| numbered(&line.unwrap(), unit)).collect()
    };
    let calm = wait_until("both have ended", PATIENCE, || {
        let calm = all_of("shop/calm");
        if calm.len() == 9 { Ok(calm) } else { Err(calm.len()) }
    });
    let loud = wait_until("all lines are there", PATIENCE, || {
        let loud = all_of("shop/loud");
        if loud.len() >= LINES { Ok(loud) } else { Err(loud.len()) }
    });
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    ended(&mut child);
    let numbers = |lines: Vec<(usize, String)>| lines.into_iter().map(|(number, _)| number).collect::<Vec<_>>();
    assert_eq!(numbers(calm.unwrap()), (1..=9).collect::<Vec<_>>());
    assert!(numbers(loud.unwrap()) == (1..=LINES).collect::<Vec<_>>(), "each line comes once, in order");
    let clocks: Vec<String> = BufReader::new(File::open(&output).unwrap())
        .lines()
        .filter_map(|line| line.unwrap().split_whitespace().nth(1).map(str::to_owned))
        .collect();
    // At midnight the clock begins anew.
    assert!(clocks.windows(2).filter(|pair| pair[0] > pair[1]).count() <= 1, "in the order of time");
}

#[test]
fn a_reader_that_ends_ends_what_follows() {
    let workspace = Workspace::of(&[(
        "seedbed.yaml",
        "name: shop\nservices:\n  web: { run: { shell: \"while :; do echo tick; sleep 0.01; done\" } }\n",
    )]);
    workspace.seedbed(&["up"]).ends_with(0);
    let mut child = workspace.command(&["logs", "-f"]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("shop/web"), "{line}");
    ended(&mut child);
}

/// The clock of a line is that of the user, in whatever zone, and so is a time of day that is asked for.
#[test]
fn times_are_those_of_the_users_clock() {
    let workspace = Workspace::of(&[(
        "seedbed.yaml",
        "name: shop\nservices: { web: { run: { shell: \"echo up; sleep 1000\" } } }\n",
    )]);
    workspace.seedbed(&["up"]).ends_with(0);
    let logs = |zone: &str, since: &str| {
        let mut command = workspace.command(&["logs", "web", "--since", since, "--grep", "started"]);
        let ran = command.env("TZ", zone).output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
        String::from_utf8(ran.stdout).unwrap()
    };
    let clock = |line: &str| line.split(' ').nth(1).expect("a clock").to_owned();
    let here = clock(&logs("UTC0", "1h"));
    let there = clock(&logs("FAR-9", "1h"));
    let hour = |clock: &str| clock[..2].parse::<u32>().unwrap();
    assert_eq!((hour(&here) + 9) % 24, hour(&there), "{here} {there}");
    assert_eq!(here[2..], there[2..]);
    assert_eq!(clock(&logs("FAR-9", &there)), there);
    workspace.seedbed(&["down"]).ends_with(0);
}
