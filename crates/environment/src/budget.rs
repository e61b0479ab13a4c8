//! Memory: what the services of an environment need, and whether it is there before they are started.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use daemon::ClientError;
use plan::Plan;
use serde::{Deserialize, Serialize};
use supervisor::{LimitSpec, UnitId};

use crate::context::{Context, Target};
use crate::place::Place;
use crate::record::Record;
use crate::stats::{Measured, measure};
use crate::{Error, Progress, Session, durable};

/// The version of the file.
const FORMAT: u32 = 1;

/// What is remembered of the memory that services have used: `usage.json`.
#[derive(Debug, Default, Serialize, Deserialize)]
struct File {
    seedbed_usage: u32,
    services: BTreeMap<String, Used>,
}

/// The most memory that a service was seen to use in its last run.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Used {
    /// The process that this was measured of: another one begins anew.
    pid: u32,
    memory: u64,
}

/// What is done when there is no memory for services that are to be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ShortOfMemory {
    /// None of them is.
    #[default]
    Refuse,
    /// All are, all the same.
    Start,
    /// It is waited until others have given it back.
    Wait,
}

/// What one service needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Its name.
    pub service: String,
    /// How much memory, in bytes.
    pub memory: u64,
    /// Whether the manifest says so; otherwise it was measured.
    pub is_declared: bool,
}

/// Where the memory would come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryLimit {
    /// The manifest bounds it.
    Budget(u64),
    /// The machine has so much to give.
    Machine(u64),
}

/// Remembers what services use now, if it is more than was seen of this run. That it cannot be written down harms nothing.
pub(crate) fn remember(place: &Place, measured: &[Measured]) {
    let mut file = read(place);
    for one in measured {
        let before = file.services.get(&one.unit).filter(|before| before.pid == one.pid);
        let memory = before.map_or(0, |before| before.memory).max(one.usage.memory);
        file.services.insert(one.unit.clone(), Used { pid: one.pid, memory });
    }
    file.seedbed_usage = FORMAT;
    let _ = durable::write_json(&place.usage(), &file);
}

/// The most that each service was seen to use in its last run.
pub(crate) fn remembered(place: &Place) -> BTreeMap<String, u64> {
    read(place).services.into_iter().map(|(unit, used)| (unit, used.memory)).collect()
}

/// The memory that services are declared to need, as far as the manifests can be read.
pub(crate) fn declared(context: &Context<'_>, target: &Target) -> BTreeMap<String, u64> {
    let record = Record::read(target.place(context).directory()).ok().flatten();
    let Some(record) = record else { return BTreeMap::new() };
    let loaded = crate::dependencies::load(context, &target.root, record.profile.as_deref(), &record.config);
    let Some(tree) = loaded.ok().and_then(|loaded| loaded.tree) else { return BTreeMap::new() };
    let services = tree.iter().flat_map(|(_, workspace)| {
        let manifest = &workspace.manifest;
        manifest.services.values().map(|service| (format!("{}/{}", manifest.name, service.name), service.memory))
    });
    services.filter_map(|(id, memory)| Some((id, memory?))).collect()
}

/// Measures all that runs before it is stopped, and remembers it. That it cannot be measured harms nothing; a supervisor that
/// does not answer is an error, since whoever stops what it owns would wait for it as long again.
pub(crate) fn remember_running(place: &Place) -> Result<(), Error> {
    match measure(&place.socket()) {
        Ok(measured) => remember(place, &measured),
        Err(error @ Error::Supervisor(ClientError::Silent { .. })) => return Err(error),
        Err(_) => {}
    }
    Ok(())
}

fn read(place: &Place) -> File {
    let file: Option<File> = durable::read_json(&place.usage()).unwrap_or_default();
    file.filter(|file| file.seedbed_usage == FORMAT).unwrap_or_default()
}

