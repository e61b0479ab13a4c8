//! A process that outlives the one that starts it, and the wait for its end.
#![expect(unsafe_code, reason = "a fork between fork and exec can only be asked for without the compiler's help")]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Pid;

/// Starts a command in a session of its own, as a child of the system's first process instead of this one.
pub fn detach(command: &mut Command) -> io::Result<()> {
    // SAFETY: between fork and exec only system calls that are async-signal-safe are made.
    unsafe {
        command.pre_exec(|| {
            if libc::setsid() < 0 {
                return Err(io::Error::last_os_error());
            }
            match libc::fork() {
                -1 => Err(io::Error::last_os_error()),
                0 => Ok(()),
                _ => libc::_exit(0),
            }
        });
    }
    // The child that is waited for is the one that forked and ended at once.
    command.spawn()?.wait()?;
    Ok(())
}

/// Waits until a process has ended, reaped or not; `false` if it is still there after `timeout`.
pub fn wait_gone(pid: u32, timeout: Duration) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return true };
    let deadline = Instant::now() + timeout;
    #[cfg(target_os = "linux")]
    if let Ok(handle) = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()) {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
            match poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&left)) {
                Err(rustix::io::Errno::INTR) => {}
                result => return matches!(result, Ok(1)),
            }
        }
    }
    // Without a handle there is nothing to wait on.
    while rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH) {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}
