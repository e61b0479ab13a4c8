//! `seedbed push`, `seedbed pull`, `seedbed fetch`

use std::fmt::Write;

use environment::{PushOptions, Shared};
use serde_json::{Value, json};

use super::{Job, Outcome, count};
use crate::arguments::{FetchArguments, PullArguments, PushArguments};
use crate::duration::{duration, size};
use crate::failure::Failure;

pub fn push(job: &Job<'_>, arguments: &PushArguments) -> Result<Outcome, Failure> {
    if arguments.tags.is_empty() && !arguments.states {
        let message = "error: nothing to push is named\nhelp: name tags of snapshots, or say --states\n".to_owned();
        return Err(Failure { code: 2, kind: "command-line", message });
    }
    let options = PushOptions {
        tags: &arguments.tags,
        states: arguments.states,
        to: arguments.to.as_deref(),
        allow_findings: arguments.allow_findings,
    };
    let shared = job.tell(environment::push(job.context, &job.target()?, &options))?;
    Ok(outcome("sent to", &shared))
}

pub fn pull(job: &Job<'_>, arguments: &PullArguments) -> Result<Outcome, Failure> {
    if arguments.tags.is_empty() {
        let message = "error: nothing to pull is named\nhelp: name tags of snapshots\n".to_owned();
        return Err(Failure { code: 2, kind: "command-line", message });
    }
    let from = arguments.from.as_deref();
    let shared = environment::pull(job.context, &job.target()?, &arguments.tags, from, &arguments.only);
    Ok(outcome("got from", &job.tell(shared)?))
}

pub fn fetch(job: &Job<'_>, arguments: &FetchArguments) -> Result<Outcome, Failure> {
    let from = arguments.from.as_deref();
    let shared = job.tell(environment::fetch(job.context, &job.target()?, &arguments.names, from))?;
    Ok(outcome("got from", &shared))
}

fn outcome(verb: &str, shared: &Shared) -> Outcome {
    let mut text = String::new();
    for tag in &shared.snapshots {
        writeln!(text, "snapshot {tag}").expect("it is a string");
    }
    for (id, step, key) in &shared.states {
        writeln!(text, "{step} of {id} ({})", &key[..12]).expect("it is a string");
    }
    let sent = shared.snapshots.len() + shared.states.len();
    let there = if shared.present > 0 { format!(", {} there already", shared.present) } else { String::new() };
    // Bytes in a millisecond are kilobytes in a second.
    let rate = (shared.bytes / shared.total_ms.max(1)).saturating_mul(1000);
    writeln!(
        text,
        "{verb} {}: {}{there}, {} in {} ({}/s)",
        shared.remote,
        count(sent, "thing", "things"),
        size(shared.bytes),
        duration(shared.total_ms),
        size(rate)
    )
    .expect("it is a string");
    let states: Vec<Value> =
        shared.states.iter().map(|(id, step, key)| json!({ "database": id, "step": step, "key": key })).collect();
    let json = json!({
        "remote": shared.remote, "snapshots": shared.snapshots, "states": states, "present": shared.present,
        "bytes": shared.bytes, "total_ms": shared.total_ms,
    });
    Outcome::of(text, json)
}
