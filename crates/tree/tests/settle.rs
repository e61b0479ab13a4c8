//! Restores that return before they are durable, and what is believed after the machine ended before they were.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use common::Memory;
use store::ObjectId;
use tree::{RestoreOptions, Restored, Rules, interrupted, restore, save, settle};

const LATER: fn() -> RestoreOptions = || RestoreOptions { sync: false, ..RestoreOptions::default() };

struct Scene {
    scratch: tempfile::TempDir,
    memory: Memory,
    root: ObjectId,
    bytes: u64,
}

impl Scene {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let memory = Memory::default();
        let from = scratch.path().join("from");
        fs::create_dir_all(from.join("inside")).unwrap();
        for index in 0..20u8 {
            let path = from.join(format!("inside/{index}"));
            fs::write(&path, vec![index; 100 + usize::from(index) * 20_000]).unwrap();
            // What was modified a moment ago is read again in any case.
            let past = std::time::SystemTime::now() - std::time::Duration::from_secs(50);
            fs::File::open(&path).unwrap().set_modified(past).unwrap();
        }
        let saved =
            save(&from, &Rules::default(), &scratch.path().join("from.stat"), &memory, &tree::unwatched).unwrap();
        Self { scratch, memory, root: saved.root, bytes: saved.bytes }
    }

    fn to(&self) -> PathBuf {
        self.scratch.path().join("to")
    }

    fn cache(&self) -> PathBuf {
        self.scratch.path().join("to.stat")
    }

    fn journal(&self) -> PathBuf {
        self.scratch.path().join("to.stat.restore-in-progress")
    }

    fn restore(&self, options: &RestoreOptions) -> Restored {
        restore(&self.root, &self.to(), &self.cache(), &self.memory, options, &tree::unwatched).unwrap()
    }

    fn read_bytes_of_a_save(&self) -> u64 {
        save(&self.to(), &Rules::default(), &self.cache(), &self.memory, &tree::unwatched).unwrap().read_bytes
    }

    /// As if the machine had been started again since.
    fn reboot(&self) {
        let text = fs::read_to_string(self.journal()).unwrap();
        let mut words: Vec<_> = text.split_whitespace().collect();
        assert_eq!(words.len(), 3, "{text}");
        words[2] = "00000000-another-boot";
        fs::write(self.journal(), words.join(" ")).unwrap();
    }
}

fn settled(scene: &Scene) {
    settle(&scene.to(), &scene.cache()).unwrap();
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

#[test]
fn a_restore_is_durable_when_it_returns_or_after_it_is_settled() {
    let scene = Scene::new();
    assert!(scene.restore(&RestoreOptions::default()).settled);
    assert!(!is_there(&scene.journal()));
    settled(&scene);

    assert!(!scene.restore(&LATER()).settled);
    assert!(is_there(&scene.journal()));
    // While the machine runs, what was written is there.
    assert_eq!(interrupted(&scene.cache()), None);
    assert_eq!(scene.read_bytes_of_a_save(), 0);
    for _ in 0..2 {
        settled(&scene);
        assert!(!is_there(&scene.journal()));
        assert_eq!(interrupted(&scene.cache()), None);
    }
}

#[test]
fn a_restore_that_the_end_of_the_machine_overtook_is_interrupted_and_nothing_of_its_stat_cache_is_believed() {
    let scene = Scene::new();
    scene.restore(&LATER());
    scene.reboot();
    assert_eq!(interrupted(&scene.cache()), Some(scene.root));
    // It is too late to settle.
    settled(&scene);
    assert_eq!(interrupted(&scene.cache()), Some(scene.root));
    assert_eq!(scene.read_bytes_of_a_save(), scene.bytes);
    let again = scene.restore(&LATER());
    assert_eq!((again.kept, again.patched, again.written_bytes), (0, 0, scene.bytes));
    assert_eq!(interrupted(&scene.cache()), None);
    assert_eq!(scene.read_bytes_of_a_save(), 0);
}

#[test]
fn a_stat_cache_in_doubt_stays_so_when_the_restore_that_replaces_it_is_cut_off() {
    let scene = Scene::new();
    scene.restore(&LATER());
    scene.reboot();
    let aside = scene.scratch.path().join("aside");
    fs::rename(scene.to(), &aside).unwrap();
    fs::write(scene.to(), "no directory").unwrap();
    let error = restore(&scene.root, &scene.to(), &scene.cache(), &scene.memory, &LATER(), &tree::unwatched);
    assert!(error.is_err());
    fs::remove_file(scene.to()).unwrap();
    fs::rename(&aside, scene.to()).unwrap();
    assert_eq!(interrupted(&scene.cache()), Some(scene.root));
    assert_eq!(scene.read_bytes_of_a_save(), scene.bytes);
}

#[test]
fn settling_leaves_alone_the_mark_of_a_restore_that_is_under_way() {
    let scene = Scene::new();
    let progress = |_| {
        settled(&scene);
        assert_eq!(interrupted(&scene.cache()), Some(scene.root));
        ControlFlow::Continue(())
    };
    restore(&scene.root, &scene.to(), &scene.cache(), &scene.memory, &LATER(), &progress).unwrap();
    assert!(is_there(&scene.journal()));
    settled(&scene);
    assert!(!is_there(&scene.journal()));
}

#[test]
fn a_mark_that_cannot_be_understood_is_not_believed_and_is_replaced() {
    let scene = Scene::new();
    for mark in ["", "nonsense", "nonsense written here"] {
        scene.restore(&LATER());
        fs::write(scene.journal(), mark).unwrap();
        assert_eq!(interrupted(&scene.cache()), None, "{mark}");
        settled(&scene);
        assert_eq!(scene.read_bytes_of_a_save(), scene.bytes, "{mark}");
        assert_eq!(scene.restore(&RestoreOptions::default()).kept, 0, "{mark}");
        assert!(!is_there(&scene.journal()));
    }
}
