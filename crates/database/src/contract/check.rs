//! Cases about the engine's own checker, and the space that content takes.

use super::fixture::{filled, fingerprint, kept, state};
use super::{Harness, LARGE};

/// Sound content gives no findings, and a check changes nothing.
pub fn the_checker_finds_nothing_in_sound_content(harness: &dyn Harness) {
    let mut database = harness.open();
    database.create().expect("create");
    assert_eq!(database.check().expect("check of nothing"), [""; 0]);
    harness.fill(&mut *database, LARGE);
    let before = fingerprint(&mut *database);
    assert_eq!(database.check().expect("check"), [""; 0]);
    database.keep(&state("base")).expect("keep");
    let mut opened = database.open_kept(&state("base")).expect("open the kept state");
    assert_eq!(opened.check().expect("check of a kept state"), [""; 0]);
    drop(opened);
    assert_eq!(fingerprint(&mut *database), before);
    assert_eq!(kept(&mut *database), ["base"]);
}

/// Damage is a finding or an error, where a test can do any.
pub fn the_checker_finds_damage(harness: &dyn Harness) {
    let mut database = filled(harness, LARGE);
    if harness.damage(&mut *database) {
        let found = database.check();
        assert!(found.as_ref().map_or(true, |found| !found.is_empty()), "{found:?}");
    }
}

/// Large content takes more space than none, in the database as in a kept state.
pub fn the_size_grows_with_the_content(harness: &dyn Harness) {
    let mut database = harness.open();
    database.create().expect("create");
    database.keep(&state("empty")).expect("keep");
    let empty = database.size().expect("size of nothing");
    harness.fill(&mut *database, LARGE);
    let large = database.size().expect("size");
    assert!(large > empty + 100_000, "{empty} → {large}");
    database.keep(&state("large")).expect("keep");
    let kept = database.kept().expect("kept");
    assert!(kept[1].bytes > kept[0].bytes + 100_000, "{kept:?}");
    let opened = database.open_kept(&state("large")).expect("open").size().expect("size of a kept state");
    assert!(opened > empty + 100_000, "{empty} → {opened}");
}
