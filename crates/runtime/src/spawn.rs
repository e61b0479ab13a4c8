//! The start of one process: what is executed, with what, and why it could not be.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;

use supervisor::{ProcessSpec, UserId};

use crate::launch::{Image, LaunchError, launch};
use crate::lookup::{SpawnError, find};

/// The environment variable that every process of a unit has: its value is the directory of the environment.
pub const MARK: &str = "SEEDBED_UNIT_OF";

/// The environment variable of a supervisor. One that was started from within an environment, such as that of a server which
/// environments share, is not part of it, although the system makes it a child of that environment's supervisor.
pub const SUPERVISOR: &str = "SEEDBED_SUPERVISOR";

/// A process that was started.
pub(crate) struct Spawned {
    pub(crate) pid: u32,
    pub(crate) lifeline: Lifeline,
}

/// The writing end of a process group's lifeline: while it is open, the group may live.
#[derive(Debug)]
pub(crate) struct Lifeline(#[expect(dead_code, reason = "it is held, not used")] PipeWriter);

/// Starts a process in a terminal, whose end this is.
pub(crate) fn spawn_in_terminal(
    process: &ProcessSpec,
    environment: &Path,
    terminal: &impl AsFd,
    limits: Option<&File>,
) -> Result<Spawned, SpawnError> {
    let stdio = [terminal.as_fd(), terminal.as_fd(), terminal.as_fd()];
    start(process, environment, stdio, true, limits)
}

/// Starts a process with this input, or none, and this output.
pub(crate) fn spawn(
    process: &ProcessSpec,
    environment: &Path,
    input: Option<&PipeReader>,
    output: &impl AsFd,
    errors: &impl AsFd,
) -> Result<Spawned, SpawnError> {
    spawn_limited(process, environment, input, output, errors, None)
}

/// The same, in a group of the kernel that it enters by writing to a file.
pub(crate) fn spawn_limited(
    process: &ProcessSpec,
    environment: &Path,
    input: Option<&PipeReader>,
    output: &impl AsFd,
    errors: &impl AsFd,
    limits: Option<&File>,
) -> Result<Spawned, SpawnError> {
    let nothing = File::open("/dev/null");
    let nothing = nothing.map_err(|source| SpawnError::System { path: "/dev/null".into(), source })?;
    let input = input.map_or_else(|| nothing.as_fd(), AsFd::as_fd);
    start(process, environment, [input, output.as_fd(), errors.as_fd()], false, limits)
}

/// Opens the reading end of a pipe once more: not the same open file, but another one of the same pipe.
#[cfg(target_os = "linux")]
fn second_end(end: &PipeReader) -> Result<File, SpawnError> {
    let path = Path::new("/proc/self/fd").join(end.as_raw_fd().to_string());
    File::open(&path).map_err(|source| SpawnError::System { path, source })
}

#[cfg(not(target_os = "linux"))]
fn second_end(end: &PipeReader) -> Result<std::os::fd::OwnedFd, SpawnError> {
    end.as_fd().try_clone_to_owned().map_err(|source| SpawnError::System { path: "/dev/fd".into(), source })
}

fn start(
    process: &ProcessSpec,
    environment: &Path,
    stdio: [BorrowedFd<'_>; 3],
    has_terminal: bool,
    limits: Option<&File>,
) -> Result<Spawned, SpawnError> {
    let path = find(process)?;
    if let Some(UserId { uid, .. }) = process.user
        && !rustix::process::geteuid().is_root()
    {
        return Err(SpawnError::User { uid });
    }
    let failed = |source| SpawnError::System { path: path.clone(), source };
    let (lifeline_end, lifeline) = io::pipe().map_err(failed)?;
    let second_end = second_end(&lifeline_end)?;
    let image = Image {
        path: &path,
        process,
        mark: environment,
        stdio,
        has_terminal,
        limits: limits.map(AsFd::as_fd),
        lifelines: [lifeline_end.as_fd(), second_end.as_fd()],
    };
    let pid = launch(&image).map_err(|error| match error {
        LaunchError::Prepare(source) => failed(source),
        LaunchError::Execute(source) => match source.raw_os_error() {
            Some(libc::ENOENT) => SpawnError::NoInterpreter(path.clone()),
            Some(libc::ENOEXEC) => SpawnError::NotProgram(path.clone()),
            Some(libc::EACCES) => SpawnError::NotExecutable(path.clone()),
            _ => failed(source),
        },
    })?;
    Ok(Spawned { pid, lifeline: Lifeline(lifeline) })
}
