//! Programs that read or write a whole database: whoever waits for one need not wait for its end.

use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The programs of this process that may be ended, each with a number.
static RUNNING: Mutex<(u64, Vec<(u64, Handle)>)> = Mutex::new((0, Vec::new()));

/// A program that [`end_programs`] ends, as long as this lives.
///
/// Only for one whose work is undone, or is of no use, when it does not come to its end.
#[must_use = "a program can be ended as long as this lives"]
pub struct Endable(u64);

impl Endable {
    /// This one.
    pub fn new(child: &Child) -> Self {
        let handle = Handle::of(child);
        let mut running = running();
        running.0 += 1;
        let number = running.0;
        running.1.extend(handle.map(|handle| (number, handle)));
        Self(number)
    }
}

impl Drop for Endable {
    fn drop(&mut self) {
        running().1.retain(|(number, _)| *number != self.0);
    }
}

/// Ends the programs that may be ended. Who waits for one learns that it did not succeed.
pub fn end_programs() {
    for (_, handle) in &running().1 {
        handle.end();
    }
}

fn running() -> MutexGuard<'static, (u64, Vec<(u64, Handle)>)> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process that cannot be taken for another one.
#[cfg(target_os = "linux")]
struct Handle(rustix::fd::OwnedFd);

#[cfg(target_os = "linux")]
impl Handle {
    fn of(child: &Child) -> Option<Self> {
        use rustix::process::{Pid, PidfdFlags, pidfd_open};
        // Where the kernel has no such handles the program runs to its end.
        pidfd_open(Pid::from_child(child), PidfdFlags::empty()).ok().map(Self)
    }

    fn end(&self) {
        // One that has ended needs no signal.
        let _ = rustix::process::pidfd_send_signal(&self.0, rustix::process::Signal::KILL);
    }
}

/// Elsewhere a number could by now be that of another process; there the terminal signals the program itself.
#[cfg(not(target_os = "linux"))]
struct Handle;

#[cfg(not(target_os = "linux"))]
impl Handle {
    fn of(_: &Child) -> Option<Self> {
        None
    }

    fn end(&self) {}
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::Command;

    use super::{Endable, end_programs};

    #[test]
    fn what_may_be_ended_is_ended_and_nothing_else() {
        let start = || Command::new("sleep").arg("1000").spawn().unwrap();
        let (mut one, mut other) = (start(), start());
        let endable = Endable::new(&one);
        drop(Endable::new(&other));
        end_programs();
        assert!(!one.wait().unwrap().success());
        assert!(other.try_wait().unwrap().is_none());
        other.kill().unwrap();
        other.wait().unwrap();
        drop(endable);
        end_programs();
    }
}
