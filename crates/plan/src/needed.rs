//! The part of a plan that something needs: tasks that are run, services that are named.

use std::collections::{BTreeMap, BTreeSet};

use supervisor::UnitId;

use crate::due::Due;
use crate::keys::Keys;
use crate::{Action, InputDigests, Model, Observed, Plan, Step, up};

/// The reason of a task that runs in any case.
pub const ASKED_FOR: &str = "it was asked for";

/// Plans a run of tasks, with all that they need and nothing else. These tasks run in any case; those that they need only
/// when `up` would run them.
pub fn run(model: &Model, observed: &Observed, inputs: &InputDigests, tasks: &BTreeSet<UnitId>) -> Plan {
    let keys = Keys::new(model, inputs);
    let mut due = Due::for_up(model, observed, &keys);
    for (id, _) in model.tasks.iter().filter(|(id, _)| tasks.contains(*id)) {
        due.tasks.insert(id, ASKED_FOR.to_owned());
    }
    let mut plan = up::plan_with(model, observed, &keys, due);
    plan.restrict_to(tasks);
    plan
}

/// How services are wanted that are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// As declared: one that is lazy may sleep.
    Declared,
    /// Running.
    Start,
    /// Started anew in any case.
    Restart,
}

/// Plans that these services run, with all that they need and nothing else.
pub fn services(
    model: &Model,
    observed: &Observed,
    inputs: &InputDigests,
    services: &BTreeSet<UnitId>,
    call: Call,
) -> Plan {
    let keys = Keys::new(model, inputs);
    let mut due = Due::for_up(model, observed, &keys);
    if call == Call::Restart {
        due.services.clone_from(services);
    }
    if call != Call::Declared {
        due.awake.clone_from(services);
    }
    let mut plan = up::plan_with(model, observed, &keys, due);
    plan.restrict_to(services);
    plan
}

impl Plan {
    /// Leaves only what these units need, and themselves. A service that runs and uses what changes stays in it, too: it is
    /// stopped before and started again.
    fn restrict_to(&mut self, wanted: &BTreeSet<UnitId>) {
        let steps: BTreeMap<&UnitId, &Step> = self.steps.iter().map(|step| (&step.id, step)).collect();
        let mut needed = BTreeSet::new();
        add_needed(&mut needed, wanted.iter().cloned().collect(), &steps);
        loop {
            let is_touched = |id: &UnitId| {
                let after = steps.get(id).into_iter().flat_map(|step| &step.after);
                after.into_iter().any(|condition| needed.contains(&condition.unit) && !wanted.contains(&condition.unit))
            };
            let stopped = self.stop.iter().map(|(id, _)| id).filter(|id| !needed.contains(*id) && is_touched(id));
            let more: Vec<UnitId> = stopped.cloned().collect();
            if more.is_empty() {
                break;
            }
            add_needed(&mut needed, more, &steps);
        }
        // What is made on the way is kept for later, as in `up`.
        let keeps = |step: &&Step| {
            let Action::Keep { .. } = step.action else { return false };
            step.after.iter().all(|condition| needed.contains(&condition.unit) || !steps.contains_key(&condition.unit))
        };
        let kept: Vec<UnitId> = self.steps.iter().filter(keeps).map(|step| step.id.clone()).collect();
        needed.extend(kept);
        self.steps.retain(|step| needed.contains(&step.id));
        self.stop.retain(|(id, _)| needed.contains(id));
    }
}

/// Adds units and all that their steps wait for.
fn add_needed(needed: &mut BTreeSet<UnitId>, mut open: Vec<UnitId>, steps: &BTreeMap<&UnitId, &Step>) {
    while let Some(id) = open.pop() {
        let before = steps.get(&id).into_iter().flat_map(|step| &step.after).map(|condition| condition.unit.clone());
        let before: Vec<UnitId> = before.collect();
        if needed.insert(id) {
            open.extend(before);
        }
    }
}
