//! `up`: everything that is declared runs, with its data. `start` and `restart`: some services, with what they need.

use std::collections::BTreeSet;

use plan::{Call, DatabaseId, Plan};
use supervisor::UnitId;

use crate::context::{Context, Mode, Target};
use crate::execute::Execution;
use crate::loader_report::LoadReport;
use crate::material::Material;
use crate::report::{ServiceReport, StepReport, WatchReport, millis, service_reports, step_reports, watch_reports};
use crate::session::Session;
use crate::shared_choice::Why;
use crate::states_search::{self, Reach};
use crate::{Error, Progress, ShortOfMemory, load, times, toggles, with_causes};

/// What to bring up.
#[derive(Debug, Clone, Default)]
pub struct UpOptions {
    /// The profile, when the environment is made.
    pub profile: Option<String>,
    /// What is done when there is no memory.
    pub memory: ShortOfMemory,
    /// Only these services, and what they need; all when empty.
    pub services: Vec<String>,
}

/// What runs after `up`.
#[derive(Debug)]
pub struct UpReport {
    /// Name of the workspace.
    pub workspace: String,
    /// Name of the environment.
    pub environment: String,
    /// Its profile.
    pub profile: Option<String>,
    /// Every service that was meant, by name.
    pub services: Vec<ServiceReport>,
    /// What is watched.
    pub watched: Vec<WatchReport>,
    /// What was done, and how long each part took.
    pub steps: Vec<StepReport>,
    /// Services that were stopped, since they are no longer declared.
    pub undeclared: Vec<String>,
    /// What was loaded.
    pub load: Option<LoadReport>,
    /// Milliseconds from the beginning to the end.
    pub total_ms: u64,
}

/// Brings the environment up.
pub fn up(context: &Context<'_>, target: &Target, options: &UpOptions) -> Result<UpReport, Error> {
    let UpOptions { services, memory, .. } = options;
    let order = Order { command: "up", services, call: Call::Declared, memory: *memory };
    order.carry_out(context, target, &Mode::Make(options.profile.clone()))
}

/// Starts services that do not run, with what they need.
pub fn start(
    context: &Context<'_>,
    target: &Target,
    services: &[String],
    memory: ShortOfMemory,
) -> Result<UpReport, Error> {
    Order { command: "start", services, call: Call::Start, memory }.carry_out(context, target, &Mode::Existing)
}

/// Starts services anew, as they are declared now.
pub fn restart(
    context: &Context<'_>,
    target: &Target,
    services: &[String],
    memory: ShortOfMemory,
) -> Result<UpReport, Error> {
    Order { command: "restart", services, call: Call::Restart, memory }.carry_out(context, target, &Mode::Existing)
}

/// What a command wants of which services.
struct Order<'a> {
    command: &'static str,
    /// All when empty.
    services: &'a [String],
    /// How they are wanted.
    call: Call,
    /// What is done when there is no memory.
    memory: ShortOfMemory,
}

impl Order<'_> {
    /// The services that are meant; none where all are.
    fn chosen(&self, session: &Session<'_>) -> Result<BTreeSet<UnitId>, Error> {
        self.services.iter().map(|name| session.find_service(name)).collect()
    }

    fn plan(&self, session: &Session<'_>, chosen: &BTreeSet<UnitId>) -> Plan {
        let (model, observed, inputs) = (&session.model, &session.observed, &session.inputs);
        if chosen.is_empty() {
            plan::up(model, observed, inputs)
        } else {
            plan::services(model, observed, inputs, chosen, self.call)
        }
    }

    fn carry_out(&self, context: &Context<'_>, target: &Target, mode: &Mode) -> Result<UpReport, Error> {
        let mut session = Session::open(context, target, mode, self.command)?;
        let expired = toggles::expired(context, &session.tree, toggles::Of::Root);
        if matches!(mode, Mode::Make(_)) && !expired.is_empty() {
            context.monitor.on(Progress::Warnings(&expired));
        }
        let chosen = self.chosen(&session)?;
        match self.memory {
            ShortOfMemory::Start => {}
            // Which services are started does not depend on which states can be had.
            ShortOfMemory::Refuse => session.check_memory(&self.plan(&session, &chosen))?,
            ShortOfMemory::Wait => session.await_memory(&chosen, |session| self.plan(session, &chosen))?,
        }
        load::check_declared(&session, &self.plan(&session, &chosen))?;
        session.tell_of_limits();
        session.tell_of_own_servers();
        let material = Material::of(self.command);
        let (plan, execution) = session
            .execute_with_states(&material, Session::missing_databases, |session| self.plan(session, &chosen))?;
        Ok(report(self, &session, &chosen, &plan, execution))
    }
}

fn report(
    order: &Order<'_>,
    session: &Session<'_>,
    chosen: &BTreeSet<UnitId>,
    plan: &Plan,
    execution: Execution,
) -> UpReport {
    let steps = step_reports(plan, &execution);
    let is_meant = |service: &ServiceReport| {
        let id = UnitId::from(service.id.as_str());
        chosen.is_empty() || chosen.contains(&id) || execution.units.contains_key(&id)
    };
    let mut services = service_reports(session, &execution.units);
    services.retain(is_meant);
    let is_meant = |id: &UnitId| chosen.is_empty() || chosen.contains(id) || execution.units.contains_key(id);
    let watched = watch_reports(&session.model, is_meant);
    let report = UpReport {
        workspace: session.model.root.clone(),
        environment: session.target.name.clone(),
        profile: session.record().profile.clone(),
        services,
        watched,
        steps,
        undeclared: undeclared(plan),
        load: execution.load,
        total_ms: millis(session.began),
    };
    if let Err(error) = session.note_configuration(order.command) {
        // What was brought up runs, even if this cannot be written down.
        session.context.monitor.on(Progress::Note(with_causes(&error)));
    }
    if !report.steps.is_empty() {
        times::append(session, order.command, report.total_ms, &report.steps);
    }
    if plan.changes_states() || session.has_unsettled() || session.makes_outputs_to_keep(plan) {
        session.tend_in_background();
    }
    report
}

/// What `up` would do; nothing is written and nothing started.
pub fn plan_up(context: &Context<'_>, target: &Target, options: &UpOptions) -> Result<Plan, Error> {
    let mut session = Session::open(context, target, &Mode::Look(options.profile.clone()), "up")?;
    let missing = session.missing_databases();
    states_search::find(&mut session, &missing, Reach::Needed)?;
    let (services, memory) = (options.services.as_slice(), options.memory);
    let order = Order { command: "up", services, call: Call::Declared, memory };
    let chosen = order.chosen(&session)?;
    Ok(order.plan(&session, &chosen))
}

impl Session<'_> {
    /// Says of servers that are about to be made why they are not shared, where nobody has asked for that.
    fn tell_of_own_servers(&self) {
        for (id, why) in &self.own_servers {
            let Why::Needed(why) = why else { continue };
            let (_, place) = self.server(id);
            if !place.directory.exists() {
                self.context.monitor.on(Progress::Note(format!("{id} is a server of this environment alone: {why}")));
            }
        }
    }

    /// The databases that are not there.
    pub(crate) fn missing_databases(&self) -> BTreeSet<DatabaseId> {
        let is_missing = |id: &&DatabaseId| !self.observed.databases.contains_key(*id);
        self.model.databases.keys().filter(is_missing).cloned().collect()
    }
}

/// What is stopped and not started again.
fn undeclared(plan: &Plan) -> Vec<String> {
    plan.stop
        .iter()
        .filter(|(id, _)| plan.steps.iter().all(|step| step.id != *id))
        .map(|(id, _)| id.to_string())
        .collect()
}
