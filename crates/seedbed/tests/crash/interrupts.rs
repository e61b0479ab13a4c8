//! Ctrl-C: what was begun is undone, what ran before still runs.

use std::path::Path;

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

/// Fills a directory with files of several segments, in which no page is like another.
fn fill(directory: &Path, seed: u64) {
    std::fs::create_dir_all(directory).expect("a directory");
    for file in ["one", "two"] {
        let mut bytes = vec![0; 40 << 20];
        for (number, line) in (seed..).zip(bytes.chunks_mut(4096)) {
            line[..8].copy_from_slice(&number.to_le_bytes());
        }
        std::fs::write(directory.join(file), bytes).expect("a file");
    }
}

/// The first bytes of all pages, which tell what was filled in.
fn seeds(directory: &Path) -> Vec<u64> {
    let files = ["one", "two"].map(|file| std::fs::read(directory.join(file)).expect("a file"));
    let pages = files.iter().flat_map(|bytes| bytes.chunks(4096).zip(0_u64..));
    let mut seeds: Vec<u64> =
        pages.map(|(page, at)| u64::from_le_bytes(*page.first_chunk().expect("eight bytes")) - at).collect();
    seeds.dedup();
    seeds
}

#[test]
fn at_any_moment_of_a_snapshot_or_restore_of_large_files() {
    let world = World::up();
    world.manifest("resources:\n  media: { path: media }\n");
    let media = world.path("media");
    fill(&media, 1_000_000);
    let length = world.measure(&["snapshot", "one"]);
    fill(&media, 2_000_000);
    for (number, delay) in moments(length, 6).enumerate() {
        let tag = format!("two{number}");
        let mut snapshot = world.start(&["snapshot", &tag]);
        std::thread::sleep(delay);
        snapshot.signal(Signal::INT);
        let ended = snapshot.end();
        let is_there = world.snapshots().contains(&tag);
        match ended.code() {
            Some(0) => assert!(is_there, "{delay:?} of {length:?}"),
            Some(130) | None => assert!(!is_there, "{delay:?} of {length:?}:\n{}", ended.errors),
            _ => panic!("{delay:?}: {}\n{}", ended.status, ended.errors),
        }
    }
    world.done(&["snapshot", "two"]);
    let length = world.measure(&["restore", "one"]);
    assert_eq!(seeds(&media), [1_000_000]);
    for delay in moments(length, 6) {
        world.done(&["restore", "two"]);
        let mut restore = world.start(&["restore", "one"]);
        std::thread::sleep(delay);
        restore.signal(Signal::INT);
        let ended = restore.end();
        let expected = match ended.code() {
            Some(0) => 1_000_000,
            Some(130) | None => 2_000_000,
            _ => panic!("{delay:?}: {}\n{}", ended.status, ended.errors),
        };
        assert_eq!(seeds(&media), [expected], "{delay:?} of {length:?}:\n{}", ended.errors);
    }
    world.done(&["store", "check", "--data"]);
}
