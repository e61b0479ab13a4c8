//! How long each step of each command took: a line of JSON for each command, never sent anywhere.

use std::fs::File;
use std::io::Write;

use serde::Serialize;

use crate::report::StepReport;
use crate::{Progress, Session};

#[derive(Serialize)]
struct Line<'a> {
    seedbed_times: u32,
    time: String,
    command: &'a str,
    total_ms: u64,
    steps: Vec<Step<'a>>,
}

#[derive(Serialize)]
struct Step<'a> {
    id: &'a str,
    waited_ms: u64,
    took_ms: u64,
}

/// Adds a command. What it has done is done, even if this cannot be written down.
pub(crate) fn append(session: &Session<'_>, command: &str, total_ms: u64, steps: &[StepReport]) {
    let steps =
        steps.iter().map(|step| Step { id: &step.step, waited_ms: step.waited_ms, took_ms: step.took_ms }).collect();
    let line = Line { seedbed_times: 1, time: session.now(), command, total_ms, steps };
    let mut text = serde_json::to_string(&line).expect("these types have no failing parts");
    text.push('\n');
    let path = session.place.times();
    let file = File::options().append(true).create(true).open(&path);
    if let Err(error) = file.and_then(|mut file| file.write_all(text.as_bytes())) {
        let text = format!("how long it took could not be noted in {}: {error}", path.display());
        session.context.monitor.on(Progress::Note(text));
    }
}
