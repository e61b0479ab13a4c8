//! The supervisor, killed: none of its processes stays, and `up` brings everything back.

use std::io::Read;
use std::net::TcpStream;

use rustix::process::{Signal, kill_process};

use crate::world::{DECLARED, World, eventually};

/// A service with children of its own, and one that is never ready.
const FAMILY: &str = r#"
  family: { run: { shell: "sleep 1000 & sh -c 'sleep 1000 & wait' & wait" } }
  never: { run: [sleep, "1000"], ready: { log: never } }
"#;

fn kill_supervisor(world: &World) {
    kill_process(world.supervisor(), Signal::KILL).expect("a living supervisor");
    eventually("processes of a killed supervisor", || match world.unit_processes() {
        left if left.is_empty() => Ok(()),
        left => Err(left),
    });
}

#[test]
fn killed_during_up() {
    let world = World::new();
    world.manifest(FAMILY);
    let up = world.start(&["up"]);
    // `family` and its three descendants, `web`, and `never`.
    eventually("everything is started", || match world.unit_processes() {
        all if all.len() >= 6 => Ok(()),
        some => Err(some),
    });
    kill_supervisor(&world);
    let ended = up.end().expect_code(4);
    assert!(ended.errors.contains("the supervisor of this environment"), "{}", ended.errors);
    assert!(ended.errors.contains("help: "), "{}", ended.errors);
    world.manifest("");
    world.is_up_with(DECLARED, "after the supervisor was killed");
    world.is_down_without_rest();
}

#[test]
fn killed_when_all_runs() {
    let world = World::new();
    world.manifest(FAMILY.lines().nth(1).expect("the first of them"));
    world.done(&["up"]);
    eventually("the family is complete", || match world.unit_processes() {
        all if all.len() >= 5 => Ok(()),
        some => Err(some),
    });
    kill_supervisor(&world);
    assert_eq!(world.content(), DECLARED);
    world.manifest("");
    world.is_up_with(DECLARED, "after the supervisor was killed");
    world.is_down_without_rest();
}

/// Killed while databases are overwritten: the command itself, or the next one, puts the old content back.
#[test]
fn killed_during_restore() {
    let world = World::up();
    world.done(&["load", world.path("more.yaml").to_str().expect("a plain path")]);
    world.done(&["snapshot", "more"]);
    let length = world.measure(&["restore", "base"]);
    for delay in crate::world::moments(length, 10) {
        world.done(&["up"]);
        world.done(&["restore", "more"]);
        let restore = world.start(&["restore", "base"]);
        std::thread::sleep(delay);
        let supervisor = world.supervisor();
        // It may have ended with the command.
        let _ = kill_process(supervisor, Signal::KILL);
        let ended = restore.end();
        let expected = if ended.status.success() { DECLARED } else { crate::world::MORE };
        assert_eq!(world.content(), expected, "{delay:?} of {length:?}:\n{}", ended.errors);
        assert!(ended.status.success() || ended.code() == Some(4), "{delay:?}: {}\n{}", ended.status, ended.errors);
    }
    world.is_down_without_rest();
}

/// One that sleeps and is slow to wake, and one that is watched and whose terminal somebody may have.
const SLEEPERS: &str = r#"
  slow: { run: { shell: "sleep 1000; : ${port}" }, port: auto, lazy: true }
  console: { run: { shell: "echo up; cat" }, tty: true, watch: [console.txt], ready: { log: up } }
"#;

/// The port by which a service is known.
fn port_of(world: &World, service: &str) -> u16 {
    let status = world.json(&["status"]);
    let services = status["services"].as_array().expect("a list");
    let one = services.iter().find(|one| one["service"] == service).expect("a service");
    let address = one["address"].as_str().expect("an address");
    address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
}

