//! The machine stops after any operation on the disk, or any operation fails: what was reported is there.
#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen to be in tests")]

mod support;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use store::{
    CheckOptions, CollectOptions, CreateOptions, DirectoryBackend, Disk, Store, StoreError, check, collect, repair,
};
use support::{bytes, commit, restore};

/// A file: what programs see of it, and what would be left of it without power.
#[derive(Clone, Default)]
struct File {
    seen: Vec<u8>,
    durable: Vec<u8>,
}

/// A directory entry is `None` for a directory.
type Names = BTreeMap<PathBuf, Option<usize>>;

/// A disk in memory that forgets what was not synced.
#[derive(Clone, Default)]
struct State {
    files: Vec<File>,
    seen: Names,
    durable: Names,
    operations: usize,
}

impl State {
    /// As if the process that collected or repaired were gone.
    fn without_collector(mut self) -> Self {
        if let Some(Some(file)) = self.seen.get(Path::new("/store/collect/state")).copied() {
            // Damaged is replaced, and names nobody.
            self.files[file].seen[0] ^= 1;
        }
        self
    }
}

#[derive(Default)]
struct FragileDisk {
    state: Mutex<State>,
    /// The operation that fails, and all after it when `dies`.
    fails_at: usize,
    dies: bool,
}

/// What is left after the power went.
#[derive(Debug, Clone, Copy)]
enum Left {
    /// All that was done.
    Everything,
    /// What was synced, and nothing else.
    Synced,
    /// All names, but of their bytes what was synced.
    NamesWithoutBytes,
}

impl FragileDisk {
    fn failing(state: State, fails_at: usize, dies: bool) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(state), fails_at, dies })
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state.lock().unwrap();
        state.operations += 1;
        if state.operations == self.fails_at || self.dies && state.operations > self.fails_at {
            return Err(io::Error::other("the disk failed"));
        }
        change(&mut state)
    }

    fn left(&self, left: Left) -> State {
        let mut state = self.state.lock().unwrap().clone();
        state.operations = 0;
        match left {
            Left::Synced => state.seen.clone_from(&state.durable),
            Left::Everything | Left::NamesWithoutBytes => {}
        }
        if !matches!(left, Left::Everything) {
            for file in &mut state.files {
                file.seen.clone_from(&file.durable);
            }
        }
        // A file in a directory that is not there is not there.
        let all = state.seen.clone();
        state
            .seen
            .retain(|path, _| path.ancestors().skip(1).all(|above| above == Path::new("/") || all.contains_key(above)));
        state.durable.clone_from(&state.seen);
        for file in &mut state.files {
            file.durable.clone_from(&file.seen);
        }
        state
    }
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

fn parent_is_there(state: &State, path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if parent == Path::new("/") || state.seen.contains_key(parent) => Ok(()),
        _ => Err(missing()),
    }
}

