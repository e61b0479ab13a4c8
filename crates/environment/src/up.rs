//! `up`: everything that is declared runs, with its data.

use std::collections::BTreeSet;

use plan::DatabaseId;

use crate::context::{Context, Mode, Target};
use crate::loader_report::LoadReport;
use crate::material::Material;
use crate::report::{ServiceReport, StepReport, millis, service_reports, step_reports};
use crate::session::Session;
use crate::states_search::{self, Reach};
use crate::{Error, times};

/// What to bring up.
#[derive(Debug, Clone, Default)]
pub struct UpOptions {
    /// The profile, when the environment is made.
    pub profile: Option<String>,
    /// Whether services are started for which there is no memory.
    pub over_budget: bool,
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
    /// Every service, by name.
    pub services: Vec<ServiceReport>,
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
    let mut session = Session::open(context, target, &Mode::Make(options.profile.clone()), "up")?;
    if !options.over_budget {
        // Which services are started does not depend on which states can be had.
        session.check_memory(&plan::up(&session.model, &session.observed, &session.inputs))?;
    }
    let (plan, execution) =
        session.execute_with_states(&Material::of("up"), Session::missing_databases, |session| {
            plan::up(&session.model, &session.observed, &session.inputs)
        })?;
    let steps = step_reports(&plan, &execution);
    let report = UpReport {
        workspace: session.model.root.clone(),
        environment: target.name.clone(),
        profile: session.record().profile.clone(),
        services: service_reports(&session, &execution.units),
        steps,
        undeclared: undeclared(&plan),
        load: execution.load,
        total_ms: millis(session.began),
    };
    if !report.steps.is_empty() {
        times::append(&session, "up", report.total_ms, &report.steps);
    }
    if plan.changes_states() || session.has_unsettled() {
        session.tend_in_background();
    }
    Ok(report)
}

/// What `up` would do; nothing is written and nothing started.
pub fn plan_up(context: &Context<'_>, target: &Target, options: &UpOptions) -> Result<plan::Plan, Error> {
    let mut session = Session::open(context, target, &Mode::Look(options.profile.clone()), "up")?;
    let missing = session.missing_databases();
    states_search::find(&mut session, &missing, Reach::Needed)?;
    Ok(plan::up(&session.model, &session.observed, &session.inputs))
}

impl Session<'_> {
    /// The databases that are not there.
    pub(crate) fn missing_databases(&self) -> BTreeSet<DatabaseId> {
        let is_missing = |id: &&DatabaseId| !self.observed.databases.contains_key(*id);
        self.model.databases.keys().filter(is_missing).cloned().collect()
    }
}

/// What is stopped and not started again.
fn undeclared(plan: &plan::Plan) -> Vec<String> {
    plan.stop
        .iter()
        .filter(|(id, _)| plan.steps.iter().all(|step| step.id != *id))
        .map(|(id, _)| id.to_string())
        .collect()
}
