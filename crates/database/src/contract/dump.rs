//! Cases about dumps: the content as a file, and back as a kept state.

use std::fs;
use std::path::Path;

use super::fixture::{filled, fingerprint, fingerprint_of_kept, kept, state};
use super::{Harness, LARGE};
use crate::DatabaseError;

/// How many bytes may differ between two dumps of the same content: a format may have the time in its head.
const HEAD: usize = 64;

/// A dump becomes a kept state; the database itself does not change before it is reset to it.
pub fn a_dump_gives_the_content_back(harness: &dyn Harness) {
    let mut database = filled(harness, 0);
    let dump = harness.directory().join("a directory/x.dump");
    let before = fingerprint(&mut *database);
    database.keep(&state("base")).expect("keep");
    database.dump(&dump).expect("dump");
    for round in 0..2 {
        harness.change(&mut *database);
        let changed = fingerprint(&mut *database);
        database.restore_as(&state("restored"), &dump).expect("restore");
        assert_eq!(fingerprint(&mut *database), changed, "the database itself does not change");
        assert_eq!(kept(&mut *database), ["base", "restored"]);
        assert_eq!(fingerprint_of_kept(&mut *database, "restored"), before);
        match round {
            0 => database.reset_to(&state("restored"), None).expect("reset"),
            _ => database.take(&state("restored"), None).expect("take"),
        }
        assert_eq!(fingerprint(&mut *database), before);
    }
    // It is a database like any other.
    harness.change(&mut *database);
    assert_ne!(fingerprint(&mut *database), before);
    assert_eq!(kept(&mut *database), ["base"]);
}

/// The content can come back after the database itself is gone, and as the state of another database.
pub fn a_dump_restores_where_no_database_is(harness: &dyn Harness) {
    let mut database = filled(harness, 0);
    let before = fingerprint(&mut *database);
    let dump = harness.directory().join("x.dump");
    database.dump(&dump).expect("dump");
    database.destroy().expect("destroy");
    database.restore_as(&state("base"), &dump).expect("restore");
    assert!(!database.exists().expect("exists"), "only a state is kept");
    assert_eq!(fingerprint_of_kept(&mut *database, "base"), before);
    database.reset_to(&state("base"), None).expect("reset");
    assert_eq!(fingerprint(&mut *database), before);
    assert_eq!(kept(&mut *database), ["base"]);
}

/// A second dump replaces the first, and leaves no other file behind.
pub fn a_dump_replaces_its_file_as_a_whole(harness: &dyn Harness) {
    let mut database = filled(harness, 0);
    let dump = harness.directory().join("x.dump");
    database.dump(&dump).expect("dump");
    harness.change(&mut *database);
    let changed = fingerprint(&mut *database);
    database.dump(&dump).expect("dump again");
    harness.change(&mut *database);
    database.restore_as(&state("x"), &dump).expect("restore");
    assert_eq!(fingerprint_of_kept(&mut *database, "x"), changed);
    let files: Vec<_> =
        fs::read_dir(harness.directory()).expect("read").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(files, ["x.dump"]);
}

/// What had the name before is gone, its spare included.
pub fn a_dump_replaces_the_state_of_its_name(harness: &dyn Harness) {
    let mut database = filled(harness, 0);
    let dump = harness.directory().join("x.dump");
    let before = fingerprint(&mut *database);
    database.dump(&dump).expect("dump");
    harness.change(&mut *database);
    database.keep(&state("base")).expect("keep");
    database.prepare_spare(&state("base")).expect("prepare a spare");
    database.restore_as(&state("base"), &dump).expect("restore");
    assert_eq!(fingerprint_of_kept(&mut *database, "base"), before);
    database.reset_to(&state("base"), None).expect("reset");
    assert_eq!(fingerprint(&mut *database), before);
}

/// A dump that is cut short or is none is refused; database and kept states stay as they are.
///
/// One that is overwritten in its middle is refused by a driver that notices it; the others give it a name, no more.
pub fn a_damaged_dump_is_refused_and_changes_nothing(harness: &dyn Harness) {
    let mut database = filled(harness, LARGE);
    let content = fingerprint(&mut *database);
    let dump = harness.directory().join("x.dump");
    database.dump(&dump).expect("dump");
    let whole = fs::read(&dump).expect("read");
    let middle = whole.len() / 2;
    let cases = [
        ("empty", Vec::new()),
        ("no dump", b"hello".repeat(1000)),
        ("a quarter", whole[..whole.len() / 4].to_vec()),
        ("a half", whole[..middle].to_vec()),
        ("all but some", whole[..whole.len() - 3000].to_vec()),
    ];
    harness.change(&mut *database);
    database.keep(&state("base")).expect("keep");
    let before = fingerprint(&mut *database);
    for (damage, bytes) in cases {
        fs::write(&dump, bytes).expect("write");
        let error = database.restore_as(&state("x"), &dump).expect_err(damage);
        assert_damaged(&error, &dump, damage);
        assert_eq!(kept(&mut *database), ["base"], "{damage}");
    }
    let mut overwritten = whole.clone();
    overwritten[middle..middle + 8192].fill(0x5a);
    fs::write(&dump, overwritten).expect("write");
    match database.restore_as(&state("x"), &dump) {
        Err(error) => assert_damaged(&error, &dump, "overwritten"),
        Ok(()) => assert!(!harness.notices_overwriting(), "overwritten"),
    }
    database.forget(&state("x")).expect("forget");
    let missing = database.restore_as(&state("x"), &harness.directory().join("missing")).expect_err("no file");
    assert!(matches!(missing, DatabaseError::File(_)), "{missing:?}");
    assert_eq!(kept(&mut *database), ["base"]);
    assert_eq!(fingerprint(&mut *database), before);
    assert_eq!(fingerprint_of_kept(&mut *database, "base"), before);
    fs::write(&dump, whole).expect("write");
    database.restore_as(&state("x"), &dump).expect("the undamaged one is still good");
    assert_eq!(fingerprint_of_kept(&mut *database, "x"), content);
}

/// A store finds what two dumps have in common: all of it, where nothing has changed.
pub fn the_same_content_gives_the_same_dump(harness: &dyn Harness) {
    let mut database = filled(harness, LARGE);
    let dumps = ["a", "b"].map(|name| {
        let dump = harness.directory().join(name);
        database.dump(&dump).expect("dump");
        fs::read(dump).expect("read")
    });
    let [first, second] = &dumps;
    assert_eq!(first.len(), second.len());
    let different = first.iter().zip(second).filter(|(one, other)| one != other).count();
    assert!(different <= HEAD, "{different} of {} bytes differ", first.len());
}

fn assert_damaged(error: &DatabaseError, dump: &Path, damage: &str) {
    assert!(matches!(error, DatabaseError::Damaged { path, .. } if path == dump), "{damage}: {error:?}");
}
