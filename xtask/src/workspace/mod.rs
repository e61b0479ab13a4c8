//! `cargo xtask bench workspace`: data workspaces, ours and dws 1.6 in one run on the same files, with the bars.

mod files;
mod history;
mod programs;
mod session;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use serde_json::{Value, json};

use crate::run::{cargo, root, run};
use crate::state::{processes, stop};
use files::Data;
use programs::{Program, Way};
use session::{Operation, Session};

/// What can be asked of the benchmark.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench workspace", about = "Measures data workspaces, ours and dws 1.6 side by side")]
struct Options {
    /// Which parts; default: all
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// How often each figure is measured; medians are shown
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Where everything is done and dws is installed
    #[arg(long, value_name = "DIRECTORY")]
    work: Option<PathBuf>,
    /// The program to measure; default: it is built
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Only ours, without dws
    #[arg(long)]
    alone: bool,
    /// How many snapshots the long history has
    #[arg(long, default_value_t = 10_000)]
    snapshots: usize,
    /// Write every figure into this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Parts of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// 10,000 files of 4 KiB of text
    Text,
    /// 10,000 files of 4 KiB that are random
    Binary,
    /// One file of 1 GiB that is random
    Large,
    /// A history of many snapshots
    History,
}

/// A figure of one program beside that of the other.
struct Compared {
    data: &'static str,
    what: String,
    ours: f64,
    theirs: Option<f64>,
    /// Ours may take this part of theirs.
    bar: f64,
}

impl Compared {
    fn line(&self) -> String {
        let Some(theirs) = self.theirs else {
            return format!("{:7} {:52} {:9.3} s  {:>9}    –", self.data, self.what, self.ours, "fails");
        };
        let verdict = if self.ours <= theirs * self.bar { "met" } else { "MISSED" };
        let ratio = theirs / self.ours;
        let wanted = 1.0 / self.bar;
        format!(
            "{:7} {:52} {:9.3} s  {theirs:9.3} s  {ratio:7.1} ×  bar {wanted:.1} ×  {verdict}",
            self.data, self.what, self.ours
        )
    }
}

/// Measures and prints what the words ask for.
pub fn workspace(words: &[&str]) -> Result<()> {
    let options = match Options::try_parse_from(std::iter::once("workspace").chain(words.iter().copied())) {
        Ok(options) => options,
        Err(error) => {
            error.print()?;
            anyhow::ensure!(!error.use_stderr(), "see cargo xtask bench workspace --help");
            return Ok(());
        }
    };
    stop::listen()?;
    let work = options.work.clone().unwrap_or_else(|| root().join("target/bench-workspace"));
    fs::create_dir_all(&work).with_context(|| format!("cannot create {}", work.display()))?;
    let work = fs::canonicalize(&work)?;
    let ours = match &options.program {
        Some(program) => fs::canonicalize(program).with_context(|| format!("no program {}", program.display()))?,
        None => build()?,
    };
    let dws = if options.alone { None } else { Some(programs::install(&work)?) };
    let load = processes::load();
    println!("load before: {load}");
    let is_wanted = |part: Part| options.only.is_empty() || options.only.contains(&part);
    let mut figures = Vec::new();
    for (part, data) in [(Part::Text, Data::Text), (Part::Binary, Data::Binary), (Part::Large, Data::Large)] {
        if is_wanted(part) {
            figures.extend(compare(&options, &work, &ours, dws.as_deref(), data)?);
        }
    }
    if is_wanted(Part::History) {
        history::measure(&work, &ours, options.snapshots, options.runs)?.iter().for_each(|line| println!("{line}"));
    }
    println!("load after:  {}", processes::load());
    if let Some(path) = &options.json {
        fs::write(path, format!("{:#}\n", json!({ "load": load, "figures": figures })))?;
    }
    Ok(())
}

fn build() -> Result<PathBuf> {
    run(&mut cargo("", &["build", "--release", "--locked", "--quiet", "-p", "seedbed"]))?;
    Ok(root().join("target/release/seedbed"))
}

/// Runs every way of both programs on some data, and compares those that do the same.
fn compare(options: &Options, work: &Path, ours: &Path, dws: Option<&Path>, data: Data) -> Result<Vec<Value>> {
    let mut sessions =
        vec![Program::ours(ours, Way::Content), Program::ours(ours, Way::Git), Program::ours(ours, Way::Fingerprint)];
    if let Some(dws) = dws {
        sessions.push(Program::dws(dws, Way::Git));
        if data == Data::Large {
            sessions.push(Program::dws(dws, Way::Lfs));
        }
        sessions.push(Program::dws(dws, Way::Sizes));
        sessions.push(Program::dws(dws, Way::Fingerprint));
    }
    let mut measured = Vec::new();
    for program in sessions {
        let mut runs = Vec::new();
        for _ in 0..options.runs {
            runs.push(Session { program: &program, data, work }.run()?);
        }
        measured.push((program, session::medians(&runs)));
    }
    let figures = measured.iter().flat_map(|(program, costs)| {
        costs.iter().map(move |(operation, cost)| {
            json!({
                "data": data.word(), "program": program.name(), "operation": operation.word(),
                "wall": cost.map(|cost| cost.wall), "cpu": cost.map(|cost| cost.cpu), "memory": cost.map(|cost| cost.memory),
            })
        })
    });
    let figures: Vec<Value> = figures.collect();
    for (program, costs) in &measured {
        for (operation, cost) in costs {
            let shown = cost.map_or("fails".to_owned(), |cost| {
                format!("{:9.3} s wall {:9.3} s CPU {:6.0} MiB", cost.wall, cost.cpu, cost.memory / 1024.0 / 1024.0)
            });
            println!("{:7} {:24} {:12} {shown}", data.word(), program.name(), operation.word());
        }
    }
    if dws.is_some() {
        for line in bars(data, &measured) {
            println!("{}", line.line());
        }
    }
    Ok(figures)
}

/// What is compared with what: contents that are kept with contents that are kept, five times as fast; digests with digests.
fn bars(data: Data, measured: &[(Program, session::Costs)]) -> Vec<Compared> {
    let find = |is_ours: bool, way: Way| {
        measured.iter().find(|(program, _)| program.is_ours() == is_ours && program.way() == way)
    };
    let mut lines = Vec::new();
    let kept: &[Way] = if data == Data::Large { &[Way::Git, Way::Lfs] } else { &[Way::Git] };
    let pairs = kept.iter().map(|way| (Way::Content, *way, 0.2));
    for (mine, other, bar) in pairs.chain([(Way::Fingerprint, Way::Fingerprint, 1.0)]) {
        let (Some((ours, mine)), Some((dws, other))) = (find(true, mine), find(false, other)) else { continue };
        for operation in Operation::ALL {
            let Some(Some(cost)) = mine.get(&operation) else { continue };
            // What dws does not do there cannot be compared.
            let Some(theirs) = other.get(&operation) else { continue };
            lines.push(Compared {
                data: data.word(),
                what: format!("{}: {} / {}", operation.word(), ours.name(), dws.name()),
                ours: cost.wall,
                theirs: theirs.map(|cost| cost.wall),
                bar,
            });
        }
    }
    lines
}
