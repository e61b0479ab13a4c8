//! The start of a supervisor as a process of its own.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;

use crate::ClientError;

/// How long a supervisor may take until it listens; it first puts an end to what a dead one left.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// How much of its log an error shows.
const TAIL_LINES: usize = 12;

/// Starts the supervisor and waits until it says that it listens.
pub(crate) fn start(program: &Path, arguments: &[OsString], log: &Path) -> Result<(), ClientError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ClientError::Start { path, source }
    };
    if let Some(parent) = log.parent() {
        fs::create_dir_all(parent).map_err(failed(parent))?;
    }
    let output = OpenOptions::new().create(true).append(true).open(log).map_err(failed(log))?;
    let (mut handshake, answer) = io::pipe().map_err(failed(program))?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(answer).stderr(output);
    // An environment that is started from within another one is not part of it.
    command.env_remove(runtime::MARK).env(runtime::SUPERVISOR, "1");
    // It makes a session of its own (`serve`), and belongs to the system's first process when this one ends.
    drop(command.spawn().map_err(failed(program))?);
    // The command holds a copy of the pipe's other end, and the end of the supervisor is told by its closing.
    drop(command);

    let timeout = Timespec { tv_sec: START_TIMEOUT.as_secs().cast_signed(), tv_nsec: 0 };
    let mut fds = [PollFd::new(&handshake, PollFlags::IN)];
    // A child of the command that ends meanwhile may interrupt this by a signal.
    let answered = matches!(retry_on_intr(|| poll(&mut fds, Some(&timeout))), Ok(1));
    let mut byte = [0];
    if answered && handshake.read_exact(&mut byte).is_ok() { Ok(()) } else { Err(not_up(log)) }
}

/// Makes the error that shows the end of the supervisor's log.
pub(crate) fn not_up(log: &Path) -> ClientError {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
    ClientError::NotUp { log: log.to_owned(), tail }
}
