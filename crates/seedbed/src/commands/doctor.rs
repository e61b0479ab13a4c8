//! `seedbed doctor`

use std::fmt::Write;

use environment::Finding;
use serde_json::{Value, json};

use super::{Job, Outcome};
use crate::arguments::DoctorArguments;
use crate::failure::Failure;

pub fn run(job: &Job<'_>, arguments: &DoctorArguments) -> Result<Outcome, Failure> {
    let checks = environment::doctor(job.context, &job.target()?, arguments.profile.as_deref());
    let mut text = String::new();
    let mut bad = 0;
    let mut json: Vec<Value> = Vec::new();
    for check in &checks {
        let name = &check.name;
        let (state, what, help) = match &check.finding {
            Finding::Good(what) => ("good", what.clone(), ""),
            Finding::Doubtful { what, help } => ("doubtful", what.clone(), help.as_str()),
            Finding::Bad { what, help } => ("bad", what.clone(), help.as_str()),
            Finding::Problems(problems) => {
                let state = if problems.has_errors() { "bad" } else { "doubtful" };
                (state, format!("\n{}", source::render(problems, job.render_options()).trim_end()), "")
            }
        };
        bad += usize::from(state == "bad");
        let mark = match state {
            "good" => '✓',
            "doubtful" => '·',
            _ => '✗',
        };
        writeln!(text, "{mark} {name}: {what}").expect("it is a string");
        if !help.is_empty() {
            writeln!(text, "  help: {help}").expect("it is a string");
        }
        json.push(json!({ "check": name, "state": state, "what": what.trim(), "help": help }));
    }
    if bad > 0 {
        return Err(Failure { code: 4, kind: "doctor", message: text });
    }
    Ok(Outcome::of(text, json!({ "checks": json })))
}
