//! Limits of processes: a group of the kernel for each unit (cgroups, version 2).
//!
//! They are made below the nearest group above this process in which that is allowed: where systemd has delegated one to the
//! user, or as root. A group cannot have limits and processes at once, so what is made lies beside this process, not
//! above it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use supervisor::{LimitSpec, Run};

/// Where the kernel says what is mounted, and in which group a process is.
const MOUNTS: &str = "/proc/self/mountinfo";
const OWN: &str = "/proc/self/cgroup";

/// What the names of groups begin with; after it comes the process that made them.
const NAME: &str = "seedbed-";

/// The period in which processor time is counted, in microseconds.
const PERIOD: u64 = 100_000;

/// Where groups can be made.
#[derive(Debug)]
pub(crate) struct Cgroups {
    parent: PathBuf,
}

/// The group of one run of a unit; it goes when it is dropped and empty.
#[derive(Debug)]
pub(crate) struct Cgroup {
    directory: PathBuf,
}

/// Says whether limits of processes hold here, and else why not, for people.
pub fn limits_hold(limits: &[LimitSpec]) -> Result<(), String> {
    Cgroups::find(&controllers(limits)).map(drop)
}

/// The controllers that these limits need.
fn controllers(limits: &[LimitSpec]) -> Vec<&'static str> {
    let needed = [
        ("memory", limits.iter().any(|limits| limits.memory.is_some())),
        ("cpu", limits.iter().any(|limits| limits.milli_cpus.is_some())),
        ("pids", limits.iter().any(|limits| limits.pids.is_some())),
    ];
    needed.into_iter().filter(|(_, is_needed)| *is_needed).map(|(name, _)| name).collect()
}

impl Cgroups {
    /// Finds where groups with these limits can be made.
    pub(crate) fn find_all(limits: &[LimitSpec]) -> Result<Self, String> {
        Self::find(&controllers(limits))
    }

    /// Finds where groups with these controllers can be made.
    pub(crate) fn find(controllers: &[&str]) -> Result<Self, String> {
        let read = |path: &str| fs::read_to_string(path).map_err(|error| format!("{path} cannot be read: {error}"));
        let top = mount(&read(MOUNTS)?).ok_or("the system has no cgroups of version 2")?;
        let own = own_group(&read(OWN)?).ok_or("this process is in no cgroup of version 2")?;
        Self::below(&top, &own, controllers)
    }

    /// Looks from the group `own` upwards to `top`.
    fn below(top: &Path, own: &Path, controllers: &[&str]) -> Result<Self, String> {
        let available = fs::read_to_string(top.join("cgroup.controllers")).unwrap_or_default();
        let is_there = |controller: &str| available.split_whitespace().any(|known| known == controller);
        if let Some(missing) = controllers.iter().find(|controller| !is_there(controller)) {
            return Err(format!("the cgroups of this system do not limit `{missing}` (version 2 does not have it)"));
        }
        let mut last = "there is none".to_owned();
        for parent in own.ancestors() {
            let parent = top.join(parent.strip_prefix("/").unwrap_or(parent));
            match Self::try_in(&parent, controllers) {
                Ok(()) => return Ok(Self { parent }),
                Err(error) => last = format!("{}: {error}", parent.display()),
            }
        }
        Err(format!("no cgroup may be made here ({last}); run as root, or in a group that systemd delegates"))
    }

    fn try_in(parent: &Path, controllers: &[&str]) -> io::Result<()> {
        let enabled = fs::read_to_string(parent.join("cgroup.subtree_control"))?;
        for controller in controllers {
            if !enabled.split_whitespace().any(|known| known == *controller) {
                fs::write(parent.join("cgroup.subtree_control"), format!("+{controller}"))?;
            }
        }
        let probe = parent.join(format!("{NAME}{}-probe", std::process::id()));
        fs::create_dir(&probe)?;
        // A process must be able to go there.
        let outcome = OpenOptions::new().write(true).open(parent.join("cgroup.procs")).map(drop);
        fs::remove_dir(&probe)?;
        outcome
    }

