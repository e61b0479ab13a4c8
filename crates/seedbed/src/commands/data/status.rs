//! `seedbed status` of a data workspace

use std::fmt::Write;

use serde_json::{Value, json};
use workspace::{Change, ChangeKind, ResourceStatus, Taking};

use super::add::resource_json;
use super::snapshot::{short, taking_json};
use super::{DataJob, failure};
use crate::commands::{Outcome, count};
use crate::failure::Failure;
use crate::table::table;

/// So many files of a resource are shown to a person.
const SHOWN: usize = 10;

pub fn run(data: &DataJob<'_>) -> Result<Outcome, Failure> {
    let status = workspace::status(&data.context, &data.workspace).map_err(|error| failure::of(&error))?;
    let name = data.workspace.metadata().name().map_err(|error| failure::of(&error))?;
    let mut text = match &status.since {
        Some(taking) => format!("{name}: since {}\n", named(taking)),
        None => format!("{name}: no snapshot yet; `seedbed snapshot` takes one\n"),
    };
    if let Some(branch) = &status.branch {
        writeln!(text, "on the branch {branch}").expect("it is a string");
    }
    if status.resources.is_empty() {
        text.push_str("no resources yet; `seedbed add` adds one\n");
    } else {
        let rows: Vec<_> = status
            .resources
            .iter()
            .map(|one| {
                let resource = &one.resource;
                [resource.name.clone(), resource.role.to_string(), resource.kind.clone(), said(one)]
            })
            .collect();
        text.push('\n');
        text.push_str(&table(["RESOURCE", "ROLE", "KIND", "STATE"], &rows));
    }
    for one in &status.resources {
        files(&mut text, one);
    }
    for removed in &status.removed {
        writeln!(text, "{removed}: in the snapshot, and no resource any more").expect("it is a string");
    }
    let resources: Vec<Value> = status.resources.iter().map(status_json).collect();
    let json = json!({
        "name": name, "root": data.workspace.root(), "form": data.workspace.metadata().form().as_str(),
        "changed": status.is_changed(), "since": status.since.as_ref().map(taking_json), "branch": status.branch,
        "resources": resources, "removed": status.removed,
    });
    Ok(Outcome::of(text, json))
}

/// A snapshot as people know it.
pub fn named(taking: &Taking) -> String {
    match taking.tags.as_slice() {
        [] => short(&taking.snapshot).to_owned(),
        tags => format!("{} ({})", tags.join(", "), short(&taking.snapshot)),
    }
}

fn said(one: &ResourceStatus) -> String {
    match (&one.now, one.is_new, one.is_changed, &one.changes) {
        (Err(problem), ..) => problem.clone(),
        (_, true, ..) => "not in the snapshot".to_owned(),
        (_, _, false, _) => "as in the snapshot".to_owned(),
        (_, _, true, Some(changes)) if !changes.is_empty() => count(changes.len(), "file differs", "files differ"),
        _ => "changed".to_owned(),
    }
}

fn files(text: &mut String, one: &ResourceStatus) {
    let changes = one.changes.as_deref().unwrap_or_default();
    if changes.is_empty() {
        return;
    }
    write!(text, "\n{}:\n{}", one.resource.name, lines(changes, SHOWN)).expect("it is a string");
}

/// Changes, one a line, and how many more there are.
pub fn lines(changes: &[Change], shown: usize) -> String {
    let mut text = String::new();
    for change in changes.iter().take(shown) {
        let mark = match change.kind {
            ChangeKind::Added => '+',
            ChangeKind::Removed => '-',
            ChangeKind::Changed => '~',
            ChangeKind::Mode => 'm',
        };
        writeln!(text, "  {mark} {}", change.path.escape_debug()).expect("it is a string");
    }
    if changes.len() > shown {
        writeln!(text, "  and {} more", changes.len() - shown).expect("it is a string");
    }
    text
}

/// Changes for programs.
pub fn changes_json(changes: &[Change]) -> Value {
    let one = |change: &Change| json!({ "change": change.kind.as_str(), "path": change.path });
    Value::Array(changes.iter().map(one).collect())
}

fn status_json(one: &ResourceStatus) -> Value {
    let mut value = resource_json(&one.resource);
    value["hash"] = json!(one.now.as_ref().ok().and_then(|state| state.hash.clone()));
    value["problem"] = json!(one.now.as_ref().err());
    value["new"] = json!(one.is_new);
    value["changed"] = json!(one.is_changed);
    value["files"] = one.changes.as_deref().map_or(Value::Null, changes_json);
    value
}
