//! `up`: everything that is declared runs, with its data.

use crate::context::{Context, Mode, Target};
use crate::execute::Material;
use crate::loader::LoadReport;
use crate::report::{ServiceReport, StepReport, millis, service_reports, step_reports};
use crate::session::Session;
use crate::{Error, times};

/// What to bring up.
#[derive(Debug, Clone, Default)]
pub struct UpOptions {
    /// The profile, when the environment is made.
    pub profile: Option<String>,
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
    let session = Session::open(context, target, &Mode::Make(options.profile.clone()), "up")?;
    let plan = plan::up(&session.model, &session.observed, &session.inputs);
    let execution = session.execute(&plan, &Material::default())?;
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
    Ok(report)
}

/// What `up` would do; nothing is written and nothing started.
pub fn plan_up(context: &Context<'_>, target: &Target, options: &UpOptions) -> Result<plan::Plan, Error> {
    let session = Session::open(context, target, &Mode::Look(options.profile.clone()), "up")?;
    Ok(plan::up(&session.model, &session.observed, &session.inputs))
}

/// What is stopped and not started again.
fn undeclared(plan: &plan::Plan) -> Vec<String> {
    plan.stop
        .iter()
        .filter(|(id, _)| plan.steps.iter().all(|step| step.id != *id))
        .map(|(id, _)| id.to_string())
        .collect()
}
