//! A save that knows the sums of the chunks makes the tree that a save without them makes, and hashes what changed.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)] // Helpers of tests are tests.

mod common;

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use common::Memory;
use proptest::prelude::*;
use store::{ObjectId, ObjectKind, ObjectWriter, StoreError};
use tree::{PageRule, Rules, read_file, save};

/// Bytes that each save hashes to see what kind of store it is, at most.
const PROBE: u64 = 100;

/// Counts what is hashed.
#[derive(Default)]
struct Counting {
    memory: Memory,
    hashed: AtomicU64,
}

impl ObjectWriter for Counting {
    fn id(&self, kind: ObjectKind, bytes: &[u8]) -> ObjectId {
        if kind == ObjectKind::Data {
            self.hashed.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
        self.memory.id(kind, bytes)
    }

    fn contains(&self, id: &ObjectId) -> Result<bool, StoreError> {
        self.memory.contains(id)
    }

    fn put(&self, kind: ObjectKind, id: ObjectId, bytes: &[u8]) -> Result<(), StoreError> {
        self.memory.put(kind, id, bytes)
    }
}

fn rules() -> Rules {
    Rules { pages: vec![PageRule { glob: "*.pages".to_owned(), bytes: 4096 }], ..Rules::default() }
}

fn random(length: usize, mut seed: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(seed >> 16).to_le_bytes()[..6]);
    }
    bytes.truncate(length);
    bytes
}

