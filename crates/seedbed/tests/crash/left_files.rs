//! Files of an environment that are garbage: a clear error, and a way out.

use rustix::process::Signal;

use crate::world::{DECLARED, MORE, World, eventually};

#[test]
fn a_record_that_cannot_be_read_does_not_keep_the_environment_running() {
    let world = World::up();
    let record = world.environment().join("environment.json");
    let whole = std::fs::read_to_string(&record).unwrap();
    for garbage in ["", "{", &whole[..whole.len() / 2], "[]", "{\"seedbed_environment\": 1}"] {
        std::fs::write(&record, garbage).unwrap();
        for command in ["up", "status", "reset"] {
            let ended = world.run(&[command]).expect_code(4);
            assert!(ended.errors.contains("environment.json") && ended.errors.contains("help: "), "{}", ended.errors);
        }
        world.is_down_without_rest();
        std::fs::write(&record, &whole).unwrap();
        world.is_up_with(DECLARED, "with its record again");
    }
    std::fs::write(&record, "{").unwrap();
    world.done(&["destroy", "--yes"]);
    world.is_up_with(DECLARED, "made anew");
}

#[test]
fn a_journal_that_cannot_be_read_is_not_passed_over() {
    let world = World::up();
    let journal = world.environment().join("journal.json");
    std::fs::write(&journal, "{\"seedbed_journal\": 2, \"prot").unwrap();
    let ended = world.run(&["up"]).expect_code(4);
    assert!(ended.errors.contains("journal.json") && ended.errors.contains("help: "), "{}", ended.errors);
    world.done(&["down"]);
    std::fs::remove_file(&journal).unwrap();
    world.is_up_with(DECLARED, "without the journal");
}

/// What a killed command left of a database that is not declared any more waits until it is again.
#[test]
fn a_database_that_is_not_declared_any_more_keeps_its_place_in_the_journal() {
    let world = World::up();
    world.done(&["load", world.path("more.yaml").to_str().unwrap()]);
    world.done(&["snapshot", "more"]);
    let manifest = std::fs::read_to_string(world.path("seedbed.yaml")).unwrap();
    let journal = world.environment().join("journal.json");
    let is_left = || std::fs::read_to_string(&journal).is_ok_and(|text| text.contains("shop/stock"));
    eventually("no restore was killed in the middle", || {
        let mut restore = world.start(&["restore", "base"]);
        while restore.runs() && !is_left() {
            std::thread::yield_now();
        }
        restore.signal(Signal::KILL);
        let ended = restore.end();
        if is_left() {
            return Ok(());
        }
        world.done(&["restore", "more"]);
        Err(ended)
    });
    let lines = manifest.lines().filter(|line| !line.starts_with("  stock:"));
    let without = lines.map(|line| match line.split_once(", stock:") {
        Some((start, _)) => format!("{start} }}\n"),
        None => format!("{}\n", line.replace(", B: '${databases.stock.url}'", "")),
    });
    world.write("seedbed.yaml", &without.collect::<String>());
    world.done(&["up"]);
    assert!(is_left(), "stock is still to be undone");
    world.write("seedbed.yaml", &manifest);
    world.done(&["up"]);
    assert_eq!(world.content(), MORE);
    assert!(!journal.exists(), "nothing is left to be undone");
}

#[test]
fn a_record_of_a_task_that_cannot_be_read_lets_the_task_run_again() {
    let world = World::new();
    world.manifest(
        "    after: [build]\ntasks:\n  build: { run: { shell: \"echo built >> built\" }, inputs: [orders.sql] }\n",
    );
    world.done(&["up"]);
    let record = world.path(".seedbed/tasks/build.json");
    std::fs::write(&record, "{").unwrap();
    world.done(&["up"]);
    assert_eq!(std::fs::read_to_string(world.path("built")).unwrap(), "built\nbuilt\n");
    world.done(&["up"]);
    assert_eq!(std::fs::read_to_string(world.path("built")).unwrap(), "built\nbuilt\n");
}
