//! A damaged store is made whole again, or says what is lost.
#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen to be in tests")]

mod support;

use std::path::{Path, PathBuf};

use store::{CheckOptions, CollectOptions, Finding, Repaired, Store, StoreError, check, collect, repair, transfer};
use support::{bytes, commit, create, files_of, open, restore};

/// What happens to the files of a store: given all packs with data, all with nodes, all fragments.
type Harm = fn(&[PathBuf], &[PathBuf], &[PathBuf]);

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    let at = at.min(bytes.len() - 1);
    bytes[at] ^= 0x40;
    std::fs::write(path, bytes).unwrap();
}

fn cut(path: &Path, keep: usize) {
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, &bytes[..keep.min(bytes.len())]).unwrap();
}

/// Each with whether the store alone can be made whole.
const HARMS: &[(&str, bool, Harm)] = &[
    ("nothing", true, |_, _, _| {}),
    ("a byte of data", false, |data, _, _| flip(&data[0], 9000)),
    ("a byte of a pack's header", true, |data, _, _| flip(&data[0], 2)),
    ("a byte of a block's header", false, |data, _, _| flip(&data[0], 40 + 10)),
    ("a byte of a node", false, |_, nodes, _| flip(&nodes[0], 40 + 56 + 40)),
    ("the end of a pack", false, |data, _, _| cut(&data[0], 300_000)),
    ("all but the header of a pack", false, |data, _, _| cut(&data[0], 40)),
    ("all bytes of a pack", false, |data, _, _| cut(&data[0], 0)),
    ("a pack of data", false, |data, _, _| std::fs::remove_file(&data[0]).unwrap()),
    ("all nodes", false, |_, nodes, _| nodes.iter().for_each(|path| std::fs::remove_file(path).unwrap())),
    ("a byte of a fragment", true, |_, _, index| flip(&index[0], 500)),
    ("the end of a fragment", true, |_, _, index| cut(&index[1], 100)),
    ("a fragment", true, |_, _, index| std::fs::remove_file(&index[1]).unwrap()),
    ("the whole index", true, |_, _, index| index.iter().for_each(|path| std::fs::remove_file(path).unwrap())),
    ("the index and bytes of a pack", false, |data, _, index| {
        for path in index {
            cut(path, 10);
        }
        flip(&data[0], 9000);
    }),
    ("everything", false, |data, nodes, index| {
        [data, nodes, index].concat().iter().for_each(|path| std::fs::remove_file(path).unwrap());
    }),
];

fn parts(seed: u64) -> Vec<Vec<u8>> {
    (0..40).map(|number| bytes(seed + number, 20_000)).collect()
}

/// Two snapshots that share half of their data; each has packs of its own.
fn fill(store: &Store) {
    commit(store, "one", &parts(0)).unwrap();
    commit(store, "two", &parts(20)).unwrap();
}

fn harm(directory: &Path, harm: Harm) {
    let store = directory.join("store");
    let (nodes, mut data): (Vec<PathBuf>, Vec<PathBuf>) =
        files_of(&store.join("packs")).into_iter().partition(|path| std::fs::read(path).unwrap()[40 + 4] == 1);
    // The largest first.
    data.sort_by_key(|path| std::cmp::Reverse(path.metadata().unwrap().len()));
    harm(&data, &nodes, &files_of(&store.join("index")));
}

/// What `check` finds is what `repaired` says to be lost, and nothing that can be read is wrong.
fn assert_agrees(store: &Store, repaired: &Repaired, what: &str) {
    let mut found = check(store, CheckOptions { data: true }, &|_| {}).unwrap();
    found.sort_by(|one, other| one.path.cmp(&other.path));
    let mut lost = repaired.lost.clone();
    lost.sort_by(|one, other| one.path.cmp(&other.path));
    assert_eq!(found, lost, "{what}");
    for (tag, seed) in [("one", 0), ("two", 20)] {
        match restore(store, tag) {
            Ok(read) => assert!(read == parts(seed), "{what}"),
            Err(_) => assert!(names(&lost).contains(&format!("references/records/{tag}")), "{what}: {tag}"),
        }
    }
}

fn names(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| finding.path.clone()).collect()
}

#[test]
fn each_kind_of_damage_is_repaired_or_listed_and_saving_again_completes_what_was_lost() {
    for (what, whole_alone, harm_with) in HARMS {
        let directory = tempfile::tempdir().unwrap();
        fill(&create(directory.path()));
        harm(directory.path(), *harm_with);
        for cache in ["cache", "fresh"] {
            // With an index of before the damage and without, the second time with nothing left to do.
            let backend = open(directory.path()).backend().clone();
            let store = Store::open(backend, &directory.path().join(cache), &[]).unwrap();
            let repaired = repair(&store, None, &|_| {}).unwrap();
            assert_eq!(repaired.lost.is_empty(), *whole_alone, "{what}: {repaired:?}");
            assert_agrees(&store, &repaired, what);
            if cache == "fresh" {
                assert_eq!((repaired.dropped_blocks, repaired.reindexed_packs), (0, 0), "{what}: {repaired:?}");
            }
        }
        let store = open(directory.path());
        commit(&store, "three", &parts(0)).unwrap();
        commit(&store, "four", &parts(20)).unwrap();
        for (tag, seed) in [("three", 0), ("four", 20), ("one", 0), ("two", 20)] {
            match restore(&store, tag) {
                Ok(read) => assert!(read == parts(seed), "{what}: {tag}"),
                Err(error) => panic!("{what}: {tag}: {error}"),
            }
        }
        assert_agrees(&store, &Repaired::default(), what);
        collect(&store, &CollectOptions::default(), &|_| {}).unwrap();
        assert_agrees(&store, &Repaired::default(), what);
    }
}

