//! How much work the place is asked to do.
#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen to be in tests")]

mod support;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use store::{
    CheckOptions, CollectOptions, CreateOptions, DirectoryBackend, Disk, ObjectKind, ObjectWriter, Store, SystemDisk,
    check, collect, transfer,
};
use support::{Asked, Place, bytes, commit, create, open, restore, try_open};

/// Counts what takes long.
#[derive(Default)]
struct CountingDisk {
    disk: SystemDisk,
    syncs: AtomicUsize,
}

impl Disk for CountingDisk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.disk.read(path)
    }

    fn read_range(&self, path: &Path, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        self.disk.read_range(path, offset, length)
    }

    fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.disk.create(path, bytes)
    }

    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.disk.append(path, bytes)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.disk.sync_file(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.disk.sync_directory(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        self.disk.create_directory(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<(String, Option<u64>)>> {
        self.disk.list(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>> {
        self.disk.lock(path)
    }

    fn is_abandoned(&self, path: &Path) -> bool {
        self.disk.is_abandoned(path)
    }
}

#[test]
fn a_save_of_what_is_there_syncs_its_record_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let parts: Vec<Vec<u8>> = (0..50).map(|seed| bytes(seed, 16_384)).collect();
    commit(&create(directory.path()), "first", &parts).unwrap();

    let disk = Arc::new(CountingDisk::default());
    let backend = Arc::new(DirectoryBackend::on(disk.clone(), directory.path().join("store")));
    let store = try_open(backend, &directory.path().join("cache")).unwrap();
    commit(&store, "second", &parts).unwrap();
    // The record, its directory, and once in a process those above it: another one may have made them and died.
    assert_eq!(disk.syncs.swap(0, Ordering::Relaxed), 5);
    commit(&store, "third", &parts).unwrap();
    assert_eq!(disk.syncs.swap(0, Ordering::Relaxed), 2);
}

/// How many read at once: a read begins only when others have begun, or after a while.
#[derive(Default)]
struct Readers {
    reading: Mutex<usize>,
    changed: Condvar,
    together: AtomicUsize,
}

impl Readers {
    fn read(&self) {
        let mut reading = self.reading.lock().unwrap();
        *reading += 1;
        self.together.fetch_max(*reading, Ordering::Relaxed);
        self.changed.notify_all();
        let alone = |reading: &mut usize| *reading < 3;
        reading = self.changed.wait_timeout_while(reading, Duration::from_millis(200), alone).unwrap().0;
        *reading -= 1;
    }
}

#[test]
fn a_transfer_waits_for_several_pieces_at_a_time() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let readers = Arc::new(Readers::default());
    let before = {
        let readers = readers.clone();
        move |asked, _: &str| {
            if asked == Asked::ReadRange {
                readers.read();
            }
        }
    };
    let place = Arc::new(Place { before: Box::new(before), ..Place::default() });
    let remote = Store::create(place, &one.path().join("cache"), &CreateOptions::default()).unwrap();
    let parts: Vec<Vec<u8>> = (0..20).map(|seed| bytes(seed * 2, 1_000_000)).collect();
    let record = commit(&remote, "a", &parts).unwrap();
    let store = create(two.path());
    let sent = transfer(&remote, &store, &[record.object], &|_| {}).unwrap();
    store.put_record(&record, &sent.session).unwrap();
    assert!(readers.together.load(Ordering::Relaxed) >= 3);
    assert!(restore(&store, "a").unwrap() == parts);
}

fn fragments(store: &Store) -> usize {
    let mut count = 0;
    store
        .backend()
        .list("index/", &mut |_| {
            count += 1;
            Ok(())
        })
        .unwrap();
    count
}

#[test]
fn many_small_fragments_are_made_one_by_a_collection() {
    let directory = tempfile::tempdir().unwrap();
    let store = create(directory.path());
    let other = open(directory.path());
    for seed in 0..40 {
        commit(&store, &format!("t{seed}"), &[bytes(seed, 1000)]).unwrap();
    }
    assert_eq!(fragments(&store), 40);
    collect(&store, &CollectOptions::default(), &|_| {}).unwrap();
    assert_eq!(fragments(&store), 1);
    for store in [&store, &other] {
        for seed in 0..40 {
            assert_eq!(restore(store, &format!("t{seed}")).unwrap(), [bytes(seed, 1000)]);
        }
    }
    assert_eq!(check(&store, CheckOptions { data: true }, &|_| {}).unwrap(), []);
    commit(&store, "later", &[bytes(0, 1000), bytes(100, 1000)]).unwrap();
    collect(&store, &CollectOptions::default(), &|_| {}).unwrap();
    assert_eq!(fragments(&store), 2);
}

#[test]
fn drafts_of_writers_that_died_are_removed_and_those_of_the_living_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let store = create(directory.path());
    let drafts = directory.path().join("store/.drafts");
    let living = SystemDisk::default();
    living.create(&drafts.join("living"), b"half a pack").unwrap();
    std::fs::write(drafts.join("dead"), b"half a pack").unwrap();
    drop(store.writer().unwrap());
    assert!(drafts.join("living").exists() && !drafts.join("dead").exists());
    drop(living);
    collect(&store, &CollectOptions::default(), &|_| {}).unwrap();
    assert!(!drafts.join("living").exists());
}

#[test]
fn a_writer_that_is_dropped_leaves_no_draft_of_the_pack_that_it_had_begun() {
    let directory = tempfile::tempdir().unwrap();
    let store = create(directory.path());
    let drafts = || std::fs::read_dir(directory.path().join("store/.drafts")).map_or(0, Iterator::count);
    let writer = store.writer().unwrap();
    for seed in 0..40 {
        let part = bytes(seed * 2, 100_000);
        writer.put(ObjectKind::Data, writer.id(ObjectKind::Data, &part), &part).unwrap();
    }
    // Threads of the writer may be at work yet: what is full is with them, and is done before it ends.
    drop(writer);
    assert_eq!(drafts(), 0);
    let parts: Vec<Vec<u8>> = (0..40).map(|seed| bytes(seed * 2, 100_000)).collect();
    commit(&store, "all", &parts).unwrap();
    assert_eq!(drafts(), 0);
    assert!(restore(&store, "all").unwrap() == parts);
}