/// The files with sums of a cache.
fn sums(cache: &Path) -> Vec<PathBuf> {
    let mut path = cache.as_os_str().to_owned();
    path.push(".sums");
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[derive(Debug, Clone)]
enum Edit {
    Overwrite(usize, usize, u64),
    Zero(usize, usize),
    Insert(usize, usize, u64),
    Remove(usize, usize),
    Truncate(usize),
    Append(usize, u64),
}

/// Places and lengths as files have them: any, and such as fit grains.
fn place(most: usize) -> impl Strategy<Value = usize> {
    prop_oneof![
        0..most,
        (0..most / 4096).prop_map(|page| page * 4096),
        (0..most / 65536).prop_map(|grain| grain * 65536)
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    let (at, length) = (|| place(2 << 20), || place(300 << 10));
    prop_oneof![
        (at(), length(), any::<u64>()).prop_map(|(at, length, seed)| Edit::Overwrite(at, length, seed)),
        (at(), length()).prop_map(|(at, length)| Edit::Zero(at, length)),
        (at(), length(), any::<u64>()).prop_map(|(at, length, seed)| Edit::Insert(at, length, seed)),
        (at(), length()).prop_map(|(at, length)| Edit::Remove(at, length)),
        at().prop_map(Edit::Truncate),
        (length(), any::<u64>()).prop_map(|(length, seed)| Edit::Append(length, seed)),
    ]
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let range = |at: usize, length: usize| at.min(bytes.len())..(at + length).min(bytes.len());
        match *self {
            Self::Overwrite(at, length, seed) => {
                let range = range(at, length);
                let new = random(range.len(), seed);
                bytes[range].copy_from_slice(&new);
            }
            Self::Zero(at, length) => {
                let range = range(at, length);
                bytes[range].fill(0);
            }
            Self::Insert(at, length, seed) => {
                let at = at.min(bytes.len());
                bytes.splice(at..at, random(length, seed));
            }
            Self::Remove(at, length) => {
                let range = range(at, length);
                bytes.drain(range);
            }
            Self::Truncate(length) => bytes.truncate(length),
            Self::Append(length, seed) => bytes.extend(random(length, seed)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

    #[test]
    fn a_save_with_sums_is_a_save_without(steps in prop::collection::vec(prop::collection::vec(edit(), 1..4), 1..5)) {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        fs::create_dir(at("a")).unwrap();
        let memory = Memory::default();
        let mut bytes = random(5 << 18, 7);
        for (number, step) in std::iter::once(&Vec::new()).chain(&steps).enumerate() {
            for edit in step {
                edit.apply(&mut bytes);
            }
            for name in ["a/cut.pages", "a/cut by content"] {
                fs::write(at(name), &bytes).unwrap();
            }
            let known = save(&at("a"), &rules(), &at("stat"), &memory, &tree::unwatched).unwrap();
            let fresh = save(&at("a"), &rules(), &at(&format!("fresh {number}")), &memory, &tree::unwatched).unwrap();
            prop_assert_eq!(&known.content, &fresh.content);
            prop_assert_eq!(known.root, fresh.root);
        }
        let root = save(&at("a"), &rules(), &at("stat"), &memory, &tree::unwatched).unwrap().root;
        let mut read = Vec::new();
        read_file(&root, Path::new("cut by content"), &memory, &mut read).unwrap();
        prop_assert!(read == bytes);
    }
}

#[test]
fn only_what_changed_is_hashed() {
    let scratch = tempfile::tempdir().unwrap();
    let at = |name: &str| scratch.path().join(name);
    fs::create_dir(at("a")).unwrap();
    let writer = Counting::default();
    let bytes = random(40 << 20, 3);
    for (name, chunk) in [("a/cut.pages", 4096), ("a/cut by content", 3 * (256 << 10))] {
        fs::write(at(name), &bytes).unwrap();
        save(&at("a"), &rules(), &at("stat"), &writer, &tree::unwatched).unwrap();
        assert!(writer.hashed.swap(0, Ordering::Relaxed) >= bytes.len() as u64);
        // In the second segment.
        let file = OpenOptions::new().write(true).open(at(name)).unwrap();
        file.write_all_at(b"changed", (35 << 20) + 100).unwrap();
        save(&at("a"), &rules(), &at("stat"), &writer, &tree::unwatched).unwrap();
        let hashed = writer.hashed.swap(0, Ordering::Relaxed);
        assert!((chunk / 64..=chunk + PROBE).contains(&hashed), "{name}: {hashed} bytes were hashed");
        fs::remove_file(at(name)).unwrap();
    }
    save(&at("a"), &rules(), &at("stat"), &writer, &tree::unwatched).unwrap();
    assert!(sums(&at("stat")).is_empty(), "the sums of files that are gone are gone");
}

#[test]
fn sums_of_what_the_store_has_lost_are_not_believed() {
    let scratch = tempfile::tempdir().unwrap();
    let at = |name: &str| scratch.path().join(name);
    fs::create_dir(at("a")).unwrap();
    let writer = Counting::default();
    let mut bytes = random(1 << 20, 3);
    fs::write(at("a/file"), &bytes).unwrap();
    save(&at("a"), &rules(), &at("stat"), &writer, &tree::unwatched).unwrap();
    writer.memory.forget();
    writer.hashed.store(0, Ordering::Relaxed);
    bytes[0] ^= 1;
    fs::write(at("a/file"), &bytes).unwrap();
    let root = save(&at("a"), &rules(), &at("stat"), &writer, &tree::unwatched).unwrap().root;
    assert!(writer.hashed.load(Ordering::Relaxed) >= bytes.len() as u64);
    let mut read = Vec::new();
    read_file(&root, Path::new("file"), &writer.memory, &mut read).unwrap();
    assert!(read == bytes);
}

/// Whatever the sums say, the tree is that of the files.
#[test]
fn sums_that_are_damaged_cut_or_of_another_file_change_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let at = |name: &str| scratch.path().join(name);
    fs::create_dir(at("a")).unwrap();
    let writer = Counting::default();
    let (one, other) = (random(1 << 20, 3), random(1 << 20, 4));
    fs::write(at("a/one"), &one).unwrap();
    save(&at("a"), &rules(), &at("stat"), &writer, &tree::unwatched).unwrap();
    let [path] = sums(&at("stat")).try_into().unwrap();
    let good = fs::read(&path).unwrap();
    let length = u32::from_le_bytes(*good[4096..].first_chunk().unwrap()) as usize;
    let used = 4096 + 20 + length;
    // The same bytes, but modified: they are read again.
    let touch = || File::options().write(true).open(at("a/one")).unwrap().write_all_at(&one[..1], 0).unwrap();
    let expected = {
        touch();
        save(&at("a"), &rules(), &at("stat"), &writer, &tree::unwatched).unwrap().content
    };
    let read_again = |what: &str, is_believed: bool| {
        touch();
        writer.hashed.store(0, Ordering::Relaxed);
        let saved = save(&at("a"), &rules(), &at("stat"), &writer, &tree::unwatched).unwrap();
        assert_eq!(saved.content, expected, "{what}");
        let hashed = writer.hashed.load(Ordering::Relaxed);
        assert_eq!(hashed <= PROBE, is_believed, "{what}: {hashed} bytes were hashed");
    };
    fs::write(&path, &good).unwrap();
    read_again("nothing is damaged", true);
    let places = (0..292).chain((4096..used).step_by(61));
    for position in places {
        fs::write(&path, [&good[..position], &[good[position] ^ 0x55], &good[position + 1..]].concat()).unwrap();
        read_again(&format!("damage at {position}"), false);
        fs::write(&path, &good[..position]).unwrap();
        read_again(&format!("cut at {position}"), false);
    }

    // A segment of an older file of the same size in the place of this one's.
    fs::write(at("a/one"), &other).unwrap();
    save(&at("a"), &rules(), &at("stat"), &writer, &tree::unwatched).unwrap();
    let of_other = fs::read(&path).unwrap();
    fs::write(at("a/one"), &one).unwrap();
    fs::write(&path, [&good[..4096], &of_other[4096..]].concat()).unwrap();
    read_again("a segment of another file", false);
    // All of another file: true of what it says, which is not what is there.
    fs::write(&path, &of_other).unwrap();
    read_again("another file", false);
    // A file of another class.
    fs::rename(at("a/one"), at("a/one.pages")).unwrap();
    save(&at("a"), &rules(), &at("stat"), &writer, &tree::unwatched).unwrap();
    let [of_pages] = sums(&at("stat")).try_into().unwrap();
    fs::copy(&of_pages, &path).unwrap();
    fs::rename(at("a/one.pages"), at("a/one")).unwrap();
    read_again("a file of another class", false);
}
