//! Saves a directory into a store, restores it, and prints CPU and wall time of each step beside those of `cp -a`.
//!
//! `measure DIRECTORY [SECOND] [--memory | --null] [--runs N]`: with a second directory a copy of the first is saved, made
//! what the second is, saved again, and restored to the first. The store is made beside the copies in the directory for temporary files;
//! `--memory` keeps the objects in memory instead, `--null` keeps nothing, so that only saving is measured. Each figure
//! is the median of the runs.

#![allow(clippy::print_stdout)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use common::Memory;
use store::{CreateOptions, DirectoryBackend, ObjectId, ObjectKind, ObjectReader, ObjectWriter, Store, StoreError};
use tree::{RestoreOptions, Rules, Saved, restore, save, settle};

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

/// Where the objects go.
enum Place {
    Nothing,
    Memory(Memory),
    Store(Store),
}

impl Place {
    fn save(&self, directory: &Path, cache: &Path) -> Result<Saved, Box<dyn Error>> {
        let rules = Rules::default();
        Ok(match self {
            Self::Nothing => save(directory, &rules, cache, &Nothing, &tree::unwatched)?,
            Self::Memory(memory) => save(directory, &rules, cache, memory, &tree::unwatched)?,
            Self::Store(store) => {
                let writer = store.writer()?;
                let saved = save(directory, &rules, cache, &writer, &tree::unwatched)?;
                let _written = writer.finish()?;
                saved
            }
        })
    }

    fn reader(&self) -> &dyn ObjectReader {
        match self {
            Self::Nothing => unreachable!("nothing is restored from nothing"),
            Self::Memory(memory) => memory,
            Self::Store(store) => store,
        }
    }
}

/// CPU seconds of this process, or of its children that have ended.
fn cpu(of_children: bool) -> f64 {
    let clock = if of_children {
        // utime and stime of the children that have been waited for, in ticks of 10 ms, are fields 16 and 17.
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks: f64 =
            after_name.split_whitespace().skip(13).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        return ticks / 100.0;
    } else {
        rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime)
    };
    #[expect(clippy::cast_precision_loss, reason = "a measurement")]
    let seconds = clock.tv_sec as f64 + clock.tv_nsec as f64 / 1e9;
    seconds
}

/// CPU and wall seconds of each step, of all runs, in the order in which the steps first came.
#[derive(Default)]
struct Figures(Vec<&'static str>, BTreeMap<&'static str, Vec<(f64, f64)>>);

impl Figures {
    fn measured<T>(&mut self, what: &'static str, of_children: bool, step: impl FnOnce() -> T) -> T {
        let (start, before) = (Instant::now(), cpu(of_children));
        let result = step();
        let figures = (cpu(of_children) - before, start.elapsed().as_secs_f64());
        let all = self.1.entry(what).or_default();
        if all.is_empty() {
            self.0.push(what);
        }
        all.push(figures);
        result
    }

    fn print(&self) {
        let median = |mut all: Vec<f64>| {
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        for what in &self.0 {
            let all = &self.1[what];
            let cpu = median(all.iter().map(|(cpu, _)| *cpu).collect());
            let wall = median(all.iter().map(|(_, wall)| *wall).collect());
            println!("{what:44} CPU {cpu:7.3} s  wall {wall:7.3} s");
        }
    }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status()?;
    if status.success() { Ok(()) } else { Err(std::io::Error::other("cp failed")) }
}

/// Waits until nothing of the step before is on its way to the disk any more, so that no step pays for another.
fn settled() {
    rustix::fs::sync();
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut take = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        Some((at, arguments.remove(at)))
    };
    let null = take("--null").is_some();
    let memory = take("--memory").is_some();
    let runs = match take("--runs") {
        Some((at, _)) if at < arguments.len() => arguments.remove(at).parse()?,
        _ => 1,
    };
    let first = PathBuf::from(arguments.first().ok_or("a directory is missing")?);
    let second = arguments.get(1).map(PathBuf::from);
    let mut figures = Figures::default();
    for _ in 0..runs {
        run(&first, second.as_deref(), null, memory, &mut figures)?;
    }
    figures.print();
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
    }
    Ok(())
}

fn run(
    first: &Path,
    second: Option<&Path>,
    null: bool,
    memory: bool,
    figures: &mut Figures,
) -> Result<(), Box<dyn Error>> {
    let scratch = tempfile::tempdir()?;
    let at = |name: &str| scratch.path().join(name);
    let place = if null {
        Place::Nothing
    } else if memory {
        Place::Memory(Memory::default())
    } else {
        let backend = Arc::new(DirectoryBackend::new(at("store")));
        Place::Store(Store::create(backend, &at("store-cache"), &CreateOptions::default())?)
    };
    let saved = figures.measured("first save", false, || place.save(first, &at("first.stat")))?;
    println!("{} entries, {} bytes, content {}", saved.entries, saved.bytes, &saved.content[..12]);
    let again = figures.measured("unchanged save", false, || place.save(first, &at("first.stat")))?;
    println!("  read {} bytes, cache {} bytes", again.read_bytes, std::fs::metadata(at("first.stat"))?.len());
    if null {
        return Ok(());
    }
    settled();
    figures.measured("cp -a", true, || copy(first, &at("cp")))?;
    settled();
    let options = RestoreOptions { owners: true, sync: false, ..RestoreOptions::default() };
    let (to, cache) = (at("copy"), at("copy.stat"));
    let mut restored = figures.measured("restore into nothing", false, || {
        restore(&saved.root, &to, &cache, place.reader(), &options, &tree::unwatched)
    })?;
    restored.refused.truncate(3);
    println!("  {restored:?}");
    figures.measured("settle", false, || settle(&to, &cache))?;
    let again = figures.measured("unchanged save of what was restored", false, || place.save(&to, &cache))?;
    println!("  read {} bytes, same root: {}", again.read_bytes, again.root == saved.root);
    let Some(second) = second else { return Ok(()) };
    // One that has been saved, so that the sums of its chunks are known.
    let (to, cache) = (at("cp"), at("cp.stat"));
    let again = figures.measured("save of a copy", false, || place.save(&to, &cache))?;
    println!("  read {} bytes, same content: {}", again.read_bytes, again.content == saved.content);
    // In place, as a database server would write.
    let arguments = ["-a", "--delete", "--inplace", "--no-whole-file"];
    let status = Command::new("rsync").args(arguments).arg(format!("{}/", second.display())).arg(&to).status()?;
    if !status.success() {
        return Err("rsync failed".into());
    }
    settled();
    let changed = figures.measured("save after a change", false, || place.save(&to, &cache))?;
    println!("  read {} bytes", changed.read_bytes);
    let restored = figures.measured("restore in place", false, || {
        restore(&saved.root, &to, &cache, place.reader(), &options, &tree::unwatched)
    })?;
    println!("  {restored:?}");
    figures.measured("settle what was restored in place", false, || settle(&to, &cache))?;
    Ok(())
}