#[test]
fn each_kind_of_damage_is_repaired_with_a_second_store() {
    for (what, whole_alone, harm_with) in HARMS {
        let (directory, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (store, remote) = (create(directory.path()), create(other.path()));
        fill(&store);
        let roots: Vec<_> = store.records(|_| true).unwrap().iter().map(|record| record.object).collect();
        let sent = transfer(&store, &remote, &roots, &|_| {}).unwrap();
        remote.put_record(&store.find("one").unwrap(), &sent.session).unwrap();
        drop((sent, store));
        harm(directory.path(), *harm_with);
        let store = open(directory.path());
        let repaired = repair(&store, Some(&remote), &|_| {}).unwrap();
        assert_eq!(repaired.lost, [], "{what}");
        assert_eq!(repaired.fetched_objects == 0, *whole_alone, "{what}: {repaired:?}");
        assert_agrees(&store, &repaired, what);
        collect(&store, &CollectOptions::default(), &|_| {}).unwrap();
        assert_agrees(&store, &repaired, what);
    }
}

#[test]
fn what_the_second_store_has_is_taken_and_the_rest_is_listed() {
    let (directory, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (store, remote) = (create(directory.path()), create(other.path()));
    fill(&store);
    let record = store.find("one").unwrap();
    let sent = transfer(&store, &remote, &[record.object], &|_| {}).unwrap();
    remote.put_record(&record, &sent.session).unwrap();
    drop(sent);
    harm(directory.path(), |data, nodes, _| {
        [data, nodes].concat().iter().for_each(|path| std::fs::remove_file(path).unwrap());
    });
    let repaired = repair(&store, Some(&remote), &|_| {}).unwrap();
    assert_eq!(repaired.fetched_objects, 42);
    assert_eq!(names(&repaired.lost), ["references/records/two"]);
    assert_agrees(&store, &repaired, "one of two");
}

#[test]
fn damaged_documents_are_replaced_and_a_damaged_reference_stays_and_is_listed() {
    let directory = tempfile::tempdir().unwrap();
    let store = create(directory.path());
    fill(&store);
    collect(&store, &CollectOptions::default(), &|_| {}).unwrap();
    let writer = store.writer().unwrap();
    for place in ["collect", "sessions", "references/records"] {
        let path = files_of(&directory.path().join("store").join(place)).remove(0);
        flip(&path, 100);
    }
    let store = open(directory.path());
    assert!(matches!(store.writer(), Err(StoreError::Damaged { .. })));
    let repaired = repair(&store, None, &|_| {}).unwrap();
    assert_eq!(names(&repaired.lost), ["references/records/one"]);
    assert_agrees(&store, &repaired, "documents");
    // The writer whose session was damaged learns it.
    let root = support::put_tree(&writer, &parts(50)).unwrap();
    let committed = store.commit(writer, vec![support::content("lms/lms", root, &parts(50))], support::details("new"));
    assert!(matches!(committed, Err(StoreError::Outrun { .. })));
    commit(&store, "new", &parts(50)).unwrap();
    assert_agrees(&store, &repaired, "documents, later");
}

#[test]
fn an_encrypted_store_is_repaired_too() {
    let directory = tempfile::tempdir().unwrap();
    let identity = store::Identity::generate();
    let options = store::CreateOptions { recipients: vec![(identity.recipient(), store::Access::Reader)] };
    let backend = std::sync::Arc::new(store::DirectoryBackend::new(directory.path().join("store")));
    let store = Store::create(backend, &directory.path().join("cache"), &options).unwrap();
    fill(&store);
    harm(directory.path(), |data, _, index| {
        flip(&data[0], 9000);
        // The key that the pack is sealed with: the index has it too.
        flip(&data[0], 20);
        cut(&index[0], 50);
    });
    let repaired = repair(&store, None, &|_| {}).unwrap();
    assert!(!repaired.lost.is_empty());
    assert_agrees(&store, &repaired, "encrypted");
}

#[test]
fn a_writer_at_work_loses_nothing_to_a_repair() {
    let directory = tempfile::tempdir().unwrap();
    let store = create(directory.path());
    fill(&store);
    let other = open(directory.path());
    let writer = other.writer().unwrap();
    let root = support::put_tree(&writer, &parts(20)).unwrap();
    // What it relies on is in a pack of which another part is damaged, and nothing else names it.
    for tag in ["one", "two"] {
        store.delete_record(tag).unwrap();
    }
    harm(directory.path(), |data, _, index| {
        for path in data {
            flip(path, 2);
        }
        cut(&index[0], 10);
    });
    let store = open(directory.path());
    assert_eq!(repair(&store, None, &|_| {}).unwrap().lost, []);
    for _ in 0..3 {
        collect(&store, &CollectOptions::default(), &|_| {}).unwrap();
    }
    let contents = vec![support::content("lms/lms", root, &parts(20))];
    other.commit(writer, contents, support::details("two")).unwrap();
    collect(&store, &CollectOptions::default(), &|_| {}).unwrap();
    assert!(restore(&store, "two").unwrap() == parts(20));
    assert_eq!(check(&store, CheckOptions { data: true }, &|_| {}).unwrap(), []);
}
