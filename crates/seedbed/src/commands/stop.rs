//! `seedbed stop` and `seedbed kill`

use serde_json::json;

use super::{Job, Outcome, count};
use crate::arguments::{KillArguments, ServicesArguments};
use crate::duration::duration;
use crate::failure::Failure;

pub fn stop(job: &Job<'_>, arguments: &ServicesArguments) -> Result<Outcome, Failure> {
    let report = job.tell(environment::stop(job.context, &job.target()?, &arguments.services))?;
    let dependents = match report.dependents.as_slice() {
        [] => String::new(),
        [one] => format!("{one} needs what was to be stopped, and was stopped before it\n"),
        all => format!("{} need what was to be stopped, and were stopped before it\n", all.join(", ")),
    };
    let verdict = match report.stopped.len() {
        0 => "nothing of it ran\n".to_owned(),
        stopped => format!("{} stopped: {}\n", count(stopped, "service", "services"), duration(report.total_ms)),
    };
    let json = json!({ "stopped": report.stopped, "dependents": report.dependents, "total_ms": report.total_ms });
    Ok(Outcome::of(format!("{dependents}{verdict}"), json))
}

pub fn kill(job: &Job<'_>, arguments: &KillArguments) -> Result<Outcome, Failure> {
    let services = &arguments.services.services;
    let report = job.tell(environment::kill(job.context, &job.target()?, services, arguments.signal))?;
    let text = format!("SIG{} was sent to {}\n", report.signal, report.services.join(", "));
    Ok(Outcome::of(text, json!({ "signal": report.signal, "services": report.services })))
}
