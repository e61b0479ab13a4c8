//! `seedbed snapshot` of a data workspace

use std::fmt::Write;

use serde_json::{Value, json};
use workspace::{SnapshotOptions, Taking};

use super::{DataJob, failure};
use crate::arguments::SnapshotArguments;
use crate::commands::{Outcome, count};
use crate::failure::Failure;

pub fn run(data: &DataJob<'_>, arguments: &SnapshotArguments) -> Result<Outcome, Failure> {
    let options = SnapshotOptions { tag: arguments.tag.as_deref(), message: &arguments.message };
    let taken = workspace::snapshot(&data.context, &data.workspace, &options).map_err(|error| failure::of(&error))?;
    let names: Vec<&str> = taken.manifest.entries.iter().map(|entry| &*entry.name).collect();
    let tagged = arguments.tag.as_ref().map_or_else(String::new, |tag| format!(" as '{tag}'"));
    let mut text = format!("saved {}{tagged} ({})\n", names.join(", "), short(&taken.taking.snapshot));
    if taken.known {
        text.push_str("the same state was saved before: it is the same snapshot\n");
    }
    if let (Some(place), true) = (&taken.taking.results, taken.moved > 0) {
        let entries = count(taken.moved, "entry", "entries");
        writeln!(text, "moved results to {place}: {entries}").expect("it is a string");
    }
    let json = json!({ "snapshot": taking_json(&taken.taking), "known": taken.known, "moved": taken.moved });
    Ok(Outcome::of(text, json))
}

/// A hash as people read it.
pub fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// A taking for programs.
pub fn taking_json(taking: &Taking) -> Value {
    json!({
        "hash": taking.snapshot, "tags": taking.tags, "message": taking.message, "taken": taking.time, "by": taking.by,
        "host": taking.host, "number": taking.number, "results": taking.results, "metrics": taking.metrics,
        "branch": taking.branch,
    })
}
