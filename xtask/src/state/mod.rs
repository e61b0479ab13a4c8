//! `cargo xtask bench state`: snapshots, resets and shared states, ours and other tools in one run on the same data, with the bars.

pub mod bars;
mod compare;
mod environment;
mod far;
pub mod files;
mod measure;
mod migration;
mod million;
mod ours;
mod peers;
pub mod processes;
mod reset;
mod second_machine;
mod server;
mod sets;
pub mod stop;
mod tool;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};

use crate::run::{cargo, output, root, run};
use bars::Bar;
use compare::{Measured, Operation, median};
use sets::Set;
use tool::Tool;

pub use measure::{Cost, measure, measured};
pub use server::programs;

/// What can be asked of the benchmark.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask bench state",
    about = "Measures snapshots, resets and shared states, ours and other tools side by side"
)]
struct Options {
    /// Where the sets are made, tools are installed and everything is done; what takes time is kept for the next run
    #[arg(long, value_name = "DIRECTORY")]
    work: Option<PathBuf>,
    /// Which sets; default: all
    #[arg(long, value_enum, value_delimiter = ',')]
    set: Vec<Set>,
    /// Which tools; default: all
    #[arg(long, value_enum, value_delimiter = ',')]
    tool: Vec<Word>,
    /// How often each figure is measured; medians are shown
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Only these parts; default: all
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Write every figure into this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The program to measure; default: it is built
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Parts of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Tools side by side on the sets
    Sets,
    /// `reset` of a large database, and the next spare
    Reset,
    /// `up` after one new migration
    UpMigration,
    /// `up` on a second machine
    UpRemote,
    /// A snapshot of 1,000,000 files
    Million,
}

/// Tools by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Word {
    Cp,
    CpSynced,
    Restic,
    Rustic,
    Borg,
    Dvc,
    GitLfs,
    Seedbed,
}

impl Word {
    fn tool(self, peers: &Path, program: &Path) -> Box<dyn Tool> {
        match self {
            Self::Cp => Box::new(peers::Copy { is_synced: false }),
            Self::CpSynced => Box::new(peers::Copy { is_synced: true }),
            Self::Restic => Box::<peers::Restic>::default(),
            Self::Rustic => Box::new(peers::Rustic::new(peers)),
            Self::Borg => Box::new(peers::Borg::new(peers)),
            Self::Dvc => Box::new(peers::Dvc::new(peers)),
            Self::GitLfs => Box::new(peers::GitLfs),
            Self::Seedbed => Box::new(ours::Ours::new(program)),
        }
    }
}

/// Measures and prints what the words ask for.
pub fn state(words: &[&str]) -> Result<()> {
    let options = match Options::try_parse_from(std::iter::once("state").chain(words.iter().copied())) {
        Ok(options) => options,
        Err(error) => {
            error.print()?;
            anyhow::ensure!(!error.use_stderr(), "see cargo xtask bench state --help");
            return Ok(());
        }
    };
    stop::listen()?;
    let work = options.work.clone().unwrap_or_else(|| root().join("target/bench-state"));
    fs::create_dir_all(&work).with_context(|| format!("cannot create {}", work.display()))?;
    let work = fs::canonicalize(&work)?;
    let lock = fs::File::create(work.join("lock"))?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive)
        .with_context(|| format!("another one measures in {}", work.display()))?;
    let runs = usize::from(options.runs);
    let is_wanted = |part: Part| options.only.is_empty() || options.only.contains(&part);
    let needs_ours = options.tool.is_empty()
        || options.tool.contains(&Word::Seedbed)
        || options.only.iter().any(|part| *part != Part::Sets);
    let program = match &options.program {
        Some(program) => fs::canonicalize(program).with_context(|| format!("no program {}", program.display()))?,
        None if needs_ours => build()?,
        None => PathBuf::new(),
    };
    let load = processes::load();
    println!("load before: {load}");

    let mut reports = Vec::new();
    let mut all = Vec::new();
    if is_wanted(Part::Sets) {
        let words = if options.tool.is_empty() { Word::value_variants() } else { &options.tool };
        let sets = if options.set.is_empty() { Set::value_variants() } else { &options.set };
        let (report, bars) = side_by_side(words, sets, &work, &program, runs)?;
        reports = report;
        all.extend(bars);
    }
    type Measurement<'a> = &'a dyn Fn() -> Result<Vec<Bar>>;
    let others: [(Part, &str, Measurement<'_>); 4] = [
        (Part::Reset, "reset of a PostgreSQL database of 1.5 GB", &|| reset::measure(&program, &work, runs)),
        (Part::UpMigration, "up after one new migration", &|| migration::measure(&program, &work, runs)),
        (Part::UpRemote, "up on a second machine", &|| second_machine::measure(&program, &work, runs)),
        (Part::Million, "snapshot of 1,000,000 files", &|| million::measure(&program, &work)),
    ];
    // One that fails does not take from the others; it does from the result.
    let mut failures = Vec::new();
    for (part, title, measurement) in others {
        if is_wanted(part) {
            eprintln!("{title}");
            match measurement() {
                Ok(bars) => {
                    println!("\n**{title}**\n\n{}", bars::table(&bars));
                    all.extend(bars);
                }
                Err(error) => {
                    println!("\n**{title}**: FAILED: {error:#}");
                    failures.push(title);
                }
            }
            stop::check()?;
        }
    }
    let load_after = processes::load();
    println!("load after: {load_after}");
    let missed = all.iter().filter(|bar| bar.limit.is_some_and(|limit| bar.figure > limit)).count();
    println!("{missed} of {} bars are not met", all.iter().filter(|bar| bar.limit.is_some()).count());
    if let Some(file) = &options.json {
        let bars: Vec<Value> = all.iter().map(Bar::json).collect();
        let value = json!({
            "seedbed_bench_state": 1, "runs": runs, "machine": machine(), "load_before": load, "load_after": load_after,
            "sets": reports, "bars": bars, "failed": failures,
        });
        fs::write(file, format!("{value:#}\n")).with_context(|| format!("cannot write {}", file.display()))?;
    }
    anyhow::ensure!(failures.is_empty(), "failed: {}", failures.join("; "));
    Ok(())
}

