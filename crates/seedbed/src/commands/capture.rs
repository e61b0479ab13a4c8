//! `seedbed capture`

use std::fmt::Write;
use std::fs;

use environment::CaptureOptions;
use serde_json::{Value, json};

use super::{Job, Outcome};
use crate::arguments::CaptureArguments;
use crate::failure::Failure;
use crate::table::table;

pub fn run(job: &Job<'_>, arguments: &CaptureArguments) -> Result<Outcome, Failure> {
    let options = CaptureOptions {
        selectors: &arguments.records,
        condition: arguments.condition.as_deref(),
        children: &arguments.with_children,
    };
    let captured = job.tell(environment::capture(job.context, &job.target()?, &options))?;
    let counts: Vec<Value> =
        captured.counts.iter().map(|(name, records)| json!({ "type": name, "records": records })).collect();
    let said = json!({ "spec": captured.text, "records": counts, "notes": captured.notes });
    let Some(path) = &arguments.output else { return Ok(Outcome::of(captured.text, said)) };
    fs::write(path, &captured.text).map_err(|error| {
        let message = format!("error: cannot write {}: {error}\n", path.display());
        Failure { code: 1, kind: "io", message }
    })?;
    let rows: Vec<_> = captured.counts.iter().map(|(name, records)| [name.clone(), records.to_string()]).collect();
    let mut text = table(["RECORDS OF", "CAPTURED"], &rows);
    for note in &captured.notes {
        writeln!(text, "note: {note}").expect("writing to a string cannot fail");
    }
    writeln!(text, "\nwritten to {0}; `seedbed load {0}` makes them", path.display())
        .expect("writing to a string cannot fail");
    Ok(Outcome::of(text, said))
}
