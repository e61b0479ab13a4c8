//! `cargo xtask bench run`: what it takes to start services and to look after them, ours and other managers in one run, with the bars.

mod calm;
mod compose;
mod containers;
mod figures;
mod lines;
mod manager;
mod node;
mod ours;
mod pitchfork;
mod plan;
mod process;
mod python;
mod site;
mod start;
mod upkeep;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use serde_json::{Value, json};

use crate::run::root;
use crate::state::{self, bars, bars::Bar, processes, stop};
use calm::Calm;
use figures::Figures;
use manager::{Manager, OURS};
use site::Site;

/// The name of what nothing can be faster than: a loop that starts processes.
const FLOOR: &str = "floor";

/// What can be asked of the benchmark.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask bench run",
    about = "Measures how services are started and looked after, ours and other managers side by side"
)]
struct Options {
    /// Where other managers are, or are installed; without it only ours and the bare loop are measured
    #[arg(long, value_name = "DIRECTORY")]
    peers: Option<PathBuf>,
    /// Which managers; default: all
    #[arg(long, value_enum, value_delimiter = ',')]
    tool: Vec<Word>,
    /// Only these parts; default: all
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// How often each figure is measured; medians are shown
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// How often our supervisor is killed
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    trials: u16,
    /// Seconds over which CPU is measured when nothing happens
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..))]
    idle: u16,
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
    /// 50 services at once
    Flat,
    /// 5 layers of 10 services, each of which needs the layer before
    Layers,
    /// Memory, processes and idle CPU of the manager
    Cost,
    /// A service that was killed
    Restart,
    /// What is left when the manager was killed
    Orphans,
    /// 300,000 lines from one service
    Lines,
    /// A plan of 1,000 services
    Plan,
    /// 20 containers in 4 layers of one Compose file
    Containers,
}

impl Part {
    fn measure(self, bench: &Bench) -> Result<(Vec<Figures>, Vec<Bar>)> {
        match self {
            Self::Flat => start::flat(bench),
            Self::Layers => start::layers(bench),
            Self::Cost => upkeep::cost(bench),
            Self::Restart => upkeep::restart(bench),
            Self::Orphans => upkeep::orphans(bench),
            Self::Lines => lines::lines(bench),
            Self::Plan => plan::plan(bench),
            Self::Containers => containers::containers(bench),
        }
    }
}

/// Managers by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Word {
    Seedbed,
    Honcho,
    Supervisord,
    Circus,
    Pm2,
    Concurrently,
    Mprocs,
    Wireit,
    Pitchfork,
    Compose,
}

impl Word {
    /// `None`: it starts no processes of its own.
    fn manager(self, peers: &Path, program: &Path) -> Option<Box<dyn Manager>> {
        Some(match self {
            Self::Seedbed => Box::new(ours::Ours { program: program.to_owned() }),
            Self::Honcho => Box::new(python::Honcho::new(peers)),
            Self::Supervisord => Box::new(python::Supervisord::new(peers)),
            Self::Circus => Box::new(python::Circus::new(peers)),
            Self::Pm2 => Box::new(node::Pm2::new(peers)),
            Self::Concurrently => Box::new(node::Concurrently::new(peers)),
            Self::Mprocs => Box::new(node::Mprocs::new(peers)),
            Self::Wireit => Box::new(node::Wireit::new(peers)),
            Self::Pitchfork => Box::new(pitchfork::Pitchfork::new(peers)),
            Self::Compose => return None,
        })
    }
}

/// What all parts are given.
struct Bench {
    /// Ours and the others, as far as they could be installed.
    managers: Vec<Box<dyn Manager>>,
    /// Which are asked for.
    words: Vec<Word>,
    /// The program of ours.
    program: PathBuf,
    /// Where the others are installed.
    peers: PathBuf,
    runs: usize,
    trials: usize,
    idle: Duration,
    /// How busy the machine was before anything ran.
    calm: Calm,
    work: tempfile::TempDir,
    svc: PathBuf,
}

impl Bench {
    /// An empty directory for a manager.
    fn site(&self, manager: &str) -> Result<Site> {
        Site::new(self.work.path(), manager, &self.svc)
    }