fn side_by_side(
    words: &[Word],
    sets: &[Set],
    work: &Path,
    program: &Path,
    runs: usize,
) -> Result<(Vec<Value>, Vec<Bar>)> {
    let peers = work.join("peers");
    fs::create_dir_all(&peers)?;
    let mut tools: Vec<Box<dyn Tool>> = words.iter().map(|word| word.tool(&peers, program)).collect();
    let mut versions = Vec::new();
    for tool in &mut tools {
        let name = tool.name();
        versions.push(tool.install().with_context(|| format!("{name} cannot be measured (--tool leaves it out)"))?);
    }
    println!("versions: {}", versions.join("; "));
    let (mut reports, mut all) = (Vec::new(), Vec::new());
    for set in sets {
        let states = sets::make(*set, work)?;
        let measured = compare::compare(&tools, *set, &states, work, runs)?;
        let named: Vec<(&str, &Measured)> = tools.iter().map(|tool| tool.name()).zip(&measured).collect();
        println!("\n**{}: {}** — CPU s / wall s, median of {runs}\n\n{}", set.letter(), set.title(), table(&named));
        let bars = bars::of_set(*set, &named);
        if !bars.is_empty() {
            println!("{}", bars::table(&bars));
        }
        all.extend(bars);
        let versioned = named.iter().zip(&versions);
        reports.extend(versioned.map(|((name, measured), version)| report(*set, name, version, measured)));
    }
    Ok((reports, all))
}

fn table(tools: &[(&str, &Measured)]) -> String {
    let mut text = String::from("| tool |");
    for operation in Operation::ALL {
        write!(text, " {} |", operation.title()).expect("it is a string");
    }
    text.push_str(" store, MB | change adds, MB | peak memory, MB | restored in place; to empty |\n|---|");
    text.push_str(&"---|".repeat(Operation::ALL.len() + 4));
    text.push('\n');
    for (name, measured) in tools {
        write!(text, "| {name} |").expect("it is a string");
        for operation in Operation::ALL {
            let part = |part| measured.median(operation, part).unwrap_or(f64::NAN);
            write!(text, " {:.2} / {:.2} |", part(|cost| cost.cpu), part(|cost| cost.wall)).expect("it is a string");
        }
        let middle = |values: &[f64]| median(values).unwrap_or(f64::NAN);
        let peak = |cost: &measure::Cost| cost.memory;
        let memory =
            Operation::ALL.iter().filter_map(|operation| measured.median(*operation, peak)).fold(0.0, f64::max) / 1e6;
        let exactness = measured.exactness.join("; ");
        writeln!(
            text,
            " {:.1} | {:.1} | {memory:.0} | {exactness} |",
            middle(&measured.stored),
            middle(&measured.added)
        )
        .expect("it is a string");
    }
    text
}

fn report(set: Set, name: &str, version: &str, measured: &Measured) -> Value {
    let operations: serde_json::Map<String, Value> = measured
        .costs
        .iter()
        .map(|(operation, costs)| {
            let values = |part: fn(&measure::Cost) -> f64| costs.iter().map(part).collect::<Vec<_>>();
            let value = json!({
                "cpu_s": values(|cost| cost.cpu), "wall_s": values(|cost| cost.wall), "settled_s": values(|cost| cost.settled),
                "memory_bytes": values(|cost| cost.memory),
            });
            (operation.title().to_owned(), value)
        })
        .collect();
    json!({
        "set": set.letter().to_string(), "tool": name, "version": version, "operations": operations,
        "store_mb": measured.stored, "change_adds_mb": measured.added, "restored": measured.exactness,
    })
}

/// Builds the program as it is shipped, and says where it is.
pub fn build() -> Result<PathBuf> {
    run(&mut cargo("", &["build", "--release", "--locked", "--quiet", "-p", "seedbed"]))?;
    let found = output(&mut cargo("", &["metadata", "--format-version=1", "--no-deps", "--locked"]))?;
    let metadata: Value = serde_json::from_slice(&found.stdout)?;
    let target = metadata["target_directory"].as_str().context("cargo does not say where it builds")?;
    Ok(Path::new(target).join("release/seedbed"))
}

/// What the figures depend on.
fn machine() -> Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name.to_owned()));
    let count = std::thread::available_parallelism().map(std::num::NonZero::get).unwrap_or_default();
    json!({ "processor": model, "processors": count, "kernel": read("/proc/sys/kernel/osrelease").trim() })
}
