//! Plans of what is done to the state of an environment while the services that use it are stopped: reset, snapshot, restore.

use std::collections::{BTreeMap, BTreeSet};

use supervisor::{Condition, ConditionState, UnitId};

use crate::due::Due;
use crate::keys::Keys;
use crate::origin::{Origin, origins};
use crate::planner::{Planner, succeeded};
use crate::step_id::{self, DatabaseStep};
use crate::{
    Action, DatabaseId, DatabaseModel, InputDigests, Model, Observed, Plan, ResourceId, ResourceModel, ServerId,
};

/// What is done to the state of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateWork {
    /// Back to the declared state: from the furthest state of each chain that can be had.
    Reset,
    /// Everything is written to a snapshot.
    Snapshot,
    /// Everything gets the content of a snapshot.
    Restore,
    /// Everything gets back what the last command that replaced it had put aside.
    Undo,
    /// Each database gets back what a command that failed had protected.
    Recover,
}

/// The parts of an environment's state that are worked on.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    /// Databases.
    pub databases: BTreeSet<DatabaseId>,
    /// Resources.
    pub resources: BTreeSet<ResourceId>,
    /// Servers whose files are saved, with all their databases; only a snapshot has any.
    pub servers: BTreeSet<ServerId>,
}

/// Plans work on these parts. Services that use one and run are stopped before, and started when all is done; servers that
/// do not run are started, and so are services that a step of the work comes after, and those in `wanted`, which ran
/// before a command that failed. Nothing else is touched.
pub fn around_state(
    model: &Model,
    observed: &Observed,
    inputs: &InputDigests,
    parts: &Parts,
    work: StateWork,
    wanted: &BTreeSet<UnitId>,
) -> Plan {
    let keys = Keys::new(model, inputs);
    let databases = &parts.databases;
    let chosen: Vec<&DatabaseModel> =
        model.databases.values().filter(|database| databases.contains(&database.id)).collect();
    let resources: Vec<&ResourceModel> =
        model.resources.values().filter(|resource| parts.resources.contains(&resource.id)).collect();
    let made: Vec<&DatabaseId> =
        chosen.iter().filter(|_| work == StateWork::Reset).map(|database| &database.id).collect();
    let planned_keys = keys.clone();
    let origins = origins(model, observed, &keys, &made);
    let (needed, due) = if work == StateWork::Reset {
        let needed = needed_for(model, observed, &chosen, &origins);
        let reason = |id| if origins[id].has_data() { "its data is replaced" } else { "it is made anew" };
        let changed: BTreeMap<_, _> = made.iter().map(|id| (*id, reason(id).to_owned())).collect();
        let due = Due::for_reset(model, observed, &keys, changed, &needed);
        (needed, due)
    } else {
        (BTreeSet::new(), Due::default())
    };
    let loads = !made.is_empty() && keys.loaded().any(|id| origins.get(id).is_some_and(|origin| !origin.has_data()));
    let mut planner = Planner::new(model, observed, planned_keys, due);

    let mut services = Vec::new();
    for service in model.services.values() {
        let runs = planner.runs(&service.id);
        let task = service.after.iter().find(|before| planner.due.tasks.contains_key(&before.unit));
        let writes_files = || resources.iter().any(|resource| resource.users.contains(&service.id));
        let uses_one = || service.uses.iter().any(|id| databases.contains(id) || parts.has_server_of(model, id));
        let reason = if runs && (uses_one() || writes_files()) {
            let is_read = work == StateWork::Snapshot;
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
    let loaded = model.databases.keys().filter(|_| loads && model.has_data);
    planner.save_servers(&parts.servers);
    planner.servers(chosen.iter().map(|database| &database.id).chain(used).chain(loaded));

    match work {
        StateWork::Snapshot => {
            // What was saved of a server as files is read when it runs again: nobody has written to it since.
            planner.each(&chosen, DatabaseStep::Save, Action::Dump, "it is part of the snapshot");
            planner.files(&resources, "save", Action::SaveFiles, "it is part of the snapshot");
        }
        StateWork::Recover => planner.recover(&chosen),
        StateWork::Restore => {
            planner.each(&chosen, DatabaseStep::Fill, Action::Fill, "as asked");
            // What can fail has not failed for any of them: only names change from here on.
            planner.each(&chosen, DatabaseStep::Restore, Action::Restore, "as asked");
            planner.files(&resources, "restore", Action::RestoreFiles, "as asked");
        }
        StateWork::Undo => {
            planner.each(&chosen, DatabaseStep::SwapBack, Action::SwapBack, "as asked");
            planner.files(&resources, "undo", Action::SwapFilesBack, "as asked");
        }
        StateWork::Reset => {
            planner.begin(&origins, "its declared state is not kept");
            planner.schemas();
            planner.keep_schemas(&origins);
            if loads && model.has_data {
                planner.load("the databases are made anew");
            }
            planner.keep_data(&origins);
        }
    }

    // A service meets every database as it will be, also one that is not its own; but in `up` as in a rebuild, the schema
    // of one may come after a service that uses another.
    let is_rebuilt = |id: &DatabaseId| origins.get(id).is_some_and(|origin| !origin.has_schema());
    let any_rebuilt = chosen.iter().any(|database| is_rebuilt(&database.id));
    let all = chosen.iter().filter(|_| !any_rebuilt).map(|database| &database.id);
    let mut done = planner.in_place(all);
    done.extend(planner.files_done.clone());
    for (service, reason) in services {
        planner.start(service, &reason, done.clone());
    }
    planner.finish()
}

impl Parts {
    /// Whether a database is in one of the servers whose files are saved.
    fn has_server_of(&self, model: &Model, database: &DatabaseId) -> bool {
        model.databases[database].server.as_ref().is_some_and(|server| self.servers.contains(server))
    }
}

impl<'a> Planner<'a> {
    /// Saves the files of servers: they are stopped before anything else, and started again.
    fn save_servers(&mut self, servers: &BTreeSet<ServerId>) {
        let model = self.model;
        for (id, server) in model.servers.iter().filter(|(id, _)| servers.contains(*id)) {
            let (unit, reason) = (server.unit(), "its files are part of the snapshot");
            if self.runs(&unit) {
                self.plan.stop.push((unit.clone(), reason.to_owned()));
            }
            let saved = step_id::save_server(id);
            self.step(saved.clone(), Action::SaveServer(id.clone()), reason, Vec::new());
            // Whatever came of it, the server shall run again; what is done to its databases has to wait for the files.
            let done = Condition::new(saved.clone(), ConditionState::Completed);
            self.start_server(id, "it was stopped", vec![done]);
            let own = model.databases.values().filter(|database| database.server.as_ref() == Some(id));
            self.last.extend(own.map(|database| (&database.id, saved.clone())));
        }
    }

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

    /// Does one thing to each resource, after what was planned for all databases.
    fn files(&mut self, resources: &[&'a ResourceModel], word: &str, action: fn(ResourceId) -> Action, reason: &str) {
        let safe = self.in_place(self.model.databases.keys());
        for resource in resources {
            let id = step_id::files(&resource.id, word);
            self.step(id.clone(), action(resource.id.clone()), reason, safe.clone());
            self.files_done.push(succeeded(id));
        }
    }

    /// Gives each back what it had, one after the other, whether that succeeds for the one before or not: on a full disk
    /// there may be room for one copy, and not for two.
    fn recover(&mut self, chosen: &[&'a DatabaseModel]) {
        let mut before = Vec::new();
        for database in chosen {
            let (step, action) = (DatabaseStep::Recover, Action::Recover(database.id.clone()));
            self.on_database(database, step, action, "a command on it failed", before);
            before = vec![Condition::new(step.of(&database.id), ConditionState::Completed)];
        }
    }
}

/// The tasks and services without which these databases cannot come back to their declared state: what their schema
/// steps come after, the tasks that use them, and what those come after.
fn needed_for<'a>(
    model: &'a Model,
    observed: &Observed,
    chosen: &[&'a DatabaseModel],
    origins: &BTreeMap<&DatabaseId, Origin<'_>>,
) -> BTreeSet<&'a UnitId> {
    let is_rebuilt = |database: &&&DatabaseModel| !origins[&database.id].has_schema();
    let schemas = chosen.iter().filter(is_rebuilt).filter_map(|database| database.schema.as_ref());
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

/// Plans that the servers of these databases run.
pub fn servers(model: &Model, observed: &Observed, inputs: &InputDigests, databases: &BTreeSet<DatabaseId>) -> Plan {
    let mut planner = Planner::new(model, observed, Keys::new(model, inputs), Due::default());
    planner.servers(model.databases.keys().filter(|id| databases.contains(*id)));
    planner.finish()
}

/// Plans the load of specs into these databases, which exist.
pub fn load(model: &Model, observed: &Observed, inputs: &InputDigests, databases: &BTreeSet<DatabaseId>) -> Plan {
    on_data(model, observed, inputs, databases, (step_id::load(), Action::Load { keys: Vec::new() }))
}

/// Plans that what loads have made is removed from these databases, which exist.
pub fn unload(model: &Model, observed: &Observed, inputs: &InputDigests, databases: &BTreeSet<DatabaseId>) -> Plan {
    on_data(model, observed, inputs, databases, (step_id::unload(), Action::Unload))
}

fn on_data(
    model: &Model,
    observed: &Observed,
    inputs: &InputDigests,
    databases: &BTreeSet<DatabaseId>,
    (step, action): (UnitId, Action),
) -> Plan {
    let mut planner = Planner::new(model, observed, Keys::new(model, inputs), Due::default());
    let chosen = || model.databases.keys().filter(|id| databases.contains(*id));
    planner.servers(chosen());
    let after = planner.in_place(chosen());
    planner.step(step, action, "as asked", after);
    planner.finish()
}
