//! What is put into a store is there again, once, in this process and in the next.
#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen to be in tests")]

mod support;

use std::sync::Arc;

use store::{
    Access, CheckOptions, CreateOptions, DirectoryBackend, Identity, MemoryBackend, ObjectId, ObjectKind, ObjectReader,
    ObjectWriter, State, StatePolicy, Store, StoreError, check, encode_node, prune,
};
use support::{bytes, commit, content, create, details, open, put_tree, read_tree, restore};

#[test]
fn objects_of_all_sizes_are_read_as_they_were_put_in_this_process_and_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let store = create(directory.path());
    let parts: Vec<Vec<u8>> = [0, 1, 100, 4096, 16_384, 262_144, 262_145, 3_000_000]
        .into_iter()
        .enumerate()
        .flat_map(|(seed, length)| [bytes(seed as u64 * 2, length), bytes(seed as u64 * 2 + 1, length)])
        .collect();
    let writer = store.writer().unwrap();
    let root = put_tree(&writer, &parts).unwrap();
    let written = writer.finish().unwrap();
    // Nothing is random about an empty object: both empty ones are one.
    assert_eq!(written.objects, parts.len() as u64);
    assert_eq!(read_tree(&store, &root).unwrap(), parts);
    assert_eq!(read_tree(&open(directory.path()), &root).unwrap(), parts);
}

#[test]
fn what_is_there_is_not_written_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = create(directory.path());
    let parts: Vec<Vec<u8>> = (0..50).map(|seed| bytes(seed, 16_384)).collect();
    commit(&store, "first", &parts).unwrap();
    let again = open(directory.path());
    let writer = again.writer().unwrap();
    put_tree(&writer, &parts).unwrap();
    let written = writer.finish().unwrap();
    assert_eq!((written.objects, written.new_bytes, written.packs), (0, 0, 0));
}

#[test]
fn get_many_hands_out_repeated_ids_and_stops_at_an_error_of_the_caller() {
    let directory = tempfile::tempdir().unwrap();
    let store = create(directory.path());
    let parts: Vec<Vec<u8>> = (0..100).map(|seed| bytes(seed, 16_384)).collect();
    let writer = store.writer().unwrap();
    put_tree(&writer, &parts).unwrap();
    drop(writer.finish().unwrap());
    let ids: Vec<ObjectId> = parts.iter().map(|part| store.object_id(ObjectKind::Data, part)).collect();
    let wanted: Vec<ObjectId> = ids.iter().rev().chain(&ids).chain(&ids[..1]).copied().collect();
    let mut seen = vec![0; wanted.len()];
    store
        .get_many(&wanted, &mut |at, bytes| {
            seen[at] += 1;
            assert_eq!(store.object_id(ObjectKind::Data, bytes), wanted[at]);
            Ok(())
        })
        .unwrap();
    assert!(seen.iter().all(|count| *count == 1));
    let stopped = store.get_many(&wanted, &mut |_, _| Err(StoreError::other("enough")));
    assert_eq!(stopped.unwrap_err().to_string(), "enough");
    let missing = store.get(&ObjectId([7; 32])).unwrap_err();
    assert!(matches!(missing, StoreError::NoObject { .. }), "{missing}");
}

#[test]
fn many_threads_put_into_one_writer_and_each_object_is_written_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = create(directory.path());
    let writer = store.writer().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let writer = &writer;
            scope.spawn(move || {
                for seed in 0..200 {
                    let part = bytes((seed + thread * 50) * 2, 8192);
                    writer.put(ObjectKind::Data, writer.id(ObjectKind::Data, &part), &part).unwrap();
                }
            });
        }
    });
    assert_eq!(writer.finish().unwrap().objects, 350);
}

#[test]
fn a_long_write_publishes_as_it_goes_so_that_an_interrupted_one_is_gone_on_with() {
    let directory = tempfile::tempdir().unwrap();
    let store = create(directory.path());
    let writer = store.writer().unwrap();
    for seed in 0..125_000_u64 {
        let part = seed.to_le_bytes();
        writer.put(ObjectKind::Data, writer.id(ObjectKind::Data, &part), &part).unwrap();
    }
    drop(writer);
    let next = open(directory.path());
    assert!(next.contains(&next.object_id(ObjectKind::Data, &5_u64.to_le_bytes())).unwrap());
}

