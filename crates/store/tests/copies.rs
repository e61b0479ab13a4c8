//! The store of plain copies: what was committed is found again, and damage is never handed out.
#![expect(clippy::unwrap_used, reason = "a failure in a helper is a failure of the test")]

use std::fs;
use std::path::Path;

use store::{CopyStore, NewContent, Record, SnapshotStore, StoreError};

fn take(store: &CopyStore, tag: &str, contents: &[(&str, &str)]) -> Result<Record, StoreError> {
    let mut draft = store.draft(tag)?;
    for (name, bytes) in contents {
        fs::write(draft.place(name), bytes).unwrap();
        draft.add(NewContent {
            name: (*name).into(),
            kind: "sqlite".into(),
            fingerprint: format!("of {bytes}"),
            notes: [("schema".into(), "key".into())].into(),
        })?;
    }
    draft.commit("a message", "2026-01-02T03:04:05Z")
}

fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[test]
fn what_was_committed_is_found_by_tag_and_by_id() {
    let directory = tempfile::tempdir().unwrap();
    let store = CopyStore::new(directory.path().join("snapshots"));
    assert!(store.records().unwrap().is_empty());
    let record = take(&store, "first", &[("lms/lms", "one"), ("shop/shop", "two")]).unwrap();
    assert_eq!((record.bytes, record.names.as_slice()), (6, ["lms/lms".to_owned(), "shop/shop".to_owned()].as_slice()));
    for name in ["first", record.id.short(), record.id.as_str()] {
        assert_eq!(store.find(name).unwrap(), record);
    }
    let snapshot = store.open(&record.id).unwrap();
    assert_eq!(fs::read_to_string(&snapshot.contents[1].file).unwrap(), "two");
}

#[test]
fn the_id_depends_on_the_state_alone() {
    let directory = tempfile::tempdir().unwrap();
    let store = CopyStore::new(directory.path());
    let first = take(&store, "first", &[("a/a", "one"), ("b/b", "two")]).unwrap();
    let again = take(&store, "again", &[("b/b", "two"), ("a/a", "one")]).unwrap();
    let other = take(&store, "other", &[("a/a", "two"), ("b/b", "one")]).unwrap();
    assert_eq!(first.id, again.id);
    assert_ne!(first.id, other.id);
}

#[test]
fn a_taken_tag_is_refused_before_the_work_and_a_strange_one_always() {
    let directory = tempfile::tempdir().unwrap();
    let store = CopyStore::new(directory.path());
    take(&store, "first", &[("a/a", "one")]).unwrap();
    assert!(matches!(store.draft("first").err(), Some(StoreError::TagTaken(_))));
    for tag in ["", "../up", "-x", "a/b", "a b", ".hidden", &"x".repeat(101)] {
        assert!(matches!(store.draft(tag).err(), Some(StoreError::BadTag(_))), "{tag}");
    }
}

#[test]
fn a_dropped_draft_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = CopyStore::new(directory.path());
    let draft = store.draft("first").unwrap();
    fs::write(draft.place("a/a"), "half").unwrap();
    drop(draft);
    assert!(files(directory.path()).is_empty());
}

#[test]
fn deleting_one_of_two_tags_keeps_the_copies() {
    let directory = tempfile::tempdir().unwrap();
    let store = CopyStore::new(directory.path());
    let record = take(&store, "first", &[("a/a", "one")]).unwrap();
    take(&store, "second", &[("a/a", "one")]).unwrap();
    store.delete("first").unwrap();
    assert!(store.open(&record.id).is_ok());
    store.delete("second").unwrap();
    assert!(files(directory.path()).is_empty());
    assert!(matches!(store.find("second"), Err(StoreError::NotFound { .. })));
}

#[test]
fn every_flipped_or_missing_byte_is_detected() {
    let directory = tempfile::tempdir().unwrap();
    let store = CopyStore::new(directory.path());
    let record = take(&store, "first", &[("a/a", "one"), ("b/b", "two")]).unwrap();
    for path in files(&directory.path().join("contents")) {
        let good = fs::read(&path).unwrap();
        for position in 0..good.len() {
            let mut bad = good.clone();
            bad[position] ^= 1;
            fs::write(&path, &bad).unwrap();
            let flipped = store.open(&record.id);
            fs::write(&path, &good[..position]).unwrap();
            let cut = store.open(&record.id);
            // White space and the unused repetition of the id may change; what is handed out may not.
            for opened in [flipped, cut].into_iter().flatten() {
                let bytes: Vec<_> = opened.contents.iter().map(|content| fs::read(&content.file).unwrap()).collect();
                assert_eq!(bytes, [b"one".to_vec(), b"two".to_vec()], "{} at {position}", path.display());
                assert!(path.ends_with("snapshot.json"));
            }
        }
        fs::write(&path, &good).unwrap();
    }
    assert!(store.open(&record.id).is_ok());
}

#[test]
fn the_same_state_taken_again_replaces_a_damaged_copy() {
    let directory = tempfile::tempdir().unwrap();
    let store = CopyStore::new(directory.path());
    let record = take(&store, "first", &[("a/a", "one")]).unwrap();
    let copy = store.open(&record.id).unwrap().contents[0].file.clone();
    fs::write(&copy, "bad").unwrap();
    assert!(matches!(store.open(&record.id), Err(StoreError::Damaged { .. })));
    take(&store, "second", &[("a/a", "one")]).unwrap();
    assert!(store.open(&record.id).is_ok());
}
