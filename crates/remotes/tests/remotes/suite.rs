//! What every backend must do.

use std::sync::{Arc, Barrier};

use store::{Backend, BackendError, Expect, Version};

/// How often two writers race.
const ROUNDS: usize = 50;

/// Bytes that are nowhere the same.
pub fn bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

pub fn names(backend: &dyn Backend, prefix: &str) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    backend
        .list(prefix, &mut |entry| {
            found.push((entry.name, entry.bytes));
            Ok(())
        })
        .expect("a listing");
    found.sort();
    found
}

/// Reads what others have written: `files` with names and contents, of a backend that has nothing else.
pub fn reads(backend: &dyn Backend, files: &[(&str, Vec<u8>)]) {
    for (name, content) in files {
        assert!(backend.read(name).expect(name) == *content, "{name} is as it was written");
        let (found, _) = backend.read_versioned(name).expect(name).expect("it is there");
        assert!(found == *content, "{name} is as it was written");
        let length = content.len() as u64;
        for (offset, length) in [
            (0, length),
            (0, length / 2),
            (length / 2, length - length / 2),
            (length.saturating_sub(1), length.min(1)),
            (length, 0),
        ] {
            let from = usize::try_from(offset).expect("small");
            let to = usize::try_from(offset + length).expect("small");
            assert!(
                backend.read_range(name, offset, length).expect(name) == content[from..to],
                "{length} bytes of {name} from {offset}"
            );
        }
        let error = backend.read_range(name, length / 2, length + 1).expect_err("it ends before");
        assert!(!error.is_not_found(), "{error}");
        backend.read_range(name, length + 1, 1).expect_err("it ends before");
    }
    for name in ["missing", "packs/missing", "nowhere/at/all"] {
        assert!(backend.read(name).expect_err(name).is_not_found(), "{name}");
        assert!(backend.read_range(name, 0, 1).expect_err(name).is_not_found(), "{name}");
        assert!(backend.read_versioned(name).expect(name).is_none(), "{name}");
    }
    let mut all: Vec<_> = files.iter().map(|(name, content)| ((*name).to_owned(), content.len() as u64)).collect();
    all.sort();
    for prefix in ["", "packs/", "packs/ab/", "packs/a", "p", "records/", "other/"] {
        let expected: Vec<_> = all.iter().filter(|(name, _)| name.starts_with(prefix)).cloned().collect();
        assert_eq!(names(backend, prefix), expected, "names that begin with '{prefix}'");
    }
}

/// The files with which [`reads`] is tried.
pub fn files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("store.json", bytes(300, 1)),
        ("packs/ab/abcdef0123", bytes((8 << 20) + 1, 2)),
        ("packs/ab/abffff", bytes(8 << 20, 3)),
        ("packs/ac/empty", Vec::new()),
        ("packs/b-_.x", bytes(1, 4)),
        ("records/tag", bytes(70_000, 5)),
    ]
}

/// Everything, with a backend of its own for each of two writers.
pub fn check(open: &dyn Fn() -> Arc<dyn Backend>) {
    let backend = open();
    let backend = backend.as_ref();
    assert_eq!(names(backend, ""), [], "nothing is there yet");
    let files = files();
    for (name, content) in &files {
        backend.write(name, &bytes(content.len() / 2 + 3, 99)).expect(name);
        backend.write(name, content).expect("files can be replaced");
        backend.write(name, content).expect("files can be replaced by themselves");
    }
    reads(backend, &files);
    reads(open().as_ref(), &files);
    for (name, _) in &files {
        backend.delete(name).expect(name);
        backend.delete(name).expect("what is missing can be deleted");
        assert!(backend.read(name).expect_err(name).is_not_found());
        assert!(backend.read_range(name, 0, 0).is_err() || name.is_empty(), "{name} has no range left");
    }
    assert_eq!(names(backend, ""), [], "all is deleted");
    conditions(backend);
    races(open);
    backend.delete("records/race").expect("deleted");
    assert_eq!(names(backend, ""), [], "no claims, probes or drafts are left");
}

fn conditions(backend: &dyn Backend) {
    let name = "records/conditional";
    let conflict =
        |result: Result<Version, BackendError>, why: &str| assert!(result.expect_err(why).is_conflict(), "{why}");
    let current = |content: &[u8]| {
        let (found, version) = backend.read_versioned(name).expect("read").expect("it is there");
        assert_eq!(found, content);
        assert_eq!(backend.read(name).expect("read"), content);
        version
    };
    let stale = Version("\"0123456789abcdef0123456789abcdef\"".to_owned());
    conflict(backend.write_if(name, b"0", &Expect::Version(stale)), "there is nothing that could have a version");
    let first = backend.write_if(name, b"1", &Expect::Absent).expect("nothing is there");
    assert_eq!(current(b"1"), first);
    conflict(backend.write_if(name, b"2", &Expect::Absent), "something is there");
    let second = backend.write_if(name, b"three", &Expect::Version(first.clone())).expect("it is as it was read");
    assert_eq!(current(b"three"), second);
    conflict(backend.write_if(name, b"4", &Expect::Version(first)), "it was replaced");
    assert_eq!(names(backend, "records/"), [(name.to_owned(), 5)]);
    assert_eq!(backend.read_range(name, 1, 3).expect("a range"), b"hre");
    backend.write(name, b"plain").expect("written without a condition");
    conflict(backend.write_if(name, b"5", &Expect::Version(second)), "it was replaced");
    let plain = current(b"plain");
    backend.write_if(name, b"", &Expect::Version(plain)).expect("it is as it was read");
    current(b"");
    backend.delete(name).expect("deleted");
    assert!(backend.read_versioned(name).expect("read").is_none());
    backend.write_if(name, b"6", &Expect::Absent).expect("nothing is there any more");
    current(b"6");
    backend.delete(name).expect("deleted");
}

fn races(open: &dyn Fn() -> Arc<dyn Backend>) {
    let name = "records/race";
    let writers = [open(), open()];
    let mut expect = Expect::Absent;
    for round in 0..ROUNDS {
        let start = Barrier::new(2);
        let results: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = writers
                .iter()
                .enumerate()
                .map(|(writer, backend)| {
                    let (start, expect) = (&start, &expect);
                    scope.spawn(move || {
                        start.wait();
                        backend.write_if(name, format!("{round} {writer}").as_bytes(), expect)
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        let winners: Vec<_> = (0..2).filter(|writer| results[*writer].is_ok()).collect();
        assert_eq!(winners.len(), 1, "exactly one wins round {round}: {results:?}");
        let lost = results[1 - winners[0]].as_ref().expect_err("one lost");
        assert!(lost.is_conflict(), "round {round}: {lost:?}");
        let (content, version) = writers[1 - winners[0]].read_versioned(name).expect("read").expect("it is there");
        assert_eq!(content, format!("{round} {}", winners[0]).as_bytes(), "the winner's content is there");
        expect = Expect::Version(version);
    }
}
