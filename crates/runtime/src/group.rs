//! One process group, named by the process that leads it.

use rustix::io::Errno;
use rustix::process::{self, Pid};
use supervisor::Signal;

/// A process group; its number stays its own until the last member was reaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Group(Pid);

impl Group {
    pub(crate) fn of_leader(pid: u32) -> Option<Self> {
        // 1 is the system's first process, and as a group "everything".
        i32::try_from(pid).ok().filter(|pid| *pid > 1).and_then(Pid::from_raw).map(Self)
    }

    /// Sends a signal to all members; one that is not there any more cannot be sent to, which is what was wanted.
    pub(crate) fn signal(self, signal: Signal) {
        let _ = process::kill_process_group(self.0, number(signal));
    }

    pub(crate) fn is_empty(self) -> bool {
        process::test_kill_process_group(self.0) == Err(Errno::SRCH)
    }
}

/// Returns the system's number of a signal.
pub(crate) fn number(signal: Signal) -> process::Signal {
    match signal {
        Signal::Hup => process::Signal::HUP,
        Signal::Int => process::Signal::INT,
        Signal::Quit => process::Signal::QUIT,
        Signal::Kill => process::Signal::KILL,
        Signal::Term => process::Signal::TERM,
        Signal::Usr1 => process::Signal::USR1,
        Signal::Usr2 => process::Signal::USR2,
    }
}
