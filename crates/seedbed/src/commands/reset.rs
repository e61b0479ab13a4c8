//! `seedbed reset`

use std::fmt::Write;

use serde_json::json;

use super::{Job, Outcome, up};
use crate::arguments::ResetArguments;
use crate::duration::duration;
use crate::failure::Failure;

pub fn run(job: &Job<'_>, arguments: &ResetArguments) -> Result<Outcome, Failure> {
    let report = job.tell(environment::reset(job.context, &job.target()?, &arguments.databases))?;
    let mut text = String::new();
    if !report.from_copy.is_empty() {
        writeln!(text, "back in their declared state: {}", report.from_copy.join(", ")).expect("it is a string");
    }
    if !report.made_anew.is_empty() {
        writeln!(text, "made anew: {}", report.made_anew.join(", ")).expect("it is a string");
    }
    writeln!(text, "reset: {}", duration(report.total_ms)).expect("it is a string");
    let json = json!({
        "from_copy": report.from_copy,
        "made_anew": report.made_anew,
        "services": up::services_json(&report.services),
        "steps": up::steps_json(&report.steps),
        "total_ms": report.total_ms,
    });
    Ok(Outcome::of(text, json))
}
