//! Services and steps as commands report them.

use std::collections::BTreeMap;
use std::path::Path;

use plan::Model;
use supervisor::{UnitId, UnitState, UnitStatus, WatchSpec};

use crate::Session;
use crate::execute::Execution;

/// A service or task whose files are watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchReport {
    /// `WORKSPACE/NAME`.
    pub id: String,
    /// Whether it is a task, which runs again; a service is restarted.
    pub is_task: bool,
    /// Globs of the files.
    pub patterns: Vec<String>,
}

/// What is watched, of the services that are meant and of tasks.
pub(crate) fn watch_reports(model: &Model, is_meant: impl Fn(&UnitId) -> bool) -> Vec<WatchReport> {
    let report = |id: &UnitId, is_task, watch: &WatchSpec| WatchReport {
        id: id.to_string(),
        is_task,
        patterns: watch.patterns.clone(),
    };
    let services = model.services.values().filter(|service| is_meant(&service.id));
    let services = services.filter_map(|service| Some(report(&service.id, false, service.life.watch.as_ref()?)));
    let tasks = model.tasks.values().filter(|task| is_meant(&task.id));
    services.chain(tasks.filter_map(|task| Some(report(&task.id, true, task.watch.as_ref()?)))).collect()
}

/// A service as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceReport {
    /// `WORKSPACE/SERVICE`.
    pub id: String,
    /// What it does: `ready`, `starting`, `asleep`, `stopped`, or why it failed.
    pub state: String,
    /// Whether that is what one wants.
    pub is_ready: bool,
    /// Its address, if it has a port.
    pub address: Option<String>,
    /// Its process.
    pub pid: Option<u32>,
    /// Milliseconds from its start until it was ready.
    pub ready_ms: Option<u64>,
    /// Whether this command started it.
    pub started_now: bool,
    /// How often it was started again after it had ended by itself.
    pub restarts: u32,
    /// How its last life ended, if nobody had asked for that.
    pub last_end: Option<String>,
    /// What was last seen of it that tells more than its state.
    pub detail: Option<String>,
    /// The last lines that it printed, when it has failed.
    pub last_lines: Vec<String>,
}

/// One step that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepReport {
    /// Its id in the plan.
    pub step: String,
    /// A verb and what it was done to.
    pub title: String,
    /// Milliseconds from the request until it began.
    pub waited_ms: u64,
    /// Milliseconds from then until it was done.
    pub took_ms: u64,
    /// The steps that it waited for.
    pub after: Vec<String>,
}

pub(crate) fn millis(began: std::time::Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn step_reports(plan: &plan::Plan, execution: &Execution) -> Vec<StepReport> {
    plan.steps
        .iter()
        .filter_map(|step| {
            let status = execution.units.get(&step.id)?;
            Some(StepReport {
                step: step.id.to_string(),
                title: step.title(),
                waited_ms: status.started_ms.unwrap_or_default(),
                took_ms: status.ready_ms.unwrap_or_default(),
                after: step.after.iter().map(|condition| condition.unit.to_string()).collect(),
            })
        })
        .collect()
}

/// All services of the model, and servers that run; `now` has those that this command changed.
pub(crate) fn service_reports(session: &Session<'_>, now: &BTreeMap<UnitId, UnitStatus>) -> Vec<ServiceReport> {
    let before = |id: &UnitId| session.statuses.iter().find(|status| status.id == *id);
    let report = |id: &UnitId, log: &Path, address: Option<String>| {
        let status = now.get(id).or_else(|| before(id));
        let failed = status.filter(|status| matches!(status.state, UnitState::Failed(_)));
        ServiceReport {
            id: id.to_string(),
            state: status.map_or_else(|| "stopped".to_owned(), state_words),
            is_ready: status.is_some_and(|status| status.state.is_good()),
            address,
            pid: status.and_then(|status| status.pid),
            ready_ms: status.filter(|status| status.state == UnitState::Ready).and_then(|status| status.ready_ms),
            started_now: now.contains_key(id),
            restarts: status.map_or(0, |status| status.restarts),
            last_end: status.and_then(|status| status.last_end.clone()),
            // How it ended when it was asked to tells nothing.
            detail: status.filter(|status| !is_at_rest(&status.state)).and_then(|status| status.detail.clone()),
            last_lines: failed.map(|_| crate::logs::last_run(log)).unwrap_or_default(),
        }
    };
    let servers = session.model.servers.values().map(|server| {
        let port = session.record().ports.get(&server.id.to_string()).copied();
        report(&server.unit(), &server.process.log, port.map(|port| format!("127.0.0.1:{port}")))
    });
    let services =
        session.model.services.values().map(|service| report(&service.id, &service.process.log, service.url()));
    servers.chain(services).collect()
}

fn is_at_rest(state: &UnitState) -> bool {
    matches!(state, UnitState::Stopped | UnitState::Asleep)
}

pub(crate) fn state_words(status: &UnitStatus) -> String {
    match &status.state {
        UnitState::Running => "starting".to_owned(),
        other => other.to_string(),
    }
}
