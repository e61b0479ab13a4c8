//! Commands on one environment at the same time: each waits for its turn or is ended, and the end is consistent.

use crate::world::{DECLARED, Running, World, moments};

fn all_at_once(count: usize) {
    let world = World::new();
    let running: Vec<Running> = (0..count).map(|_| world.start(&["up"])).collect();
    for up in running {
        up.end().expect_code(0);
    }
    world.is_up_with(DECLARED, "after several at once");
    world.is_down_without_rest();
}

#[test]
fn two_ups_make_one_environment() {
    all_at_once(2);
}

#[test]
fn five_ups_make_one_environment() {
    all_at_once(5);
}

#[test]
fn down_during_up_ends_it() {
    let world = World::new();
    let length = world.measure(&["up"]);
    for delay in moments(length, 12) {
        world.done(&["destroy", "--yes"]);
        let up = world.start(&["up"]);
        std::thread::sleep(delay);
        let down = world.start(&["down"]);
        let (up, down) = (up.end(), down.end());
        // It may have been there before there was an environment.
        assert!(matches!(down.code(), Some(0 | 5)), "{delay:?}: {}\n{}", down.status, down.errors);
        let processes = world.unit_processes();
        if down.code() == Some(0) {
            assert!(matches!(up.code(), Some(0 | 1 | 4)), "{delay:?}: {}\n{}", up.status, up.errors);
            assert!(up.status.success() || !up.errors.trim().is_empty(), "{delay:?}: it failed without a word");
            // Where `down` came to its end before `up` had the right to change, `up` has the last word.
            let is_up = up.status.success() && processes.len() == 1;
            assert!(processes.is_empty() || is_up, "{delay:?}: {processes:?}\n{}", up.errors);
        }
        world.is_up_with(DECLARED, &format!("{delay:?} of {length:?}"));
    }
    world.is_down_without_rest();
}

#[test]
fn up_during_down_comes_after_it() {
    let world = World::up();
    let length = world.measure(&["down"]);
    for delay in moments(length, 10) {
        world.done(&["up"]);
        let down = world.start(&["down"]);
        std::thread::sleep(delay);
        let up = world.start(&["up"]);
        let (down, up) = (down.end().expect_code(0), up.end());
        assert!(matches!(up.code(), Some(0 | 1 | 4)), "{delay:?}: {}\n{}", up.status, up.errors);
        let processes = world.unit_processes();
        assert!(processes.len() <= 1, "{delay:?}: {processes:?}\n{}\n{}", up.errors, down.errors);
        world.is_up_with(DECLARED, &format!("{delay:?} of {length:?}"));
    }
    world.is_down_without_rest();
}

#[test]
fn destroy_during_up_leaves_all_or_nothing() {
    let world = World::new();
    let length = world.measure(&["up"]);
    for delay in moments(length, 12) {
        world.done(&["destroy", "--yes"]);
        let up = world.start(&["up"]);
        std::thread::sleep(delay);
        let destroy = world.start(&["destroy", "--yes"]);
        let (up, destroy) = (up.end(), destroy.end());
        assert!(matches!(destroy.code(), Some(0 | 5)), "{delay:?}: {}\n{}", destroy.status, destroy.errors);
        assert!(matches!(up.code(), Some(0 | 1 | 4)), "{delay:?}: {}\n{}", up.status, up.errors);
        world.is_up_with(DECLARED, &format!("{delay:?} of {length:?}"));
    }
    world.is_down_without_rest();
}

/// One that waits for a `destroy` must not take the lock of what is gone.
#[test]
fn ups_that_wait_for_a_destroy_make_it_anew() {
    for _ in 0..5 {
        let world = World::up();
        let destroy = world.start(&["destroy", "--yes"]);
        let ups: Vec<Running> = (0..3).map(|_| world.start(&["up"])).collect();
        destroy.end().expect_code(0);
        for up in ups {
            let ended = up.end();
            assert!(matches!(ended.code(), Some(0 | 1 | 4)), "{}\n{}", ended.status, ended.errors);
        }
        world.is_up_with(DECLARED, "after the destroy");
        world.is_down_without_rest();
    }
}
