//! Bytes of a small store changed, files cut: found, named, never a panic, never wrong data.
#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen to be in tests")]

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use store::{CheckOptions, check};
use support::{bytes, commit, create, files_of, open, restore, try_open};

/// Looks at a damaged store in all ways; the damage must be named, and what is read must be right.
fn assert_found(directory: &Path, damaged: &Path, what: &str, parts: &[Vec<u8>]) {
    let name = damaged.strip_prefix(directory.join("store")).unwrap().to_string_lossy().into_owned();
    let cache = directory.join("fresh");
    let _ = std::fs::remove_dir_all(&cache);
    let looked = catch_unwind(AssertUnwindSafe(|| {
        let backend = open_backend(directory);
        let store = match try_open(backend, &cache) {
            Err(error) => return assert!(error.to_string().contains(&name), "{what} in {name}: {error}"),
            Ok(store) => store,
        };
        match restore(&store, "tag") {
            Ok(read) => assert_eq!(read, parts, "{what} in {name}"),
            Err(error) => drop(error.to_string()),
        }
        match check(&store, CheckOptions { data: true }, &|_| {}) {
            Ok(findings) => {
                assert!(findings.iter().any(|finding| finding.path == name), "{what} in {name}: {findings:?}");
            }
            Err(error) => assert!(error.to_string().contains(&name), "{what} in {name}: {error}"),
        }
    }));
    assert!(looked.is_ok(), "{what} in {name}");
}

fn open_backend(directory: &Path) -> std::sync::Arc<dyn store::Backend> {
    std::sync::Arc::new(store::DirectoryBackend::new(directory.join("store")))
}

fn small_store() -> (tempfile::TempDir, Vec<Vec<u8>>) {
    let directory = tempfile::tempdir().unwrap();
    let store = create(directory.path());
    let parts = vec![bytes(1, 700), bytes(2, 300), b"some text, some text, some text".repeat(10)];
    commit(&store, "tag", &parts).unwrap();
    drop(store);
    open(directory.path());
    (directory, parts)
}

#[test]
fn a_changed_byte_anywhere_is_found_and_named() {
    let (directory, parts) = small_store();
    for path in files_of(&directory.path().join("store")) {
        let good = std::fs::read(&path).unwrap();
        // All of headers and digests, and every third byte of the rest.
        for at in (0..good.len()).filter(|at| *at < 100 || at % 3 == 0) {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            std::fs::write(&path, bad).unwrap();
            assert_found(directory.path(), &path, &format!("a changed byte at {at}"), &parts);
        }
        std::fs::write(&path, good).unwrap();
    }
}

#[test]
fn a_file_cut_anywhere_is_found_and_named() {
    let (directory, parts) = small_store();
    for path in files_of(&directory.path().join("store")) {
        let good = std::fs::read(&path).unwrap();
        for length in (0..good.len()).step_by(7) {
            std::fs::write(&path, &good[..length]).unwrap();
            assert_found(directory.path(), &path, &format!("a cut at {length}"), &parts);
        }
        std::fs::write(&path, &good).unwrap();
    }
}

#[test]
fn a_missing_pack_is_named_with_the_snapshots_that_need_it() {
    let (directory, _) = small_store();
    let store = open(directory.path());
    let pack = files_of(&directory.path().join("store/packs")).remove(0);
    std::fs::remove_file(&pack).unwrap();
    for data in [false, true] {
        let findings = check(&store, CheckOptions { data }, &|_| {}).unwrap();
        let found = findings.iter().find(|finding| finding.what == "is missing").unwrap();
        assert!(pack.ends_with(&found.path));
        assert_eq!(found.affected, ["records/tag"]);
    }
}
