//! How much of the machine process groups use.

use std::collections::BTreeMap;
#[cfg(target_os = "linux")]
use std::fs;

/// What the processes of one group use together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many processes there are.
    pub processes: u32,
    /// Memory in bytes that is not there twice: of what several processes share, each counts its part.
    pub memory: u64,
    /// Memory in bytes that is in the machine, shared or not.
    pub resident: u64,
    /// The time of processors in milliseconds, since they were started.
    pub cpu_ms: u64,
}

/// Measures the process groups with these leaders. A group of which nothing is there is left out; `None` where the system
/// does not tell.
#[cfg(target_os = "linux")]
pub fn usage(leaders: &[u32]) -> Option<BTreeMap<u32, Usage>> {
    let mut groups: BTreeMap<u32, Usage> = BTreeMap::new();
    let tick_ms = 1_000 / rustix::param::clock_ticks_per_second().max(1);
    let page = rustix::param::page_size() as u64;
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        // The name of the program stands in parentheses, and may have blanks and parentheses in it.
        let Some((_, rest)) = stat.rsplit_once(')') else { continue };
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok());
        // Counted from the state, which is the third field of the manual page proc_pid_stat(5).
        let (Some(group), Some(user), Some(system), Some(pages)) = (number(2), number(11), number(12), number(21))
        else {
            continue;
        };
        let Some(leader) = leaders.iter().find(|leader| u64::from(**leader) == group) else { continue };
        let usage = groups.entry(*leader).or_default();
        let resident = pages * page;
        usage.processes += 1;
        usage.resident += resident;
        // That of another user's process is for its owner.
        usage.memory += proportional(pid).unwrap_or(resident);
        usage.cpu_ms += (user + system) * tick_ms;
    }
    Some(groups)
}

#[cfg(target_os = "linux")]
fn proportional(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1_024)
}

/// How much memory in bytes the machine can give without putting something else out; `None` where the system does not tell.
#[cfg(target_os = "linux")]
pub fn available_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1_024)
}

/// How much memory the machine can give: here the system does not tell.
#[cfg(not(target_os = "linux"))]
pub fn available_memory() -> Option<u64> {
    None
}

/// Measures the process groups with these leaders: here the system does not tell.
#[cfg(not(target_os = "linux"))]
pub fn usage(_leaders: &[u32]) -> Option<BTreeMap<u32, Usage>> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn all_processes_of_a_group_count() {
        let group = rustix::process::getpgrp().as_raw_nonzero().get().unsigned_abs();
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let all = usage(&[group, 1]).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let own = all[&group];
        assert!(own.processes >= 2, "{own:?}");
        assert!(own.memory > 100_000 && own.resident >= own.memory, "{own:?}");
    }
}
