//! Cases about kept states: copied, listed, opened, renamed, forgotten.

use std::collections::BTreeMap;

use super::Harness;
use super::fixture::{filled, fingerprint, fingerprint_of_kept, kept, state};
use crate::{Database, DatabaseError};

/// A kept state is not used up, and is not changed by what happens after a reset.
pub fn a_kept_state_gives_the_content_back_twice(harness: &dyn Harness) {
    let mut database = filled(harness, 0);
    let before = fingerprint(&mut *database);
    database.keep(&state("base")).expect("keep");
    assert_eq!(fingerprint(&mut *database), before);
    for _ in 0..2 {
        harness.change(&mut *database);
        assert_ne!(fingerprint(&mut *database), before);
        database.reset_to(&state("base"), None).expect("reset");
        assert_eq!(fingerprint(&mut *database), before);
        assert_eq!(fingerprint(&mut *harness.open()), before);
    }
    assert_eq!(kept(&mut *database), ["base"]);
    harness.change(&mut *database);
}

/// Several states are independent; keeping under the same name replaces one, forgetting removes one.
pub fn a_kept_state_can_be_replaced_and_forgotten(harness: &dyn Harness) {
    let mut database = filled(harness, 0);
    let first = fingerprint(&mut *database);
    let long = "x".repeat(120);
    assert_eq!(kept(&mut *database), [""; 0]);
    database.keep(&state("b")).expect("keep");
    database.keep(&state(&long)).expect("keep");
    harness.change(&mut *database);
    let second = fingerprint(&mut *database);
    database.keep(&state("b")).expect("keep again");
    database.keep(&state("a.1")).expect("keep");
    assert_eq!(kept(&mut *harness.open()), ["a.1", "b", &long]);
    database.reset_to(&state(&long), None).expect("reset");
    assert_eq!(fingerprint(&mut *database), first);
    database.reset_to(&state("b"), None).expect("reset");
    assert_eq!(fingerprint(&mut *database), second);
    database.forget(&state("b")).expect("forget");
    database.forget(&state("b")).expect("forget again");
    assert_eq!(kept(&mut *database), ["a.1", &long]);
    assert_eq!(fingerprint(&mut *database), second, "forgetting does not touch the content");
}

/// A kept state can be read like a database, and is not changed or held by it.
pub fn a_kept_state_can_be_opened(harness: &dyn Harness) {
    let mut database = filled(harness, 0);
    let before = fingerprint(&mut *database);
    let (schema, counts) = (database.inspect().expect("inspect"), database.row_counts().expect("row counts"));
    let rows = all_rows(&mut *database);
    database.keep(&state("base")).expect("keep");
    harness.change(&mut *database);
    let changed = fingerprint(&mut *database);
    let dump = harness.directory().join("x.dump");
    let mut opened = database.open_kept(&state("base")).expect("open");
    assert!(opened.exists().expect("exists"));
    assert_eq!(fingerprint(&mut *opened), before);
    assert_eq!(opened.inspect().expect("inspect"), schema);
    assert_eq!(opened.row_counts().expect("row counts"), counts);
    assert_eq!(all_rows(&mut *opened), rows);
    assert_eq!(kept(&mut *opened), [""; 0], "it has no kept states of its own");
    opened.dump(&dump).expect("dump");
    drop(opened);
    database.restore_as(&state("restored"), &dump).expect("restore");
    assert_eq!(fingerprint_of_kept(&mut *database, "restored"), before);
    assert_eq!(fingerprint(&mut *database), changed);
    // Nobody has it open any more.
    database.reset_to(&state("base"), None).expect("reset");
    database.rename_kept(&state("base"), &state("renamed")).expect("rename");
    database.take(&state("renamed"), None).expect("take");
    assert_eq!(fingerprint(&mut *database), before);
}

