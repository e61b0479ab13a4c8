//! Cases about the ledger of loads.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::RelationalHarness;
use super::fixture::{add_authors, authors, state, words};
use crate::Database;

fn write(database: &mut dyn Database, pieces: &[(u64, u64, &[u8])]) {
    database.prepare_ledger().expect("prepare");
    let mut transaction = database.begin().expect("begin");
    for (load, number, piece) in pieces {
        transaction.write_ledger(*load, *number, piece).expect("write");
    }
    transaction.commit().expect("commit");
}

/// It is written and taken back with everything else, and what was written is what is read.
pub fn the_ledger_changes_with_the_rows(harness: &dyn RelationalHarness) {
    let mut database = authors(harness);
    let large = vec![0xff; 1 << 20];
    {
        let mut transaction = database.begin().expect("begin");
        assert_eq!(transaction.ledger().expect("read"), []);
        assert_eq!(transaction.ledger_piece(1, 0).expect("read"), None);
        transaction.cut_ledger(1, 0).expect("cut");
        transaction.commit().expect("commit");
    }
    let before = database.fingerprint().expect("fingerprint");
    database.prepare_ledger().expect("prepare");
    let mut transaction = database.begin().expect("begin");
    transaction.write_ledger(1, 0, b"given up").expect("write");
    transaction.rollback().expect("roll back");
    assert_eq!(database.fingerprint().expect("fingerprint"), before);
    write(&mut *database, &[(2, 0, b"two"), (1, 0, b"one"), (1, 1, &large), (1, 2, b""), (2, 0, b"\0 two")]);
    let mut transaction = database.begin().expect("begin");
    assert_eq!(transaction.ledger().expect("read"), [(1, b"one".to_vec()), (2, b"\0 two".to_vec())]);
    assert_eq!(transaction.ledger_piece(1, 1).expect("read"), Some(large));
    assert_eq!(transaction.ledger_piece(1, 2).expect("read"), Some(Vec::new()));
    transaction.cut_ledger(1, 1).expect("cut");
    assert_eq!(transaction.ledger_piece(1, 1).expect("read"), None);
    assert_eq!(transaction.ledger_piece(1, 0).expect("read"), Some(b"one".to_vec()));
    transaction.cut_ledger(2, 0).expect("cut");
    assert_eq!(transaction.ledger().expect("read").len(), 1);
    transaction.commit().expect("commit");
    // It is content, until its last piece goes.
    assert_ne!(database.fingerprint().expect("fingerprint"), before);
    let mut transaction = database.begin().expect("begin");
    transaction.cut_ledger(1, 0).expect("cut");
    transaction.commit().expect("commit");
    assert_eq!(database.fingerprint().expect("fingerprint"), before);
    database.tidy_ledger().expect("tidy");
    assert_eq!(database.fingerprint().expect("fingerprint"), before);
}

/// Whoever waits for the ledger sees what another has committed that was under way.
pub fn who_waits_for_the_ledger_sees_the_last_commit(harness: &dyn RelationalHarness) {
    let mut database = authors(harness);
    database.prepare_ledger().expect("prepare");
    let mut other = harness.open();
    let mut writing = database.begin().expect("begin");
    writing.write_ledger(1, 0, b"one").expect("write");
    let (tell, told) = mpsc::channel();
    let entries = thread::scope(|scope| {
        let thread = scope.spawn(move || {
            let mut transaction = other.begin().expect("begin");
            transaction.await_ledger().expect("wait");
            tell.send(()).expect("somebody listens");
            transaction.ledger().expect("read")
        });
        // As long as one wants: it does not come back before.
        told.recv_timeout(Duration::from_millis(200)).expect_err("it does not wait");
        writing.commit().expect("commit");
        told.recv().expect("it comes back");
        thread.join().expect("no panic")
    });
    assert_eq!(entries, [(1, b"one".to_vec())]);
}

/// Where an engine can tell which rows nobody has changed since a load, it is right, also when a dump was read in.
pub fn rows_that_nobody_has_changed_are_known(harness: &dyn RelationalHarness) {
    let mut database = authors(harness);
    database.prepare_ledger().expect("prepare");
    let tables = words(&["authors"]);
    let names = |names: [&str; 2]| names.map(|name| vec![json!(name)]);
    let mut transaction = database.begin().expect("begin");
    transaction.insert("authors", &words(&["name"]), &names(["joan", "grace"]), &[]).expect("insert");
    transaction.write_ledger(1, 0, b"one").expect("write");
    transaction.commit().expect("commit");
    let mut transaction = database.begin().expect("begin");
    let told = transaction.untouched(&tables, &[1]).expect("count");
    assert!(told.is_none() || told == Some(vec![2]), "{told:?}");
    let name = words(&["name"]);
    transaction.update("authors", &name, &names(["joan", "ada"]), &name, &names(["jane", "augusta"])).expect("update");
    transaction.commit().expect("commit");
    let mut transaction = database.begin().expect("begin");
    let changed = transaction.untouched(&tables, &[1]).expect("count");
    assert_eq!(changed, told.map(|_| vec![1]));
    transaction.rollback().expect("roll back");
    let file = harness.directory().join("changed");
    database.dump(&file).expect("dump");
    database.restore_as(&state("restored"), &file).expect("restore");
    database.reset_to(&state("restored"), None).expect("reset");
    let mut transaction = database.begin().expect("begin");
    let restored = transaction.untouched(&tables, &[1]).expect("count");
    assert!(restored.is_none() || restored < Some(vec![2]), "{restored:?}");
}

/// No table that is shown is it, and every copy of the content has it.
pub fn the_ledger_is_seen_by_nobody_and_goes_along(harness: &dyn RelationalHarness) {
    let mut database = authors(harness);
    let (schema, description) = (database.inspect().expect("inspect"), database.describe().expect("describe"));
    let counts = database.row_counts().expect("row counts");
    write(&mut *database, &[(1, 0, b"one"), (1, 1, b"its rows")]);
    assert_eq!(database.inspect().expect("inspect"), schema);
    assert_eq!(database.describe().expect("describe"), description);
    assert_eq!(database.row_counts().expect("row counts"), counts);
    let with = database.fingerprint().expect("fingerprint");
    // Kept, and dumped, and each put in place of a content without it.
    let file = harness.directory().join("with-a-ledger");
    database.keep(&state("kept")).expect("keep");
    database.dump(&file).expect("dump");
    database.restore_as(&state("restored"), &file).expect("restore");
    for name in ["kept", "restored"] {
        let mut transaction = database.begin().expect("begin");
        transaction.cut_ledger(1, 0).expect("cut");
        transaction.commit().expect("commit");
        add_authors(&mut *database, &[name]);
        database.reset_to(&state(name), None).expect("reset");
        assert_eq!(database.fingerprint().expect("fingerprint"), with, "{name}");
        let mut transaction = database.begin().expect("begin");
        assert_eq!(transaction.ledger_piece(1, 1).expect("read"), Some(b"its rows".to_vec()), "{name}");
    }
    // One that is empty is as good as none.
    let mut transaction = database.begin().expect("begin");
    transaction.cut_ledger(1, 0).expect("cut");
    transaction.commit().expect("commit");
    database.tidy_ledger().expect("tidy");
    let without = database.fingerprint().expect("fingerprint");
    database.prepare_ledger().expect("prepare");
    assert_eq!(database.fingerprint().expect("fingerprint"), without);
    assert_eq!(database.inspect().expect("inspect"), schema);
}
