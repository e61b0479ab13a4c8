//! The wait for the end of a process that is nobody's child.

use std::time::{Duration, Instant};

use rustix::process::Pid;

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
