//! The case about a process that prepares spares and tidies beside the caller.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::Harness;
use super::fixture::{filled, fingerprint, fingerprint_of_kept, kept, state};
use crate::{Database, DatabaseError};

/// How often the caller goes through all that it does.
const ROUNDS: usize = 6;

/// Whatever the caller does meanwhile, its contents are the right ones.
pub fn a_tidying_process_is_in_nobodys_way(harness: &dyn Harness) {
    let mut database = filled(harness, 0);
    let base = fingerprint(&mut *database);
    database.keep(&state("base")).expect("keep");
    let mut beside = harness.open();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                prepare_and_tidy(&mut *beside);
            }
        });
        // Also when an assertion fails, or the scope would wait for ever.
        let guard = Raise(&done);
        for round in 0..ROUNDS {
            harness.change(&mut *database);
            let changed = fingerprint(&mut *database);
            database.reset_to(&state("base"), Some(&state("aside"))).expect("reset with a name");
            assert_eq!(fingerprint(&mut *database), base, "round {round}");
            assert_eq!(fingerprint_of_kept(&mut *database, "aside"), changed, "round {round}");
            database.take(&state("aside"), None).expect("take");
            assert_eq!(fingerprint(&mut *database), changed, "round {round}");
            harness.change(&mut *database);
            let fleeting = fingerprint(&mut *database);
            database.keep(&state("fleeting")).expect("keep");
            database.reset_to(&state("base"), None).expect("reset");
            assert_eq!(fingerprint(&mut *database), base, "round {round}");
            database.rename_kept(&state("fleeting"), &state("renamed")).expect("rename");
            database.reset_to(&state("renamed"), None).expect("reset");
            assert_eq!(fingerprint(&mut *database), fleeting, "round {round}");
            database.forget(&state("renamed")).expect("forget");
            database.clear(None).expect("clear");
            database.reset_to(&state("base"), None).expect("reset");
            assert_eq!(kept(&mut *database), ["base"], "round {round}");
        }
        drop(guard);
        worker.join().expect("the process beside works without errors");
    });
    assert_eq!(fingerprint(&mut *database), base);
}

/// Does what the process in the background does, on states that may go at any moment.
fn prepare_and_tidy(database: &mut dyn Database) {
    for name in ["base", "fleeting", "renamed"] {
        match database.prepare_spare(&state(name)) {
            Ok(()) => {}
            Err(DatabaseError::UnknownState { .. }) if name != "base" => {}
            Err(error) => panic!("prepare a spare of {name}: {error:?}"),
        }
        database.tidy().expect("tidy");
    }
}

/// Raises a flag when it is dropped.
struct Raise<'a>(&'a AtomicBool);

impl Drop for Raise<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
