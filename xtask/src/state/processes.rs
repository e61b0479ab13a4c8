//! What the system says of processes that run.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// The children of a process.
pub fn children(process: u32) -> Result<Vec<u32>> {
    let parent_of = |id: &u32| -> Option<u32> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name before the last parenthesis may have spaces.
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    Ok(all()?.into_iter().filter(|id| parent_of(id) == Some(process)).collect())
}

/// The words of a process, empty when it is gone.
pub fn command_line(process: u32) -> String {
    let bytes = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

/// The supervisor of an environment whose files are in this directory, if there is one.
pub fn supervisor(directory: &Path) -> Option<u32> {
    let directory = directory.to_string_lossy().into_owned();
    all().ok()?.into_iter().find(|id| {
        let line = command_line(*id);
        line.contains(" supervise ") && line.contains(&directory)
    })
}

/// CPU time of all threads that a process has, in seconds.
pub fn cpu(process: u32) -> Result<f64> {
    let mut nanoseconds = 0.0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))?.flatten() {
        // A thread may have ended since.
        let text = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        nanoseconds += text.split_whitespace().next().and_then(|word| word.parse::<f64>().ok()).unwrap_or_default();
    }
    Ok(nanoseconds / 1e9)
}

/// The most memory that a process has had, in bytes.
pub fn memory(process: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:")).context("no VmHWM in the status")?;
    let kilobytes: f64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
    Ok(kilobytes * 1024.0)
}

/// Load of the machine over the last one, five and fifteen minutes.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

fn all() -> Result<Vec<u32>> {
    let entries = fs::read_dir("/proc").context("cannot read /proc")?.flatten();
    Ok(entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}
