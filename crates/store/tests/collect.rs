//! Collection frees what nothing names, and loses nothing else, whoever writes meanwhile.
#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen to be in tests")]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use store::{
    CheckOptions, CollectOptions, CreateOptions, MemoryBackend, ObjectKind, ObjectWriter, Store, StoreError, check,
    collect, transfer,
};
use support::{Asked, Place, bytes, commit, content, create, details, open, put_tree, restore, try_open};

fn assert_sound(store: &Store) {
    let findings = check(store, CheckOptions { data: true }, &|_| {}).unwrap();
    assert_eq!(findings, []);
}

fn size(store: &Store) -> u64 {
    let mut bytes = 0;
    store
        .backend()
        .list("packs/", &mut |entry| {
            bytes += entry.bytes;
            Ok(())
        })
        .unwrap();
    bytes
}

#[test]
fn what_no_reference_reaches_is_gone_and_the_rest_can_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let store = create(directory.path());
    let shared: Vec<Vec<u8>> = (0..20).map(|seed| bytes(seed * 2, 20_000)).collect();
    let own: Vec<Vec<u8>> = (100..160).map(|seed| bytes(seed * 2, 20_000)).collect();
    commit(&store, "kept", &shared).unwrap();
    commit(&store, "gone", &[shared.clone(), own].concat()).unwrap();
    drop(store.writer().map(|writer| put_tree(&writer, &[bytes(500, 100_000)])).unwrap());
    store.delete_record("gone").unwrap();
    let before = size(&store);

    let planned = collect(&store, &CollectOptions { dry_run: true, ..CollectOptions::default() }, &|_| {}).unwrap();
    assert_eq!(size(&store), before);
    assert!(planned.condemned_bytes > 1_000_000, "{planned:?}");
    let report = collect(&store, &CollectOptions::default(), &|_| {}).unwrap();
    assert!(report.freed_bytes > 1_000_000, "{report:?}");
    assert!(size(&store) < 600_000);
    for store in [&store, &open(directory.path())] {
        assert_eq!(restore(store, "kept").unwrap(), shared);
        assert_sound(store);
    }
    let again = collect(&store, &CollectOptions::default(), &|_| {}).unwrap();
    assert_eq!((again.freed_bytes, again.condemned_packs), (0, 0), "{again:?}");
}

#[test]
fn a_partly_dead_pack_is_written_anew() {
    let directory = tempfile::tempdir().unwrap();
    let store = create(directory.path());
    let parts: Vec<Vec<u8>> = (0..40).map(|seed| bytes(seed * 2, 20_000)).collect();
    commit(&store, "all", &parts).unwrap();
    commit(&store, "few", &parts[..5]).unwrap();
    store.delete_record("all").unwrap();
    let report = collect(&store, &CollectOptions::default(), &|_| {}).unwrap();
    assert!(report.copied_bytes >= 100_000 && size(&store) < 150_000, "{report:?}");
    assert_eq!(restore(&store, "few").unwrap(), parts[..5]);
    assert_sound(&store);
}

#[test]
fn a_writer_that_relies_on_what_is_deleted_meanwhile_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = create(directory.path());
    let parts: Vec<Vec<u8>> = (0..40).map(|seed| bytes(seed * 2, 20_000)).collect();
    commit(&store, "old", &parts).unwrap();
    let other = open(directory.path());
    let writer = other.writer().unwrap();
    let root = put_tree(&writer, &parts).unwrap();
    store.delete_record("old").unwrap();
    for _ in 0..5 {
        let report = collect(&store, &CollectOptions::default(), &|_| {}).unwrap();
        assert_eq!((report.writers, report.removed_packs), (1, 0), "{report:?}");
    }
    other.commit(writer, vec![content("lms/lms", root, &parts)], details("new")).unwrap();
    for _ in 0..3 {
        collect(&store, &CollectOptions::default(), &|_| {}).unwrap();
        assert_eq!(restore(&other, "new").unwrap(), parts);
        assert_sound(&store);
    }
}

#[test]
fn what_is_condemned_is_put_again_by_who_begins_later() {
    let directory = tempfile::tempdir().unwrap();
    let store = create(directory.path());
    let parts: Vec<Vec<u8>> = (0..40).map(|seed| bytes(seed * 2, 20_000)).collect();
    commit(&store, "old", &parts).unwrap();
    store.delete_record("old").unwrap();
    let once = CollectOptions { generations: 1, ..CollectOptions::default() };
    collect(&store, &once, &|_| {}).unwrap();
    commit(&store, "new", &parts).unwrap();
    for _ in 0..4 {
        collect(&store, &once, &|_| {}).unwrap();
        assert_eq!(restore(&open(directory.path()), "new").unwrap(), parts);
        assert_sound(&store);
    }
    assert!(size(&store) < 900_000);
}

