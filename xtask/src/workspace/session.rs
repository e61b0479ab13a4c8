//! One workspace from its first day: made, filled, changed, brought back.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::files::{Data, Stage};
use super::programs::{Program, Way};
use crate::run::output;
use crate::state::files::remove;
use crate::state::{Cost, measure};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// A workspace is made.
    Init,
    /// The data becomes a resource.
    Add,
    /// The first snapshot.
    First,
    /// A snapshot of what has not changed.
    Same,
    /// A snapshot after some of it has changed.
    Changed,
    /// A snapshot after all of it has changed.
    AllChanged,
    /// The first state is brought back in place of the second.
    Restore,
    /// The first state is brought back in place of one that has nothing in common with it.
    RestoreAll,
    /// What has changed is asked.
    Status,
}

impl Operation {
    /// All, in the order in which they are done.
    pub const ALL: [Self; 9] = [
        Self::Init,
        Self::Add,
        Self::First,
        Self::Same,
        Self::Changed,
        Self::Restore,
        Self::AllChanged,
        Self::RestoreAll,
        Self::Status,
    ];

    /// A few words.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Add => "add",
            Self::First => "snapshot",
            Self::Same => "unchanged",
            Self::Changed => "changed",
            Self::AllChanged => "all changed",
            Self::Restore => "restore",
            Self::RestoreAll => "restore all",
            Self::Status => "status",
        }
    }
}

/// What each operation cost; `None`: it failed.
pub type Costs = BTreeMap<Operation, Option<Cost>>;

/// One program on one set of data.
pub struct Session<'a> {
    pub program: &'a Program,
    pub data: Data,
    pub work: &'a Path,
}

impl Session<'_> {
    /// Does everything once, and checks what comes back.
    pub fn run(&self) -> Result<Costs> {
        let site = self.work.join("site");
        remove(&site)?;
        let (directory, home) = (site.join("work"), site.join("home"));
        for path in [&directory, &home] {
            fs::create_dir_all(path)?;
        }
        for (key, value) in [("user.name", "A"), ("user.email", "a@example.com"), ("init.defaultBranch", "main")] {
            output(Command::new("git").args(["config", "--global", key, value]).env("HOME", &home))?;
        }
        let data = directory.join("data");
        let mut costs = Costs::new();
        self.measured(&mut costs, Operation::Init, self.program.init(&directory));
        self.data.write(&data, Stage::First)?;
        self.measured(&mut costs, Operation::Add, self.program.add(&directory));
        self.measured(&mut costs, Operation::First, self.program.snapshot(&directory, "V1"));
        self.measured(&mut costs, Operation::Same, self.program.snapshot(&directory, "V1b"));
        self.data.write(&data, Stage::Changed)?;
        self.measured(&mut costs, Operation::Changed, self.program.snapshot(&directory, "V2"));
        self.restored(&mut costs, Operation::Restore, &directory)?;
        // With dws in git this takes many minutes, and the large file has changed wholly the first time.
        if self.data == Data::Text || self.program.is_ours() {
            self.data.write(&data, Stage::All)?;
            self.measured(&mut costs, Operation::AllChanged, self.program.snapshot(&directory, "V3"));
            self.restored(&mut costs, Operation::RestoreAll, &directory)?;
        }
        self.measured(&mut costs, Operation::Status, self.program.status(&directory));
        remove(&site)?;
        Ok(costs)
    }

    fn measured(&self, costs: &mut Costs, operation: Operation, mut command: Command) {
        // A command that fails is a figure, too: dws cannot restore what is binary.
        let outcome = measure(&mut command);
        if let (Err(error), true) = (&outcome, self.program.is_ours()) {
            eprintln!("{}: {} fails: {error:#}", self.program.name(), operation.word());
        }
        costs.insert(operation, outcome.ok().map(|(cost, _)| cost));
    }

    fn restored(&self, costs: &mut Costs, operation: Operation, directory: &Path) -> Result<()> {
        if !self.program.keeps() {
            return Ok(());
        }
        self.measured(costs, operation, self.program.restore(directory, "V1"));
        let checked = self.data.check(&directory.join("data"), Stage::First);
        if self.program.is_ours() || self.program.way() == Way::Lfs {
            return checked;
        }
        if checked.is_err() {
            costs.insert(operation, None);
        }
        Ok(())
    }
}

/// The medians of several runs.
pub fn medians(runs: &[Costs]) -> Costs {
    let mut all = Costs::new();
    for operation in Operation::ALL {
        let of = |costs: &Costs| costs.get(&operation).copied();
        if !runs.iter().any(|run| of(run).is_some()) {
            continue;
        }
        let done: Vec<Cost> = runs.iter().filter_map(|run| of(run).flatten()).collect();
        let median = |value: fn(&Cost) -> f64| {
            let mut values: Vec<f64> = done.iter().map(value).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let cost = (done.len() == runs.len()).then(|| Cost {
            cpu: median(|cost| cost.cpu),
            wall: median(|cost| cost.wall),
            memory: median(|cost| cost.memory),
            settled: median(|cost| cost.settled),
        });
        all.insert(operation, cost);
    }
    all
}
