//! Whatever a directory contains, what is restored is what was saved: properties over generated directories.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)] // Helpers of tests are tests.

mod common;
#[path = "common/walk.rs"]
mod walk;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use common::Memory;
use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode, XattrFlags};
use tree::{ChangeKind, RestoreOptions, Rules, diff, list, read_file, restore, save};
use walk::walk;

/// A thing to make in a directory.
#[derive(Debug, Clone)]
enum Thing {
    File { size: usize, seed: u64, mode: u32 },
    Sparse { size: u64, at: u64 },
    Link(Vec<u8>),
    Hard,
    Fifo,
    Directory { mode: u32, inside: BTreeMap<Vec<u8>, Thing> },
    Attribute { value: Vec<u8> },
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[a-d]{1,2}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(1u8..=255, 1..12)
            .prop_filter("it can be a name", |name| !name.contains(&b'/') && name != b"." && name != b".."),
        1 => Just(b"with space\n\xff".to_vec()),
        1 => Just(b"x".repeat(255)),
    ]
}

fn thing() -> impl Strategy<Value = Thing> {
    let size = prop_oneof![Just(0), 1usize..100, Just(65_535), Just(65_536), 65_537usize..400_000];
    let leaf = prop_oneof![
        5 => (size, 0u64..4, prop_oneof![Just(0o644u32), Just(0o600), Just(0o755), Just(0o4711), Just(0o400)])
            .prop_map(|(size, seed, mode)| Thing::File { size, seed, mode }),
        1 => (1u64..3_000_000, 0u64..3_000_000).prop_map(|(size, at)| Thing::Sparse { size, at }),
        1 => proptest::collection::vec(1u8..=255, 1..40).prop_map(Thing::Link),
        1 => Just(Thing::Hard),
        1 => Just(Thing::Fifo),
        1 => proptest::collection::vec(any::<u8>(), 0..300).prop_map(|value| Thing::Attribute { value }),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        (
            prop_oneof![Just(0o755u32), Just(0o700), Just(0o1777), Just(0o500)],
            proptest::collection::btree_map(name(), inner, 0..6),
        )
            .prop_map(|(mode, inside)| Thing::Directory { mode, inside })
    })
}

fn things() -> impl Strategy<Value = BTreeMap<Vec<u8>, Thing>> {
    proptest::collection::btree_map(name(), thing(), 0..8)
}

/// Pseudo-random bytes with a run of zeros in the middle.
fn bytes(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes: Vec<u8> = (0..size)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect();
    if size > 200_000 {
        bytes[65_000..140_000].fill(0);
    }
    bytes
}

fn make(root: &Path, things: &BTreeMap<Vec<u8>, Thing>, files: &mut Vec<PathBuf>) {
    for (name, thing) in things {
        let path = root.join(OsString::from_vec(name.clone()));
        match thing {
            Thing::File { size, seed, mode } => {
                fs::write(&path, bytes(*size, *seed)).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
                files.push(path.clone());
            }
            Thing::Sparse { size, at } => {
                let file = File::create(&path).unwrap();
                file.set_len(*size).unwrap();
                file.write_all_at(b"data", *at).unwrap();
            }
            Thing::Link(target) => symlink(OsString::from_vec(target.clone()), &path).unwrap(),
            Thing::Hard => match files.last() {
                Some(first) => fs::hard_link(first, &path).unwrap(),
                None => fs::write(&path, b"alone").unwrap(),
            },
            Thing::Fifo => rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o620), 0).unwrap(),
            Thing::Directory { mode, inside } => {
                fs::create_dir(&path).unwrap();
                make(&path, inside, files);
                fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
            }
            Thing::Attribute { value } => {
                fs::write(&path, b"with an attribute").unwrap();
                rustix::fs::setxattr(&path, "user.note", value, XattrFlags::empty()).unwrap();
            }
        }
    }
}

struct Scene {
    root: tempfile::TempDir,
    memory: Memory,
}

impl Scene {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap(), memory: Memory::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn save(&self, name: &str) -> tree::Saved {
        let cache = self.path(&format!("{name}.stat"));
        save(&self.path(name), &Rules::default(), &cache, &self.memory, &tree::unwatched).unwrap()
    }

    fn restore(&self, root: &store::ObjectId, name: &str) -> tree::Restored {
        let cache = self.path(&format!("{name}.stat"));
        restore(root, &self.path(name), &cache, &self.memory, &RestoreOptions::default(), &tree::unwatched).unwrap()
    }
}

