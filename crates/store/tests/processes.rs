//! Processes that write to and collect one store are killed at random moments: what each reported as committed is there.
//!
//! The test runs its own binary again, with the part to play in the environment. `STORE_KILLS` is how many times all
//! are killed.
#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen to be in tests")]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use store::{CheckOptions, CollectOptions, StoreError, check, collect};
use support::{bytes, commit, create, open, restore, try_open};

const TEST: &str = "processes_that_are_killed_at_any_moment_lose_nothing_that_was_reported";
/// So many times all are killed on one store before it is checked.
const KILLS: usize = 10;

fn parts(seed: u64) -> Vec<Vec<u8>> {
    (0..8).map(|number| bytes((seed * 7 + number * number) % 40, 2000)).collect()
}

/// What a process does until it is killed. `part` is the directory, its name in this store, and a number of its own.
fn play(part: &str) {
    let [directory, name, run] = part.split('|').collect::<Vec<_>>().try_into().unwrap();
    let directory = Path::new(directory);
    let backend = std::sync::Arc::new(store::DirectoryBackend::new(directory.join("store")));
    let store = try_open(backend, &directory.join(format!("cache-{name}"))).unwrap();
    let mut output = std::io::stdout();
    let mut say = |sign: char, tag: &str| writeln!(output, "\n{sign} {tag}").unwrap();
    for round in 0_u64.. {
        if name.starts_with('c') {
            match collect(&store, &CollectOptions::default(), &|_| {}) {
                Ok(_) | Err(StoreError::Collecting { .. }) => continue,
                Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
            }
        }
        let run: u64 = run.parse().unwrap();
        let (seed, tag) = (run * 3 + round, format!("{name}-{run}-{round}"));
        commit(&store, &tag, &parts(seed)).unwrap();
        say('+', &format!("{tag} {seed}"));
        if !seed.is_multiple_of(3) {
            say('-', &tag);
            store.delete_record(&tag).unwrap();
        }
    }
}

fn start(directory: &Path, name: &str, run: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([TEST, "--exact", "--nocapture", "--test-threads=1"])
        .env("STORE_PART", format!("{}|{name}|{run}", directory.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills a process and takes in what it reported. It must not have ended before.
fn end(mut child: Child, reported: &mut BTreeMap<String, u64>) {
    let ended = child.try_wait().unwrap();
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(ended.is_none(), "{}", String::from_utf8_lossy(&output.stderr));
    for line in BufReader::new(output.stdout.as_slice()).lines() {
        let line = line.unwrap();
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["+", tag, seed] => drop(reported.insert(tag.to_owned(), seed.parse().unwrap())),
            ["-", tag] => drop(reported.remove(tag)),
            _ => {}
        }
    }
}

#[test]
fn processes_that_are_killed_at_any_moment_lose_nothing_that_was_reported() {
    if let Ok(part) = std::env::var("STORE_PART") {
        return play(&part);
    }
    let kills: usize = std::env::var("STORE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(80);
    let mut commits = 0;
    for batch in 0..kills.div_ceil(KILLS) {
        let directory = tempfile::tempdir().unwrap();
        drop(create(directory.path()));
        let mut reported = BTreeMap::new();
        for run in 0..KILLS {
            let children = ["w1", "w2", "c"].map(|name| (name, start(directory.path(), name, run)));
            // The moment is what is random here, nothing is waited for.
            let moment = bytes(2 * (batch * KILLS + run) as u64, 8);
            for ((name, child), byte) in children.into_iter().zip(moment) {
                std::thread::park_timeout(Duration::from_millis(20 + u64::from(byte) / 3));
                let before = reported.len();
                end(child, &mut reported);
                commits += usize::from(name != "c") * (reported.len() - before);
            }
        }
        let store = open(directory.path());
        for (tag, seed) in &reported {
            assert!(restore(&store, tag).unwrap() == parts(*seed), "{tag}");
        }
        for _ in 0..2 {
            assert_eq!(check(&store, CheckOptions { data: true }, &|_| {}).unwrap(), []);
            collect(&store, &CollectOptions::default(), &|_| {}).unwrap();
        }
        for (tag, seed) in &reported {
            assert!(restore(&store, tag).unwrap() == parts(*seed), "{tag} after collection");
        }
    }
    assert!(commits >= kills / 4, "only {commits} commits in {kills} runs");
}