#[test]
fn a_snapshot_is_found_by_tag_and_by_id_and_a_tag_is_taken_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = create(directory.path());
    let parts = vec![bytes(1, 50_000), bytes(2, 50_000)];
    let record = commit(&store, "Before-Exam_1", &parts).unwrap();
    assert!(matches!(commit(&store, "Before-Exam_1", &parts).unwrap_err(), StoreError::TagTaken(_)));
    assert!(matches!(store.check_new_tag("Before-Exam_1").unwrap_err(), StoreError::TagTaken(_)));
    assert!(matches!(store.check_new_tag("../x").unwrap_err(), StoreError::BadTag(_)));
    let other = commit(&store, "other", &[bytes(3, 10)]).unwrap();
    assert_eq!(restore(&open(directory.path()), "Before-Exam_1").unwrap(), parts);
    assert_eq!(store.find(&record.snapshot.as_str()[..9]).unwrap(), record);
    assert!(matches!(store.find(&record.snapshot.as_str()[..6]).unwrap_err(), StoreError::NotFound { .. }));

    store.tag("Before-Exam_1", "second").unwrap();
    store.delete_record("Before-Exam_1").unwrap();
    assert_eq!(restore(&store, "second").unwrap(), parts);
    let changed = store.update_record("second", |details| details.proof = Some("ok".to_owned())).unwrap();
    assert_eq!(changed.details.proof.as_deref(), Some("ok"));
    let tags: Vec<String> = store.records(|_| true).unwrap().into_iter().map(|record| record.details.tag).collect();
    assert_eq!(tags, ["other", "second"]);
    assert_ne!(other.snapshot, record.snapshot);
    let missing = store.delete_record("nothing").unwrap_err();
    assert!(matches!(missing, StoreError::NotFound { known, .. } if known == ["other", "second"]));
}

#[test]
fn the_same_state_has_the_same_id_in_two_stores_whatever_its_form() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let parts = vec![bytes(1, 50_000)];
    let first = commit(&create(one.path()), "a", &parts).unwrap();
    let store = create(two.path());
    let writer = store.writer().unwrap();
    let root = put_tree(&writer, &parts).unwrap();
    let mut logical = content("lms/lms", root, &parts);
    logical.form = "logical".to_owned();
    let second = store.commit(writer, vec![logical], details("b")).unwrap();
    assert_eq!(first.snapshot, second.snapshot);
    assert_ne!(first.object, second.object);
}

#[test]
fn states_are_kept_by_key_and_let_go_by_policy() {
    let directory = tempfile::tempdir().unwrap();
    let store = create(directory.path());
    for (number, name) in ["lms/lms", "lms/lms", "exam/exam", "lms/lms"].iter().enumerate() {
        let parts = vec![bytes(number as u64, 1000)];
        let writer = store.writer().unwrap();
        let root = put_tree(&writer, &parts).unwrap();
        let state = State {
            key: format!("k{number}"),
            step: "schema".to_owned(),
            content: content(name, root, &parts),
            made: format!("2026-11-2{number}T00:00:00Z"),
        };
        store.put_state(writer, &state).unwrap();
        assert_eq!(store.state(&state.key).unwrap().unwrap(), state);
        store.put_state(store.writer().unwrap(), &state).unwrap();
    }
    let states = store.states().unwrap();
    let policies = [
        (StatePolicy::default(), vec![]),
        (StatePolicy { count: Some(1), ..StatePolicy::default() }, vec!["k1", "k0"]),
        (StatePolicy { bytes: Some(2000), ..StatePolicy::default() }, vec!["k1", "k0"]),
        (StatePolicy { made_since: Some("2026-11-21T00:00:00Z".to_owned()), ..StatePolicy::default() }, vec!["k0"]),
    ];
    for (policy, gone) in policies {
        assert_eq!(prune(&states, &policy), gone, "{policy:?}");
    }
    store.put_base("production", store.writer().unwrap(), &states[0]).unwrap();
    store.put_base("production", store.writer().unwrap(), &states[1]).unwrap();
    assert_eq!(store.base("production").unwrap().unwrap(), states[1]);
    assert_eq!(store.bases().unwrap(), ["production"]);
}

#[test]
fn a_lost_or_damaged_cache_is_made_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = create(directory.path());
    let mut snapshots = Vec::new();
    for tag in 0..6 {
        let parts: Vec<Vec<u8>> = (0..200).map(|seed| bytes(seed + tag * 1000, 2000)).collect();
        commit(&store, &format!("t{tag}"), &parts).unwrap();
        snapshots.push(parts);
    }
    let cache = directory.path().join("cache").join(store.id());
    for damage in 0..400_u64 {
        for entry in std::fs::read_dir(&cache).unwrap() {
            let path = entry.unwrap().path();
            let mut content = std::fs::read(&path).unwrap();
            if content.is_empty() {
                continue;
            }
            let at = usize::try_from(damage.wrapping_mul(0x9e37_79b9) % content.len() as u64).unwrap();
            match damage % 4 {
                0 => content.truncate(at),
                1 => content[at..].fill(0),
                _ => content[at] ^= 1 << (damage % 8),
            }
            std::fs::write(&path, content).unwrap();
        }
        let tag = usize::try_from(damage % 6).unwrap();
        assert_eq!(restore(&open(directory.path()), &format!("t{tag}")).unwrap(), snapshots[tag], "{damage}");
    }
    std::fs::remove_dir_all(&cache).unwrap();
    assert_eq!(restore(&open(directory.path()), "t3").unwrap(), snapshots[3]);
}

