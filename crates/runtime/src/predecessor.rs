//! What a supervisor that died has left behind, and its end.
//!
//! On Linux little is left: only processes that left their group and closed the files that they inherited.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, kill_process};
use supervisor::Signal;

use crate::RuntimeError;
use crate::group::{Group, number};
use crate::register;
use crate::spawn::MARK;

/// How long the killed may take to vanish.
const TIMEOUT: Duration = Duration::from_secs(5);

/// When a process started, in the words of the system; it tells two processes with the same id apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ProcessStart(String);

impl fmt::Display for ProcessStart {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<&str> for ProcessStart {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Kills every process that an earlier supervisor of this environment has left, and waits until they are gone.
pub(crate) fn bury(directory: &Path) -> Result<(), RuntimeError> {
    // One that ended in order has removed its register.
    let Some(groups) = register::read(directory)? else { return Ok(()) };
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let mut alive = BTreeSet::new();
        for (pid, start) in &groups {
            if start_of(*pid).as_ref() == Some(start)
                && let Some(group) = Group::of_leader(*pid)
            {
                group.signal(Signal::Kill);
                alive.insert(*pid);
            }
        }
        for pid in marked(directory) {
            if let Some(process) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                // One that ended meanwhile is what is wanted.
                let _ = kill_process(process, number(Signal::Kill));
                alive.insert(pid);
            }
        }
        if alive.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(RuntimeError::Predecessor { pids: alive.into_iter().collect() });
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(target_os = "linux")]
pub(crate) use linux::{children, start_of};

/// Returns the living processes of the units of an environment, whoever started them.
pub fn unit_processes(directory: &Path) -> Vec<u32> {
    marked(directory).into_iter().filter(|pid| start_of(*pid).is_some()).collect()
}

#[cfg(target_os = "linux")]
use linux::marked;

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::os::unix::ffi::OsStrExt;

    use super::{BTreeSet, MARK, Path, ProcessStart};
    use crate::spawn::SUPERVISOR;

    /// Returns when a process started; `None` if there is none, or it is dead and only not yet reaped.
    pub(crate) fn start_of(pid: u32) -> Option<ProcessStart> {
        let stat = stat(pid)?;
        // See proc_pid_stat(5): the 22nd field is the start in ticks since boot; these are counted from the third.
        stat.get(19).map(|ticks| ProcessStart::from(ticks.as_str()))
    }

    /// Returns the fields from the third on, which is the state.
    fn stat(pid: u32) -> Option<Vec<String>> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is a name in parentheses that may hold anything.
        let (_, fields) = text.rsplit_once(") ")?;
        let fields: Vec<String> = fields.split(' ').map(str::to_owned).collect();
        (!matches!(fields.first()?.as_str(), "Z" | "X")).then_some(fields)
    }

    fn parent_of(pid: u32) -> Option<u32> {
        stat(pid)?.get(1)?.parse().ok()
    }

    fn all() -> impl Iterator<Item = u32> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
    }

    /// Returns the living children of this process that are not supervisors themselves.
    pub(crate) fn children() -> Vec<u32> {
        let own = std::process::id();
        let is_supervisor = |pid: u32| {
            let mut name = SUPERVISOR.as_bytes().to_vec();
            name.push(b'=');
            variables(pid).split(|byte| *byte == 0).any(|variable| variable.starts_with(&name))
        };
        all().filter(|pid| parent_of(*pid) == Some(own) && !is_supervisor(*pid)).collect()
    }

    /// Returns the environment variables that a process was started with. One of another user cannot be read; it is not one of
    /// ours then.
    fn variables(pid: u32) -> Vec<u8> {
        fs::read(format!("/proc/{pid}/environ")).unwrap_or_default()
    }

    /// Returns the processes that carry the mark of an environment, without this one and those above it.
    pub(super) fn marked(directory: &Path) -> Vec<u32> {
        let mut spared = BTreeSet::new();
        let mut above = Some(std::process::id());
        while let Some(pid) = above.filter(|pid| spared.insert(*pid)) {
            above = parent_of(pid);
        }
        let mark = [MARK.as_bytes(), b"=", directory.as_os_str().as_bytes()].concat();
        let is_marked = |pid: &u32| variables(*pid).split(|byte| *byte == 0).any(|variable| variable == mark);
        all().filter(|pid| !spared.contains(pid)).filter(is_marked).collect()
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::{children, start_of};

#[cfg(not(target_os = "linux"))]
use elsewhere::marked;

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::process::Command;

    use super::{MARK, Path, ProcessStart};

    fn ps(arguments: &[&str]) -> String {
        let output = Command::new("/bin/ps").args(arguments).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
    }

    pub(crate) fn start_of(pid: u32) -> Option<ProcessStart> {
        let text = ps(&["-o", "stat=,lstart=", "-p", &pid.to_string()]);
        let (state, start) = text.trim().split_once(char::is_whitespace)?;
        (!state.starts_with('Z')).then(|| ProcessStart::from(start.trim()))
    }

    /// There are no adopted children here: orphans go to the system's first process.
    pub(crate) fn children() -> Vec<u32> {
        Vec::new()
    }

    /// `ps -E` shows the environments of this user's processes after their words.
    pub(super) fn marked(directory: &Path) -> Vec<u32> {
        let mark = format!(" {MARK}={} ", directory.display());
        let own = std::process::id();
        let text = ps(&["-axEww", "-o", "pid=,command="]);
        let marked = text.lines().filter(|line| format!("{line} ").contains(&mark));
        marked.filter_map(|line| line.split_whitespace().next()?.parse().ok()).filter(|pid| *pid != own).collect()
    }
}