#[test]
fn writers_deleters_and_collections_at_the_same_time_lose_nothing_that_was_reported() {
    let directory = tempfile::tempdir().unwrap();
    drop(create(directory.path()));
    let stop = AtomicBool::new(false);
    let pool: Vec<Vec<u8>> = (0..60).map(|seed| bytes(seed * 2, 5000)).collect();
    std::thread::scope(|scope| {
        let (stop, pool, path) = (&stop, &pool, directory.path());
        let writers: Vec<_> = (0..3_usize)
            .map(|thread| {
                scope.spawn(move || {
                    let store = try_open(open(path).backend().clone(), &path.join(format!("cache{thread}"))).unwrap();
                    for round in 0..15_usize {
                        let from = (thread * 17 + round * 7) % 40;
                        let parts = &pool[from..from + 20];
                        let tag = format!("t{thread}-{round}");
                        match commit(&store, &tag, parts) {
                            Ok(_) => assert_eq!(restore(&store, &tag).unwrap(), parts),
                            Err(StoreError::Outrun { .. }) => continue,
                            Err(error) => panic!("{error}"),
                        }
                        if round % 3 != 0 {
                            store.delete_record(&tag).unwrap();
                        }
                    }
                })
            })
            .collect();
        for collector in 0..2 {
            scope.spawn(move || {
                let store =
                    try_open(open(path).backend().clone(), &path.join(format!("collector{collector}"))).unwrap();
                while !stop.load(Ordering::Relaxed) {
                    match collect(&store, &CollectOptions::default(), &|_| {}) {
                        Ok(_) | Err(StoreError::Collecting { .. }) => {}
                        Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
                    }
                }
            });
        }
        let results: Vec<_> = writers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        stop.store(true, Ordering::Relaxed);
        assert!(results.iter().all(Result::is_ok));
    });
    let store = open(directory.path());
    assert_eq!(store.records(|_| true).unwrap().len(), 15);
    for record in store.records(|_| true).unwrap() {
        restore(&store, &record.details.tag).unwrap();
    }
    assert_sound(&store);
}

#[test]
fn a_transfer_sends_what_is_missing_and_is_gone_on_with_after_an_interruption() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (from, to) = (create(one.path()), create(two.path()));
    let parts: Vec<Vec<u8>> = (0..100).map(|seed| bytes(seed, 20_000)).collect();
    let record = commit(&from, "a", &parts).unwrap();
    // An interrupted one: some of the data is there, no node is.
    let writer = to.writer().unwrap();
    for part in &parts[..50] {
        writer.put(ObjectKind::Data, writer.id(ObjectKind::Data, part), part).unwrap();
    }
    drop(writer.finish().unwrap());

    let sent = transfer(&from, &to, &[record.object], &|_| {}).unwrap();
    assert_eq!((sent.objects, sent.skipped), (50 + 2, 50));
    to.put_record(&record, &sent.session).unwrap();
    drop(sent);
    assert_eq!(restore(&to, "a").unwrap(), parts);
    let again = transfer(&from, &to, &[record.object], &|_| {}).unwrap();
    assert_eq!((again.objects, again.skipped), (0, 1));
    assert_sound(&to);
}

#[test]
fn an_encrypted_store_takes_objects_of_a_plain_one_and_gives_them_back() {
    let directory = tempfile::tempdir().unwrap();
    let from = create(directory.path());
    let parts: Vec<Vec<u8>> = (0..100).map(|seed| bytes(seed, 20_000)).collect();
    let record = commit(&from, "a", &parts).unwrap();
    let identity = store::Identity::generate();
    let options = CreateOptions { recipients: vec![(identity.recipient(), store::Access::Reader)] };
    let remote = Store::create(Arc::new(MemoryBackend::default()), &directory.path().join("remote"), &options).unwrap();
    let sent = transfer(&from, &remote, &[record.object], &|_| {}).unwrap();
    remote.put_record(&record, &sent.session).unwrap();
    drop(sent);
    assert_eq!(restore(&remote, "a").unwrap(), parts);
    collect(&remote, &CollectOptions::default(), &|_| {}).unwrap();
    assert_sound(&remote);
}

#[test]
fn what_a_collection_that_was_taken_over_names_again_is_no_obstacle() {
    let directory = tempfile::tempdir().unwrap();
    let place = Arc::new(MemoryBackend::default());
    let store = Store::create(place.clone(), &directory.path().join("one"), &CreateOptions::default()).unwrap();
    let parts: Vec<Vec<u8>> = (0..20).map(|seed| bytes(seed * 2, 20_000)).collect();
    commit(&store, "first", &parts).unwrap();
    commit(&store, "second", &[parts.clone(), vec![bytes(500, 20_000)]].concat()).unwrap();
    // The nodes of the first go, its data stays: so the sweep writes a fragment.
    store.delete_record("first").unwrap();

    let cache = directory.path().join("two");
    let other = try_open(place.clone(), &cache).unwrap();
    let meanwhile = move || {
        other.delete_record("second").unwrap();
        let options = CollectOptions { take_over: true, ..CollectOptions::default() };
        collect(&other, &options, &|_| {}).unwrap();
        assert_eq!(size(&other), 0);
    };
    // In the middle of a collection: before the first fragment is written.
    let meanwhile = Mutex::new(Some(meanwhile));
    let before = move |asked, name: &str| {
        let is_fragment = asked == Asked::Write && name.starts_with("index/");
        let meanwhile = if is_fragment { meanwhile.lock().unwrap().take() } else { None };
        if let Some(meanwhile) = meanwhile {
            meanwhile();
        }
    };
    let slow = Arc::new(Place { memory: place.clone(), before: Box::new(before), ..Place::default() });
    let overtaken = try_open(slow, &directory.path().join("three")).unwrap();
    let result = collect(&overtaken, &CollectOptions::default(), &|_| {});
    assert!(matches!(result, Err(StoreError::Collecting { .. })), "{result:?}");

    let later = try_open(place, &cache).unwrap();
    assert_sound(&later);
    commit(&later, "third", &parts).unwrap();
    assert!(restore(&later, "third").unwrap() == parts);
    for _ in 0..2 {
        collect(&later, &CollectOptions::default(), &|_| {}).unwrap();
        assert_sound(&later);
        assert!(restore(&later, "third").unwrap() == parts);
    }
}
