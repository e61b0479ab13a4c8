//! Cases about a database's life.

use super::Harness;
use super::fixture::{filled, fingerprint, kept, state};
use crate::DatabaseError;

/// Creating what exists and destroying what does not are no errors, and change nothing.
pub fn create_and_destroy_can_be_repeated(harness: &dyn Harness) {
    let mut database = harness.open();
    assert!(!database.exists().expect("exists"));
    assert_eq!(kept(&mut *database), [""; 0]);
    database.destroy().expect("destroy what is not there");
    database.tidy().expect("tidy where nothing is");
    database.create().expect("create");
    let empty = fingerprint(&mut *database);
    harness.fill(&mut *database, 0);
    let before = fingerprint(&mut *database);
    assert_ne!(before, empty);
    database.create().expect("create what is there");
    assert!(database.exists().expect("exists"));
    assert_eq!(fingerprint(&mut *database), before);
    database.destroy().expect("destroy");
    database.destroy().expect("destroy again");
    assert!(!database.exists().expect("exists"));
    database.create().expect("create again");
    assert_eq!(database.inspect().expect("inspect").tables, []);
    assert_eq!(fingerprint(&mut *database), empty);
}

/// A database that is made anew does not find the kept states of the one before.
pub fn destroy_takes_the_kept_states_along(harness: &dyn Harness) {
    let mut database = filled(harness, 0);
    database.keep(&state("base")).expect("keep");
    database.prepare_spare(&state("base")).expect("prepare a spare");
    database.clear(None).expect("clear");
    database.destroy().expect("destroy");
    assert_eq!(kept(&mut *database), [""; 0]);
    database.create().expect("create");
    assert_eq!(kept(&mut *database), [""; 0]);
    let error = database.reset_to(&state("base"), None).expect_err("nothing is kept");
    assert!(matches!(error, DatabaseError::UnknownState { .. }), "{error:?}");
}

/// Everything that needs the database says that it is missing.
pub fn a_missing_database_is_reported_as_missing(harness: &dyn Harness) {
    let mut database = harness.open();
    let dump = harness.directory().join("none.dump");
    let errors = [
        database.inspect().map(drop),
        database.row_counts().map(drop),
        database.size().map(drop),
        database.read_rows("authors", &mut |_| Ok(())),
        database.dump(&dump),
        database.keep(&state("base")),
        database.fingerprint().map(drop),
        database.check().map(drop),
    ];
    for (index, error) in errors.into_iter().enumerate() {
        assert!(matches!(error, Err(DatabaseError::Missing { .. })), "operation {index}: {error:?}");
    }
    assert!(!database.exists().expect("exists"), "nothing of it creates the database");
    assert!(!dump.exists());
    assert_eq!(kept(&mut *database), [""; 0]);
}
