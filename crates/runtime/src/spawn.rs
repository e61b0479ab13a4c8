//! The start of one process, so that it cannot outlive the supervisor.
//!
//! In the child, between fork and exec:
//! 1. It leads a process group of its own.
//! 2. It inherits the reading end of a pipe, its *lifeline*, which it never reads. The pipe sends `SIGKILL` to the
//!    process group on input or when its last writer is gone (`F_SETOWN`, `F_SETSIG`, `O_ASYNC`). The only writer is the
//!    supervisor, and the kernel closes its files however it dies: so grandchildren die too.
//! 3. It becomes the wanted user, after 2: the kernel checks the permission to signal by who set the owner.
//! 4. It asks for `SIGKILL` on the death of its parent, after 3, since a change of user revokes it; and ends if the
//!    parent died before that.
#![expect(unsafe_code, reason = "what a child does between fork and exec cannot be checked by the compiler")]

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use supervisor::{ProcessSpec, UserId};

use crate::lookup::{SpawnError, find};

/// The environment variable that every process of a unit has: its value is the directory of the environment.
pub const MARK: &str = "SEEDBED_UNIT_OF";

/// A process that was started.
pub(crate) struct Spawned {
    pub(crate) pid: u32,
    pub(crate) lifeline: Lifeline,
}

/// The writing end of a process group's lifeline: while it is open, the group may live.
#[derive(Debug)]
pub(crate) struct Lifeline(#[expect(dead_code, reason = "it is held, not used")] PipeWriter);

/// Starts a process with this output.
pub(crate) fn spawn(
    process: &ProcessSpec,
    environment: &Path,
    output: impl Into<Stdio>,
    errors: impl Into<Stdio>,
) -> Result<Spawned, SpawnError> {
    let path = find(process)?;
    if let Some(UserId { uid, .. }) = process.user
        && !rustix::process::geteuid().is_root()
    {
        return Err(SpawnError::User { uid });
    }
    let failed = |source| SpawnError::System { path: path.clone(), source };
    let (lifeline_end, lifeline) = io::pipe().map_err(failed)?;

    let mut command = Command::new(&path);
    command
        .arg0(&process.program)
        .args(&process.arguments)
        .env_clear()
        .envs(&process.env)
        .env(MARK, environment)
        .current_dir(&process.directory)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors);
    prepare(&mut command, &lifeline_end, process.user);
    let child = command.spawn().map_err(|source| match source.raw_os_error() {
        Some(libc::ENOENT) => SpawnError::NoInterpreter(path.clone()),
        Some(libc::ENOEXEC) => SpawnError::NotProgram(path.clone()),
        Some(libc::EACCES) => SpawnError::NotExecutable(path.clone()),
        _ => SpawnError::System { path: path.clone(), source },
    })?;
    Ok(Spawned { pid: child.id(), lifeline: Lifeline(lifeline) })
}

fn prepare(command: &mut Command, lifeline: &PipeReader, user: Option<UserId>) {
    let lifeline = lifeline.as_raw_fd();
    let parent = rustix::process::getpid().as_raw_nonzero().get();
    // SAFETY: only async-signal-safe system calls are made, and nothing is allocated: `last_os_error` is a number.
    unsafe {
        command.pre_exec(move || {
            check(libc::setpgid(0, 0))?;
            hold_lifeline(lifeline)?;
            if let Some(UserId { uid, gid }) = user {
                check(libc::setgroups(0, std::ptr::null()))?;
                check(libc::setgid(gid))?;
                check(libc::setuid(uid))?;
            }
            die_with_parent(parent)
        });
    }
}

/// # Safety
///
/// Called between fork and exec, with an open file.
#[cfg(target_os = "linux")]
unsafe fn hold_lifeline(lifeline: RawFd) -> io::Result<()> {
    // Not in the crate `libc` for all targets: include/uapi/asm-generic/fcntl.h.
    const F_SETSIG: libc::c_int = 10;
    // SAFETY: these calls take numbers only.
    unsafe {
        check(libc::fcntl(lifeline, libc::F_SETFD, 0))?;
        check(libc::fcntl(lifeline, libc::F_SETOWN, -libc::getpid()))?;
        check(libc::fcntl(lifeline, F_SETSIG, libc::SIGKILL))?;
        check(libc::fcntl(lifeline, libc::F_SETFL, libc::O_ASYNC))
    }
}

/// # Safety
///
/// Called between fork and exec.
#[cfg(target_os = "linux")]
unsafe fn die_with_parent(parent: i32) -> io::Result<()> {
    // SAFETY: these calls take numbers only.
    unsafe {
        check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))?;
        if libc::getppid() != parent {
            libc::_exit(1);
        }
    }
    Ok(())
}

/// # Safety
///
/// None; like its namesake.
#[cfg(not(target_os = "linux"))]
unsafe fn hold_lifeline(_lifeline: RawFd) -> io::Result<()> {
    Ok(())
}

/// # Safety
///
/// None; like its namesake.
#[cfg(not(target_os = "linux"))]
unsafe fn die_with_parent(_parent: i32) -> io::Result<()> {
    Ok(())
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
