//! Plans of what is done to databases while the services that use them are stopped: reset, snapshot, restore.

use std::collections::{BTreeMap, BTreeSet};

use supervisor::{Condition, ConditionState, UnitId};

use crate::due::Due;
use crate::keys::Keys;
use crate::planner::Planner;
use crate::step_id::{self, DatabaseStep};
use crate::{Action, DatabaseId, DatabaseModel, InputDigests, Model, Observed, Plan};

/// What is done to the databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseWork {
    /// Back to the declared state: from the kept copies where all have one, else all made anew.
    Reset,
    /// Each is written to a snapshot.
    Snapshot,
    /// Each gets the content of a snapshot.
    Restore,
    /// Each gets back what a command that failed had protected.
    Recover,
}

/// Plans work on these databases. Services that use one and run are stopped before, and started when all is done;
/// servers that do not run are started, and so are services that a step of the work comes after, and those in `wanted`,
/// which ran before a command that failed. Nothing else is touched.
pub fn around_databases(
    model: &Model,
    observed: &Observed,
    inputs: &InputDigests,
    databases: &BTreeSet<DatabaseId>,
    work: DatabaseWork,
    wanted: &BTreeSet<UnitId>,
) -> Plan {
    let keys = Keys::new(model, inputs);
    let chosen: Vec<&DatabaseModel> =
        model.databases.values().filter(|database| databases.contains(&database.id)).collect();
    // Rows refer to rows of other databases: copies of some and new ones of others would not fit together.
    let kept = |id: &DatabaseId| observed.databases.get(id).and_then(|observed| observed.kept.as_ref());
    let all_kept = chosen.iter().all(|database| kept(&database.id) == Some(&keys.states[&database.id]));
    let is_rebuilt = work == DatabaseWork::Reset && !all_kept;
    let needed =
        if work == DatabaseWork::Reset { needed_for(model, observed, &chosen, is_rebuilt) } else { BTreeSet::new() };
    let due = if work == DatabaseWork::Reset {
        let reason = if is_rebuilt { "it is made anew" } else { "its data is replaced" };
        let changed: BTreeMap<_, _> = chosen.iter().map(|database| (&database.id, reason.to_owned())).collect();
        Due::for_reset(model, observed, &keys, changed, &needed)
    } else {
        Due::default()
    };
    let mut planner = Planner::new(model, observed, keys, due);

    let mut services = Vec::new();
    for service in model.services.values() {
        let runs = planner.runs(&service.id);
        let task = service.after.iter().find(|before| planner.due.tasks.contains_key(&before.unit));
        let reason = if runs && service.uses.iter().any(|id| databases.contains(id)) {
            let is_read = work == DatabaseWork::Snapshot;
            if is_read { "it may not write meanwhile".to_owned() } else { "its data is replaced".to_owned() }
        } else if let (true, Some(task)) = (runs, task) {
            format!("{} runs", task.unit)
        } else if !runs && needed.contains(&service.id) {
            "what is made anew comes after it".to_owned()
        } else if !runs && wanted.contains(&service.id) {
            "it ran before".to_owned()
        } else {
            continue;
        };
        services.push((service, reason));
    }
    let used = services.iter().flat_map(|(service, _)| &service.uses);
    let loaded = model.databases.keys().filter(|_| is_rebuilt && model.has_data);
    planner.servers(chosen.iter().map(|database| &database.id).chain(used).chain(loaded));

    match work {
        DatabaseWork::Snapshot => planner.each(&chosen, DatabaseStep::Save, Action::Dump, "it is part of the snapshot"),
        DatabaseWork::Recover => planner.recover(&chosen),
        DatabaseWork::Restore => {
            planner.make_safe(&chosen, "it does not exist");
            planner.each(&chosen, DatabaseStep::Restore, Action::Restore, "as asked");
        }
        DatabaseWork::Reset if is_rebuilt => planner.rebuild(&chosen),
        DatabaseWork::Reset => planner.put_copies(&chosen),
    }

    // A service meets every database as it will be, also one that is not its own; but in `up` as in a rebuild, the schema
    // of one may come after a service that uses another.
    let all = chosen.iter().filter(|_| !is_rebuilt).map(|database| &database.id);
    let done = planner.in_place(all);
    for (service, reason) in services {
        planner.start(service, &reason, done.clone());
    }
    planner.finish()
}