/// Makes all times be in the past, so that no file counts as just modified.
fn age(root: &Path) {
    let past = std::time::SystemTime::now() - std::time::Duration::from_secs(100);
    for (path, seen) in walk(root) {
        if seen.kind == 'f' {
            File::open(root.join(path)).unwrap().set_modified(past).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_restored_is_what_was_saved(things in things()) {
        let scene = Scene::new();
        fs::create_dir(scene.path("a")).unwrap();
        make(&scene.path("a"), &things, &mut Vec::new());
        let saved = scene.save("a");
        scene.restore(&saved.root, "b");
        prop_assert_eq!(walk(&scene.path("b")), walk(&scene.path("a")));
        // The same files have the same id, wherever they are.
        let again = scene.save("b");
        prop_assert_eq!(&again.content, &saved.content);
        prop_assert_eq!(again.root, saved.root);
        let keyed = Memory::keyed([7; 32]);
        let other = save(&scene.path("a"), &Rules::default(), &scene.path("k.stat"), &keyed, &tree::unwatched).unwrap();
        prop_assert_eq!(other.content, saved.content);
        let mut listed = Vec::new();
        list(&saved.root, &scene.memory, &mut |entry| { listed.push(entry.path); Ok(()) }).unwrap();
        prop_assert_eq!(listed.len() as u64, saved.entries);
        let walked = walk(&scene.path("a"));
        for path in listed {
            prop_assert!(walked.contains_key(&path));
            if walked[&path].kind == 'f' {
                let mut content = Vec::new();
                read_file(&saved.root, &path, &scene.memory, &mut content).unwrap();
                prop_assert_eq!(&content, &walked[&path].content);
            }
        }
    }

    #[test]
    fn a_restore_over_any_other_state_is_exact(before in things(), after in things(), known in any::<bool>()) {
        let scene = Scene::new();
        for (name, things) in [("a", &before), ("b", &after)] {
            fs::create_dir(scene.path(name)).unwrap();
            make(&scene.path(name), things, &mut Vec::new());
        }
        age(&scene.path("a"));
        age(&scene.path("b"));
        let saved = scene.save("a");
        let expected = walk(&scene.path("a"));
        if known {
            // Then the stat cache says what the files contain.
            scene.save("b");
        }
        scene.restore(&saved.root, "b");
        prop_assert_eq!(walk(&scene.path("b")), expected);
        // A file to which links were made is read once more before it is known.
        prop_assert_eq!(scene.save("b").root, saved.root);
        let again = scene.restore(&saved.root, "b");
        prop_assert_eq!((again.written_bytes, again.removed, again.patched), (0, 0, 0));
    }

    #[test]
    fn a_diff_names_what_a_walk_finds(before in things(), after in things()) {
        let scene = Scene::new();
        for (name, things) in [("a", &before), ("b", &after)] {
            fs::create_dir(scene.path(name)).unwrap();
            make(&scene.path(name), things, &mut Vec::new());
        }
        let (a, b) = (scene.save("a"), scene.save("b"));
        let (old, new) = (walk(&scene.path("a")), walk(&scene.path("b")));
        let mut found = BTreeMap::new();
        diff(&a.root, &b.root, &scene.memory, &mut |change| { found.insert(change.path, change.kind); Ok(()) }).unwrap();
        for path in old.keys().chain(new.keys()) {
            let expected = match (old.get(path), new.get(path)) {
                (None, _) => Some(ChangeKind::Added),
                (_, None) => Some(ChangeKind::Removed),
                (Some(old), Some(new)) if (old.kind, &old.content) != (new.kind, &new.content) => Some(ChangeKind::Content),
                // Times differ by chance, so do links.
                _ => None,
            };
            let kind = found.get(path).copied().filter(|kind| *kind != ChangeKind::Metadata);
            prop_assert_eq!(kind, expected, "{:?}", path);
        }
    }
}

#[test]
fn a_large_directory_changes_in_few_nodes() {
    let scene = Scene::new();
    fs::create_dir(scene.path("a")).unwrap();
    for index in 0..2000 {
        fs::write(scene.path("a").join(format!("file{index}")), b"same").unwrap();
    }
    let saved = scene.save("a");
    let all = scene.memory.take_new_bytes();
    fs::write(scene.path("a").join("file1000x"), b"new").unwrap();
    let changed = scene.save("a");
    let new = scene.memory.take_new_bytes();
    assert!(new * 3 < all, "{new} of {all} bytes are new");
    let mut found = Vec::new();
    diff(&saved.root, &changed.root, &scene.memory, &mut |change| {
        found.push((change.path, change.kind));
        Ok(())
    })
    .unwrap();
    // The directory's own time has changed too.
    assert_eq!(found, [(PathBuf::new(), ChangeKind::Metadata), (PathBuf::from("file1000x"), ChangeKind::Added)]);
    scene.restore(&saved.root, "b");
    assert_eq!(walk(&scene.path("b")).len(), 2001);
}