impl Session<'_> {
    /// Refuses a plan that starts services for which the budget, or the machine, has no memory: before it swaps. What is
    /// neither declared nor was ever measured counts nothing, and neither does what sleeps.
    pub(crate) fn check_memory(&self, plan: &Plan) -> Result<(), Error> {
        let remembered = remembered(&self.place);
        let servers = self.model.servers.values().map(plan::ServerModel::unit);
        let units: Vec<UnitId> = self.model.services.keys().cloned().chain(servers).collect();
        let is_started = |id: &UnitId| plan.steps.iter().any(|step| step.id == *id && !step.sleeps());
        let runs = |id: &UnitId| self.observed.running.get(id).is_some_and(|unit| !unit.asleep);
        let started: Vec<Need> =
            units.iter().filter(|id| is_started(id) && !runs(id)).filter_map(|id| self.need(id, &remembered)).collect();
        if started.is_empty() {
            return Ok(());
        }
        let budget = self.tree.workspace(self.tree.root).manifest.budget.memory;
        if let Some(budget) = budget {
            let all = units.iter().filter(|id| is_started(id) || runs(id));
            within(MemoryLimit::Budget(budget), all.filter_map(|id| self.need(id, &remembered)).collect())?;
        }
        runtime::available_memory().map_or(Ok(()), |memory| within(MemoryLimit::Machine(memory), started))
    }

    /// The same, and waits while others have the memory: what runs on the machine, or, of the environment's budget, services
    /// that are not needed for these. They end, are stopped, or fall asleep.
    pub(crate) fn await_memory(
        &mut self,
        chosen: &BTreeSet<UnitId>,
        plan: impl Fn(&Self) -> Plan,
    ) -> Result<(), Error> {
        const PAUSE: Duration = Duration::from_millis(500);
        let mut is_told = false;
        loop {
            let refused = self.check_memory(&plan(self));
            let Err(Error::Memory { needed, limit, .. }) = &refused else { return refused };
            if let MemoryLimit::Budget(budget) = *limit
                && self.least(chosen) > budget
            {
                return refused;
            }
            if self.context.interrupt.is_raised() {
                return Err(Error::Interrupted);
            }
            if !std::mem::replace(&mut is_told, true) {
                let mega = |bytes: u64| bytes / 1_000_000;
                let has = match *limit {
                    MemoryLimit::Budget(budget) => format!("the budget is {} MB", mega(budget)),
                    MemoryLimit::Machine(memory) => format!("the machine has {} MB", mega(memory)),
                };
                let text = format!("waiting for memory: {} MB are needed, and {has}", mega(*needed));
                self.context.monitor.on(Progress::Note(text));
            }
            self.context.interrupt.sleep(PAUSE);
            self.observed = self.observe_again()?;
        }
    }

    /// What these services need, all when there are none, with those that they come after: no less will do.
    fn least(&self, chosen: &BTreeSet<UnitId>) -> u64 {
        let remembered = remembered(&self.place);
        let mut open: Vec<&UnitId> =
            if chosen.is_empty() { self.model.services.keys().collect() } else { chosen.iter().collect() };
        let mut needed = BTreeSet::new();
        while let Some(id) = open.pop() {
            if let Some(service) = self.model.services.get(id)
                && needed.insert(id)
            {
                open.extend(service.after.iter().map(|condition| &condition.unit));
            }
        }
        let is_awake = |id: &&UnitId| chosen.contains(*id) || self.model.services[*id].life.lazy.is_none();
        let needs = needed.into_iter().filter(is_awake).filter_map(|id| self.need(id, &remembered));
        needs.map(|need| need.memory).sum()
    }

    /// Says of processes whether their limits cannot hold here.
    pub(crate) fn tell_of_limits(&self) {
        let limited = self.model.services.values().filter(|service| !service.life.limits.is_empty());
        let (names, limits): (Vec<String>, Vec<LimitSpec>) =
            limited.map(|service| (service.id.to_string(), service.life.limits)).unzip();
        if let (Some(_), Err(reason)) = (names.first(), runtime::limits_hold(&limits)) {
            let text = format!("the limits of {} do not hold: {reason}", names.join(", "));
            self.context.monitor.on(Progress::Note(text));
        }
    }

    fn need(&self, id: &UnitId, remembered: &BTreeMap<String, u64>) -> Option<Need> {
        let declared = id.as_str().split_once('/').and_then(|(workspace, name)| {
            let workspace = self.tree.workspace(self.tree.find(workspace)?);
            workspace.manifest.services.get(name)?.memory
        });
        let memory = declared.or_else(|| remembered.get(id.as_str()).copied())?;
        Some(Need { service: id.to_string(), memory, is_declared: declared.is_some() })
    }
}

fn within(limit: MemoryLimit, mut needs: Vec<Need>) -> Result<(), Error> {
    let (MemoryLimit::Budget(most) | MemoryLimit::Machine(most)) = limit;
    let needed = needs.iter().map(|need| need.memory).sum();
    if needed <= most {
        return Ok(());
    }
    needs.sort_by(|a, b| b.memory.cmp(&a.memory).then_with(|| a.service.cmp(&b.service)));
    Err(Error::Memory { needed, limit, needs })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_told_largest_first() {
        let need = |service: &str, memory| Need { service: service.to_owned(), memory, is_declared: true };
        let needs = vec![need("a", 1), need("b", 3), need("c", 2)];
        assert!(within(MemoryLimit::Budget(6), needs.clone()).is_ok());
        match within(MemoryLimit::Machine(5), needs) {
            Err(Error::Memory { needed, needs, .. }) => {
                assert_eq!(needed, 6);
                assert_eq!(needs.iter().map(|need| need.service.as_str()).collect::<Vec<_>>(), ["b", "c", "a"]);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_most_of_a_run_is_remembered_until_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::new(directory.path(), "default", directory.path(), false);
        std::fs::create_dir_all(place.directory()).unwrap();
        let measured = |pid, memory| {
            let usage = runtime::Usage { memory, ..runtime::Usage::default() };
            [Measured { unit: "shop/web".to_owned(), pid, usage }]
        };
        for (pid, memory, most) in [(1, 10, 10), (1, 5, 10), (1, 20, 20), (2, 7, 7)] {
            remember(&place, &measured(pid, memory));
            assert_eq!(remembered(&place)["shop/web"], most);
        }
    }
}
