//! Databases and files are one state: all of it is that before a command or that after it, wherever the command was killed
//! and however little room there was.

use std::path::Path;

use crate::full_disk::{AMPLE, Disk};
use crate::model::{Content, add_files};
use crate::world::{World, moments};

/// A workspace with files that is up, its declared state, and another one that is there now; both are saved.
fn two_states(world: &World) -> (Content, Content) {
    add_files(world);
    world.done(&["up"]);
    let base = Content::read(world);
    world.done(&["snapshot", "base"]);
    change(world, "more");
    let more = Content::read(world);
    world.done(&["snapshot", "more"]);
    (base, more)
}

fn change(world: &World, text: &str) {
    world.done(&["load", world.path("more.yaml").to_str().expect("a plain path")]);
    let media = world.path("media");
    for number in 0..300 {
        let file = media.join(format!("{}/{number}", number % 10));
        match number % 3 {
            // It may be gone already.
            0 => drop(std::fs::remove_file(&file)),
            1 => std::fs::write(&file, format!("{text} {number}\n").repeat(200)).expect("a file"),
            _ => {}
        }
    }
    std::fs::create_dir_all(media.join("new/empty")).expect("a directory");
    std::fs::write(media.join("new/file"), text).expect("a file");
}

/// A command that changes nothing, and so shows what it puts right.
fn next(world: &World) -> Content {
    world.done(&["load", world.path("same.yaml").to_str().expect("a plain path")]);
    Content::read(world)
}

fn sound(world: &World, when: &str) {
    let check = world.run(&["store", "check", "--data"]);
    assert!(check.status.success(), "{when}: {}{}", check.output, check.errors);
}

#[test]
fn restore_killed_at_any_moment_brings_all_or_nothing() {
    let world = World::new();
    let (base, more) = two_states(&world);
    let length = world.measure(&["restore", "base"]);
    for delay in moments(length, 20) {
        let when = format!("killed after {delay:?} of {length:?}");
        world.done(&["restore", "more"]);
        assert!(Content::read(&world) == more, "before it was {when}");
        world.kill_after(&["restore", "base"], delay);
        let content = next(&world);
        assert!(content == base || content == more, "{when}: {}", content.difference(&more));
        world.done(&["restore", "base"]);
        assert!(Content::read(&world) == base, "repeated after it was {when}");
    }
    sound(&world, "at the end");
    world.is_down_without_rest();
}

#[test]
fn snapshot_killed_at_any_moment_is_whole_or_not_there() {
    let world = World::new();
    let (_, more) = two_states(&world);
    let length = world.measure(&["snapshot", "measured"]);
    for (number, delay) in moments(length, 20).enumerate() {
        let (tag, when) = (format!("killed-{number}"), format!("killed after {delay:?} of {length:?}"));
        // Others than those that are in the store.
        change(&world, &when);
        let present = Content::read(&world);
        world.kill_after(&["snapshot", &tag], delay);
        assert!(next(&world) == present, "{when}");
        if !world.snapshots().contains(&tag) {
            world.done(&["snapshot", &tag]);
        }
        world.done(&["restore", "more"]);
        assert!(Content::read(&world) == more, "the one before, when it was {when}");
        world.done(&["restore", &tag]);
        assert!(Content::read(&world) == present, "{when}");
    }
    sound(&world, "at the end");
    world.is_down_without_rest();
}

/// What was put aside is there as long as it is not put back, and what it replaced is there then.
#[test]
fn undo_killed_at_any_moment_can_be_had_again() {
    let world = World::new();
    let (base, more) = two_states(&world);
    world.done(&["restore", "base"]);
    let length = world.measure(&["undo"]);
    for delay in moments(length, 25) {
        let when = format!("killed after {delay:?} of {length:?}");
        world.kill_after(&["undo"], delay);
        let content = next(&world);
        assert!(content == base || content == more, "{when}: {}", content.difference(&more));
        let other = if content == base { &more } else { &base };
        world.done(&["undo"]);
        assert!(Content::read(&world) == *other, "undo after it was {when}");
    }
    world.is_down_without_rest();
}

/// The moment at which a command has succeeded, and one of two databases has its old content under the name for `undo`.
#[test]
fn a_command_killed_when_it_had_succeeded_can_be_undone() {
    let world = World::new();
    let (base, more) = two_states(&world);
    world.done(&["restore", "base"]);
    let (record, journal) = (world.environment().join("environment.json"), world.environment().join("journal.json"));
    let written = std::fs::read_to_string(&record).expect("the record");
    let mut environment: serde_json::Value = serde_json::from_str(&written).expect("JSON");
    let undo = environment["undo"].take();
    std::fs::write(&record, environment.to_string()).expect("a record without it");
    let left = serde_json::json!({
        "seedbed_journal": 2, "running": [], "protected": {}, "made": [], "resources": {}, "loads": {},
        "succeeded": undo,
    });
    std::fs::write(&journal, left.to_string()).expect("a journal");
    let states = world.environment().join("states/shop/stock");
    std::fs::rename(states.join("previous.sqlite"), states.join("undo.sqlite")).expect("a kept state");

    assert!(next(&world) == base);
    assert!(!journal.exists(), "it is finished");
    world.done(&["undo"]);
    assert!(Content::read(&world) == more);
    world.done(&["undo"]);
    assert!(Content::read(&world) == base);
}

