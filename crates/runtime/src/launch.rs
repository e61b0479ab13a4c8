//! The way from the supervisor to a running program, so that this cannot outlive it.
//!
//! In the child, before the program is executed:
//! 1. It leads a process group of its own.
//! 2. It inherits two reading ends of a pipe, its *lifelines*, which it never reads. The pipe sends `SIGKILL` to the
//!    process group on input or when its last writer is gone (`F_SETOWN`, `F_SETSIG`, `O_ASYNC`), once for each end. The
//!    only writer is the supervisor, and the kernel closes its files however it dies: so grandchildren die too. A group
//!    that is sent a signal in this way may grow meanwhile: the kernel passes over a process that is being forked by one
//!    that it has not come to yet. The second time it is there, and who forked it has been killed.
//! 3. It becomes the wanted user, after 2: the kernel checks the permission to signal by who set the owner.
//! 4. It asks for `SIGKILL` on the death of its parent, after 3, since a change of user revokes it; and ends if the
//!    parent died before that.
//!
//! Elsewhere than on Linux there are neither 2 nor 4.

use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

use supervisor::ProcessSpec;

#[cfg_attr(target_os = "linux", path = "launch_linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "launch_elsewhere.rs")]
mod system;

pub(crate) use system::launch;

/// Everything that a child becomes.
pub(crate) struct Image<'a> {
    /// The file to execute.
    pub(crate) path: &'a Path,
    pub(crate) process: &'a ProcessSpec,
    /// The value of the variable by which the next supervisor finds the process.
    pub(crate) mark: &'a Path,
    pub(crate) stdio: [BorrowedFd<'a>; 3],
    /// Whether `stdio` is a terminal that is to be its own: then it leads a session, too.
    pub(crate) has_terminal: bool,
    /// The reading ends of its lifeline, opened one by one.
    pub(crate) lifelines: [BorrowedFd<'a>; 2],
    /// What it writes `0` to in order to be limited.
    pub(crate) limits: Option<BorrowedFd<'a>>,
}

/// Why a child did not come to be.
#[derive(Debug)]
pub(crate) enum LaunchError {
    /// Before the program was executed.
    Prepare(io::Error),
    /// By executing the program.
    Execute(io::Error),
}
