//! What must not happen: a write outside the root, a tree that silently lacks something, a panic on damaged bytes.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)] // Helpers of tests are tests.

mod common;
#[path = "common/walk.rs"]
mod walk;

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::ops::ControlFlow;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use common::Memory;
use proptest::prelude::*;
use store::{ObjectId, ObjectKind, ObjectWriter, encode_node};
use tree::{HoleReason, PageRule, RestoreOptions, Rules, TreeError, interrupted, read_file, restore, save};
use walk::walk;

fn put(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn saved(memory: &Memory, root: &Path) -> ObjectId {
    save(root, &Rules::default(), &root.with_extension("stat"), memory, &tree::unwatched).unwrap().root
}

fn restored(memory: &Memory, root: &ObjectId, to: &Path, options: &RestoreOptions) -> tree::Restored {
    restore(root, to, &to.with_extension("stat"), memory, options, &tree::unwatched).unwrap()
}

#[test]
fn a_link_that_is_planted_in_the_target_leads_nowhere() {
    let scratch = tempfile::tempdir().unwrap();
    let (memory, at) = (Memory::default(), |name: &str| scratch.path().join(name));
    put(&at("a/directory/file"), b"content");
    put(&at("a/top"), &vec![7; 100_000]);
    let root = saved(&memory, &at("a"));
    put(&at("outside/file"), b"precious");
    put(&at("outside/extra"), b"precious");
    put(&at("precious"), b"precious");
    fs::create_dir(at("b")).unwrap();
    symlink(at("outside"), at("b/directory")).unwrap();
    symlink(at("precious"), at("b/top")).unwrap();
    restored(&memory, &root, &at("b"), &RestoreOptions::default());
    assert_eq!(walk(&at("b")), walk(&at("a")));
    for precious in ["outside/file", "outside/extra", "precious"] {
        assert_eq!(fs::read(at(precious)).unwrap(), b"precious");
    }
}

#[test]
fn a_file_outside_that_shares_its_inode_with_one_inside_is_not_written() {
    let scratch = tempfile::tempdir().unwrap();
    let (memory, at) = (Memory::default(), |name: &str| scratch.path().join(name));
    let first: Vec<u8> = (0..300_000u32).map(|index| (index / 251) as u8 | 1).collect();
    let mut second = first.clone();
    second[150_000] ^= 0xff;
    put(&at("a/file"), &first);
    let root = saved(&memory, &at("a"));
    put(&at("a/file"), &second);
    let past = std::time::SystemTime::now() - std::time::Duration::from_secs(50);
    fs::File::open(at("a/file")).unwrap().set_modified(past).unwrap();
    fs::hard_link(at("a/file"), at("backup")).unwrap();
    saved(&memory, &at("a"));
    restored(&memory, &root, &at("a"), &RestoreOptions::default());
    assert_eq!(fs::read(at("a/file")).unwrap(), first);
    assert_eq!(fs::read(at("backup")).unwrap(), second);
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    for name in [&b".."[..], b"../up", b"/etc", b".", b"a/b", b"", b"zero\0"] {
        let memory = Memory::default();
        let mut leaf = vec![3, 1, name.len() as u8];
        leaf.extend_from_slice(name);
        // A named pipe without flags, mode 0, owner 0, time 0.
        leaf.extend_from_slice(&[3, 0, 0, 0, 0, 0, 0]);
        let leaf = encode_node(&[], &leaf);
        let leaf_id = memory.id(ObjectKind::Node, &leaf);
        memory.put(ObjectKind::Node, leaf_id, &leaf).unwrap();
        let mut payload = vec![5, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        payload.extend_from_slice(&[0; 32]);
        payload.extend_from_slice(&[1, 0, 0, 0]);
        let root = encode_node(&[leaf_id], &payload);
        let id = memory.id(ObjectKind::Node, &root);
        memory.put(ObjectKind::Node, id, &root).unwrap();
        let to = scratch.path().join("to/inside");
        let error =
            restore(&id, &to, &scratch.path().join("stat"), &memory, &RestoreOptions::default(), &tree::unwatched);
        assert!(matches!(error, Err(TreeError::BadNode { .. })), "{name:?}: {error:?}");
        assert_eq!(fs::read_dir(scratch.path().join("to")).unwrap().count(), 1);
    }
}

#[test]
fn what_changes_while_it_is_read_fails_the_save_or_is_a_named_hole() {
    let scratch = tempfile::tempdir().unwrap();
    let (memory, at) = (Memory::default(), |name: &str| scratch.path().join(name));
    put(&at("a/steady"), b"steady");
    put(&at("a/growing"), &vec![1; 2_000_000]);
    let grow = |_| {
        OpenOptions::new().append(true).open(at("a/growing")).unwrap().write_all(b"x").unwrap();
        ControlFlow::Continue(())
    };
    let error = save(&at("a"), &Rules::default(), &at("stat"), &memory, &grow);
    assert!(matches!(&error, Err(TreeError::Changed { path }) if path.ends_with("growing")), "{error:?}");
    assert!(!at("stat").exists());
    let rules = Rules { allow_holes: true, ..Rules::default() };
    let saved = save(&at("a"), &rules, &at("stat"), &memory, &grow).unwrap();
    assert_eq!(saved.holes.len(), 1);
    assert_eq!((saved.holes[0].path.as_path(), saved.holes[0].why), (Path::new("growing"), HoleReason::Changed));
    // A restore leaves what stands where the hole is.
    restored(&memory, &saved.root, &at("a"), &RestoreOptions::default());
    assert!(at("a/growing").exists());
}

#[test]
fn a_file_that_is_modified_within_the_clock_tick_is_read_again() {
    let scratch = tempfile::tempdir().unwrap();
    let (memory, at) = (Memory::default(), |name: &str| scratch.path().join(name));
    let mut contents = Vec::new();
    for round in 0..50u8 {
        put(&at("a/file"), &[round; 10]);
        let saved = save(&at("a"), &Rules::default(), &at("stat"), &memory, &tree::unwatched).unwrap();
        let mut content = Vec::new();
        read_file(&saved.root, Path::new("file"), &memory, &mut content).unwrap();
        assert_eq!(content, [round; 10]);
        contents.push(saved.content);
    }
    contents.dedup();
    assert_eq!(contents.len(), 50);
}

#[test]
fn a_stat_cache_is_not_trusted_for_a_store_that_has_lost_the_content_and_damage_in_it_is_no_matter() {
    let scratch = tempfile::tempdir().unwrap();
    let (memory, at) = (Memory::default(), |name: &str| scratch.path().join(name));
    for index in 0..30 {
        put(&at(&format!("a/d{}/file{index}", index % 3)), format!("content {index}").as_bytes());
    }
    put(&at("a/large"), &vec![3; 500_000]);
    Command::new("find").arg(at("a")).args(["-exec", "touch", "-d", "2020-01-01", "{}", "+"]).status().unwrap();
    let first = save(&at("a"), &Rules::default(), &at("stat"), &memory, &tree::unwatched).unwrap();
    assert_eq!(save(&at("a"), &Rules::default(), &at("stat"), &memory, &tree::unwatched).unwrap().read_bytes, 0);
    memory.forget();
    let again = save(&at("a"), &Rules::default(), &at("stat"), &memory, &tree::unwatched).unwrap();
    assert_eq!((again.read_bytes, again.root), (first.read_bytes, first.root));
    let good = fs::read(at("stat")).unwrap();
    for position in (0..good.len()).step_by(7) {
        for damaged in
            [good[..position].to_vec(), [&good[..position], &[good[position] ^ 0x55], &good[position + 1..]].concat()]
        {
            fs::write(at("stat"), damaged).unwrap();
            let again = save(&at("a"), &Rules::default(), &at("stat"), &memory, &tree::unwatched).unwrap();
            assert_eq!(again.root, first.root, "damage at {position}");
        }
    }
}

#[test]
fn excluded_files_are_not_saved_and_stay_when_they_are_left() {
    let scratch = tempfile::tempdir().unwrap();
    let (memory, at) = (Memory::default(), |name: &str| scratch.path().join(name));
    put(&at("a/keep/file"), b"1");
    put(&at("a/build/out"), b"2");
    put(&at("a/other/file.log"), b"3");
    let rules = Rules { exclude: vec!["build".into(), "*.log".into()], ..Rules::default() };
    let root = save(&at("a"), &rules, &at("stat"), &memory, &tree::unwatched).unwrap().root;
    put(&at("a/keep/file"), b"changed");
    put(&at("a/keep/new"), b"new");
    let options = RestoreOptions { leave: rules.exclude.clone(), ..RestoreOptions::default() };
    let report = restore(&root, &at("a"), &at("stat"), &memory, &options, &tree::unwatched).unwrap();
    assert_eq!(report.removed, 1);
    assert_eq!(fs::read(at("a/keep/file")).unwrap(), b"1");
    assert_eq!(fs::read(at("a/build/out")).unwrap(), b"2");
    assert_eq!(fs::read(at("a/other/file.log")).unwrap(), b"3");
    // Only a part: the rest of the directory stays as it is.
    put(&at("a/keep/file"), b"changed");
    put(&at("a/top"), b"top");
    fs::remove_dir_all(at("a/other")).unwrap();
    let options = RestoreOptions { only: vec!["keep".into()], ..RestoreOptions::default() };
    restore(&root, &at("a"), &at("stat"), &memory, &options, &tree::unwatched).unwrap();
    assert_eq!(fs::read(at("a/keep/file")).unwrap(), b"1");
    assert_eq!(fs::read(at("a/top")).unwrap(), b"top");
    assert!(!at("a/other").exists());
    // Only some, when saving.
    let rules = Rules { include: vec!["keep/**".into()], ..Rules::default() };
    let some = save(&at("a"), &rules, &at("stat"), &memory, &tree::unwatched).unwrap();
    assert_eq!(some.entries, 2);
}

#[test]
fn rules_that_cannot_be_are_errors() {
    let scratch = tempfile::tempdir().unwrap();
    let memory = Memory::default();
    let rules = [
        Rules { exclude: vec!["a[".into()], ..Rules::default() },
        Rules { pages: vec![PageRule { glob: "*".into(), bytes: 5000 }], ..Rules::default() },
    ];
    for rules in rules {
        assert!(save(scratch.path(), &rules, &scratch.path().join("stat"), &memory, &tree::unwatched).is_err());
    }
}

#[test]
fn a_restore_in_place_writes_only_the_pages_that_differ() {
    let scratch = tempfile::tempdir().unwrap();
    let (memory, at) = (Memory::default(), |name: &str| scratch.path().join(name));
    let first: Vec<u8> = (0..40_000_000u32).map(|index| (index / 16_384 * 7 + index % 5) as u8 | 1).collect();
    let mut second = first.clone();
    second[100] ^= 2;
    second[35_000_000] ^= 2;
    second[20_000_000..20_100_000].fill(0);
    put(&at("a/PG_VERSION"), b"15");
    put(&at("a/global/pg_control"), b"x");
    put(&at("a/base/1/2"), &first);
    let one = saved(&memory, &at("a"));
    put(&at("a/base/1/2"), &second);
    Command::new("find").arg(at("a")).args(["-exec", "touch", "-d", "2021-01-01", "{}", "+"]).status().unwrap();
    memory.take_new_bytes();
    let two = saved(&memory, &at("a"));
    // Two pages, and two chunk lists that are as long as before.
    assert!(memory.take_new_bytes() < 300_000);
    let inode = fs::metadata(at("a/base/1/2")).unwrap().ino();
    for (root, content) in [(one, &first), (two, &second), (one, &first)] {
        let report = restored(&memory, &root, &at("a"), &RestoreOptions::default());
        assert_eq!((report.patched, report.written), (1, 0));
        assert!(report.written_bytes < 200_000, "{report:?}");
        assert!(fs::read(at("a/base/1/2")).unwrap() == *content);
        assert_eq!(fs::metadata(at("a/base/1/2")).unwrap().ino(), inode);
    }
}

#[test]
fn a_restore_is_what_cp_made_of_it() {
    let scratch = tempfile::tempdir().unwrap();
    let (memory, at) = (Memory::default(), |name: &str| scratch.path().join(name));
    put(&at("a/src/main"), &vec![9; 70_000]);
    put(&at("a/src/deep/er/file"), b"x");
    fs::create_dir_all(at("a/empty/inside")).unwrap();
    symlink("../nowhere", at("a/src/link")).unwrap();
    let root = saved(&memory, &at("a"));
    assert!(Command::new("cp").arg("-a").arg(at("a")).arg(at("copy")).status().unwrap().success());
    put(&at("a/src/main"), b"other");
    fs::remove_dir_all(at("a/empty")).unwrap();
    put(&at("a/empty"), b"now a file");
    put(&at("a/surplus/file"), b"y");
    restored(&memory, &root, &at("a"), &RestoreOptions::default());
    let differ = Command::new("diff").args(["-r", "--no-dereference"]).arg(at("a")).arg(at("copy")).output().unwrap();
    assert_eq!((differ.status.code(), String::from_utf8_lossy(&differ.stdout).as_ref()), (Some(0), ""));
    assert_eq!(walk(&at("a")), walk(&at("copy")));
}

/// The child half of the next test: restores, and is killed by itself after some writes.
#[test]
fn a_restore_that_is_killed_is_finished_by_the_next() {
    let scratch = if let Some(path) = std::env::var_os("TREE_TEST_KILLED_IN") {
        let scratch = Path::new(&path).to_owned();
        let memory = Memory::default();
        let root = saved(&memory, &scratch.join("a"));
        let left: u64 = std::env::var("TREE_TEST_KILLED_AFTER").unwrap().parse().unwrap();
        let count = std::sync::atomic::AtomicU64::new(0);
        let progress = |_| {
            if count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == left {
                let pid = rustix::process::getpid();
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
            }
            ControlFlow::Continue(())
        };
        restore(&root, &scratch.join("b"), &scratch.join("b.stat"), &memory, &RestoreOptions::default(), &progress)
            .unwrap();
        return;
    } else {
        tempfile::tempdir().unwrap()
    };
    let (memory, at) = (Memory::default(), |name: &str| scratch.path().join(name));
    for index in 0..40 {
        put(&at(&format!("a/d{}/f{index}", index % 4)), &vec![index; 20 + usize::from(index) * 4000]);
        put(&at(&format!("b/d{}/f{index}", index % 5)), &vec![index + 1; 20 + usize::from(index) * 4000]);
    }
    put(&at("a/large"), &vec![3; 40_000_000]);
    put(&at("b/large"), &vec![4; 40_000_000]);
    let root = saved(&memory, &at("a"));
    saved(&memory, &at("b"));
    let expected = walk(&at("a"));
    let mut was_killed = 0;
    for after in [0usize, 1, 5, 20, 60] {
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_restore_that_is_killed_is_finished_by_the_next"])
            .env("TREE_TEST_KILLED_IN", scratch.path())
            .env("TREE_TEST_KILLED_AFTER", after.to_string())
            .stdout(Stdio::null())
            .status()
            .unwrap();
        if !status.success() {
            was_killed += 1;
            assert_eq!(interrupted(&at("b.stat")), Some(root));
        }
        restored(&memory, &root, &at("b"), &RestoreOptions::default());
        assert_eq!(interrupted(&at("b.stat")), None);
        assert!(walk(&at("b")) == expected);
        fs::remove_dir_all(at("b/d1")).unwrap();
        put(&at("b/large"), &vec![5; 30_000_000 + after]);
    }
    assert!(was_killed >= 2);
}

/// Nodes of all kinds, to be damaged.
fn nodes() -> Vec<Vec<u8>> {
    let scratch = tempfile::tempdir().unwrap();
    let (memory, at) = (Memory::default(), |name: &str| scratch.path().join(name));
    put(&at("a/file"), b"1");
    put(&at("a/large"), &(0..70_000_000u32).map(|index| (index / 77) as u8).collect::<Vec<_>>());
    fs::File::create(at("a/sparse")).unwrap().set_len(200_000_000).unwrap();
    symlink("target", at("a/link")).unwrap();
    rustix::fs::setxattr(at("a/file"), "user.x", b"y", rustix::fs::XattrFlags::empty()).unwrap();
    fs::hard_link(at("a/file"), at("a/again")).unwrap();
    saved(&memory, &at("a"));
    let mut nodes: Vec<_> = memory
        .objects()
        .into_iter()
        .filter(|(id, bytes)| memory.id(ObjectKind::Node, bytes) == *id)
        .map(|(_, bytes)| bytes)
        .collect();
    nodes.sort();
    nodes
}

#[test]
fn damaged_nodes_are_errors_and_never_panics() {
    let nodes = nodes();
    assert!(nodes.len() >= 5);
    for node in &nodes {
        tree::format::decode_any(node).unwrap();
        let ids = 4 + 32 * u32::from_le_bytes(*node.first_chunk().unwrap()) as usize;
        for end in 0..node.len() {
            assert!(end < ids || tree::format::decode_any(&node[..end]).is_err() || end > ids, "cut at {end}");
            let _ = tree::format::decode_any(&node[..end]);
        }
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let edits = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6);
        runner
            .run(&edits, |edits| {
                let mut damaged = node.clone();
                for (index, byte) in edits {
                    // Half of the edits go to the payload, which is what is decoded here.
                    let at = if byte & 1 == 0 { ids + index.index(node.len() - ids) } else { index.index(node.len()) };
                    damaged[at] = byte;
                }
                let _ = tree::format::decode_any(&damaged);
                Ok(())
            })
            .unwrap();
    }
}
