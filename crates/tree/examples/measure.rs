//! Saves a directory into memory or into nothing, restores it, and prints CPU and wall time of each step.
//!
//! `measure DIRECTORY [SECOND] [--null]`: with a second directory it is saved too, and then the first is restored over
//! a copy of it. `--null` keeps no data, so that only saving is measured.

#![allow(clippy::print_stdout)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::Memory;
use store::{ObjectId, ObjectKind, ObjectWriter, StoreError};
use tree::{RestoreOptions, Rules, restore, save};

/// Names objects and forgets them.
struct Nothing;

impl ObjectWriter for Nothing {
    fn id(&self, kind: ObjectKind, bytes: &[u8]) -> ObjectId {
        Memory::default().id(kind, bytes)
    }

    fn contains(&self, _: &ObjectId) -> Result<bool, StoreError> {
        Ok(true)
    }

    fn put(&self, _: ObjectKind, _: ObjectId, _: &[u8]) -> Result<(), StoreError> {
        Ok(())
    }
}

fn cpu() -> Duration {
    let ticks = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(ticks.tv_sec.cast_unsigned(), u32::try_from(ticks.tv_nsec).unwrap_or(0))
}

fn measured<T>(what: &str, step: impl FnOnce() -> T) -> T {
    let (start, before) = (Instant::now(), cpu());
    let result = step();
    println!(
        "{what:40} CPU {:7.3} s  wall {:7.3} s",
        cpu().saturating_sub(before).as_secs_f64(),
        start.elapsed().as_secs_f64()
    );
    result
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let null = arguments.iter().position(|argument| argument == "--null").map(|at| arguments.remove(at)).is_some();
    let scratch = tempfile::tempdir_in(std::env::temp_dir())?;
    let first = Path::new(arguments.first().ok_or("a directory is missing")?);
    let cache = scratch.path().join("first.stat");
    let memory = Memory::default();
    let writer: &dyn ObjectWriter = if null { &Nothing } else { &memory };
    let rules = Rules::default();
    let saved = measured("first save", || save(first, &rules, &cache, writer, &|_| {}))?;
    println!("  {} entries, {} bytes, content {}", saved.entries, saved.bytes, &saved.content[..12]);
    let again = measured("unchanged save", || save(first, &rules, &cache, writer, &|_| {}))?;
    println!("  read {} bytes, cache {} bytes", again.read_bytes, std::fs::metadata(&cache)?.len());
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        println!("  {}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
    }
    if null {
        return Ok(());
    }
    memory.take_new_bytes();
    let copy = scratch.path().join("copy");
    let copy_cache = scratch.path().join("copy.stat");
    let options = RestoreOptions { owners: true, ..RestoreOptions::default() };
    let restored =
        measured("restore into nothing", || restore(&saved.root, &copy, &copy_cache, &memory, &options, &|_| {}))?;
    println!("  {restored:?}");
    let again = measured("unchanged save of what was restored", || save(&copy, &rules, &copy_cache, &memory, &|_| {}))?;
    println!("  read {} bytes, same root: {}", again.read_bytes, again.root == saved.root);
    if let Some(second) = arguments.get(1) {
        let status = Command::new("rsync").args(["-a", "--delete"]).arg(format!("{second}/")).arg(&copy).status();
        if !status.is_ok_and(|status| status.success()) {
            std::fs::remove_dir_all(&copy)?;
            Command::new("cp").arg("-a").arg(second).arg(&copy).status()?;
        }
        let changed = measured("save after a change", || save(&copy, &rules, &copy_cache, &memory, &|_| {}))?;
        println!("  read {} bytes, new {} bytes", changed.read_bytes, memory.take_new_bytes());
        let restored =
            measured("restore in place", || restore(&saved.root, &copy, &copy_cache, &memory, &options, &|_| {}))?;
        println!("  {restored:?}");
    }
    Ok(())
}
