//! Cases about fingerprints: same content, same text.

use super::fixture::{filled, fingerprint, tables};
use super::{Harness, LARGE, RelationalHarness};

/// Same content, same text, however it came about; other content, another text.
pub fn the_fingerprint_is_that_of_the_content(harness: &dyn Harness) {
    let mut database = harness.open();
    database.create().expect("create");
    let mut seen = vec![fingerprint(&mut *database)];
    for variant in [0, 1, 2, LARGE] {
        harness.fill(&mut *database, variant);
        seen.push(fingerprint(&mut *database));
        database.clear(None).expect("clear");
    }
    let mut different = seen.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), seen.len(), "{seen:?}");
    assert_eq!(fingerprint(&mut *database), seen[0], "nothing is left");
    harness.fill(&mut *database, 1);
    assert_eq!(fingerprint(&mut *database), seen[2]);
    assert_eq!(fingerprint(&mut *harness.open()), seen[2]);
}

/// A change is seen by every handle.
pub fn the_fingerprint_sees_each_change(harness: &dyn Harness) {
    let mut database = filled(harness, 0);
    let mut before = fingerprint(&mut *database);
    for _ in 0..3 {
        harness.change(&mut *database);
        let after = fingerprint(&mut *database);
        assert_ne!(after, before);
        assert_eq!(fingerprint(&mut *harness.open()), after);
        before = after;
    }
}

/// Another row, value, table or index gives another text, another order of rows does not.
pub fn rows_and_schema_count_but_not_their_order(harness: &dyn RelationalHarness) {
    let mut database = tables(harness);
    let mut seen = vec![fingerprint(&mut *database)];
    let scripts = [
        "INSERT INTO authors (id, name) VALUES (1, 'ada')",
        "INSERT INTO authors (id, name) VALUES (2, 'bob')",
        "UPDATE authors SET email = '' WHERE id = 2",
        "CREATE TABLE nothing_yet (a integer)",
        "CREATE INDEX authors_email ON authors (email)",
        "DELETE FROM authors WHERE id = 1",
    ];
    for script in scripts {
        database.execute_script(script).expect(script);
        seen.push(fingerprint(&mut *database));
    }
    let mut different = seen.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), seen.len(), "{seen:?}");
    // The same rows in another order, and the space of a deleted one.
    let script = "DELETE FROM authors; INSERT INTO authors (id, name, email) VALUES (2, 'bob', ''), (1, 'ada', NULL)";
    database.execute_script(script).expect(script);
    assert_eq!(fingerprint(&mut *database), seen[seen.len() - 2]);
    assert_eq!(fingerprint(&mut *harness.open()), seen[seen.len() - 2]);
}
