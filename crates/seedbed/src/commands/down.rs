//! `seedbed down`

use serde_json::json;

use super::{Job, Outcome};
use crate::duration::duration;
use crate::failure::Failure;

pub fn run(job: &Job<'_>) -> Result<Outcome, Failure> {
    let report = job.tell(environment::down(job.context, &job.target()?))?;
    let took = duration(report.total_ms);
    let text = match report.stopped.len() {
        0 => "nothing ran\n".to_owned(),
        1 => format!("1 service stopped: {took}\n"),
        count => format!("{count} services stopped: {took}\n"),
    };
    Ok(Outcome::of(text, json!({ "stopped": report.stopped, "total_ms": report.total_ms })))
}
