//! `seedbed init`

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Job, Outcome};
use crate::arguments::InitArguments;
use crate::failure::Failure;

pub fn run(job: &Job<'_>, arguments: &InitArguments) -> Result<Outcome, Failure> {
    let report = job.tell(environment::init(job.context, &job.directory()?, arguments.print))?;
    let sketch = &report.sketch;
    let found: Vec<Value> = sketch.found.iter().map(|(file, what)| json!({ "file": file, "what": what })).collect();
    let json = json!({
        "name": sketch.name, "manifest": report.text, "found": found, "left": sketch.left, "file": report.written,
    });
    let mut talk = String::new();
    for (file, what) in &sketch.found {
        writeln!(talk, "found {file}: {what}").expect("writing to a string cannot fail");
    }
    if sketch.found.is_empty() {
        talk.push_str("found nothing that says how this project is run\n");
    }
    if !sketch.left.is_empty() {
        talk.push_str("left for you:\n");
    }
    for left in &sketch.left {
        writeln!(talk, "  {left}").expect("writing to a string cannot fail");
    }
    let Some(path) = &report.written else {
        // What is printed may become the file.
        talk.lines().for_each(|line| job.note(line));
        return Ok(Outcome::of(report.text, json));
    };
    let next = if sketch.found.is_empty() { "say there what is run" } else { "`seedbed up` brings it up" };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    writeln!(talk, "wrote {name}; {next}").expect("writing to a string cannot fail");
    Ok(Outcome::of(talk, json))
}