/// A name moves with its state; what had the new name is gone.
pub fn a_kept_state_can_be_renamed(harness: &dyn Harness) {
    let mut database = filled(harness, 0);
    let first = fingerprint(&mut *database);
    database.keep(&state("a")).expect("keep");
    harness.change(&mut *database);
    let second = fingerprint(&mut *database);
    database.keep(&state("b")).expect("keep");
    database.prepare_spare(&state("b")).expect("prepare a spare");
    database.rename_kept(&state("a"), &state("c")).expect("rename");
    assert_eq!(kept(&mut *database), ["b", "c"]);
    assert_eq!(fingerprint_of_kept(&mut *database, "c"), first);
    database.rename_kept(&state("c"), &state("c")).expect("rename to itself");
    assert_eq!(kept(&mut *database), ["b", "c"]);
    database.rename_kept(&state("c"), &state("b")).expect("rename over another");
    assert_eq!(kept(&mut *database), ["b"]);
    assert_eq!(fingerprint(&mut *database), second, "renaming does not touch the content");
    database.reset_to(&state("b"), None).expect("reset");
    assert_eq!(fingerprint(&mut *database), first);
}

/// What needs a state says that there is none, and changes nothing.
pub fn a_state_that_is_not_kept_is_an_error(harness: &dyn Harness) {
    let mut database = filled(harness, 0);
    database.keep(&state("aside")).expect("keep");
    harness.change(&mut *database);
    let before = fingerprint(&mut *database);
    let (name, aside) = (state("base"), state("aside"));
    let errors = [
        database.reset_to(&name, None),
        database.reset_to(&name, Some(&aside)),
        database.take(&name, None),
        database.take(&name, Some(&aside)),
        database.take(&name, Some(&name)),
        database.rename_kept(&name, &aside),
        database.open_kept(&name).map(drop),
    ];
    for (index, error) in errors.into_iter().enumerate() {
        let unknown = matches!(&error, Err(DatabaseError::UnknownState { state, .. }) if *state == name);
        assert!(unknown, "operation {index}: {error:?}");
    }
    assert_eq!(fingerprint(&mut *database), before);
    assert_eq!(kept(&mut *database), ["aside"]);
    assert_ne!(fingerprint_of_kept(&mut *database, "aside"), before);
}

/// As many rows as are counted, each with a value for each column, in the same order each time.
pub fn every_row_is_read(harness: &dyn Harness) {
    let mut database = filled(harness, 0);
    let tables = database.inspect().expect("inspect").tables;
    assert!(!tables.is_empty());
    let rows = all_rows(&mut *database);
    let counts: BTreeMap<_, _> = database.row_counts().expect("row counts").into_iter().collect();
    let found: BTreeMap<_, _> = rows.iter().map(|(table, rows)| (table.clone(), rows.len() as u64)).collect();
    assert_eq!(found, counts);
    for table in &tables {
        assert!(rows[&table.name].iter().all(|row| row.len() == table.columns.len()), "{}", table.name);
    }
    assert_eq!(all_rows(&mut *harness.open()), rows);
    // The reader can stop.
    let (table, _) = rows.iter().find(|(_, rows)| !rows.is_empty()).expect("a table with rows");
    let mut calls = 0;
    let stopped = database.read_rows(table, &mut |_| {
        calls += 1;
        Err(DatabaseError::Missing { database: "stop".to_owned() })
    });
    assert!(matches!(&stopped, Err(DatabaseError::Missing { database }) if database == "stop"), "{stopped:?}");
    assert_eq!(calls, 1);
    // And nothing of it is left in the way.
    harness.change(&mut *database);
}

/// Rows by table.
type Rows = BTreeMap<String, Vec<Vec<Option<String>>>>;

fn all_rows(database: &mut dyn Database) -> Rows {
    let mut found = Rows::new();
    for table in database.inspect().expect("inspect").tables {
        let rows = found.entry(table.name.clone()).or_default();
        let read = database.read_rows(&table.name, &mut |row| {
            rows.push(row.to_vec());
            Ok(())
        });
        read.expect("read rows");
    }
    found
}
