//! All tools on one set: every operation, on the same data.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::files;
use super::measure::{Cost, measure};
use super::processes;
use super::sets::{Set, States};
use super::tool::{Site, Tool};

/// What is measured of a tool, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    First,
    Unchanged,
    Change,
    InPlace,
    Empty,
}

impl Operation {
    /// All, in the order of the table's columns.
    pub const ALL: [Self; 5] = [Self::First, Self::Unchanged, Self::Change, Self::InPlace, Self::Empty];

    /// The head of its column.
    pub fn title(self) -> &'static str {
        match self {
            Self::First => "first snapshot",
            Self::Unchanged => "unchanged",
            Self::Change => "small change",
            Self::InPlace => "in-place restore",
            Self::Empty => "restore to empty",
        }
    }
}

/// What was measured of a tool on a set.
#[derive(Debug, Default)]
pub struct Measured {
    /// What each operation cost, in each run.
    pub costs: BTreeMap<Operation, Vec<Cost>>,
    /// Size of the store after the first snapshot, in bytes, in each run.
    pub stored: Vec<f64>,
    /// What the snapshot after the small change added to it.
    pub added: Vec<f64>,
    /// Whether what was restored is what was saved: in place, and into an empty directory.
    pub exactness: Vec<String>,
}

impl Measured {
    /// The median of something of an operation; `None` when it was not measured.
    pub fn median(&self, operation: Operation, part: fn(&Cost) -> f64) -> Option<f64> {
        median(&self.costs.get(&operation)?.iter().map(part).collect::<Vec<_>>())
    }
}

/// The middle of some values, or between the two in the middle.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (sorted.get(sorted.len().checked_sub(1)? / 2)?, sorted.get(sorted.len() / 2)?);
    Some(f64::midpoint(*low, *high))
}

/// Runs each tool as often as asked, all of them once before any of them again.
pub fn compare(tools: &[Box<dyn Tool>], set: Set, states: &States, work: &Path, runs: usize) -> Result<Vec<Measured>> {
    let mut found: Vec<Measured> = tools.iter().map(|_| Measured::default()).collect();
    for run in 1..=runs {
        for (tool, measured) in tools.iter().zip(&mut found) {
            let site = Site { directory: work.join("run").join(tool.name()) };
            files::remove(&site.directory)?;
            let result = once(tool.as_ref(), set, states, &site, measured, run);
            tool.finish(&site);
            result.with_context(|| format!("{} on set ({}), run {run}", tool.name(), set.letter()))?;
            files::remove(&site.directory)?;
        }
    }
    Ok(found)
}

fn once(tool: &dyn Tool, set: Set, states: &States, site: &Site, measured: &mut Measured, run: usize) -> Result<()> {
    for directory in [site.work(), site.home()] {
        fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
    }
    files::copy(&states.first, &site.data())?;
    tool.prepare(site)?;
    let mut operation = |operation: Operation, mut command: Command| -> Result<()> {
        files::warm(&site.data())?;
        let companion = tool.companion(site);
        let before = companion.map(processes::cpu).transpose()?.unwrap_or_default();
        let (mut cost, _) = measure(&mut command)?;
        cost.cpu += companion.map(processes::cpu).transpose()?.unwrap_or_default() - before;
        let (letter, name, title) = (set.letter(), tool.name(), operation.title());
        eprintln!("  ({letter}) run {run}: {name}, {title}: {:.2} CPU-s, {:.2} s", cost.cpu, cost.wall);
        measured.costs.entry(operation).or_default().push(cost);
        Ok(())
    };
    let size = || -> Result<f64> { Ok(megabytes(files::size(&tool.stored(site))?)) };
    operation(Operation::First, tool.snapshot(site, "one"))?;
    let first = size()?;
    operation(Operation::Unchanged, tool.snapshot(site, "again"))?;
    let unchanged = size()?;
    files::bring(&states.second, &site.data())?;
    operation(Operation::Change, tool.snapshot(site, "two"))?;
    measured.stored.push(first);
    measured.added.push(size()? - unchanged);
    operation(Operation::InPlace, tool.restore(site, "one"))?;
    let in_place = (run == 1).then(|| files::difference(&states.first, &site.data())).transpose()?;
    files::remove(&site.data())?;
    fs::create_dir(site.data())?;
    operation(Operation::Empty, tool.restore(site, "two"))?;
    if let Some(in_place) = in_place {
        measured.exactness = vec![in_place, files::difference(&states.second, &site.data())?];
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "no store of a benchmark has 2^53 bytes")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
