//! `seedbed check`

use std::fmt::Write;

use environment::{AcceptanceOptions, AcceptancePart};
use serde_json::{Value, json};

use super::{Job, Outcome, count, up};
use crate::arguments::AcceptanceArguments;
use crate::duration::duration;
use crate::failure::Failure;

pub fn run(job: &Job<'_>, arguments: &AcceptanceArguments) -> Result<Outcome, Failure> {
    let options = AcceptanceOptions { profile: arguments.profile.clone(), tasks: arguments.tasks };
    let found = job.tell(environment::check_repository(job.context, &job.target()?, &options))?;
    let mut text = String::new();
    let mut parts: Vec<Value> = Vec::new();
    for part in &found.parts {
        let error = part.error.as_ref().map(|error| Failure::of(error, job.render_options()).message);
        write_part(&mut text, part, error.as_deref());
        parts.push(json!({
            "part": part.name, "passed": part.passed, "took_ms": part.took_ms, "findings": part.findings,
            "error": error.as_deref().map(str::trim_end),
        }));
    }
    let failed = found.parts.iter().filter(|part| part.passed == Some(false)).count();
    let time = duration(found.total_ms);
    if found.passed() {
        writeln!(text, "{} is done: {time}", found.workspace).expect("it is a string");
    } else {
        let untried = found.parts.iter().filter(|part| part.passed.is_none()).count();
        let rest = if untried == 0 { String::new() } else { format!(", {untried} not tried") };
        let what = count(failed, "part fails", "parts fail");
        writeln!(text, "not done: {what}{rest}: {time}").expect("it is a string");
    }
    let json = json!({
        "workspace": found.workspace, "passed": found.passed(), "parts": parts, "steps": up::steps_json(&found.steps),
        "total_ms": found.total_ms,
    });
    Ok(Outcome { text, json, code: if found.passed() { 0 } else { 7 } })
}

fn write_part(text: &mut String, part: &AcceptancePart, error: Option<&str>) {
    let AcceptancePart { name, passed, took_ms, findings, .. } = part;
    match passed {
        None => writeln!(text, "· {name}: not tried"),
        Some(passed) => writeln!(text, "{} {name}  {}", if *passed { '✓' } else { '✗' }, duration(*took_ms)),
    }
    .expect("it is a string");
    for finding in findings {
        writeln!(text, "    {finding}").expect("it is a string");
    }
    for line in error.unwrap_or_default().lines() {
        writeln!(text, "    {line}").expect("it is a string");
    }
}
