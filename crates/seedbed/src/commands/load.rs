//! `seedbed load`

use environment::LoadOptions;
use serde_json::json;

use super::{Job, Outcome, up};
use crate::arguments::LoadArguments;
use crate::duration::duration;
use crate::failure::Failure;
use crate::table::table;

pub fn run(job: &Job<'_>, arguments: &LoadArguments) -> Result<Outcome, Failure> {
    let options = LoadOptions {
        path: arguments.path.as_deref(),
        service: arguments.service.as_deref(),
        strict: arguments.strict,
        fill: arguments.fill,
        seed: arguments.seed,
        set: arguments.set.iter().cloned().collect(),
    };
    let (report, total_ms) = job.tell(environment::load(job.context, &job.target()?, &options))?;
    let rows: Vec<_> = report
        .types
        .iter()
        .map(|report| [report.data_type.clone(), report.created.to_string(), report.found.to_string()])
        .collect();
    let table = table(["RECORDS OF", "CREATED", "FOUND"], &rows);
    let text = format!("{table}\n{}loaded: {}\n", up::loaded(&report), duration(total_ms));
    Ok(Outcome::of(text, json!({ "load": up::load_json(&report), "total_ms": total_ms })))
}
