//! `seedbed run`

use std::io::Write;

use environment::{RunReport, Stream, TaskReason};
use serde_json::{Value, json};

use super::{Job, Outcome, step, up};
use crate::arguments::RunArguments;
use crate::failure::Failure;
use crate::table::table;

pub fn run(job: &Job<'_>, arguments: &RunArguments) -> Result<Outcome, Failure> {
    if let Some(step) = &arguments.step.step {
        return step::run(job, step, &arguments.step);
    }
    let task = arguments.task.as_deref().expect("a task is named where no step is");
    let target = job.target()?;
    if arguments.why {
        return why(job, task);
    }
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
    let report = job.tell(environment::run(job.context, &target, task, &show))?;
    let RunReport { task, exit_code, failure, steps, total_ms } = report;
    if let Some(failure) = failure.filter(|_| !as_json) {
        // Its own exit code is what this command ends with.
        let code = u8::try_from(exit_code).unwrap_or(1);
        return Err(Failure::of_step(&failure, code));
    }
    let json = json!({ "task": task, "exit_code": exit_code, "steps": up::steps_json(&steps), "total_ms": total_ms });
    Ok(Outcome { text: String::new(), json, code: u8::try_from(exit_code).unwrap_or(1) })
}

fn why(job: &Job<'_>, task: &str) -> Result<Outcome, Failure> {
    let reasons = job.tell(environment::why_task(job.context, &job.target()?, task))?;
    let mut rows = Vec::new();
    for TaskReason { task, runs, reasons } in &reasons {
        let what = if *runs { "runs" } else { "is skipped" };
        for (index, reason) in reasons.iter().enumerate() {
            let (task, what) = if index == 0 { (task.as_str(), what) } else { ("", "") };
            rows.push([task.to_owned(), what.to_owned(), reason.clone()]);
        }
    }
    let json: Vec<Value> = reasons
        .iter()
        .map(|reason| json!({ "task": reason.task, "runs": reason.runs, "reasons": reason.reasons }))
        .collect();
    Ok(Outcome::of(table(["TASK", "UP", "WHY"], &rows), json!({ "tasks": json })))
}