    fn manager(&self, name: &str) -> Option<&dyn Manager> {
        self.managers.iter().map(AsRef::as_ref).find(|manager| manager.name() == name)
    }

    fn is_wanted(&self, name: &str) -> bool {
        self.words.iter().any(|word| word.to_possible_value().is_some_and(|value| value.matches(name, false)))
    }

    /// What goes wrong with another manager is said; with ours it is an error of the benchmark.
    fn fault(&self, manager: &str, error: &anyhow::Error) -> Result<()> {
        ensure!(manager != OURS, "{manager}: {error:#}");
        eprintln!("{manager}: {error:#}");
        Ok(())
    }
}

/// Measures and prints what the words ask for.
pub fn run(words: &[&str]) -> Result<()> {
    let options = match Options::try_parse_from(std::iter::once("run").chain(words.iter().copied())) {
        Ok(options) => options,
        Err(error) => {
            error.print()?;
            ensure!(!error.use_stderr(), "see cargo xtask bench run --help");
            return Ok(());
        }
    };
    stop::listen()?;
    let bench = prepare(&options)?;
    let load = processes::load();
    println!("load before: {load}");
    let parts = if options.only.is_empty() { Part::value_variants() } else { &options.only };
    let (mut figures, mut all, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        let name = part.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        eprintln!("{name}");
        match part.measure(&bench) {
            Ok((measured, bars)) => {
                let base = if measured[0].median(FLOOR).is_some() { FLOOR } else { OURS };
                for figures in &measured {
                    println!("\n{}", figures.table(base));
                }
                println!("load: {}\n\n{}", processes::load(), bars::table(&bars));
                figures.extend(measured.iter().map(Figures::json));
                all.extend(bars);
            }
            // One part that fails does not take from the others; it does from the result.
            Err(error) => {
                println!("\n{name}: FAILED: {error:#}");
                failures.push(name);
            }
        }
        stop::check()?;
    }
    let load_after = processes::load();
    println!("load after: {load_after}");
    let missed = all.iter().filter(|bar| bar.limit.is_some_and(|limit| bar.figure > limit)).count();
    println!("{missed} of {} bars are not met", all.iter().filter(|bar| bar.limit.is_some()).count());
    if let Some(file) = &options.json {
        let bars: Vec<Value> = all.iter().map(Bar::json).collect();
        let value = json!({
            "seedbed_bench_run": 1, "runs": bench.runs, "load_before": load, "load_after": load_after,
            "figures": figures, "bars": bars, "failed": failures,
        });
        fs::write(file, format!("{value:#}\n")).with_context(|| format!("cannot write {}", file.display()))?;
    }
    ensure!(failures.is_empty(), "failed: {}", failures.join("; "));
    Ok(())
}

/// Builds ours and installs the others; one that cannot be installed is said and left out.
fn prepare(options: &Options) -> Result<Bench> {
    let program = match &options.program {
        Some(program) => fs::canonicalize(program).with_context(|| format!("no program {}", program.display()))?,
        None => state::build()?,
    };
    let words = match (options.tool.as_slice(), &options.peers) {
        ([], Some(_)) => Word::value_variants().to_vec(),
        ([], None) => vec![Word::Seedbed],
        (words, _) => words.to_vec(),
    };
    let peers = options.peers.clone().unwrap_or_else(|| root().join("target/bench-peers"));
    fs::create_dir_all(&peers).with_context(|| format!("cannot create {}", peers.display()))?;
    let peers = fs::canonicalize(&peers)?;
    let mut managers: Vec<Box<dyn Manager>> = Vec::new();
    for mut manager in words.iter().filter_map(|word| word.manager(&peers, &program)) {
        match manager.install() {
            Ok(version) => {
                println!("{} {version}", manager.name());
                managers.push(manager);
            }
            Err(error) => println!("{} cannot be installed here: {error:#}", manager.name()),
        }
    }
    let work = tempfile::tempdir()?;
    let svc = site::compile(work.path())?;
    let (runs, trials) = (usize::from(options.runs), usize::from(options.trials));
    let idle = Duration::from_secs(options.idle.into());
    let calm = Calm::now()?;
    Ok(Bench { managers, words, program, peers, runs, trials, idle, calm, work, svc })
}
