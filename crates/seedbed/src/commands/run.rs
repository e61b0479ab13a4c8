//! `seedbed run`

use std::io::Write;

use environment::{RunReport, Stream};
use serde_json::json;

use super::{Job, Outcome, up};
use crate::arguments::RunArguments;
use crate::failure::Failure;

pub fn run(job: &Job<'_>, arguments: &RunArguments) -> Result<Outcome, Failure> {
    let target = job.target()?;
    let as_json = job.arguments.global.json;
    // With --json standard output has one document, and all that the task prints is talk.
    let show = |stream: Stream, text: &str| {
        let line = format!("{text}\n");
        // A reader that is gone does not end the task.
        let _ = if stream == Stream::Errors || as_json {
            std::io::stderr().write_all(line.as_bytes())
        } else {
            std::io::stdout().write_all(line.as_bytes())
        };
    };
    let report = job.tell(environment::run(job.context, &target, &arguments.task, &show))?;
    let RunReport { task, exit_code, failure, steps, total_ms } = report;
    if let Some(failure) = failure.filter(|_| !as_json) {
        // Its own exit code is what this command ends with.
        let code = u8::try_from(exit_code).unwrap_or(1);
        return Err(Failure::of_step(&failure, code));
    }
    let json = json!({ "task": task, "exit_code": exit_code, "steps": up::steps_json(&steps), "total_ms": total_ms });
    Ok(Outcome { text: String::new(), json, code: u8::try_from(exit_code).unwrap_or(1) })
}
