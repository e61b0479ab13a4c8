//! Ctrl-C: what was begun is undone, what ran before still runs.

use rusqlite::Connection;
use rustix::process::Signal;

use crate::world::{DECLARED, MORE, Running, World, eventually, moments};

/// Interrupts a command, after which only `web` runs, as it did before.
fn interrupt(world: &World, mut running: Running) {
    running.signal(Signal::INT);
    let ended = running.end().expect_code(130);
    assert!(ended.errors.contains("interrupted"), "{}", ended.errors);
    let processes = world.unit_processes();
    assert_eq!(processes.len(), 1, "{processes:?}");
}

#[test]
fn while_a_task_runs() {
    let world = World::up();
    let web = world.process_of("shop/web");
    world.manifest(
        "  api: { run: [sleep, \"1000\"], after: [build] }\ntasks:\n  build: { run: { shell: \"touch begun; sleep 1000\" } }\n",
    );
    let up = world.start(&["up"]);
    eventually("the task has begun", || if world.path("begun").exists() { Ok(()) } else { Err("not there") });
    interrupt(&world, up);
    assert_eq!(world.process_of("shop/web"), web, "it is the same process");
    world.manifest("");
    world.is_up_with(DECLARED, "after the interrupt");
    assert_eq!(world.process_of("shop/web"), web, "it is the same process");
}

#[test]
fn while_a_service_is_not_ready() {
    let world = World::up();
    let web = world.process_of("shop/web");
    world.manifest("  never: { run: [sleep, \"1000\"], ready: { log: never } }\n");
    let up = world.start(&["up"]);
    eventually("the service is started", || match world.unit_processes() {
        all if all.len() == 2 => Ok(()),
        others => Err(others),
    });
    interrupt(&world, up);
    assert_eq!(world.process_of("shop/web"), web, "it is the same process");
    world.manifest("");
    world.is_up_with(DECLARED, "after the interrupt");
}

/// A service that was stopped to be started anew runs again, though `up` did not get that far.
#[test]
fn while_a_service_is_stopped_to_be_started_anew() {
    let world = World::up();
    world.manifest("    after: [build]\ntasks:\n  build: { run: { shell: \"touch begun; sleep 1000\" } }\n");
    let up = world.start(&["up"]);
    eventually("the task has begun", || if world.path("begun").exists() { Ok(()) } else { Err("not there") });
    interrupt(&world, up);
    world.manifest("");
    world.is_up_with(DECLARED, "after the interrupt");
}

#[test]
fn while_a_load_goes_on() {
    let world = World::up();
    // It waits for this one to let go of the second database.
    let other = Connection::open(world.database("stock")).expect("the database");
    other.execute_batch("BEGIN IMMEDIATE").expect("the right to write");
    let load = world.start(&["load", world.path("more.yaml").to_str().expect("a plain path")]);
    let files = format!("/proc/{}/fd", load.pid());
    eventually("the load has the database open", || {
        let links = std::fs::read_dir(&files).into_iter().flatten().flatten();
        let open: Vec<_> = links.filter_map(|link| std::fs::read_link(link.path()).ok()).collect();
        if open.iter().any(|file| *file == world.database("stock")) { Ok(()) } else { Err(open) }
    });
    interrupt(&world, load);
    drop(other);
    assert_eq!(world.content(), DECLARED);
    world.done(&["load", world.path("more.yaml").to_str().expect("a plain path")]);
    assert_eq!(world.content(), MORE);
}

#[test]
fn at_any_moment_of_a_restore() {
    let world = World::up();
    world.done(&["load", world.path("more.yaml").to_str().expect("a plain path")]);
    world.done(&["snapshot", "more"]);
    let length = world.measure(&["restore", "base"]);
    for delay in moments(length, 12) {
        world.done(&["restore", "more"]);
        let mut restore = world.start(&["restore", "base"]);
        std::thread::sleep(delay);
        restore.signal(Signal::INT);
        let ended = restore.end();
        let expected = match ended.code() {
            Some(0) => DECLARED,
            // Before it listens to signals, it ends by this one.
            Some(130) | None => MORE,
            _ => panic!("{delay:?}: {}\n{}", ended.status, ended.errors),
        };
        assert_eq!(world.content(), expected, "{delay:?} of {length:?}:\n{}", ended.errors);
        let processes = world.unit_processes();
        assert_eq!(processes.len(), 1, "{delay:?}: {processes:?}\n{}", ended.errors);
    }
    world.is_down_without_rest();
}