#[test]
fn an_encrypted_store_opens_for_its_readers_only_and_a_writer_can_put_but_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let (reader, writer, stranger) = (Identity::generate(), Identity::generate(), Identity::generate());
    let options =
        CreateOptions { recipients: vec![(reader.recipient(), Access::Reader), (writer.recipient(), Access::Writer)] };
    let backend = || Arc::new(DirectoryBackend::new(directory.path().join("store")));
    let cache = |name: &str| directory.path().join(name);
    let store = Store::create(backend(), &cache("a"), &options).unwrap();
    let parts = vec![b"a secret sentence that must not be seen".repeat(100), bytes(2, 60_000)];
    commit(&store, "first", &parts).unwrap();

    let machine = Store::open(backend(), &cache("b"), std::slice::from_ref(&writer)).unwrap();
    let more = vec![bytes(3, 60_000), bytes(5, 20_000)];
    let pushed = commit(&machine, "pushed", &more).unwrap();
    assert!(matches!(machine.get(&pushed.object).unwrap_err(), StoreError::WriteOnly { .. }));
    assert!(matches!(machine.record("first").unwrap_err(), StoreError::WriteOnly { .. }));

    let read = Store::open(backend(), &cache("c"), &[stranger.clone(), reader]).unwrap();
    assert_eq!(restore(&read, "first").unwrap(), parts);
    assert_eq!(restore(&read, "pushed").unwrap(), more);
    assert!(matches!(Store::open(backend(), &cache("d"), &[stranger]), Err(StoreError::NoKey { .. })));
    assert!(matches!(Store::open(backend(), &cache("d"), &[]), Err(StoreError::NoKey { .. })));

    let mut waiting = vec![directory.path().join("store")];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(15).any(|window| window == b"secret sentence"), "{}", path.display());
        }
    }
}

#[test]
fn a_store_is_made_once_and_one_of_a_later_version_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let backend = Arc::new(MemoryBackend::default());
    let (cache, options) = (directory.path(), CreateOptions::default());
    assert!(matches!(Store::open(backend.clone(), cache, &[]), Err(StoreError::NoStore { .. })));
    let made = Store::open_or_create(backend.clone(), cache, &[], &options).unwrap();
    assert!(matches!(Store::create(backend.clone(), cache, &options), Err(StoreError::StoreExists { .. })));
    let opened = Store::open_or_create(backend, cache, &[], &options).unwrap();
    assert_eq!(made.id(), opened.id());
}

#[test]
fn data_and_nodes_with_the_same_bytes_are_two_objects() {
    let store = create(tempfile::tempdir().unwrap().path());
    let bytes = encode_node(&[], b"x");
    assert_ne!(store.object_id(ObjectKind::Data, &bytes), store.object_id(ObjectKind::Node, &bytes));
    assert_eq!(store.object_id(ObjectKind::Data, &bytes).to_string(), blake3::hash(&bytes).to_hex().to_string());
}

#[test]
fn objects_that_are_put_together_are_what_they_are_put_one_by_one() {
    let directory = tempfile::tempdir().unwrap();
    let store = create(directory.path());
    let all: Vec<u8> = (0..40).flat_map(|seed| bytes(seed, 30_000)).collect();
    // Neighbours, with gaps, backwards, empty, too large for a block, and some of them twice.
    let mut ranges: Vec<std::ops::Range<usize>> = (0..60).map(|page| page * 16_384..(page + 1) * 16_384).collect();
    ranges.extend((0..20).map(|number| number * 50_000..number * 50_000 + 1000 * number));
    ranges.extend((0..20).rev().map(|number| number * 1000 + 7..number * 3000 + 7));
    ranges.push(0..900_000);
    ranges.extend_from_within(10..70);
    let distinct: std::collections::BTreeSet<&[u8]> = ranges.iter().map(|range| &all[range.clone()]).collect();
    let writer = store.writer().unwrap();
    // Half of them are there already, and one of two threads may be first.
    let objects: Vec<_> =
        ranges.iter().map(|range| (writer.id(ObjectKind::Data, &all[range.clone()]), range.clone())).collect();
    let (early, late) = objects.split_at(30);
    writer.put_all(ObjectKind::Data, &all, early).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                writer.put_all(ObjectKind::Data, &all, late).unwrap();
                writer.put_all(ObjectKind::Data, &all, &objects).unwrap();
            });
        }
    });
    let written = writer.finish().unwrap();
    assert_eq!(written.objects, distinct.len() as u64);
    for (id, range) in objects {
        assert!(store.get(&id).unwrap() == all[range.clone()], "{range:?}");
    }
    assert_eq!(check(&store, CheckOptions { data: true }, &|_| {}).unwrap(), []);
}
