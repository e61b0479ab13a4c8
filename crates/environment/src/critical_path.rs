//! `critical-path`: what made the last `up` take as long as it did.

use crate::Error;
use crate::context::{Context, Target};
use crate::record::Record;
use crate::times::{self, Step};

/// The chain of steps of a command of which each waited for the one before: to make the command faster, make one of these
/// faster.
#[derive(Debug, PartialEq, Eq)]
pub struct CriticalPath {
    /// The command.
    pub command: String,
    /// When it ended, in RFC 3339.
    pub time: String,
    /// Milliseconds from its beginning to its end.
    pub total_ms: u64,
    /// The steps of the chain, in their order.
    pub steps: Vec<CriticalStep>,
    /// How many other steps there were, beside these.
    pub beside: usize,
    /// Milliseconds that no step of the chain accounts for: reading files, planning, reporting.
    pub rest_ms: u64,
}

/// A step of the chain.
#[derive(Debug, PartialEq, Eq)]
pub struct CriticalStep {
    /// Its id in the plan.
    pub step: String,
    /// Milliseconds from the request until it began.
    pub began_ms: u64,
    /// Milliseconds from the end of what it waited for until it began.
    pub idle_ms: u64,
    /// Milliseconds that it took.
    pub took_ms: u64,
    /// By how many milliseconds the command would have been faster without it, at least: until the next longest chain ends.
    pub gain_ms: u64,
}

/// What made the last command of this name slow that did something; `None` if there was none.
pub fn critical_path(context: &Context<'_>, target: &Target, command: &str) -> Result<Option<CriticalPath>, Error> {
    let place = target.place(context);
    if Record::read(place.directory())?.is_none() {
        return Err(Error::NoEnvironment(target.name.clone()));
    }
    let last = times::read(&place)?.into_iter().rfind(|line| line.command == command && !line.steps.is_empty());
    Ok(last.map(|line| {
        let chain = chain(&line.steps);
        let covered = chain.iter().map(|step| step.took_ms + step.idle_ms).sum();
        CriticalPath {
            command: line.command,
            time: line.time,
            total_ms: line.total_ms,
            beside: line.steps.len() - chain.len(),
            rest_ms: line.total_ms.saturating_sub(covered),
            steps: chain,
        }
    }))
}

/// From the step that ended last back to one that waited for none.
fn chain(steps: &[Step]) -> Vec<CriticalStep> {
    let mut chain: Vec<CriticalStep> = Vec::new();
    let mut next = steps.iter().max_by_key(|step| (step.end(), step.waited_ms));
    while let Some(step) = next {
        let is_new = |other: &&Step| !chain.iter().any(|known| known.step == other.id) && other.id != step.id;
        let before = steps.iter().filter(|other| step.after.contains(&other.id)).filter(is_new).max_by_key(|s| s.end());
        let idle_ms = step.waited_ms.saturating_sub(before.map_or(0, Step::end));
        let gain_ms = gain(steps, step);
        chain.push(CriticalStep {
            step: step.id.clone(),
            began_ms: step.waited_ms,
            idle_ms,
            took_ms: step.took_ms,
            gain_ms,
        });
        next = before;
    }
    chain.reverse();
    chain
}

/// By how much all would have ended earlier if a step had taken no time, and each other as long as it did.
fn gain(steps: &[Step], without: &Step) -> u64 {
    let mut ends: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
    let mut sorted: Vec<&Step> = steps.iter().collect();
    // A step began after those that it waited for.
    sorted.sort_by_key(|step| (step.waited_ms, step.end()));
    for step in sorted {
        let before = |ends: &dyn Fn(&str) -> u64| step.after.iter().map(|id| ends(id)).max().unwrap_or(0);
        let real = |id: &str| steps.iter().find(|other| other.id == id).map_or(0, Step::end);
        let idle = step.waited_ms.saturating_sub(before(&real));
        let began = before(&|id| ends.get(id).copied().unwrap_or(0)) + idle;
        let took = if step.id == without.id { 0 } else { step.took_ms };
        ends.insert(&step.id, began + took);
    }
    let last = steps.iter().map(Step::end).max().unwrap_or(0);
    last.saturating_sub(ends.values().copied().max().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(id: &str, waited_ms: u64, took_ms: u64, after: &[&str]) -> Step {
        let after = after.iter().map(|id| (*id).to_owned()).collect();
        Step { id: id.to_owned(), waited_ms, took_ms, after }
    }

    #[test]
    fn the_chain_goes_back_from_the_last_end_and_says_what_each_step_costs() {
        let steps = [
            step("database", 0, 100, &[]),
            step("build", 0, 400, &[]),
            step("migrate", 110, 200, &["database"]),
            step("web", 410, 50, &["migrate", "build"]),
            step("worker", 310, 60, &["migrate"]),
        ];
        let chain = chain(&steps);
        let shape: Vec<_> =
            chain.iter().map(|step| (step.step.as_str(), step.idle_ms, step.took_ms, step.gain_ms)).collect();
        // Without the build all would have ended at 370, and if `web` had been ready at once, at 410.
        assert_eq!(shape, [("build", 0, 400, 90), ("web", 10, 50, 50)]);
    }

    #[test]
    fn steps_that_seem_to_wait_for_each_other_end_the_chain() {
        let steps = [step("a", 0, 10, &["b"]), step("b", 0, 10, &["a"])];
        assert_eq!(chain(&steps).len(), 2);
    }
}
