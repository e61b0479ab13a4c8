//! `seedbed start` and `seedbed restart`

use environment::{Context, Error, ShortOfMemory, Target, UpReport};

use super::{Job, Outcome, count, up};
use crate::arguments::StartArguments;
use crate::duration::duration;
use crate::failure::Failure;

/// An operation on services.
type Operation = fn(&Context<'_>, &Target, &[String], ShortOfMemory) -> Result<UpReport, Error>;

pub fn start(job: &Job<'_>, arguments: &StartArguments) -> Result<Outcome, Failure> {
    run(job, arguments, environment::start, "started")
}

pub fn restart(job: &Job<'_>, arguments: &StartArguments) -> Result<Outcome, Failure> {
    run(job, arguments, environment::restart, "restarted")
}

fn run(job: &Job<'_>, arguments: &StartArguments, operation: Operation, done: &str) -> Result<Outcome, Failure> {
    let report =
        job.tell(operation(job.context, &job.target()?, &arguments.services.services, arguments.memory.choice()))?;
    let begun = report.services.iter().filter(|service| service.started_now).count();
    let verdict = match begun {
        0 => format!("all of it ran already: {}\n", duration(report.total_ms)),
        _ => format!("{} {done}: {}\n", count(begun, "service", "services"), duration(report.total_ms)),
    };
    Ok(Outcome::of(format!("{}{verdict}", up::tables(&report)), up::json(&report)))
}
