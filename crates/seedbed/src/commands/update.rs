//! `seedbed update`

use std::fmt::Write;

use environment::{RepositoryChange, UpdateOptions, UpdateReport};
use serde_json::{Value, json};

use super::{Job, Outcome, count};
use crate::arguments::UpdateArguments;
use crate::failure::Failure;

pub fn run(job: &Job<'_>, arguments: &UpdateArguments) -> Result<Outcome, Failure> {
    let options =
        UpdateOptions { names: arguments.names.clone(), moved_tags: arguments.moved_tags, is_dry: arguments.dry_run };
    let report = job.tell(environment::update(job.context, &job.target()?, &options))?;
    Ok(Outcome::of(text(&report, arguments.dry_run), json(&report)))
}

fn text(report: &UpdateReport, is_dry: bool) -> String {
    if report.pinned == 0 && report.changes.is_empty() {
        return "no dependency is had by git\n".to_owned();
    }
    if report.changes.is_empty() {
        return format!("{} as locked; nothing has moved\n", count(report.pinned, "repository is", "repositories are"));
    }
    let mut text: String = report.changes.iter().map(change).collect();
    let end = if is_dry { "nothing was written" } else { "seedbed.lock was written; `seedbed up` takes it up" };
    writeln!(text, "{end}").expect("writing to a string cannot fail");
    text
}

fn change(change: &RepositoryChange) -> String {
    let digits = |id: &Option<String>| id.as_ref().map(|id| id.chars().take(10).collect::<String>());
    let reference = change.reference.as_ref().map_or_else(String::new, |name| format!(" {name}"));
    let mut text = format!("{}{reference}: ", change.repository);
    match (digits(&change.before), digits(&change.now)) {
        (Some(before), Some(now)) if before != now => write!(text, "{before} → {now}"),
        (None, Some(now)) => write!(text, "{now}, new"),
        (Some(before), None) => write!(text, "{before}, not needed any more"),
        (_, now) => write!(text, "{}", now.unwrap_or_default()),
    }
    .expect("writing to a string cannot fail");
    if let Some(history) = &change.history {
        let more = if history.is_cut { " or more" } else { "" };
        if history.ahead > 0 {
            let commits = count(history.ahead, "new commit", "new commits");
            write!(text, ", {commits}{more}").expect("writing to a string cannot fail");
        }
        if history.behind > 0 {
            let commits = count(history.behind, "commit", "commits");
            write!(text, ", {commits}{more} gone").expect("writing to a string cannot fail");
        }
    }
    text.push('\n');
    for commit in change.history.iter().flat_map(|history| &history.newest) {
        writeln!(text, "  {} {}", commit.id, commit.subject).expect("writing to a string cannot fail");
    }
    let more = change.history.as_ref().map_or(0, |history| history.ahead.saturating_sub(history.newest.len()));
    if more > 0 {
        writeln!(text, "  … and {more} more").expect("writing to a string cannot fail");
    }
    for line in &change.differences {
        writeln!(text, "  {line}").expect("writing to a string cannot fail");
    }
    text
}

fn json(report: &UpdateReport) -> Value {
    let changes = report.changes.iter().map(|change| {
        let history = change.history.as_ref().map(|history| {
            let newest = history.newest.iter().map(|commit| json!({ "commit": commit.id, "subject": commit.subject }));
            json!({
                "ahead": history.ahead, "behind": history.behind, "cut": history.is_cut,
                "newest": newest.collect::<Vec<_>>(),
            })
        });
        json!({
            "repository": change.repository, "ref": change.reference, "before": change.before, "now": change.now,
            "history": history, "manifest": change.differences,
        })
    });
    json!({ "changes": changes.collect::<Vec<_>>(), "pinned": report.pinned })
}
