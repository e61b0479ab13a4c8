//! A writer relies on nothing that is gone: what it reports as saved is whole, or it says what is damaged.
#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen to be in tests")]

mod support;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use store::{
    Backend, CheckOptions, CreateOptions, Entry, MemoryBackend, ObjectKind, ObjectWriter, Store, StoreError, check,
    repair,
};
use support::{Place, bytes, commit, create, details, files_of, open, put_tree, restore};

/// Harm to one pack.
type Harm = (&'static str, fn(&Path));

const HARMS: &[Harm] = &[
    ("gone", |path| std::fs::remove_file(path).unwrap()),
    ("cut", |path| std::fs::write(path, &std::fs::read(path).unwrap()[..1000]).unwrap()),
    ("longer", |path| std::fs::write(path, [std::fs::read(path).unwrap(), vec![0; 10]].concat()).unwrap()),
];

fn parts() -> Vec<Vec<u8>> {
    (0..20).map(|number| bytes(number, 20_000)).collect()
}

/// The packs of data, then those of nodes.
fn packs(directory: &Path) -> Vec<PathBuf> {
    let mut packs = files_of(&directory.join("store/packs"));
    packs.sort_by_key(|path| std::fs::read(path).unwrap()[40 + 4]);
    packs
}

/// That nothing was saved, that the damage was named, and that after a repair the same is saved.
fn assert_refused(directory: &Path, what: &str, pack: &Path, result: Result<store::Record, StoreError>) {
    match result {
        Err(StoreError::Damaged { name, .. }) => assert!(pack.ends_with(&name), "{what}: {name}"),
        other => panic!("{what}: {other:?}"),
    }
    let store = open(directory);
    assert!(store.record("second").unwrap().is_none(), "{what}");
    repair(&store, None, &|_| {}).unwrap();
    commit(&store, "second", &parts()).unwrap();
    assert!(restore(&open(directory), "second").unwrap() == parts(), "{what}");
    assert_eq!(check(&store, CheckOptions { data: true }, &|_| {}).unwrap(), [], "{what}: the first is whole again");
}

#[test]
fn what_relies_on_a_pack_that_is_gone_or_cut_is_not_saved() {
    for (harm, act) in HARMS {
        for number in 0..2 {
            for when in ["before it begins", "before it asks", "before it ends"] {
                let what = format!("pack {number} is {harm} {when}");
                let directory = tempfile::tempdir().unwrap();
                commit(&create(directory.path()), "first", &parts()).unwrap();
                let pack = packs(directory.path()).remove(number);
                let store = open(directory.path());
                if when == "before it begins" {
                    act(&pack);
                }
                let result = store.writer().and_then(|writer| {
                    if when == "before it asks" {
                        act(&pack);
                    }
                    let root = put_tree(&writer, &parts())?;
                    if when == "before it ends" {
                        act(&pack);
                    }
                    store.commit(writer, vec![support::content("lms/lms", root, &parts())], details("second"))
                });
                assert_refused(directory.path(), &what, &pack, result);
            }
        }
    }
}

#[test]
fn what_relies_on_what_a_repair_has_dropped_is_not_saved() {
    let directory = tempfile::tempdir().unwrap();
    commit(&create(directory.path()), "first", &parts()).unwrap();
    let store = open(directory.path());
    let writer = store.writer().unwrap();
    let root = put_tree(&writer, &parts()).unwrap();
    let pack = packs(directory.path()).remove(0);
    std::fs::remove_file(&pack).unwrap();
    assert!(!repair(&open(directory.path()), None, &|_| {}).unwrap().lost.is_empty());
    // The index that it sees now names the pack no longer.
    store.refresh().unwrap();
    let contents = vec![support::content("lms/lms", root, &parts())];
    let result = store.commit(writer, contents, details("second"));
    assert_refused(directory.path(), "dropped", &pack, result);
}

#[test]
fn what_is_saved_without_anything_of_a_damaged_store_is_refused_too_until_it_is_repaired() {
    let directory = tempfile::tempdir().unwrap();
    commit(&create(directory.path()), "first", &parts()).unwrap();
    let pack = packs(directory.path()).remove(0);
    std::fs::remove_file(&pack).unwrap();
    let store = open(directory.path());
    assert!(matches!(commit(&store, "other", &[bytes(1000, 5000)]), Err(StoreError::Damaged { .. })));
    repair(&store, None, &|_| {}).unwrap();
    commit(&store, "other", &[bytes(1000, 5000)]).unwrap();
}

#[test]
fn a_pack_that_is_not_listed_yet_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let hidden = Arc::new(Mutex::new(None));
    let lists = {
        let hidden = hidden.clone();
        move |name: &str| hidden.lock().unwrap().as_deref() != Some(name)
    };
    let place = Arc::new(Place { lists: Box::new(lists), ..Place::default() });
    let store = Store::create(place.clone(), directory.path(), &CreateOptions::default()).unwrap();
    commit(&store, "first", &parts()).unwrap();
    let mut names = Vec::new();
    let mut note = |entry: Entry| {
        names.push(entry.name);
        Ok(())
    };
    place.list("packs/", &mut note).unwrap();
    *hidden.lock().unwrap() = names.pop();
    commit(&store, "second", &parts()).unwrap();
    *hidden.lock().unwrap() = None;
    assert!(restore(&store, "second").unwrap() == parts());
}

#[test]
fn who_may_only_write_relies_on_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (reader, writer) = (store::Identity::generate(), store::Identity::generate());
    let recipients = vec![(reader.recipient(), store::Access::Reader), (writer.recipient(), store::Access::Writer)];
    let place = Arc::new(MemoryBackend::default());
    let cache = directory.path();
    let store = Store::create(place.clone(), &cache.join("reader"), &CreateOptions { recipients }).unwrap();
    commit(&store, "first", &parts()).unwrap();
    let writing = Store::open(place, &cache.join("writer"), &[writer]).unwrap();
    let begun = writing.writer().unwrap();
    begun.put(ObjectKind::Data, begun.id(ObjectKind::Data, b"some"), b"some").unwrap();
    assert_eq!(begun.finish().unwrap().objects, 1);
}
