//! Whoever watches a save or a restore can end it at any moment: little is done after that, and the next one is whole.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use common::Memory;
use tree::{Progress, RestoreOptions, Rules, Saved, TreeError, restore, restore_file, save, save_file};

/// Two files of several segments, and many small ones.
struct Scene {
    scratch: tempfile::TempDir,
    memory: Memory,
}

const SEGMENT: usize = 32 << 20;

impl Scene {
    fn new() -> Self {
        let scene = Self { scratch: tempfile::tempdir().unwrap(), memory: Memory::default() };
        for (name, byte) in [("from", 1_u8), ("other", 2)] {
            fs::create_dir_all(scene.path(name).join("small")).unwrap();
            for file in ["a.large", "z.large"] {
                // In each page something else, so that chunks differ, and zeros would not be read.
                let mut bytes = vec![byte; 2 * SEGMENT + 1000];
                for (number, page) in bytes.chunks_mut(4096).enumerate() {
                    page[..8].copy_from_slice(&(number as u64).to_le_bytes());
                }
                fs::write(scene.path(name).join(file), bytes).unwrap();
            }
            for number in 0..100 {
                fs::write(scene.path(name).join(format!("small/{number}")), vec![byte; 5000 + number]).unwrap();
            }
        }
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn save(&self, name: &str, watch: &tree::Watch<'_>) -> Result<Saved, TreeError> {
        save(&self.path(name), &Rules::default(), &self.path(&format!("{name}.stat")), &self.memory, watch)
    }
}

/// Calls with a watch that ends it at its nth call, for ever larger n until it is not ended any more, and says how many calls
/// that took at least; little may be moved after the call that ends it.
fn at_many_calls(mut work: impl FnMut(&tree::Watch<'_>) -> Result<(), TreeError>) -> u64 {
    for end in std::iter::successors(Some(0), |end| Some(end + 1 + end / 2)) {
        let (calls, at_end, last) = (AtomicU64::new(0), AtomicU64::new(u64::MAX), AtomicU64::new(0));
        let watch = |progress: Progress| {
            last.fetch_max(progress.moved_bytes, Ordering::Relaxed);
            if calls.fetch_add(1, Ordering::Relaxed) < end {
                return ControlFlow::Continue(());
            }
            at_end.fetch_min(progress.moved_bytes, Ordering::Relaxed);
            ControlFlow::Break(())
        };
        match work(&watch) {
            Ok(()) => return end,
            Err(TreeError::Interrupted) => {}
            Err(other) => panic!("{other}"),
        }
        // What the other thread was doing it may finish.
        let more = last.into_inner() - at_end.into_inner();
        assert!(more <= 2 * SEGMENT as u64, "{more} bytes after call {end}");
    }
    unreachable!("there are not so many calls")
}

fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}

#[test]
fn a_save_ends_when_it_is_asked_to_and_the_next_one_is_whole() {
    let scene = Scene::new();
    let calls = at_many_calls(|watch| scene.save("from", watch).map(drop));
    assert!(calls > 6, "{calls}");
    let saved = scene.save("from", &tree::unwatched).unwrap();
    let fresh =
        save(&scene.path("from"), &Rules::default(), &scene.path("fresh"), &Memory::default(), &tree::unwatched);
    assert_eq!(saved.content, fresh.unwrap().content);
}

#[test]
fn so_do_a_save_and_a_restore_of_one_file() {
    let scene = Scene::new();
    let file = scene.path("from").join("a.large");
    let calls = at_many_calls(|watch| save_file(&file, &scene.memory, watch).map(drop));
    assert!(calls > 3, "{calls}");
    let root = save_file(&file, &scene.memory, &tree::unwatched).unwrap().root;
    let to = scene.path("copy");
    // There are many chunks.
    for end in [0, 1, 100] {
        let calls = AtomicU64::new(0);
        let watch = |_| {
            if calls.fetch_add(1, Ordering::Relaxed) < end { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let result = restore_file(&root, &to, &scene.memory, &watch);
        assert!(matches!(result, Err(TreeError::Interrupted)), "{end}");
        assert_eq!(fs::read_dir(scene.scratch.path()).unwrap().count(), 2, "{end}: nothing is left");
    }
    restore_file(&root, &to, &scene.memory, &tree::unwatched).unwrap();
    assert!(bytes(&to) == bytes(&file));
}

#[test]
fn so_does_a_restore_and_the_next_one_is_whole() {
    let scene = Scene::new();
    let saved = scene.save("other", &tree::unwatched).unwrap();
    scene.save("from", &tree::unwatched).unwrap();
    let to = scene.path("from");
    // What is to be removed is asked for, too.
    fs::create_dir(to.join("surplus")).unwrap();
    for number in 0..3000 {
        fs::write(to.join(format!("surplus/{number}")), "").unwrap();
    }
    let options = RestoreOptions { sync: false, ..RestoreOptions::default() };
    let calls = at_many_calls(|watch| {
        restore(&saved.root, &to, &scene.path("from.stat"), &scene.memory, &options, watch).map(drop)
    });
    assert!(calls > 6, "{calls}");
    for file in ["a.large", "z.large", "small/7"] {
        assert!(bytes(&to.join(file)) == bytes(&scene.path("other").join(file)), "{file}");
    }
    assert!(!to.join("surplus").exists());
    assert_eq!(scene.save("from", &tree::unwatched).unwrap().content, saved.content);
}
