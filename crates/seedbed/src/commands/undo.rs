//! `seedbed undo`

use serde_json::json;

use super::{Job, Outcome};
use crate::duration::duration;
use crate::failure::Failure;

pub fn run(job: &Job<'_>) -> Result<Outcome, Failure> {
    let report = job.tell(environment::undo(job.context, &job.target()?))?;
    let names = report.names.join(", ");
    let text = format!(
        "{names}: as before the {} of {}; another `undo` takes this back: {}\n",
        report.command,
        report.at,
        duration(report.total_ms)
    );
    let json = json!({
        "undone": report.command, "at": report.at, "names": report.names, "total_ms": report.total_ms,
    });
    Ok(Outcome::of(text, json))
}
