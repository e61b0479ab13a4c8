//! `seedbed link` and `seedbed unlink`, and how dependencies are shown

use environment::{DependencyReport, LinkReport, Progress};
use serde_json::{Value, json};

use super::{Job, Outcome};
use crate::arguments::{LinkArguments, UnlinkArguments};
use crate::failure::Failure;
use crate::table::table;

pub fn link(job: &Job<'_>, arguments: &LinkArguments) -> Result<Outcome, Failure> {
    let checkout = job.arguments.global.directory.join(&arguments.checkout);
    let report = environment::link(job.context, &job.target()?, &arguments.dependency, &checkout);
    Ok(outcome(job, &job.tell(report)?))
}

pub fn unlink(job: &Job<'_>, arguments: &UnlinkArguments) -> Result<Outcome, Failure> {
    let report = environment::unlink(job.context, &job.target()?, &arguments.dependency);
    Ok(outcome(job, &job.tell(report)?))
}

fn outcome(job: &Job<'_>, report: &LinkReport) -> Outcome {
    if report.would_be_committed {
        let note = "git would commit seedbed.local.yaml, which is yours alone: add it to .gitignore";
        job.context.monitor.on(Progress::Note(note.to_owned()));
    }
    let mut text = table_of(&report.dependencies);
    text.push_str("\n`seedbed up` takes it up\n");
    Outcome::of(text, json!({ "dependencies": dependencies_json(&report.dependencies) }))
}

/// The table of dependencies; nothing where there are none.
pub fn table_of(dependencies: &[DependencyReport]) -> String {
    if dependencies.is_empty() {
        return String::new();
    }
    let rows: Vec<_> = dependencies
        .iter()
        .map(|dependency| {
            let from = if dependency.is_linked {
                dependency.directory.display().to_string()
            } else {
                let reference = dependency.reference.as_ref().map_or_else(String::new, |name| format!(" at {name}"));
                format!("{}{reference}", dependency.repository.clone().unwrap_or_default())
            };
            [dependency.name.clone(), dependency.words(), from]
        })
        .collect();
    table(["DEPENDENCY", "IN USE", "FROM"], &rows)
}

pub fn dependencies_json(dependencies: &[DependencyReport]) -> Value {
    let one = |dependency: &DependencyReport| {
        let distance = dependency.distance.as_ref().map(|distance| {
            json!({
                "branch": distance.branch, "commit": distance.commit.as_str(), "ahead": distance.counts.map(|counts| counts.0),
                "behind": distance.counts.map(|counts| counts.1), "changed": distance.changed,
            })
        });
        json!({
            "dependency": dependency.name, "directory": dependency.directory, "repository": dependency.repository,
            "ref": dependency.reference, "locked": dependency.locked, "linked": dependency.is_linked, "distance": distance,
        })
    };
    dependencies.iter().map(one).collect()
}
