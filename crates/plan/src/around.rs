//! Plans of what is done to databases while the services that use them are stopped: reset, snapshot, restore.

use std::collections::BTreeSet;

use supervisor::UnitId;

use crate::resolve::LOAD;
use crate::up::{Planner, succeeded};
use crate::{Action, DatabaseId, InputDigests, Model, Observed, Plan};

/// What is done to the databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseWork {
    /// Back to the declared state: from a kept copy where there is one, else made anew.
    Reset,
    /// Each is written to a snapshot.
    Snapshot,
    /// Each gets the content of a snapshot.
    Restore,
    /// Each gets back what a command that failed had protected.
    Recover,
}

/// Plans work on these databases. Services that use one and run are stopped before and started after; servers that do
/// not run are started. So are those in `wanted`, which ran before a command that failed. Nothing else is touched.
pub fn around_databases(
    model: &Model,
    observed: &Observed,
    inputs: &InputDigests,
    databases: &BTreeSet<DatabaseId>,
    work: DatabaseWork,
    wanted: &BTreeSet<UnitId>,
) -> Plan {
    let mut planner = Planner::new(model, observed, inputs);
    let chosen = || model.databases.values().filter(|database| databases.contains(&database.id));
    let kept = |id: &DatabaseId| observed.databases.get(id).and_then(|observed| observed.kept.as_ref());
    let is_kept = |planner: &Planner<'_>, id: &DatabaseId| kept(id) == Some(&planner.keys.states[id]);
    if work == DatabaseWork::Reset && !databases.iter().all(|id| is_kept(&planner, id)) {
        planner.tasks();
    }
    planner.servers(chosen().filter_map(|database| database.server.as_ref()));
    for database in chosen() {
        let id = &database.id;
        let after = planner.server_ready(database);
        match work {
            DatabaseWork::Snapshot => {
                planner.step(unit(id, "save"), Action::Dump(id.clone()), "it is part of the snapshot", after);
            }
            DatabaseWork::Recover => {
                planner.step(unit(id, "recover"), Action::Recover(id.clone()), "a command on it failed", after);
            }
            DatabaseWork::Restore if observed.databases.contains_key(id) => {
                planner.step(unit(id, "protect"), Action::Protect(id.clone()), "it is overwritten", after);
            }
            DatabaseWork::Restore => {
                planner.step(unit(id, "create"), Action::CreateDatabase(id.clone()), "it does not exist", after);
            }
            DatabaseWork::Reset => {
                if is_kept(&planner, id) {
                    let key = planner.keys.states[id].clone();
                    let protect = unit(id, "protect");
                    planner.step(protect.clone(), Action::Protect(id.clone()), "it is overwritten", after);
                    let schema = planner.keys.schemas[id].clone();
                    let action = Action::Reset { database: id.clone(), key, schema };
                    planner.step(
                        unit(id, "reset"),
                        action,
                        "a copy of its declared state is kept",
                        vec![succeeded(protect)],
                    );
                    continue;
                }
                let (made, action, before) = if observed.databases.contains_key(id) {
                    let protect = unit(id, "protect");
                    planner.step(protect.clone(), Action::Protect(id.clone()), "it is overwritten", after);
                    (unit(id, "clear"), Action::ClearDatabase(id.clone()), vec![succeeded(protect)])
                } else {
                    (unit(id, "create"), Action::CreateDatabase(id.clone()), after)
                };
                planner.step(made.clone(), action, "no copy of its declared state is kept", before);
                planner.schema(database, "it is made anew", vec![succeeded(made)]);
                planner.created.insert(id.clone());
            }
        }
    }
    match work {
        DatabaseWork::Restore => {
            // None is overwritten before all are safe.
            let made = |action: &Action| matches!(action, Action::Protect(_) | Action::CreateDatabase(_));
            let steps = planner.plan.steps.iter().filter(|step| made(&step.action));
            let safe: Vec<_> = steps.map(|step| succeeded(step.id.clone())).collect();
            for database in chosen() {
                let id = &database.id;
                planner.step(unit(id, "restore"), Action::Restore(id.clone()), "as asked", safe.clone());
            }
        }
        DatabaseWork::Reset if !planner.created.is_empty() => {
            planner.load();
            planner.keep();
        }
        DatabaseWork::Reset | DatabaseWork::Snapshot | DatabaseWork::Recover => {}
    }
    for service in model.services.values() {
        let uses_one = service.uses.iter().any(|id| databases.contains(id));
        let runs = observed.running.contains_key(&service.id);
        if uses_one && runs {
            let reason = match work {
                DatabaseWork::Snapshot => "it may not write meanwhile",
                DatabaseWork::Reset | DatabaseWork::Restore | DatabaseWork::Recover => "its data is replaced",
            };
            planner.start(service, reason);
        } else if !runs && wanted.contains(&service.id) {
            planner.start(service, "it ran before");
        }
    }
    planner.finish()
}

fn unit(id: &DatabaseId, step: &str) -> UnitId {
    UnitId::new(format!("{id} {step}"))
}

/// Plans the load of specs into these databases, which exist.
pub fn load(model: &Model, observed: &Observed, inputs: &InputDigests, databases: &BTreeSet<DatabaseId>) -> Plan {
    let mut planner = Planner::new(model, observed, inputs);
    let chosen = || model.databases.values().filter(|database| databases.contains(&database.id));
    planner.servers(chosen().filter_map(|database| database.server.as_ref()));
    let mut after: Vec<_> = chosen().flat_map(|database| planner.server_ready(database)).collect();
    after.dedup();
    planner.step(UnitId::new(LOAD), Action::Load { keys: Vec::new() }, "as asked", after);
    planner.finish()
}
