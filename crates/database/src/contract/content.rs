//! Cases about the content as a whole: dumps, kept states, fingerprints.

use std::fs;

use super::Harness;
use super::fixture::{add_authors, filled, state, tables};
use crate::{Database, DatabaseError};

/// Same content, same text, however it came about; another row, value or table, another text.
pub fn the_fingerprint_tells_contents_apart(harness: &dyn Harness) {
    let mut database = tables(harness);
    let mut seen = vec![fingerprint(&mut *database)];
    let scripts = [
        "INSERT INTO authors (id, name) VALUES (1, 'ada')",
        "INSERT INTO authors (id, name) VALUES (2, 'bob')",
        "UPDATE authors SET email = '' WHERE id = 2",
        "CREATE TABLE empty (a integer)",
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

/// Change after the dump is undone by the restore, and the database works on.
pub fn a_dump_gives_the_content_back(harness: &dyn Harness) {
    let mut database = filled(harness);
    let dump = harness.directory().join("a directory/x.dump");
    let before = fingerprint(&mut *database);
    database.keep(&state("base")).expect("keep");
    database.dump(&dump).expect("dump");
    database.execute_script("DROP TABLE books; CREATE TABLE other (a integer)").expect("change");
    add_authors(&mut *database, &["new"]);
    for _ in 0..2 {
        database.restore(&dump).expect("restore");
        assert_eq!(fingerprint(&mut *database), before);
    }
    assert_eq!(database.kept().expect("kept"), [state("base")], "kept states stay");
    add_authors(&mut *database, &["later"]);
    assert_ne!(fingerprint(&mut *database), before);
}

/// A second dump replaces the first, and leaves no other file behind.
pub fn a_dump_replaces_its_file_as_a_whole(harness: &dyn Harness) {
    let mut database = filled(harness);
    let dump = harness.directory().join("x.dump");
    database.dump(&dump).expect("dump");
    add_authors(&mut *database, &["new"]);
    let changed = fingerprint(&mut *database);
    database.dump(&dump).expect("dump again");
    database.execute_script("DELETE FROM authors").expect("change");
    database.restore(&dump).expect("restore");
    assert_eq!(fingerprint(&mut *database), changed);
    let files: Vec<_> =
        fs::read_dir(harness.directory()).expect("read").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(files, ["x.dump"]);
}

/// However a dump is damaged, the restore fails and the old content is there.
pub fn a_damaged_dump_is_refused_and_changes_nothing(harness: &dyn Harness) {
    let mut database = tables(harness);
    let names: Vec<String> = (0..5000).map(|number| format!("{:032x}", number * 0x9e37_79b9_7f4a_7c15_u128)).collect();
    add_authors(&mut *database, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let dump = harness.directory().join("x.dump");
    database.dump(&dump).expect("dump");
    let whole = fs::read(&dump).expect("read");
    let mut overwritten = whole.clone();
    let middle = whole.len() / 2;
    overwritten[middle..middle + 8192].fill(0x5a);
    let cases = [
        ("empty", Vec::new()),
        ("no dump", b"hello".repeat(1000)),
        ("a quarter", whole[..whole.len() / 4].to_vec()),
        ("a half", whole[..middle].to_vec()),
        ("all but some", whole[..whole.len() - 3000].to_vec()),
        ("overwritten", overwritten),
    ];
    database.execute_script("DELETE FROM authors WHERE id > 10").expect("change");
    let before = fingerprint(&mut *database);
    for (damage, bytes) in cases {
        fs::write(&dump, bytes).expect("write");
        let error = database.restore(&dump).expect_err(damage);
        assert!(matches!(&error, DatabaseError::Damaged { path, .. } if *path == dump), "{damage}: {error:?}");
        assert_eq!(fingerprint(&mut *database), before, "{damage}");
    }
    let missing = database.restore(&harness.directory().join("missing")).expect_err("no file");
    assert!(matches!(missing, DatabaseError::File(_)), "{missing:?}");
    fs::write(&dump, whole).expect("write");
    database.restore(&dump).expect("the undamaged one is still good");
}

/// A kept state is not used up, and is not changed by what happens after a reset.
pub fn a_kept_state_gives_the_content_back_twice(harness: &dyn Harness) {
    let mut database = filled(harness);
    let before = fingerprint(&mut *database);
    database.keep(&state("base")).expect("keep");
    for name in ["new", "newer"] {
        add_authors(&mut *database, &[name]);
        database.execute_script("DROP TABLE books").expect("change");
        database.reset_to(&state("base")).expect("reset");
        assert_eq!(fingerprint(&mut *database), before);
        assert_eq!(fingerprint(&mut *harness.open()), before);
    }
    assert_eq!(database.kept().expect("kept"), [state("base")]);
    add_authors(&mut *database, &["later"]);
}

/// Several states are independent; keeping under the same name replaces one, forgetting removes one.
pub fn a_kept_state_can_be_replaced_and_forgotten(harness: &dyn Harness) {
    let mut database = filled(harness);
    let first = fingerprint(&mut *database);
    let long = state(&"x".repeat(120));
    assert_eq!(database.kept().expect("kept"), []);
    database.keep(&state("b")).expect("keep");
    database.keep(&long).expect("keep");
    add_authors(&mut *database, &["new"]);
    let second = fingerprint(&mut *database);
    database.keep(&state("b")).expect("keep again");
    database.keep(&state("a.1")).expect("keep");
    assert_eq!(database.kept().expect("kept"), [state("a.1"), state("b"), long.clone()]);
    database.reset_to(&long).expect("reset");
    assert_eq!(fingerprint(&mut *database), first);
    database.reset_to(&state("b")).expect("reset");
    assert_eq!(fingerprint(&mut *database), second);
    database.forget(&state("b")).expect("forget");
    database.forget(&state("b")).expect("forget again");
    assert_eq!(database.kept().expect("kept"), [state("a.1"), long]);
    assert_eq!(fingerprint(&mut *database), second, "forgetting does not touch the content");
}

/// Clearing leaves nothing of the content, and everything of the kept states.
pub fn clear_leaves_an_empty_database_and_the_kept_states(harness: &dyn Harness) {
    let mut database = filled(harness);
    let before = fingerprint(&mut *database);
    database.keep(&state("base")).expect("keep");
    for _ in 0..2 {
        database.clear().expect("clear");
        assert_eq!(database.inspect().expect("inspect").tables, []);
    }
    assert_eq!(database.kept().expect("kept"), [state("base")]);
    database.reset_to(&state("base")).expect("reset");
    assert_eq!(fingerprint(&mut *database), before);
}

/// What is moved back is the content, and no longer a kept state.
pub fn a_kept_state_can_be_moved_back(harness: &dyn Harness) {
    let mut database = filled(harness);
    let before = fingerprint(&mut *database);
    database.keep(&state("base")).expect("keep");
    database.clear().expect("clear");
    database.move_back(&state("base")).expect("move back");
    assert_eq!(fingerprint(&mut *database), before);
    assert_eq!(database.kept().expect("kept"), []);
    let error = database.move_back(&state("base")).expect_err("nothing is kept");
    assert!(matches!(error, DatabaseError::UnknownState { .. }), "{error:?}");
    // It is a database like any other.
    database.keep(&state("again")).expect("keep");
    database.reset_to(&state("again")).expect("reset");
    assert_eq!(fingerprint(&mut *database), before);
}

/// A reset to nothing changes nothing.
pub fn a_state_that_is_not_kept_is_an_error(harness: &dyn Harness) {
    let mut database = filled(harness);
    let before = fingerprint(&mut *database);
    let error = database.reset_to(&state("base")).expect_err("nothing is kept");
    assert!(matches!(error, DatabaseError::UnknownState { .. }), "{error:?}");
    assert_eq!(fingerprint(&mut *database), before);
}

/// The content can come back after the database itself is gone.
pub fn restore_creates_a_missing_database(harness: &dyn Harness) {
    let mut database = filled(harness);
    let before = fingerprint(&mut *database);
    let dump = harness.directory().join("x.dump");
    database.dump(&dump).expect("dump");
    database.destroy().expect("destroy");
    database.restore(&dump).expect("restore");
    assert_eq!(fingerprint(&mut *database), before);
}

fn fingerprint(database: &mut dyn Database) -> String {
    database.fingerprint().expect("fingerprint")
}
