//! `seedbed critical-path`

use std::fmt::Write;

use environment::CriticalStep;
use serde_json::{Value, json};

use super::{Job, Outcome, count};
use crate::arguments::CriticalPathArguments;
use crate::duration::duration;
use crate::failure::Failure;
use crate::table::table;

pub fn run(job: &Job<'_>, arguments: &CriticalPathArguments) -> Result<Outcome, Failure> {
    let command = &arguments.command;
    let Some(path) = job.tell(environment::critical_path(job.context, &job.target()?, command))? else {
        let message = format!("error: no `{command}` has done anything here yet\n");
        return Err(Failure { code: 5, kind: "no-times", message });
    };
    let rows: Vec<_> = path
        .steps
        .iter()
        .map(|step| {
            let [began, idle, took, gain] = [step.began_ms, step.idle_ms, step.took_ms, step.gain_ms].map(duration);
            [step.step.clone(), began, idle, took, gain]
        })
        .collect();
    let mut text = table(["STEP", "BEGAN AFTER", "LAY IDLE", "TOOK", "COSTS"], &rows);
    let beside = if path.beside == 0 {
        String::new()
    } else {
        format!("; {} went on beside these", count(path.beside, "other step", "other steps"))
    };
    writeln!(
        text,
        "\n{} of {} took {}, of it {} around the steps{beside}",
        path.command,
        path.time,
        duration(path.total_ms),
        duration(path.rest_ms)
    )
    .expect("writing to a string cannot fail");
    let step = |step: &CriticalStep| {
        json!({
            "step": step.step, "began_ms": step.began_ms, "idle_ms": step.idle_ms, "took_ms": step.took_ms,
            "gain_ms": step.gain_ms,
        })
    };
    let json = json!({
        "command": path.command, "time": path.time, "total_ms": path.total_ms, "rest_ms": path.rest_ms,
        "steps": path.steps.iter().map(step).collect::<Vec<Value>>(), "beside": path.beside,
    });
    Ok(Outcome::of(text, json))
}
