//! `seedbed tend`

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Job, Outcome};
use crate::arguments::TendArguments;
use crate::failure::Failure;

pub fn run(job: &Job<'_>, arguments: &TendArguments) -> Result<Outcome, Failure> {
    let report = job.tell(environment::tend(job.context, &job.target()?, arguments.background))?;
    let Some(report) = report else {
        let text = "another process is at it already\n".to_owned();
        return Ok(Outcome::of(text, json!({ "stored": [], "spares": [], "removed": 0 })));
    };
    let mut text = String::new();
    for (id, step, _) in &report.stored {
        writeln!(text, "stored the {step} of {id}").expect("it is a string");
    }
    if !report.spares.is_empty() {
        writeln!(text, "a spare copy is ready of {}", report.spares.join(", ")).expect("it is a string");
    }
    if report.removed > 0 {
        writeln!(text, "{} left the store", super::count(report.removed, "state", "states")).expect("it is a string");
    }
    if text.is_empty() {
        text.push_str("there was nothing to do\n");
    }
    let stored: Vec<Value> =
        report.stored.iter().map(|(id, step, key)| json!({ "database": id, "step": step, "key": key })).collect();
    Ok(Outcome::of(text, json!({ "stored": stored, "spares": report.spares, "removed": report.removed })))
}
