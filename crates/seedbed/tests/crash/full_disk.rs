//! A disk that is full, for real: a small file system of its own, whose size is changed while the environment lives.

use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;

use crate::world::{DECLARED, World, skip};

/// Kilobytes of a disk on which everything has room.
pub const AMPLE: u64 = 64 << 10;

/// A file system in memory; unmounted when it is dropped.
pub struct Disk(PathBuf);

impl Disk {
    /// Mounts one, if this user may.
    pub fn mount(directory: &Path) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            skip("only root can mount a small disk");
            return None;
        }
        let disk = Self(directory.to_owned());
        match disk.mount_command(&["-t", "tmpfs", "-o", &format!("size={AMPLE}k"), "seedbed-test"]) {
            Ok(()) => Some(disk),
            Err(reason) => {
                skip(&format!("no small disk can be mounted: {reason}"));
                None
            }
        }
    }

    fn mount_command(&self, arguments: &[&str]) -> Result<(), String> {
        let output = Command::new("mount").args(arguments).arg(&self.0).output().map_err(|error| error.to_string())?;
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    pub fn resize(&self, kilobytes: u64) {
        self.try_resize(kilobytes).expect("another size");
    }

    fn try_resize(&self, kilobytes: u64) -> Result<(), String> {
        self.mount_command(&["-o", &format!("remount,size={kilobytes}k")])
    }

    /// Leaves so much free beside what is used now.
    pub fn leave(&self, kilobytes: u64) {
        const ATTEMPTS: usize = 100;
        // What works in the background may have taken more by then, and a disk cannot be smaller than what is on it.
        let mut resized = self.try_resize(self.used() + kilobytes);
        for _ in 1..ATTEMPTS {
            if resized.is_ok() {
                break;
            }
            resized = self.try_resize(self.used() + kilobytes);
        }
        resized.expect("another size");
    }

    fn used(&self) -> u64 {
        let space = rustix::fs::statvfs(&self.0).expect("a file system");
        (space.f_blocks - space.f_bfree) * space.f_frsize / 1024
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// A workspace on a disk of its own. First its environment goes, then the disk, then the directory that it is mounted on.
struct Small {
    disk: Disk,
    world: World,
}

impl Drop for Small {
    fn drop(&mut self) {
        self.disk.resize(AMPLE);
        self.world.destroy();
    }
}

impl Small {
    fn new() -> Option<Self> {
        let mut world = World::new();
        let disk = Disk::mount(&world.below("disk"))?;
        world.write_all();
        Some(Self { disk, world })
    }

    /// One that is up, whose databases hold a megabyte each beside the declared rows.
    fn filled() -> Option<Self> {
        let small = Self::new()?;
        small.world.done(&["up"]);
        for table in ["orders", "stock"] {
            let connection = Connection::open(small.world.database(table)).expect("the database");
            let fill = "CREATE TABLE filling (bytes BLOB);
                WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 250)
                INSERT INTO filling SELECT randomblob(4000) FROM numbers;";
            connection.execute_batch(fill).expect("a filled database");
        }
        small.world.done(&["snapshot", "full"]);
        Some(small)
    }

    /// Runs a command with less and less space; where it does not fit, nothing is lost, and it works when there is room.
    fn squeeze(&self, command: &[&str], (before, after): (&str, &str)) {
        let again = || {
            self.disk.resize(AMPLE);
            self.world.done(&["restore", "full"]);
            if before != DECLARED {
                self.world.done(&["load", self.world.path("more.yaml").to_str().expect("a plain path")]);
            }
            assert_eq!(self.world.content(), before);
        };
        let mut failures = 0;
        for free in [0, 8, 24, 64, 128, 512, 1100, 2100, 2600, 3500, 6000] {
            again();
            self.disk.leave(free);
            let when = format!("`{}` with {free} KB", command.join(" "));
            let ended = self.world.run(command);
            self.disk.resize(AMPLE);
            let content = self.world.content();
            if ended.status.success() {
                assert_eq!(content, after, "{when}");
                if command[0] == "snapshot" {
                    self.forget_snapshot(command[1]);
                }
                continue;
            }
            failures += 1;
            assert_eq!(ended.code(), Some(4), "{when}: {}", ended.errors);
            assert!(ended.errors.contains("space"), "{when}: {}", ended.errors);
            assert_eq!(content, before, "{when}: {}", ended.errors);
            assert_eq!(self.world.unit_processes().len(), 1, "{when}: {}", ended.errors);
            let repeated = self.world.done(command);
            assert_eq!(self.world.content(), after, "{when}, repeated: {}", repeated.errors);
            if command[0] == "snapshot" {
                self.forget_snapshot(command[1]);
            }
            self.world.done(&["restore", "full"]);
            assert_eq!(self.world.content(), DECLARED, "the snapshot before {when}");
        }
        assert!(failures > 0, "the disk was never too small");
    }

    fn forget_snapshot(&self, tag: &str) {
        self.world.done(&["delete", tag, "--yes"]);
        self.world.done(&["store", "collect"]);
    }
}

#[test]
fn up_from_nothing_works_when_there_is_room_again() {
    let Some(small) = Small::new() else { return };
    let mut failures = 0;
    for free in [0, 4, 8, 16, 24, 32, 48, 64, 96, 128, 160] {
        small.disk.leave(free);
        let ended = small.world.run(&["up"]);
        small.disk.resize(AMPLE);
        if !ended.status.success() {
            failures += 1;
            assert_eq!(ended.code(), Some(4), "{free} KB: {}", ended.errors);
            assert!(ended.errors.contains("space"), "{free} KB: {}", ended.errors);
        }
        small.world.is_up_with(DECLARED, &format!("after {free} KB: {}", ended.errors));
        small.world.done(&["destroy", "--yes"]);
    }
    assert!(failures > 0, "the disk was never too small");
}

#[test]
fn load_changes_all_or_nothing() {
    let Some(small) = Small::filled() else { return };
    let rows: Vec<String> =
        (0..400).map(|number| format!("{{ code: m{number}, note: {} }}", "n".repeat(2000))).collect();
    let rows = rows.join(", ");
    small.world.write("big_orders.yaml", &format!("orders: [{rows}]\n"));
    small.world.write("big_stock.yaml", &format!("stock: [{rows}]\n"));
    small.world.write("big.yaml", "- { ida: shop, path: big_orders.yaml }\n- { ida: shop, path: big_stock.yaml }\n");
    let path = small.world.path("big.yaml");
    let load = ["load", path.to_str().expect("a plain path")];
    small.world.done(&load);
    let after = small.world.content();
    small.squeeze(&load, (DECLARED, &after));
}

#[test]
fn snapshot_is_whole_or_not_there() {
    let Some(small) = Small::filled() else { return };
    small.squeeze(&["snapshot", "more"], (crate::world::MORE, crate::world::MORE));
}

#[test]
fn restore_leaves_what_was_there() {
    let Some(small) = Small::filled() else { return };
    small.squeeze(&["restore", "full"], (crate::world::MORE, DECLARED));
}

#[test]
fn reset_leaves_what_was_there() {
    let Some(small) = Small::filled() else { return };
    small.squeeze(&["reset"], (crate::world::MORE, DECLARED));
}