impl Disk for FragileDisk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.state.lock().unwrap();
        let file = state.seen.get(path).copied().flatten().ok_or_else(missing)?;
        Ok(state.files[file].seen.clone())
    }

    fn read_range(&self, path: &Path, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let from = usize::try_from(offset).unwrap();
        let bytes = self.read(path)?;
        bytes.get(from..from + length).map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.change(|state| {
            parent_is_there(state, path)?;
            state.files.push(File { seen: bytes.to_vec(), durable: Vec::new() });
            state.seen.insert(path.to_owned(), Some(state.files.len() - 1));
            Ok(())
        })
    }

    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.change(|state| {
            let file = state.seen.get(path).copied().flatten().ok_or_else(missing)?;
            state.files[file].seen.extend_from_slice(bytes);
            Ok(())
        })
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.change(|state| {
            let file = state.seen.get(path).copied().flatten().ok_or_else(missing)?;
            let seen = state.files[file].seen.clone();
            state.files[file].durable = seen;
            Ok(())
        })
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.change(|state| {
            state.durable.retain(|name, _| name.parent() != Some(path));
            let inside = state.seen.iter().filter(|(name, _)| name.parent() == Some(path));
            state.durable.extend(inside.map(|(name, file)| (name.clone(), *file)).collect::<Vec<_>>());
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(|state| {
            parent_is_there(state, to)?;
            let file = state.seen.remove(from).ok_or_else(missing)?;
            state.seen.insert(to.to_owned(), file);
            Ok(())
        })
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(|state| {
            parent_is_there(state, to)?;
            let file = *state.seen.get(from).ok_or_else(missing)?;
            if state.seen.contains_key(to) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.seen.insert(to.to_owned(), file);
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change(|state| state.seen.remove(path).map(|_| ()).ok_or_else(missing))
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        self.change(|state| {
            parent_is_there(state, path)?;
            if state.seen.contains_key(path) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.seen.insert(path.to_owned(), None);
            Ok(())
        })
    }

    fn list(&self, path: &Path) -> io::Result<Vec<(String, Option<u64>)>> {
        let state = self.state.lock().unwrap();
        if path != Path::new("/") && !state.seen.contains_key(path) {
            return Err(missing());
        }
        let inside = state.seen.iter().filter(|(name, _)| name.parent() == Some(path));
        Ok(inside
            .map(|(name, file)| {
                let name = name.file_name().unwrap().to_string_lossy().into_owned();
                (name, file.map(|file| state.files[file].seen.len() as u64))
            })
            .collect())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>> {
        let state = self.state.lock().unwrap();
        parent_is_there(&state, path)?;
        Ok(Box::new(()))
    }

    fn is_abandoned(&self, _: &Path) -> bool {
        true
    }
}

/// A day in the life of a store. Every success is noted in `done`: a tag with its parts, or `None` when it was deleted.
fn live(
    disk: &Arc<FragileDisk>,
    cache: &Path,
    done: &mut BTreeMap<String, Option<Vec<Vec<u8>>>>,
) -> Result<(), StoreError> {
    let backend = Arc::new(DirectoryBackend::on(disk.clone(), "/store"));
    let store = Store::open_or_create(backend, cache, &[], &CreateOptions::default())?;
    let shared = bytes(2, 3000);
    for (tag, seed) in [("a", 10), ("b", 11)] {
        let parts = vec![shared.clone(), bytes(seed, 2000)];
        commit(&store, tag, &parts)?;
        done.insert(tag.to_owned(), Some(parts));
    }
    // From the moment that a deletion begins, both is right.
    done.remove("a");
    store.delete_record("a")?;
    done.insert("a".to_owned(), None);
    collect(&store, &CollectOptions::default(), &|_| {})?;
    store.tag("b", "c")?;
    done.insert("c".to_owned(), done["b"].clone());
    // Long enough that its pack is written in several pieces.
    let parts = vec![shared, bytes(12, 2000), bytes(14, 600_000), bytes(16, 600_000)];
    commit(&store, "d", &parts)?;
    done.insert("d".to_owned(), Some(parts));
    Ok(())
}

fn assert_whole(state: State, done: &BTreeMap<String, Option<Vec<Vec<u8>>>>, what: &str) {
    let cache = tempfile::tempdir().unwrap();
    let backend = Arc::new(DirectoryBackend::on(FragileDisk::failing(state, 0, false), "/store"));
    let store = match Store::open(backend, cache.path(), &[]) {
        Err(StoreError::NoStore { .. }) if done.is_empty() => return,
        other => other.unwrap_or_else(|error| panic!("{what}: {error}")),
    };
    for (tag, parts) in done {
        match parts {
            Some(parts) => {
                let read = restore(&store, tag).unwrap_or_else(|error| panic!("{what}: {tag}: {error}"));
                assert!(read == *parts, "{what}: {tag}");
            }
            None => assert!(store.record(tag).unwrap().is_none(), "{what}: {tag} is back"),
        }
    }
    // What was not reported may be there; if it is, it is whole.
    for record in store.records(|_| true).unwrap() {
        restore(&store, &record.details.tag).unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    let findings = check(&store, CheckOptions { data: true }, &|_| {}).unwrap();
    assert!(findings.is_empty(), "{what}: {findings:?}");
    // And the next command goes on, as on a machine that does not know whether the last one lives.
    let options = CollectOptions { grace: 0, take_over: true, ..CollectOptions::default() };
    collect(&store, &options, &|_| {}).unwrap_or_else(|error| panic!("{what}: {error}"));
    commit(&store, "next", &[bytes(2, 3000)]).unwrap();
    for (tag, parts) in done.iter().filter_map(|(tag, parts)| Some((tag, parts.as_ref()?))) {
        assert!(restore(&store, tag).unwrap() == *parts, "{what}: {tag} after collection");
    }
}

fn operations_of_a_day() -> usize {
    let disk = FragileDisk::failing(State::default(), 0, false);
    let cache = tempfile::tempdir().unwrap();
    live(&disk, cache.path(), &mut BTreeMap::new()).unwrap();
    let operations = disk.state.lock().unwrap().operations;
    assert!(operations > 100, "{operations}");
    operations
}

#[test]
fn wherever_the_machine_stops_what_was_reported_is_there_and_all_is_whole() {
    for stops_at in 1..=operations_of_a_day() + 1 {
        let disk = FragileDisk::failing(State::default(), stops_at, true);
        let cache = tempfile::tempdir().unwrap();
        let mut done = BTreeMap::new();
        let _ = live(&disk, cache.path(), &mut done);
        for left in [Left::Everything, Left::Synced, Left::NamesWithoutBytes] {
            assert_whole(disk.left(left), &done, &format!("stopped at {stops_at}, left {left:?}"));
        }
    }
}

#[test]
fn whichever_operation_fails_what_was_reported_is_there_and_all_is_whole() {
    for fails_at in 1..=operations_of_a_day() {
        let disk = FragileDisk::failing(State::default(), fails_at, false);
        let cache = tempfile::tempdir().unwrap();
        let mut done = BTreeMap::new();
        let _ = live(&disk, cache.path(), &mut done);
        assert_whole(disk.left(Left::Everything), &done, &format!("failed at {fails_at}"));
    }
}

/// A byte of the unique part of every pack, and the end of every fragment: all objects are sound.
fn harm(state: &mut State) {
    for (path, file) in state.seen.clone() {
        let Some(file) = file else { continue };
        let bytes = &mut state.files[file].seen;
        if path.starts_with("/store/packs") {
            bytes[20] ^= 1;
        } else if path.starts_with("/store/index") {
            bytes.truncate(bytes.len() / 2);
        }
        let bytes = bytes.clone();
        state.files[file].durable = bytes;
    }
}

#[test]
fn wherever_a_repair_stops_the_next_one_makes_all_whole() {
    let disk = FragileDisk::failing(State::default(), 0, false);
    let cache = tempfile::tempdir().unwrap();
    let mut done = BTreeMap::new();
    live(&disk, cache.path(), &mut done).unwrap();
    let mut state = disk.left(Left::Synced);
    harm(&mut state);
    for stops_at in 1.. {
        let disk = FragileDisk::failing(state.clone(), stops_at, true);
        let run = |disk: &Arc<FragileDisk>| {
            let cache = tempfile::tempdir().unwrap();
            let store = Store::open(Arc::new(DirectoryBackend::on(disk.clone(), "/store")), cache.path(), &[])?;
            repair(&store, None, &|_| {})
        };
        let stopped = run(&disk);
        for left in [Left::Everything, Left::Synced] {
            let disk = FragileDisk::failing(disk.left(left), 0, false);
            // The process that stopped was this one, which lives.
            let unfenced = disk.left(Left::Everything).without_collector();
            let disk = FragileDisk::failing(unfenced, 0, false);
            assert_eq!(run(&disk).unwrap().lost, [], "stopped at {stops_at}, left {left:?}");
            assert_whole(disk.left(Left::Everything), &done, &format!("stopped at {stops_at}, left {left:?}"));
        }
        if stopped.is_ok() {
            assert!(stops_at > 20, "{stops_at}");
            break;
        }
    }
}
