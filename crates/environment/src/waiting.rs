//! `times`: how long commands have made people wait, and which steps it was.

use std::collections::BTreeMap;

use crate::Error;
use crate::context::{Context, Target};
use crate::record::Record;
use crate::times;

/// How long commands have made people wait.
#[derive(Debug, PartialEq, Eq)]
pub struct Waiting {
    /// When the first of them ended, in RFC 3339; nothing if there was none.
    pub since: Option<String>,
    /// All of it, in milliseconds.
    pub total_ms: u64,
    /// By command, those that took most first.
    pub commands: Vec<WaitedFor>,
    /// By step, those that took most first. Steps go on side by side, so that all together may be more than the commands.
    pub steps: Vec<WaitedFor>,
}

/// How long one thing took, each time that it was done.
#[derive(Debug, PartialEq, Eq)]
pub struct WaitedFor {
    /// The command, or the id of the step.
    pub name: String,
    /// How many times.
    pub times: usize,
    /// Together, in milliseconds.
    pub total_ms: u64,
    /// The median, in milliseconds.
    pub usual_ms: u64,
    /// The last time, in milliseconds.
    pub last_ms: u64,
}

/// How long the commands on an environment have taken that did something, from its beginning on.
pub fn waiting(context: &Context<'_>, target: &Target) -> Result<Waiting, Error> {
    let place = target.place(context);
    if Record::read(place.directory())?.is_none() {
        return Err(Error::NoEnvironment(target.name.clone()));
    }
    let lines = times::read(&place)?;
    let mut commands: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    let mut steps: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for line in &lines {
        commands.entry(&line.command).or_default().push(line.total_ms);
        for step in &line.steps {
            steps.entry(&step.id).or_default().push(step.took_ms);
        }
    }
    Ok(Waiting {
        since: lines.first().map(|line| line.time.clone()),
        total_ms: lines.iter().map(|line| line.total_ms).sum(),
        commands: most_first(commands),
        steps: most_first(steps),
    })
}

fn most_first(taken: BTreeMap<&str, Vec<u64>>) -> Vec<WaitedFor> {
    let summed = |(name, mut took): (&str, Vec<u64>)| {
        let last_ms = took.last().copied().unwrap_or_default();
        took.sort_unstable();
        let usual_ms = took.get(took.len() / 2).copied().unwrap_or_default();
        WaitedFor { name: name.to_owned(), times: took.len(), total_ms: took.iter().sum(), usual_ms, last_ms }
    };
    let mut all: Vec<WaitedFor> = taken.into_iter().map(summed).collect();
    all.sort_by(|one, other| other.total_ms.cmp(&one.total_ms).then_with(|| one.name.cmp(&other.name)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_took_most_comes_first_with_its_median_and_its_last_time() {
        let taken = BTreeMap::from([("up", vec![30, 10, 20]), ("load", vec![100]), ("idle", vec![60])]);
        let all = most_first(taken);
        let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["load", "idle", "up"]);
        let up = WaitedFor { name: "up".to_owned(), times: 3, total_ms: 60, usual_ms: 20, last_ms: 20 };
        assert_eq!(all[2], up);
    }
}