impl<'a> Planner<'a> {
    /// Does one thing to each, when what was planned before for all of them is done.
    fn each(
        &mut self,
        chosen: &[&'a DatabaseModel],
        step: DatabaseStep,
        action: fn(DatabaseId) -> Action,
        reason: &str,
    ) {
        let safe = self.in_place(chosen.iter().map(|database| &database.id));
        for database in chosen {
            self.on_database(database, step, action(database.id.clone()), reason, safe.clone());
        }
    }

    /// Gives each back what it had, one after the other, whether that succeeds for the one before or not: on a full disk
    /// there may be room for one copy, and not for two.
    fn recover(&mut self, chosen: &[&'a DatabaseModel]) {
        let mut before = Vec::new();
        for database in chosen {
            let (step, action) = (DatabaseStep::Recover, Action::Recover(database.id.clone()));
            self.on_database(database, step, action, "a command on it failed", before);
            before = vec![Condition { unit: step.of(&database.id), state: ConditionState::Completed }];
        }
    }

    /// Protects what is about to be overwritten, and makes what is not there.
    fn make_safe(&mut self, chosen: &[&'a DatabaseModel], why_create: &str) {
        for database in chosen {
            if self.exists(database) {
                self.protect(database, "it is overwritten");
            } else {
                self.create(database, why_create);
            }
        }
    }

    /// Makes all anew, as `up` makes them from nothing.
    fn rebuild(&mut self, chosen: &[&'a DatabaseModel]) {
        let reason = "no copy of its declared state is kept";
        self.make_safe(chosen, reason);
        let existing: Vec<_> = chosen.iter().copied().filter(|database| self.exists(database)).collect();
        self.each(&existing, DatabaseStep::Clear, Action::ClearDatabase, reason);
        self.schemas();
        if self.model.has_data {
            self.load("the databases are made anew");
        }
        if chosen.len() == self.model.databases.len() {
            self.keep();
        }
    }

    /// Puts the kept copies in place.
    fn put_copies(&mut self, chosen: &[&'a DatabaseModel]) {
        self.make_safe(chosen, "it does not exist");
        let safe = self.in_place(chosen.iter().map(|database| &database.id));
        for database in chosen {
            let id = &database.id;
            let (key, schema) = (self.keys.states[id].clone(), self.keys.schemas[id].clone());
            let action = Action::Reset { database: id.clone(), key, schema };
            let reason = "a copy of its declared state is kept";
            self.on_database(database, DatabaseStep::Reset, action, reason, safe.clone());
        }
    }
}

/// The tasks and services without which these databases cannot come back to their declared state: what their schema
/// steps come after, the tasks that use them, and what those come after.
fn needed_for<'a>(
    model: &'a Model,
    observed: &Observed,
    chosen: &[&'a DatabaseModel],
    is_rebuilt: bool,
) -> BTreeSet<&'a UnitId> {
    let schemas = chosen.iter().filter(|_| is_rebuilt).filter_map(|database| database.schema.as_ref());
    let mut open: Vec<&UnitId> = schemas.flat_map(|schema| &schema.after).map(|condition| &condition.unit).collect();
    let users = model.tasks.values().filter(|task| chosen.iter().any(|database| task.uses.contains(&database.id)));
    open.extend(users.map(|task| &task.id));
    let mut needed = BTreeSet::new();
    while let Some(unit) = open.pop() {
        let is_stopped = !observed.running.contains_key(unit);
        let after = match (model.tasks.get(unit), model.services.get(unit)) {
            (Some(task), _) => &task.after,
            (None, Some(service)) if is_stopped => &service.after,
            _ => continue,
        };
        if needed.insert(unit) {
            open.extend(after.iter().map(|condition| &condition.unit));
        }
    }
    needed
}

/// Plans the load of specs into these databases, which exist.
pub fn load(model: &Model, observed: &Observed, inputs: &InputDigests, databases: &BTreeSet<DatabaseId>) -> Plan {
    let mut planner = Planner::new(model, observed, Keys::new(model, inputs), Due::default());
    let chosen = || model.databases.keys().filter(|id| databases.contains(*id));
    planner.servers(chosen());
    let after = planner.in_place(chosen());
    planner.step(step_id::load(), Action::Load { keys: Vec::new() }, "as asked", after);
    planner.finish()
}