/// Killed while a service sleeps, and while it wakes with a connection held: nothing is left, nobody listens, and `up` brings
/// all of it back.
#[test]
fn killed_while_a_service_sleeps_and_while_it_wakes() {
    let world = World::new();
    world.manifest(SLEEPERS);
    for wakes in [false, true] {
        world.done(&["up"]);
        let port = port_of(&world, "shop/slow");
        let held = wakes.then(|| {
            let held = TcpStream::connect(("127.0.0.1", port)).expect("somebody listens");
            eventually("it wakes", || world.process_of("shop/slow").map(drop).ok_or("it sleeps"));
            held
        });
        kill_supervisor(&world);
        let mut byte = [0];
        if let Some(mut held) = held {
            assert!(matches!(held.read(&mut byte), Ok(0) | Err(_)), "a held connection is closed");
        }
        eventually("nobody listens", || match TcpStream::connect(("127.0.0.1", port)) {
            Ok(_) => Err("the killed supervisor does"),
            Err(_) => Ok(()),
        });
    }
    world.manifest("");
    world.is_up_with(DECLARED, "after the supervisor was killed");
    world.is_down_without_rest();
}

/// `down` while a service wakes, and while it holds connections that it will never answer.
#[test]
fn taken_down_while_a_service_wakes() {
    let world = World::new();
    world.manifest(SLEEPERS);
    world.done(&["up"]);
    let port = port_of(&world, "shop/slow");
    let mut held = TcpStream::connect(("127.0.0.1", port)).expect("somebody listens");
    eventually("it wakes", || world.process_of("shop/slow").map(drop).ok_or("it sleeps"));
    world.is_down_without_rest();
    let mut byte = [0];
    assert!(matches!(held.read(&mut byte), Ok(0) | Err(_)), "a held connection is closed");
}

/// One that comes back at once, and then after an hour; and one that ends only when it may.
const PATIENT: &str = r#"
  frail: { run: [sleep, "1000"], restart: { max: unlimited, backoff: { start: 1h, cap: 1h } } }
  stubborn: { run: { shell: "trap 'while [ ! -e go ]; do sleep 0.02; done; exit 0' TERM; echo up; while :; do sleep 0.02; done" }, ready: { log: up }, stop: { timeout: 60s } }
"#;

fn await_state(world: &World, service: &str, wanted: &str) {
    eventually(wanted, || {
        let status = world.json(&["status"]);
        let services = status["services"].as_array().expect("a list");
        let one = services.iter().find(|one| one["service"] == service).expect("a service");
        let state = one["state"].as_str().expect("a state").to_owned();
        if state.starts_with(wanted) { Ok(()) } else { Err(state) }
    });
}

/// Lets a service end until it waits for its next start.
fn let_it_wait(world: &World) {
    world.done(&["kill", "frail"]);
    await_state(world, "shop/frail", "ready");
    world.done(&["kill", "frail"]);
    await_state(world, "shop/frail", "restarting");
}

/// Killed, stopped, started and taken down while a service waits for its next start: nobody waits with it.
#[test]
fn killed_while_a_service_waits_for_its_next_start() {
    let world = World::new();
    world.manifest(PATIENT.lines().nth(1).expect("the first of them"));
    world.done(&["up"]);
    let_it_wait(&world);
    kill_supervisor(&world);
    world.done(&["up"]);
    await_state(&world, "shop/frail", "ready");
    let_it_wait(&world);
    world.done(&["start", "frail"]);
    await_state(&world, "shop/frail", "ready");
    let_it_wait(&world);
    world.done(&["stop", "frail"]);
    await_state(&world, "shop/frail", "stopped");
    world.done(&["start", "frail"]);
    let_it_wait(&world);
    world.is_down_without_rest();
}

/// Restarted while it is stopped, by another command: both end, and what was asked for last holds.
#[test]
fn restarted_while_it_is_stopped() {
    let world = World::new();
    world.manifest(PATIENT.lines().nth(2).expect("the second of them"));
    world.done(&["up"]);
    let stop = world.start(&["stop", "stubborn"]);
    await_state(&world, "shop/stubborn", "stopping");
    let restart = world.start(&["restart", "stubborn"]);
    std::fs::write(world.path("go"), "").expect("a file");
    stop.end().expect_code(0);
    restart.end().expect_code(0);
    await_state(&world, "shop/stubborn", "ready");
    world.is_down_without_rest();
}