    /// Makes a group with limits.
    pub(crate) fn make(&self, run: Run, limits: &LimitSpec) -> io::Result<Cgroup> {
        let directory = self.parent.join(format!("{NAME}{}-{}", std::process::id(), run.0));
        fs::create_dir(&directory)?;
        let group = Cgroup { directory };
        let set = |file: &str, value: String| fs::write(group.directory.join(file), value);
        if let Some(memory) = limits.memory {
            set("memory.max", memory.to_string())?;
            // Without swap there may be no such file; then there is nothing to swap to.
            let _ = set("memory.swap.max", "0".to_owned());
        }
        if let Some(milli) = limits.milli_cpus {
            set("cpu.max", format!("{} {PERIOD}", u64::from(milli) * PERIOD / 1000))?;
        }
        if let Some(pids) = limits.pids {
            set("pids.max", pids.to_string())?;
        }
        Ok(group)
    }
}

impl Cgroup {
    /// What a process writes `0` to in order to be in it.
    pub(crate) fn entrance(&self) -> io::Result<File> {
        OpenOptions::new().write(true).open(self.directory.join("cgroup.procs"))
    }

    /// Whether something of it was killed since there was no memory left for it.
    pub(crate) fn was_out_of_memory(&self) -> bool {
        let events = fs::read_to_string(self.directory.join("memory.events")).unwrap_or_default();
        let kills = events.lines().find_map(|line| line.strip_prefix("oom_kill "));
        kills.is_some_and(|kills| kills.trim() != "0")
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // One in which something has stayed is not empty, and cannot be removed.
        let _ = fs::remove_dir(&self.directory);
    }
}

/// Where cgroups of version 2 are mounted.
fn mount(mounts: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        kind.starts_with("cgroup2 ").then(|| place.split(' ').nth(4)).flatten().map(PathBuf::from)
    })
}

/// The group of version 2 that a process is in.
fn own_group(groups: &str) -> Option<PathBuf> {
    groups.lines().find_map(|line| line.strip_prefix("0::")).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(directory: &Path, files: &[(&str, &str)]) {
        fs::create_dir_all(directory).unwrap();
        for (file, text) in files {
            fs::write(directory.join(file), text).unwrap();
        }
    }

    #[test]
    fn the_mount_and_the_own_group_are_read() {
        let mounts = "24 1 8:1 / / rw - ext4 /dev/sda rw\n\
                      36 30 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n";
        assert_eq!(mount(mounts), Some(PathBuf::from("/sys/fs/cgroup")));
        assert_eq!(mount("24 1 8:1 / / rw - ext4 /dev/sda rw\n"), None);
        assert_eq!(own_group("9:name=systemd:/\n0::/user.slice/a.scope\n"), Some("/user.slice/a.scope".into()));
        assert_eq!(own_group("4:memory:/\n"), None);
    }

    #[test]
    fn groups_are_made_in_the_nearest_that_allows_it() {
        let top = tempfile::tempdir().unwrap();
        let all =
            [("cgroup.controllers", "cpu memory pids\n"), ("cgroup.subtree_control", "memory\n"), ("cgroup.procs", "")];
        group(top.path(), &all);
        group(&top.path().join("user"), &all);
        // It has no controllers to give, as one with processes.
        group(&top.path().join("user/shell"), &[("cgroup.procs", "")]);
        let found = Cgroups::below(top.path(), Path::new("/user/shell"), &["memory"]).unwrap();
        assert_eq!(found.parent, top.path().join("user"));
        let limits = LimitSpec { memory: Some(1 << 20), milli_cpus: Some(500), pids: Some(7) };
        let made = found.make(Run(3), &limits).unwrap();
        let read = |file: &str| fs::read_to_string(made.directory.join(file)).unwrap();
        assert_eq!(
            (read("memory.max"), read("cpu.max"), read("pids.max")),
            ("1048576".into(), "50000 100000".into(), "7".into())
        );
        assert!(!made.was_out_of_memory());
        fs::write(made.directory.join("memory.events"), "low 0\noom 1\noom_kill 2\n").unwrap();
        assert!(made.was_out_of_memory());
    }

    #[test]
    fn what_is_missing_is_told() {
        let top = tempfile::tempdir().unwrap();
        group(top.path(), &[("cgroup.controllers", "pids\n")]);
        let error = Cgroups::below(top.path(), Path::new("/"), &["memory"]).unwrap_err();
        assert_eq!(error, "the cgroups of this system do not limit `memory` (version 2 does not have it)");
        let error = Cgroups::below(top.path(), Path::new("/"), &["pids"]).unwrap_err();
        assert!(error.starts_with("no cgroup may be made here"), "{error}");
    }
}
