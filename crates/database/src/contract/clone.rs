//! Cases about clones, which a caller has for a while.

use super::RelationalHarness;
use super::fixture::{filled, fingerprint, fingerprint_of_kept, kept, state};
use crate::DatabaseError;

/// Clones have the content of the state, and what is done to one is seen nowhere else.
pub fn clones_are_fresh_and_apart(harness: &dyn RelationalHarness) {
    let mut database = filled(harness, 0);
    let before = fingerprint(&mut *database);
    database.keep(&state("base")).expect("keep");
    harness.change(&mut *database);
    let after = fingerprint(&mut *database);
    let mut maker = harness.open();
    let names: Vec<String> = (0..3).map(|_| maker.clone_kept(&state("base")).expect("clone")).collect();
    for name in &names {
        let mut clone = harness.open_clone(name);
        assert_eq!(fingerprint(&mut *clone), before);
        harness.change(&mut *clone);
        assert_ne!(fingerprint(&mut *clone), before);
    }
    assert_eq!(fingerprint(&mut *database), after);
    assert_eq!(fingerprint_of_kept(&mut *database, "base"), before);
    assert_eq!(kept(&mut *database), ["base"], "a clone is no kept state");
    for name in &names {
        // Somebody is still connected.
        let mut clone = harness.open_clone(name);
        clone.row_counts().expect("it is there");
        maker.drop_clone(name).expect("drop");
        assert!(!harness.open_clone(name).exists().expect("look"), "it is gone");
        maker.drop_clone(name).expect("it is gone already");
    }
    let error = maker.clone_kept(&state("other")).expect_err("nothing is kept under that name");
    assert!(matches!(error, DatabaseError::UnknownState { .. }), "{error:?}");
}

/// While its maker lives a clone is left alone by everybody; then whoever tidies removes it.
pub fn a_clone_lives_as_long_as_its_maker(harness: &dyn RelationalHarness) {
    let mut database = filled(harness, 0);
    database.keep(&state("base")).expect("keep");
    let before = fingerprint(&mut *database);
    let mut maker = harness.open();
    let name = maker.clone_kept(&state("base")).expect("clone");
    database.reset_to(&state("base"), None).expect("reset");
    database.tidy().expect("tidy");
    database.forget(&state("base")).expect("forget");
    database.tidy().expect("tidy");
    assert_eq!(fingerprint(&mut *harness.open_clone(&name)), before);
    drop(maker);
    // A server notices in its own time that a connection has ended.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while harness.open_clone(&name).exists().expect("look") {
        assert!(std::time::Instant::now() < deadline, "{name} is still there");
        database.tidy().expect("tidy");
    }
}

/// Nothing is left of them.
pub fn destroy_takes_the_clones_along(harness: &dyn RelationalHarness) {
    let mut database = filled(harness, 0);
    database.keep(&state("base")).expect("keep");
    let mut maker = harness.open();
    let name = maker.clone_kept(&state("base")).expect("clone");
    database.destroy().expect("destroy");
    drop(maker);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while harness.open_clone(&name).exists().expect("look") {
        assert!(std::time::Instant::now() < deadline, "{name} is still there");
        database.tidy().expect("tidy");
    }
}
