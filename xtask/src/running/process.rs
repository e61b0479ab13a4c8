//! Processes that came of a trial: each carries its mark in its environment.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// The variable by which processes of a trial are known.
pub const MARK: &str = "SEEDBED_BENCH_TRIAL";

/// A process that runs.
#[derive(Clone, Debug)]
pub struct Process {
    /// Its number.
    pub id: u32,
    /// Its words.
    pub words: String,
    program: PathBuf,
}

/// All processes of the machine that can be read.
pub fn all() -> Result<Vec<Process>> {
    let entries = fs::read_dir("/proc").context("cannot read /proc")?.flatten();
    Ok(entries.filter_map(|entry| read(entry.file_name().to_str()?.parse().ok()?)).collect())
}

/// The processes of a trial, services included.
pub fn marked(mark: &Path) -> Result<Vec<Process>> {
    let wanted = format!("{MARK}={}", mark.display());
    let is_marked = |process: &Process| {
        let environment = fs::read(format!("/proc/{}/environ", process.id)).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
    };
    Ok(all()?.into_iter().filter(is_marked).collect())
}

/// A process that is not dead; a dead one has no program any more.
fn read(id: u32) -> Option<Process> {
    let program = fs::read_link(format!("/proc/{id}/exe")).ok()?;
    let words = fs::read(format!("/proc/{id}/cmdline")).ok()?;
    Some(Process { id, words: String::from_utf8_lossy(&words).replace('\0', " "), program })
}

impl Process {
    /// Whether it executes this program.
    pub fn is(&self, program: &Path) -> bool {
        self.program == program
    }

    /// Whether it still runs.
    pub fn is_alive(&self) -> bool {
        fs::read_link(format!("/proc/{}/exe", self.id)).is_ok()
    }

    /// Kills it; one that is gone is as good.
    pub fn kill(&self) {
        if let Some(pid) = i32::try_from(self.id).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    /// Its share of memory in megabytes: what it has in common with others counts in parts.
    pub fn memory(&self) -> Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.id))?;
        Ok(kilobytes(&text, "Pss:")? / 1024.0)
    }

    /// The most memory that it has had, in megabytes.
    pub fn peak(&self) -> Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.id))?;
        Ok(kilobytes(&text, "VmHWM:")? / 1024.0)
    }

    /// User and system time, in seconds.
    pub fn cpu(&self) -> Result<f64> {
        const TICKS_PER_SECOND: f64 = 100.0;
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id))?;
        // The name before the last parenthesis may have spaces.
        let (_, fields) = stat.rsplit_once(')').context("no name in the state of a process")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let field = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).context("no CPU time");
        Ok((field(11)? + field(12)?) / TICKS_PER_SECOND)
    }
}

/// A figure of all these processes; one that has ended meanwhile counts nothing.
pub fn sum(processes: &[Process], figure: fn(&Process) -> Result<f64>) -> f64 {
    processes.iter().filter_map(|process| figure(process).ok()).sum()
}

fn kilobytes(text: &str, name: &str) -> Result<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
    let figure = line.split_whitespace().next().context("no figure")?;
    Ok(figure.parse()?)
}
