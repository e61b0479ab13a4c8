//! Independent pieces of work on a few threads.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Threads that share the work of one save or restore. More would only make the disk seek.
const THREADS: usize = 2;

/// Work of fewer bytes is done here: a thread costs more than it saves.
const WORTHWHILE_BYTES: u64 = 1 << 20;

/// Does each piece of work and returns the results in its order. Each thread has a state of its own.
pub fn run<T: Sync, S: Default, R: Send>(work: &[T], bytes: u64, each: impl Fn(&T, &mut S) -> R + Sync) -> Vec<R> {
    if work.len() < 2 || bytes < WORTHWHILE_BYTES {
        let mut state = S::default();
        return work.iter().map(|piece| each(piece, &mut state)).collect();
    }
    let results: Vec<Mutex<Option<R>>> = work.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut state = S::default();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(piece) = work.get(index) else { break };
            let result = each(piece, &mut state);
            *results[index].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..THREADS {
            scope.spawn(worker);
        }
        worker();
    });
    results
        .into_iter()
        .map(|slot| {
            slot.into_inner().unwrap_or_else(PoisonError::into_inner).expect("every piece of work has been done")
        })
        .collect()
}
