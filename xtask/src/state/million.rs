//! A snapshot of 100 GB in 1,000,000 files: how much memory it takes.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};

use super::bars::Bar;
use super::environment::Environment;
use super::tool::Site;
use super::{files, processes};

const DIRECTORIES: usize = 1000;
const FILES: usize = 1000;
/// Each is a hole of this size.
const BYTES: u64 = 100 << 10;

/// Measures.
pub fn measure(program: &Path, work: &Path) -> Result<Vec<Bar>> {
    let site = Site { directory: work.join("million") };
    let directory = site.directory.clone();
    files::remove(&directory)?;
    let result = snapshot(program, site);
    files::remove(&directory)?;
    result
}

fn snapshot(program: &Path, site: Site) -> Result<Vec<Bar>> {
    fs::create_dir_all(site.home())?;
    eprintln!("  1,000,000 files are made");
    for directory in 0..DIRECTORIES {
        let path = site.work().join(format!("data/d{directory:03}"));
        fs::create_dir_all(&path)?;
        for file in 0..FILES {
            let path = path.join(format!("f{file:03}"));
            File::create(&path)
                .and_then(|file| file.set_len(BYTES))
                .with_context(|| format!("cannot make {}", path.display()))?;
        }
        super::stop::check()?;
    }
    fs::write(site.work().join("seedbed.yaml"), "name: bench\nresources:\n  data: { path: data }\n")?;
    let workspace = site.work();
    let environment = Environment::new(program, site, workspace);
    environment.run(&["up"])?;
    let mut bars = Vec::new();
    for (tag, what) in [("one", "first"), ("two", "unchanged")] {
        let (cost, _) = environment.report(&["snapshot", tag])?;
        let supervisor = environment.supervisor().map(processes::memory).transpose()?.unwrap_or_default();
        let memory = cost.memory.max(supervisor) / 1e6;
        bars.push(Bar::new(format!("1,000,000 files, {what} snapshot: peak memory"), memory, 300.0, "MB"));
        bars.push(Bar::told(format!("1,000,000 files, {what} snapshot: CPU"), cost.cpu, "s"));
        bars.push(Bar::told(format!("1,000,000 files, {what} snapshot: wall"), cost.wall, "s"));
    }
    Ok(bars)
}
