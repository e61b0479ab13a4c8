//! Cases about spare copies, which make a reset a rename.

use super::Harness;
use super::fixture::{filled, fingerprint, fingerprint_of_kept, has_spare, kept, state};
use crate::DatabaseError;

/// A spare serves one reset; the state itself stays, and serves the next one.
pub fn a_spare_is_used_by_one_reset(harness: &dyn Harness) {
    let mut database = filled(harness, 0);
    let before = fingerprint(&mut *database);
    database.keep(&state("base")).expect("keep");
    assert!(!has_spare(&mut *database, "base"));
    for _ in 0..2 {
        harness.open().prepare_spare(&state("base")).expect("prepare a spare");
        database.prepare_spare(&state("base")).expect("one is enough");
        assert!(has_spare(&mut *database, "base"));
        harness.change(&mut *database);
        database.reset_to(&state("base"), None).expect("reset");
        assert_eq!(fingerprint(&mut *database), before);
        assert!(!has_spare(&mut *database, "base"), "it is used up");
        harness.change(&mut *database);
        database.reset_to(&state("base"), None).expect("reset without a spare");
        assert_eq!(fingerprint(&mut *database), before);
    }
    assert_eq!(fingerprint_of_kept(&mut *database, "base"), before);
}

/// A spare of what had the name before is not used.
pub fn a_spare_is_of_the_present_state_of_its_name(harness: &dyn Harness) {
    let mut database = filled(harness, 0);
    let name = state("base");
    database.keep(&name).expect("keep");
    for way in ["keep", "forget and keep", "rename", "aside", "take and keep"] {
        database.prepare_spare(&name).expect("prepare a spare");
        assert!(has_spare(&mut *database, "base"), "{way}");
        harness.change(&mut *database);
        let wanted = fingerprint(&mut *database);
        match way {
            "keep" => database.keep(&name).expect(way),
            "forget and keep" => {
                database.forget(&name).expect(way);
                database.keep(&name).expect(way);
            }
            "rename" => {
                database.keep(&state("other")).expect(way);
                database.rename_kept(&state("other"), &name).expect(way);
            }
            "aside" => database.clear(Some(&name)).expect(way),
            _ => {
                database.take(&name, Some(&state("other"))).expect(way);
                database.rename_kept(&state("other"), &name).expect(way);
            }
        }
        assert!(!has_spare(&mut *database, "base"), "{way}");
        database.tidy().expect("tidy");
        database.reset_to(&name, None).expect(way);
        assert_eq!(fingerprint(&mut *database), wanted, "{way}");
    }
}

/// There is nothing to copy; and nothing is left of the attempt.
pub fn a_spare_of_nothing_is_an_error(harness: &dyn Harness) {
    let mut database = filled(harness, 0);
    let error = database.prepare_spare(&state("base")).expect_err("nothing is kept");
    assert!(matches!(error, DatabaseError::UnknownState { .. }), "{error:?}");
    assert_eq!(kept(&mut *database), [""; 0]);
}

/// Content, kept states and spares stay.
pub fn tidy_removes_nothing_that_is_kept(harness: &dyn Harness) {
    let mut database = filled(harness, 0);
    let base = fingerprint(&mut *database);
    database.keep(&state("base")).expect("keep");
    harness.change(&mut *database);
    let other = fingerprint(&mut *database);
    database.keep(&state("other")).expect("keep");
    database.reset_to(&state("base"), None).expect("reset");
    database.prepare_spare(&state("base")).expect("prepare a spare");
    for _ in 0..2 {
        database.tidy().expect("tidy");
        assert_eq!(fingerprint(&mut *database), base);
        assert_eq!(kept(&mut *database), ["base", "other"]);
        assert!(has_spare(&mut *database, "base"));
    }
    assert_eq!(fingerprint_of_kept(&mut *database, "other"), other);
    harness.change(&mut *database);
    database.reset_to(&state("base"), None).expect("reset");
    assert_eq!(fingerprint(&mut *database), base);
}
