//! Cases about what is displaced: kept under a name, or put aside to be removed.

use super::Harness;
use super::fixture::{filled, fingerprint, fingerprint_of_kept, kept, state};
use crate::DatabaseError;

/// What is taken is the content, and no longer a kept state.
pub fn a_state_is_taken_and_no_longer_kept(harness: &dyn Harness) {
    let mut database = filled(harness, 0);
    let before = fingerprint(&mut *database);
    database.keep(&state("base")).expect("keep");
    database.prepare_spare(&state("base")).expect("prepare a spare");
    harness.change(&mut *database);
    database.take(&state("base"), None).expect("take");
    assert_eq!(fingerprint(&mut *database), before);
    assert_eq!(kept(&mut *database), [""; 0]);
    let error = database.take(&state("base"), None).expect_err("nothing is kept");
    assert!(matches!(error, DatabaseError::UnknownState { .. }), "{error:?}");
    assert_eq!(fingerprint(&mut *database), before);
    // It is a database like any other, and the name is free for another content.
    harness.change(&mut *database);
    let changed = fingerprint(&mut *database);
    database.keep(&state("base")).expect("keep");
    harness.change(&mut *database);
    database.reset_to(&state("base"), None).expect("reset");
    assert_eq!(fingerprint(&mut *database), changed);
}

/// Two states can be switched between without a copy.
pub fn a_state_taken_changes_places_with_the_content(harness: &dyn Harness) {
    let mut database = filled(harness, 0);
    let first = fingerprint(&mut *database);
    database.keep(&state("other")).expect("keep");
    database.prepare_spare(&state("other")).expect("prepare a spare");
    harness.change(&mut *database);
    let second = fingerprint(&mut *database);
    for (content, other) in [(&first, &second), (&second, &first), (&first, &second)] {
        database.take(&state("other"), Some(&state("other"))).expect("take");
        assert_eq!(fingerprint(&mut *database), *content);
        assert_eq!(kept(&mut *database), ["other"]);
        assert_eq!(fingerprint_of_kept(&mut *database, "other"), *other);
    }
    // A spare of what had the name before would be the wrong one.
    database.reset_to(&state("other"), None).expect("reset");
    assert_eq!(fingerprint(&mut *database), second);
}

/// Each way to replace the content can keep what was there, in the place of what had the name before.
pub fn what_is_displaced_is_kept_under_a_name(harness: &dyn Harness) {
    let mut database = filled(harness, 0);
    let base = fingerprint(&mut *database);
    let aside = state("aside");
    database.keep(&state("base")).expect("keep");
    database.keep(&aside).expect("keep what is replaced");
    for way in ["reset", "reset with a spare", "clear", "take"] {
        database.prepare_spare(&aside).expect("prepare a spare of what is replaced");
        if way != "take" {
            database.reset_to(&state("base"), None).expect(way);
        }
        harness.change(&mut *database);
        harness.change(&mut *database);
        let before = fingerprint(&mut *database);
        match way {
            "reset" => database.reset_to(&state("base"), Some(&aside)).expect(way),
            "reset with a spare" => {
                database.prepare_spare(&state("base")).expect("prepare a spare");
                database.reset_to(&state("base"), Some(&aside)).expect(way);
            }
            "clear" => database.clear(Some(&aside)).expect(way),
            _ => database.take(&state("base"), Some(&aside)).expect(way),
        }
        match way {
            "clear" => assert_eq!(database.inspect().expect("inspect").tables, [], "{way}"),
            _ => assert_eq!(fingerprint(&mut *database), base, "{way}"),
        }
        assert_eq!(kept(&mut *database), if way == "take" { vec!["aside"] } else { vec!["aside", "base"] }, "{way}");
        assert_eq!(fingerprint_of_kept(&mut *database, "aside"), before, "{way}");
        database.tidy().expect("tidy");
        let now = fingerprint(&mut *database);
        database.take(&aside, Some(&aside)).expect("take what was put aside");
        assert_eq!(fingerprint(&mut *database), before, "{way}");
        assert_eq!(fingerprint_of_kept(&mut *database, "aside"), now, "{way}");
        database.keep(&aside).expect("keep");
        if way == "clear" {
            database.reset_to(&state("base"), None).expect("content for the next way");
        }
    }
}

/// Without a name it is gone, whether it is removed at once or later.
pub fn what_is_put_aside_without_a_name_is_not_kept(harness: &dyn Harness) {
    let mut database = filled(harness, 0);
    let before = fingerprint(&mut *database);
    database.keep(&state("base")).expect("keep");
    database.keep(&state("taken")).expect("keep");
    harness.change(&mut *database);
    database.clear(None).expect("clear");
    assert_eq!(kept(&mut *database), ["base", "taken"]);
    database.take(&state("taken"), None).expect("take");
    assert_eq!(kept(&mut *database), ["base"]);
    harness.change(&mut *database);
    database.reset_to(&state("base"), None).expect("reset");
    assert_eq!(kept(&mut *database), ["base"]);
    database.tidy().expect("tidy");
    assert_eq!(kept(&mut *database), ["base"]);
    assert_eq!(fingerprint(&mut *database), before);
}

/// A database that is missing is made, and leaves nothing to keep.
pub fn nothing_is_kept_aside_where_nothing_was(harness: &dyn Harness) {
    let mut database = filled(harness, 0);
    let before = fingerprint(&mut *database);
    let dump = harness.directory().join("x.dump");
    database.dump(&dump).expect("dump");
    for way in ["reset", "reset with a spare", "take", "clear"] {
        database.destroy().expect("destroy");
        database.restore_as(&state("base"), &dump).expect("restore");
        match way {
            "reset" => database.reset_to(&state("base"), Some(&state("aside"))).expect(way),
            "reset with a spare" => {
                database.prepare_spare(&state("base")).expect("prepare a spare");
                database.reset_to(&state("base"), Some(&state("aside"))).expect(way);
            }
            "take" => database.take(&state("base"), Some(&state("aside"))).expect(way),
            _ => database.clear(Some(&state("aside"))).expect(way),
        }
        assert!(database.exists().expect("exists"), "{way}");
        assert_eq!(kept(&mut *database), if way == "take" { vec![] } else { vec!["base"] }, "{way}");
        match way {
            "clear" => assert_eq!(database.inspect().expect("inspect").tables, [], "{way}"),
            _ => assert_eq!(fingerprint(&mut *database), before, "{way}"),
        }
    }
}

/// Clearing leaves nothing of the content, and everything of the kept states.
pub fn clear_leaves_an_empty_database_and_the_kept_states(harness: &dyn Harness) {
    let mut database = harness.open();
    database.create().expect("create");
    let empty = fingerprint(&mut *database);
    harness.fill(&mut *database, 0);
    let before = fingerprint(&mut *database);
    database.keep(&state("base")).expect("keep");
    for _ in 0..2 {
        database.clear(None).expect("clear");
        assert_eq!(database.inspect().expect("inspect").tables, []);
        assert_eq!(fingerprint(&mut *database), empty);
    }
    assert_eq!(kept(&mut *database), ["base"]);
    database.reset_to(&state("base"), None).expect("reset");
    assert_eq!(fingerprint(&mut *database), before);
}
