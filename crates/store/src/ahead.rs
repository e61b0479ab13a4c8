//! Work that threads do ahead, while its results are taken one after the other.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Who is how far.
struct Line<T> {
    /// The next piece that nobody does.
    next: usize,
    /// The piece that is waited for.
    wanted: usize,
    done: BTreeMap<usize, T>,
    /// Nobody waits any more, or a worker panicked.
    over: bool,
}

/// Does `work` for each piece, on up to `threads` threads and not further ahead than twice that, and gives the results to
/// `take` in the order of the pieces, on this thread, until it fails.
pub(crate) fn in_order<P: Sync, T: Send, E>(
    pieces: &[P],
    threads: usize,
    work: &(dyn Fn(&P) -> T + Sync),
    take: &mut dyn FnMut(&P, T) -> Result<(), E>,
) -> Result<(), E> {
    if pieces.len() < 2 || threads < 2 {
        return pieces.iter().try_for_each(|piece| take(piece, work(piece)));
    }
    let line = Mutex::new(Line { next: 0, wanted: 0, done: BTreeMap::new(), over: false });
    let changed = Condvar::new();
    let lock = || line.lock().unwrap_or_else(PoisonError::into_inner);
    let wait = |guard| changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
    let worker = || {
        let _end = OnPanic(&|| end(lock(), &changed));
        let mut line = lock();
        while !line.over && line.next < pieces.len() {
            if line.next >= line.wanted + 2 * threads {
                line = wait(line);
                continue;
            }
            let number = line.next;
            line.next += 1;
            drop(line);
            let result = work(&pieces[number]);
            line = lock();
            line.done.insert(number, result);
            changed.notify_all();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.min(pieces.len()) {
            scope.spawn(worker);
        }
        // Also when `take` panics: the threads would wait for ever.
        let _end = AtEnd(&|| end(lock(), &changed));
        for (number, piece) in pieces.iter().enumerate() {
            let mut line = lock();
            line.wanted = number;
            changed.notify_all();
            let result = loop {
                match line.done.remove(&number) {
                    Some(result) => break result,
                    // A worker panicked; so will the scope.
                    None if line.over => return Ok(()),
                    None => line = wait(line),
                }
            };
            drop(line);
            take(piece, result)?;
        }
        Ok(())
    })
}

fn end<T>(mut line: MutexGuard<'_, Line<T>>, changed: &Condvar) {
    line.over = true;
    drop(line);
    changed.notify_all();
}

struct AtEnd<'a>(&'a dyn Fn());

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        (self.0)();
    }
}

struct OnPanic<'a>(&'a dyn Fn());

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            (self.0)();
        }
    }
}
