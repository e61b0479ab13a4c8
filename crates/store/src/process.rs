//! Whether a process of this machine still lives.

use std::fs;

/// A name of this process that no other has: boot, namespace of processes, id, start. `None` where the system does not
/// tell.
pub(crate) fn identity() -> Option<String> {
    Some(format!("{} {} {}", machine()?, std::process::id(), start(std::process::id())?))
}

/// Whether the process with this [`identity`] is gone. `None` when this machine cannot say.
pub(crate) fn is_gone(identity: &str) -> Option<bool> {
    let (there, process) = identity.rsplit_once(' ').and_then(|(rest, start)| {
        let (machine, id) = rest.rsplit_once(' ')?;
        Some((machine, (id.parse().ok()?, start)))
    })?;
    (there == machine()?).then(|| start(process.0).as_deref() != Some(process.1))
}

/// A name of the running system and its namespace of processes.
fn machine() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), namespace.display()))
}

/// When a process started, in ticks since boot.
fn start(process: u32) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in parentheses may have anything in it.
    let (_, rest) = status.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(19).map(str::to_owned)
}
