//! `cargo xtask bench up`: figures of `up` and `reset` of the campus, each with its bar, all in one run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use crate::run::{cargo, output, root, run};

/// One measured figure.
pub struct Figure {
    what: String,
    values: Vec<f64>,
    unit: &'static str,
    bar: f64,
}

impl Figure {
    /// Makes one with its bar.
    pub fn new(what: impl Into<String>, values: Vec<f64>, unit: &'static str, bar: f64) -> Self {
        Self { what: what.into(), values, unit, bar }
    }

    fn median(&self) -> f64 {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }

    /// Says what was measured, and whether the bar is met.
    pub fn line(&self) -> String {
        let bound = |pick: fn(f64, f64) -> f64, start| self.values.iter().copied().fold(start, pick);
        let (least, most) = (bound(f64::min, f64::INFINITY), bound(f64::max, f64::NEG_INFINITY));
        let verdict = if self.median() <= self.bar { "met" } else { "MISSED" };
        let median = self.median();
        format!(
            "{:52} {median:9.3} {:3} ({least:.3} – {most:.3}, n={})  bar {:.3}  {verdict}",
            self.what,
            self.unit,
            self.values.len(),
            self.bar
        )
    }
}

/// Measures and prints everything.
pub fn up() -> Result<()> {
    run(&mut cargo("", &["build", "--release", "--locked", "--quiet", "-p", "seedbed"]))?;
    run(&mut cargo("campus", &["build", "--workspace", "--locked", "--quiet"]))?;
    println!("load before: {}", fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    let mut figures = Vec::new();
    for (profile, bar) in [(None, 3.0), (Some("postgres"), 8.0)] {
        figures.extend(campus(profile, bar)?);
    }
    println!("load after:  {}", fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    for figure in &figures {
        println!("{}", figure.line());
    }
    Ok(())
}

/// An environment of some workspace, removed at the end.
struct Environment {
    directory: PathBuf,
    name: String,
}

impl Environment {
    fn seedbed(&self, arguments: &[&str]) -> Command {
        let mut command = measured(&root().join("target/release/seedbed"));
        command.arg("-C").arg(&self.directory).args(["--name", &self.name, "--quiet"]).args(arguments);
        command
    }

    /// Wall time of a command in seconds.
    fn time(&self, arguments: &[&str]) -> Result<f64> {
        let began = Instant::now();
        output(&mut self.seedbed(arguments))?;
        Ok(began.elapsed().as_secs_f64())
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.seedbed(&["destroy", "--yes"]).output();
    }
}

/// A program in the environment of a plain shell: cargo's variables make every start of a process slower.
pub fn measured(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO") || text.starts_with("RUSTUP") || text == "LD_LIBRARY_PATH" {
            command.env_remove(&name);
        }
    }
    command
}

fn campus(profile: Option<&str>, bar: f64) -> Result<Vec<Figure>> {
    const RUNS: usize = 5;
    let word = profile.unwrap_or("sqlite");
    let environment = Environment { directory: root().join("campus/programs"), name: format!("bench-{word}") };
    let up: Vec<&str> = ["up"].into_iter().chain(profile.iter().flat_map(|profile| ["--profile", profile])).collect();
    let (mut nothing, mut unchanged, mut reset, mut again) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for run in 0..=RUNS {
        let _ = environment.seedbed(&["destroy", "--yes"]).output();
        let seconds = environment.time(&up)?;
        // The first one warms caches, and builds what is not built yet.
        if run > 0 {
            nothing.push(seconds);
        }
    }
    for _ in 0..RUNS * 2 {
        unchanged.push(environment.time(&up)?);
    }
    for _ in 0..RUNS {
        reset.push(environment.time(&["reset"])?);
    }
    for _ in 0..RUNS {
        environment.time(&["down"])?;
        again.push(environment.time(&up)?);
    }
    Ok(vec![
        Figure::new(format!("up from nothing, campus, {word}"), nothing, "s", bar),
        Figure::new(format!("up, nothing changed and all runs, {word}"), unchanged, "s", 0.15),
        Figure::new(format!("reset of the campus, {word}"), reset, "s", 1.0),
        Figure::new(format!("up after down, {word} (no bar)"), again, "s", f64::INFINITY),
    ])
}