#[test]
fn push_killed_at_any_moment_leaves_a_remote_that_can_be_pushed_to() {
    let world = World::new();
    let (base, more) = two_states(&world);
    let length = world.measure(&["push", "base"]);
    for delay in moments(length, 15) {
        let when = format!("killed after {delay:?} of {length:?}");
        std::fs::remove_dir_all(world.path("remote")).expect("a remote");
        world.kill_after(&["push", "more"], delay);
        world.done(&["push", "more"]);
        let check = world.run(&["store", "check", "--data", "--remote", "team"]);
        assert!(check.status.success(), "{when}: {}{}", check.output, check.errors);
    }
    world.done(&["restore", "base"]);
    world.done(&["delete", "--yes", "more"]);
    world.done(&["store", "collect"]);
    let length = world.measure(&["pull", "more"]);
    for delay in moments(length, 10) {
        let when = format!("killed after {delay:?} of {length:?}");
        world.done(&["delete", "--yes", "more"]);
        world.done(&["store", "collect"]);
        world.kill_after(&["pull", "more"], delay);
        world.done(&["pull", "more"]);
        sound(&world, &when);
    }
    assert!(Content::read(&world) == base);
    world.done(&["restore", "more"]);
    assert!(Content::read(&world) == more);
    world.is_down_without_rest();
}

/// A workspace on a small disk. First its environment goes, then the disk.
struct Small {
    disk: Disk,
    world: World,
}

impl Drop for Small {
    fn drop(&mut self) {
        self.disk.resize(AMPLE);
        self.world.destroy();
    }
}

impl Small {
    fn new() -> Option<Self> {
        let mut world = World::new();
        let disk = Disk::mount(&world.below("disk"))?;
        world.write_all();
        Some(Self { disk, world })
    }

    /// Runs a command with less and less space: it says why it failed, nothing is lost, and it works when there is room.
    fn squeeze(&self, command: &[&str], again: &dyn Fn(), expected: (&Content, &Content)) {
        let (before, after) = expected;
        let (mut failures, sizes) = (0, [0, 8, 32, 100, 300, 700, 1200, 2000, 3500]);
        for free in sizes {
            again();
            let when = format!("`{}` with {free} KB", command.join(" "));
            self.disk.leave(free);
            let ended = self.world.run(command);
            self.disk.resize(AMPLE);
            if !ended.status.success() {
                failures += 1;
                assert_eq!(ended.code(), Some(4), "{when}: {}", ended.errors);
                assert!(ended.errors.contains("space"), "{when}: {}", ended.errors);
                let content = next(&self.world);
                assert!(content == *before, "{when}: {}\n{}", content.difference(before), ended.errors);
                self.world.done(command);
            }
            assert!(Content::read(&self.world) == *after, "{when}: {}", ended.errors);
            sound(&self.world, &when);
        }
        assert!((1..sizes.len()).contains(&failures), "the disk was {failures} times too small");
    }

    fn forget(&self, tag: &str) {
        if self.world.snapshots().contains(&tag.to_owned()) {
            self.world.done(&["delete", "--yes", tag]);
        }
        self.world.done(&["store", "collect"]);
    }
}

#[test]
fn on_a_full_disk_a_restore_leaves_databases_and_files() {
    let Some(small) = Small::new() else { return };
    let (base, more) = two_states(&small.world);
    small.squeeze(&["restore", "base"], &|| drop(small.world.done(&["restore", "more"])), (&more, &base));
}

#[test]
fn on_a_full_disk_a_snapshot_is_whole_or_not_there() {
    let Some(small) = Small::new() else { return };
    let (_, more) = two_states(&small.world);
    let random = |directory: &Path| {
        let mut rng = fastrand::Rng::new();
        let bytes: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(1 << 20).collect();
        std::fs::write(directory.join("large"), bytes).expect("a file");
    };
    random(&small.world.path("media"));
    let present = Content::read(&small.world);
    small.squeeze(&["snapshot", "third"], &|| small.forget("third"), (&present, &present));
    small.world.done(&["restore", "more"]);
    assert!(Content::read(&small.world) == more);
    small.world.done(&["restore", "third"]);
    assert!(Content::read(&small.world) == present);
}

#[test]
fn on_a_full_disk_a_push_can_be_repeated() {
    let Some(small) = Small::new() else { return };
    let (_, more) = two_states(&small.world);
    let again = || drop(std::fs::remove_dir_all(small.world.path("remote")));
    small.squeeze(&["push", "more"], &again, (&more, &more));
    let check = small.world.run(&["store", "check", "--data", "--remote", "team"]);
    assert!(check.status.success(), "{}{}", check.output, check.errors);
}
