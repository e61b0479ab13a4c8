//! `reset`: databases are back in their declared state.

use std::collections::BTreeSet;

use plan::{Action, DatabaseId, Parts, StateWork};

use crate::context::{Context, Mode, Target};
use crate::material::Material;
use crate::report::{ServiceReport, StepReport, millis, service_reports, step_reports};
use crate::session::Session;
use crate::{Error, databases, times};

/// What a reset has done.
#[derive(Debug)]
pub struct ResetReport {
    /// Databases that came back from a kept copy.
    pub from_copy: Vec<String>,
    /// Databases that were made anew.
    pub made_anew: Vec<String>,
    /// The services now.
    pub services: Vec<ServiceReport>,
    /// What was done, and how long each part took.
    pub steps: Vec<StepReport>,
    /// Milliseconds from the beginning to the end.
    pub total_ms: u64,
}

/// Brings these databases back to their declared state; all when none is named.
pub fn reset(context: &Context<'_>, target: &Target, names: &[String]) -> Result<ResetReport, Error> {
    let mut session = Session::open(context, target, &Mode::Existing, "reset")?;
    let only = names.iter().map(|name| databases::find(&session, name)).collect::<Result<BTreeSet<DatabaseId>, _>>()?;
    let wanted = |session: &Session<'_>| {
        if only.is_empty() { session.model.databases.keys().cloned().collect() } else { only.clone() }
    };
    let was_running = !session.observed.running.is_empty();
    let executed = session.execute_with_states(&Material::of("reset"), wanted, |session| {
        let parts = Parts { databases: wanted(session), ..Parts::default() };
        let (model, observed, inputs) = (&session.model, &session.observed, &session.inputs);
        plan::around_state(model, observed, inputs, &parts, StateWork::Reset, &BTreeSet::new())
    });
    let rested = session.rest(was_running);
    let (plan, execution) = executed?;
    rested?;
    let steps = step_reports(&plan, &execution);
    let chosen =
        |wanted: fn(&Action) -> Option<String>| plan.steps.iter().filter_map(|step| wanted(&step.action)).collect();
    let report = ResetReport {
        from_copy: chosen(|action| match action {
            Action::Adopt { database, data, schema, .. } if data.is_some() || schema.is_some() => {
                Some(database.to_string())
            }
            _ => None,
        }),
        made_anew: chosen(|action| match action {
            Action::ClearDatabase(database)
            | Action::CreateDatabase(database)
            | Action::ImportBase { database, .. }
            | Action::Adopt { database, schema: None, data: None, .. } => Some(database.to_string()),
            _ => None,
        }),
        services: service_reports(&session, &execution.units),
        steps,
        total_ms: millis(session.began),
    };
    times::append(&session, "reset", report.total_ms, &report.steps);
    if was_running {
        session.tend_in_background();
    }
    Ok(report)
}
