//! Kills while databases of PostgreSQL are worked on: its server is needed to put right what was left.

use std::path::Path;

use crate::world::{World, moments, skip};

/// The profile whose databases are in a server that environments share.
const SHARED: &str = "postgres";
/// The profile whose databases are in a server of the environment's own.
const OWN: &str = "own";

/// A workspace that is up on PostgreSQL, with two snapshots of different states.
fn up(profile: &str) -> Option<World> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut places = versions.map(|version| version.path().join("bin")).collect::<Vec<_>>();
    places.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    if !places.iter().any(|place| Path::new(place).join("initdb").exists()) {
        skip("PostgreSQL is not installed");
        return None;
    }
    let world = World::new();
    world.done(&["up", "--profile", profile]);
    world.done(&["snapshot", "base"]);
    world.done(&["load", world.path("more.yaml").to_str().expect("a plain path")]);
    world.done(&["snapshot", "more"]);
    Some(world)
}

/// The id of a snapshot says what the databases hold.
pub fn state(world: &World, probe: &str) -> String {
    let taken = world.json(&["snapshot", probe]);
    taken["snapshot"]["id"].as_str().expect("an id").to_owned()
}

/// Kills a command at several moments; `again` makes what it starts from. What is found is the one state or the other.
pub fn kill(world: &World, command: &[&str], count: u32, again: &dyn Fn()) {
    again();
    let before = state(world, &format!("{}-before", command[0]));
    let length = world.measure(command);
    let after = state(world, &format!("{}-after", command[0]));
    assert_ne!(before, after);
    for (index, delay) in moments(length, count).enumerate() {
        let when = format!("`{}` killed after {delay:?} of {length:?}", command.join(" "));
        again();
        world.kill_after(command, delay);
        let found = state(world, &format!("{}-{index}", command[0]));
        assert!(found == before || found == after, "{when}: {found} is neither {before} nor {after}");
        world.done(command);
        assert_eq!(state(world, &format!("{}-{index}-again", command[0])), after, "{when}");
    }
    world.is_down_without_rest();
}

/// Kills snapshots of a server's files at several moments; what they hold is proved from another state.
pub fn snapshot_as_files(world: &World, count: u32, other: &str) {
    let expected = state(world, "expected");
    let length = world.measure(&["snapshot", "measured", "--physical"]);
    for (index, delay) in moments(length, count).enumerate() {
        let (tag, when) = (format!("files-{index}"), format!("{delay:?} of {length:?}"));
        let command = ["snapshot", &tag, "--physical"];
        world.kill_after(&command, delay);
        let was_taken = world.snapshots().contains(&tag);
        world.done(&["up"]);
        assert_eq!(state(world, &format!("probe-{index}")), expected, "{when}");
        if !was_taken {
            world.done(&command);
        }
        world.done(&["restore", other]);
        world.done(&["restore", &tag, "--prove"]);
        assert_eq!(state(world, &format!("again-{index}")), expected, "{when}");
    }
    world.done(&["store", "check", "--data"]);
    world.is_down_without_rest();
}

#[test]
fn restore() {
    let Some(world) = up(SHARED) else { return };
    kill(&world, &["restore", "base"], 6, &|| drop(world.done(&["restore", "more"])));
}

#[test]
fn restore_of_files_into_their_server() {
    let Some(world) = up(OWN) else { return };
    world.done(&["restore", "base"]);
    world.done(&["snapshot", "files", "--physical"]);
    // What is to be proved is brought from the store, also if it is kept in the engine.
    kill(&world, &["restore", "files", "--prove"], 8, &|| drop(world.done(&["restore", "more"])));
}

#[test]
fn restore_of_files_by_another_server() {
    let Some(world) = up(OWN) else { return };
    world.done(&["restore", "base"]);
    world.done(&["snapshot", "files", "--physical"]);
    world.done(&["destroy", "--yes"]);
    world.done(&["up", "--profile", OWN]);
    kill(&world, &["restore", "files", "--prove"], 6, &|| drop(world.done(&["restore", "more"])));
}

#[test]
fn snapshot_of_files() {
    let Some(world) = up(OWN) else { return };
    snapshot_as_files(&world, 8, "base");
}

#[test]
fn reset() {
    let Some(world) = up(SHARED) else { return };
    kill(&world, &["reset"], 5, &|| drop(world.done(&["restore", "more"])));
}

#[test]
fn up_with_a_changed_migration() {
    let Some(world) = up(SHARED) else { return };
    kill(&world, &["up"], 5, &|| {
        world.write_all();
        world.done(&["restore", "more"]);
        world.migrate_to("changed");
    });
}

#[test]
fn up_from_nothing() {
    is_killed_on_its_way_up(SHARED);
}

#[test]
fn up_from_nothing_with_a_server_of_its_own() {
    is_killed_on_its_way_up(OWN);
}

fn is_killed_on_its_way_up(profile: &str) {
    let Some(world) = up(profile) else { return };
    world.done(&["restore", "base"]);
    let base = state(&world, "base-again");
    world.done(&["destroy", "--yes"]);
    let length = world.measure(&["up", "--profile", profile]);
    for (index, delay) in moments(length, 4).enumerate() {
        world.destroy_for(index);
        world.kill_after(&["up", "--profile", profile], delay);
        world.done(&["up", "--profile", profile]);
        assert_eq!(state(&world, &format!("probe-{index}")), base, "{delay:?} of {length:?}");
    }
    world.is_down_without_rest();
}
