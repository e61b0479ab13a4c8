//! `seedbed why`

use std::fmt::Write;

use environment::StepOfChain;
use serde_json::{Value, json};

use super::{Job, Outcome};
use crate::arguments::WhyArguments;
use crate::failure::Failure;

pub fn run(job: &Job<'_>, arguments: &WhyArguments) -> Result<Outcome, Failure> {
    let reports = job.tell(environment::why(job.context, &job.target()?, arguments.database.as_deref()))?;
    let mut text = String::new();
    for report in &reports {
        writeln!(text, "{} ({})", report.id, report.engine).expect("it is a string");
        for step in &report.steps {
            writeln!(text, "  {:6}  {}  {}", step.step, &step.key[..12], words(step)).expect("it is a string");
            for change in &step.changes {
                writeln!(text, "          since it was last kept: {change}").expect("it is a string");
            }
        }
    }
    let chains: Vec<Value> = reports
        .iter()
        .map(|report| {
            let steps: Vec<Value> = report
                .steps
                .iter()
                .map(|step| {
                    json!({
                        "step": step.step, "key": step.key, "found": step.found, "nearest": step.nearest,
                        "changes": step.changes,
                    })
                })
                .collect();
            json!({ "database": report.id, "engine": report.engine, "steps": steps })
        })
        .collect();
    Ok(Outcome::of(text, json!({ "chains": chains })))
}

fn words(step: &StepOfChain) -> String {
    match (&step.found, &step.nearest) {
        (Some(place), _) => format!("hit: {place}"),
        (None, Some(nearest)) => format!("miss; nearest in {nearest}"),
        (None, None) if step.step == "create" => "an empty database".to_owned(),
        (None, None) => "miss".to_owned(),
    }
}
