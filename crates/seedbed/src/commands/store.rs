//! `seedbed store`

use std::fmt::Write;

use environment::Target;
use serde_json::{Value, json};

use super::{Job, Outcome, count, identity};
use crate::arguments::{CheckArguments, CollectArguments, RepairArguments, StoreCommand};
use crate::duration::size;
use crate::failure::Failure;

pub fn run(job: &Job<'_>, command: &StoreCommand) -> Result<Outcome, Failure> {
    match command {
        StoreCommand::Check(options) => check(job, options),
        StoreCommand::Repair(options) => repair(job, options),
        StoreCommand::Collect(options) => collect(job, options),
        StoreCommand::Identity => identity::run(job),
    }
}

/// Whose store is meant: that of the workspace of services, else that of the data workspace.
fn target(job: &Job<'_>) -> Result<Target, Failure> {
    let directory = job.directory()?;
    match workspace::find_root(&directory) {
        Some(root) if manifest::find_root(&directory).is_none() => {
            Ok(Target { root, name: job.arguments.global.environment_name().to_owned() })
        }
        _ => job.target(),
    }
}

fn check(job: &Job<'_>, arguments: &CheckArguments) -> Result<Outcome, Failure> {
    let remote = arguments.remote.as_deref();
    let checked = environment::check(job.context, &target(job)?, remote, arguments.data, &arguments.prove);
    let report = job.tell(checked)?;
    let mut text = String::new();
    for finding in &report.findings {
        writeln!(text, "{} {}", finding.path, finding.what).expect("it is a string");
        if !finding.affected.is_empty() {
            writeln!(text, "  needed by {}", finding.affected.join(", ")).expect("it is a string");
        }
    }
    for (place, finding) in &report.disproved {
        writeln!(text, "{place}: {finding}").expect("it is a string");
    }
    for place in &report.proved {
        writeln!(text, "{place}: the engine's own checker finds nothing wrong").expect("it is a string");
    }
    let wrong = report.findings.len() + report.disproved.len();
    if wrong == 0 {
        text.push_str("the store is sound\n");
    } else {
        let of = remote.map_or(String::new(), |name| format!(" --remote {name}"));
        let findings = count(wrong, "finding", "findings");
        writeln!(text, "{findings}; `seedbed store repair{of}` mends what can be mended").expect("it is a string");
    }
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| json!({ "path": finding.path, "what": finding.what, "affected": finding.affected }))
        .collect();
    let disproved: Vec<Value> =
        report.disproved.iter().map(|(place, finding)| json!({ "place": place, "finding": finding })).collect();
    let json = json!({ "findings": findings, "proved": report.proved, "disproved": disproved });
    Ok(Outcome { text, json, code: if wrong == 0 { 0 } else { 7 } })
}

fn repair(job: &Job<'_>, arguments: &RepairArguments) -> Result<Outcome, Failure> {
    let report = job.tell(environment::repair(
        job.context,
        &target(job)?,
        arguments.remote.as_deref(),
        arguments.from.as_deref(),
    ))?;
    let mut text = String::new();
    if report.reindexed_packs > 0 {
        writeln!(text, "indexed anew: {}", count_of(report.reindexed_packs, "pack", "packs")).expect("it is a string");
    }
    if report.fetched_objects > 0 {
        writeln!(text, "fetched: {}", count_of(report.fetched_objects, "object", "objects")).expect("it is a string");
    }
    if report.dropped_blocks > 0 {
        writeln!(text, "dropped: {}", count_of(report.dropped_blocks, "damaged block", "damaged blocks"))
            .expect("it is a string");
    }
    for finding in &report.lost {
        writeln!(text, "lost: {} {}", finding.path, finding.what).expect("it is a string");
        if !finding.affected.is_empty() {
            writeln!(text, "  needed by {}", finding.affected.join(", ")).expect("it is a string");
        }
    }
    if report.lost.is_empty() {
        text.push_str("the store is sound\n");
    }
    let lost: Vec<Value> = report
        .lost
        .iter()
        .map(|finding| json!({ "path": finding.path, "what": finding.what, "affected": finding.affected }))
        .collect();
    let json = json!({
        "reindexed_packs": report.reindexed_packs, "fetched_objects": report.fetched_objects,
        "dropped_blocks": report.dropped_blocks, "lost": lost,
    });
    Ok(Outcome { text, json, code: if report.lost.is_empty() { 0 } else { 7 } })
}

fn count_of(number: u64, one: &str, many: &str) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), one, many)
}

fn collect(job: &Job<'_>, arguments: &CollectArguments) -> Result<Outcome, Failure> {
    let remote = arguments.remote.as_deref();
    let report = job.tell(environment::collect(job.context, &target(job)?, remote, arguments.dry_run))?;
    let text = if arguments.dry_run {
        format!("{} could be freed\n", size(report.condemned_bytes))
    } else {
        format!("freed {}; {} living objects stay\n", size(report.freed_bytes), report.living)
    };
    let json = json!({
        "dry_run": arguments.dry_run, "living": report.living, "condemned_bytes": report.condemned_bytes,
        "freed_bytes": report.freed_bytes, "removed_packs": report.removed_packs,
    });
    Ok(Outcome::of(text, json))
}
