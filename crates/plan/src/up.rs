//! The plan of `up`: the least that turns what is observed into what is declared.

use std::collections::BTreeMap;

use crate::due::Due;
use crate::keys::Keys;
use crate::origin::{Origin, origins};
use crate::planner::Planner;
use crate::{DatabaseId, InputDigests, Model, Observed, Plan, ServiceModel};

/// Plans `up`.
pub fn up(model: &Model, observed: &Observed, inputs: &InputDigests) -> Plan {
    let keys = Keys::new(model, inputs);
    let due = Due::for_up(model, observed, &keys);
    plan_with(model, observed, &keys, due)
}

/// Plans `up` when it is known what is due.
pub(crate) fn plan_with<'a>(model: &'a Model, observed: &'a Observed, keys: &Keys, due: Due<'a>) -> Plan {
    let is_new = |id: &&DatabaseId| !observed.databases.contains_key(*id);
    let new: Vec<&DatabaseId> = model.databases.keys().filter(is_new).collect();
    let origins = origins(model, observed, keys, &new);
    let mut planner = Planner::new(model, observed, keys.clone(), due);
    planner.servers(model.databases.keys());
    planner.databases(&origins);
    planner.services();
    planner.watches();
    for task in model.tasks.keys().filter(|id| !planner.due.tasks.contains_key(id)) {
        planner.plan.unchanged.push((task.clone(), "its inputs are unchanged".to_owned()));
    }
    planner.finish()
}

impl<'a> Planner<'a> {
    /// Makes the databases that are not there, and brings all to their schemas and data.
    fn databases(&mut self, origins: &BTreeMap<&'a DatabaseId, Origin<'_>>) {
        let model = self.model;
        for database in model.databases.values() {
            if !self.exists(database) {
                continue;
            }
            if let Some(reason) = self.due.databases.get(&database.id).cloned() {
                // What is there is put back when the step fails: a copy first, while nobody uses it.
                self.protect(database, &reason);
            }
        }
        self.begin(origins, "it does not exist");
        self.schemas();
        self.keep_schemas(origins);
        self.declared_data(origins);
    }

    /// Loads the declared data when a database does not have what is declared now.
    fn declared_data(&mut self, origins: &BTreeMap<&'a DatabaseId, Origin<'_>>) {
        let data = |id: &DatabaseId| self.observed.databases.get(id).and_then(|observed| observed.data.as_ref());
        let is_behind = |id: &DatabaseId| match origins.get(id) {
            Some(origin) => !origin.has_data(),
            None => data(id) != Some(self.keys.declared(id)),
        };
        let behind = self.keys.loaded().find(|id| is_behind(id)).cloned();
        if let Some(id) = behind {
            let reason = if self.observed.databases.contains_key(&id) {
                "the declared data or a schema changed".to_owned()
            } else {
                format!("database {id} is new")
            };
            self.load(&reason);
        }
        self.keep_data(origins);
    }

    fn services(&mut self) {
        for service in self.model.services.values() {
            match self.why_start(service) {
                Some(reason) => self.start(service, &reason, Vec::new()),
                None => self.plan.unchanged.push((service.id.clone(), "it runs".to_owned())),
            }
        }
        let servers: Vec<_> = self.model.servers.values().map(crate::ServerModel::unit).collect();
        for id in self.observed.running.keys() {
            if !self.model.services.contains_key(id) && !servers.contains(id) {
                self.plan.stop.push((id.clone(), "it is no longer declared".to_owned()));
            }
        }
    }

    fn why_start(&self, service: &ServiceModel) -> Option<String> {
        let Some(running) = self.observed.running.get(&service.id) else {
            return Some("it does not run".to_owned());
        };
        if self.due.services.contains(&service.id) {
            return Some("as asked".to_owned());
        }
        if let Some(before) = service.after.iter().find(|before| self.due.tasks.contains_key(&before.unit)) {
            return Some(format!("{} runs", before.unit));
        }
        if let Some(database) = service.uses.iter().find(|id| self.due.databases.contains_key(id)) {
            return Some(format!("the schema of {database} changes"));
        }
        let mut servers = service.uses.iter().filter_map(|id| self.model.databases[id].server.as_ref());
        if let Some(server) = servers.find(|id| self.started_servers.contains(id)) {
            return Some(format!("{server} starts"));
        }
        if running.asleep && self.due.awake.contains(&service.id) {
            return Some("it sleeps".to_owned());
        }
        if running.digest != self.keys.service(service).as_str() {
            return Some("its definition changed".to_owned());
        }
        (!running.ready).then(|| "it is not ready".to_owned())
    }
}
