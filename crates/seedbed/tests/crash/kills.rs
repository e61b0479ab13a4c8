//! The program, killed at many points of each command: the content is that before or that after, of all databases.

use std::time::Duration;

use crate::world::{DECLARED, MORE, World, moments};

/// Kills a command at each of these moments. The next command puts right what it left; then the content must be `before`
/// or `after`, and the same command goes well. `again` brings the content back to `before`.
fn kill(world: &World, command: &[&str], count: u32, (before, after): (&str, &str), again: &dyn Fn()) {
    again();
    assert_eq!(world.content(), before);
    let length = world.measure(command);
    assert_eq!(world.content(), after);
    for delay in moments(length, count) {
        let when = format!("`{}` killed after {delay:?} of {length:?}", command.join(" "));
        again();
        assert_eq!(world.content(), before, "before it was {when}");
        world.kill_after(command, delay);
        world.done(&["load", world.path("same.yaml").to_str().expect("a plain path")]);
        let content = world.content();
        assert!(content == before || content == after, "{when}: {content}");
        world.done(command);
        assert_eq!(world.content(), after, "repeated after it was {when}");
    }
    world.write_all();
    world.done(&["restore", "base"]);
    world.is_up_with(DECLARED, "at the end");
    world.is_down_without_rest();
}

#[test]
fn up_from_nothing() {
    let world = World::new();
    let length = world.measure(&["up"]);
    for (index, delay) in moments(length, 30).enumerate() {
        world.destroy_for(index);
        world.kill_after(&["up"], delay);
        world.is_up_with(DECLARED, &format!("killed after {delay:?} of {length:?}"));
        // The kept copies are good, too.
        world.done(&["reset"]);
        assert_eq!(world.content(), DECLARED, "reset, when `up` was killed after {delay:?} of {length:?}");
    }
    world.is_down_without_rest();
}

#[test]
fn up_with_a_changed_migration() {
    let world = World::up();
    let after = DECLARED.replace("plain", "changed");
    kill(&world, &["up"], 20, (DECLARED, &after), &|| {
        world.write_all();
        world.done(&["restore", "base"]);
        world.migrate_to("changed");
    });
}

#[test]
fn load_over_two_databases() {
    let world = World::up();
    let more = world.path("more.yaml");
    let load = ["load", more.to_str().expect("a plain path")];
    kill(&world, &load, 25, (DECLARED, MORE), &|| drop(world.done(&["restore", "base"])));
}

#[test]
fn restore() {
    let world = World::up();
    world.done(&["load", world.path("more.yaml").to_str().expect("a plain path")]);
    world.done(&["snapshot", "more"]);
    kill(&world, &["restore", "base"], 20, (MORE, DECLARED), &|| drop(world.done(&["restore", "more"])));
    assert_eq!(world.snapshots(), ["base", "more"]);
}

#[test]
fn reset_to_kept_copies() {
    let world = World::up();
    world.done(&["load", world.path("more.yaml").to_str().expect("a plain path")]);
    world.done(&["snapshot", "more"]);
    kill(&world, &["reset"], 15, (MORE, DECLARED), &|| drop(world.done(&["restore", "more"])));
}

/// Rows with the same keys are in the old content and in the new: to take the new ones back must not take the old.
#[test]
fn reset_that_makes_everything_anew() {
    let world = World::up();
    world.done(&["load", world.path("more.yaml").to_str().expect("a plain path")]);
    world.done(&["snapshot", "more"]);
    let anew = "a=plain b=plain e=plain | x=plain y=plain";
    world.done(&["down"]);
    let command = ["reset"];
    let spec = |codes: &str| world.write("orders.yaml", &format!("orders: [{codes}]\n"));
    let again = || {
        // Another declared state than that of the kept copies.
        spec("{ code: a }, { code: b }");
        world.done(&["reset"]);
        world.done(&["restore", "more"]);
        spec("{ code: a }, { code: b }, { code: e }");
    };
    again();
    let length = world.measure(&command);
    assert_eq!(world.content(), anew);
    for delay in moments(length, 15) {
        let when = format!("killed after {delay:?} of {length:?}");
        again();
        world.kill_after(&command, delay);
        world.done(&["snapshot", "probe"]);
        let content = world.content();
        assert!(content == MORE || content == anew, "{when}: {content}");
        world.done(&["restore", "probe"]);
        assert_eq!(world.content(), content, "the snapshot after it was {when}");
        world.done(&["delete", "probe", "--yes"]);
        world.done(&command);
        assert_eq!(world.content(), anew, "{when}");
    }
    world.is_down_without_rest();
}

#[test]
fn snapshot() {
    let world = World::up();
    world.done(&["load", world.path("more.yaml").to_str().expect("a plain path")]);
    let length = world.measure(&["snapshot", "whole"]);
    for (index, delay) in moments(length, 20).enumerate() {
        let tag = format!("killed-{index}");
        world.kill_after(&["snapshot", &tag], delay);
        assert_eq!(world.content(), MORE, "{delay:?} of {length:?}");
        if !world.snapshots().contains(&tag) {
            world.done(&["snapshot", &tag]);
        }
    }
    for tag in world.snapshots() {
        world.done(&["restore", &tag]);
        let expected = if tag == "base" { DECLARED } else { MORE };
        assert_eq!(world.content(), expected, "{tag}");
    }
    assert_eq!(world.snapshots().len(), 22);
    world.is_down_without_rest();
}

/// The command that undoes what a killed one began is killed as well, many times over.
#[test]
fn the_recovery_itself() {
    let world = World::up();
    world.done(&["load", world.path("more.yaml").to_str().expect("a plain path")]);
    world.done(&["snapshot", "more"]);
    let length = world.measure(&["restore", "base"]);
    world.done(&["restore", "more"]);
    for delay in moments(length, 12) {
        // What is to be undone: a restore that was cut short.
        world.kill_after(&["restore", "base"], length.mul_f64(0.6));
        world.kill_after(&["load", world.path("same.yaml").to_str().expect("a plain path")], delay);
        world.kill_after(&["restore", "base"], Duration::from_millis(10));
        world.done(&["load", world.path("same.yaml").to_str().expect("a plain path")]);
        let content = world.content();
        assert!(content == MORE || content == DECLARED, "{delay:?}: {content}");
        world.done(&["restore", "more"]);
    }
    world.is_down_without_rest();
}
