//! Commands on the snapshots of a data workspace: list, show, compare, tag, delete

use std::fmt::Write;
use std::fs;

use serde_json::{Value, json};
use workspace::{Difference, Taking};

use super::snapshot::{short, taking_json};
use super::status::{changes_json, lines};
use super::{DataJob, failure};
use crate::arguments::{DeleteArguments, DiffArguments, ShowArguments, SnapshotsArguments, TagArguments};
use crate::commands::{Outcome, count, snapshot};
use crate::data_arguments::{HistoryArguments, ResultsArguments};
use crate::duration::size;
use crate::failure::Failure;
use crate::table::table;

pub fn list(data: &DataJob<'_>, arguments: &SnapshotsArguments) -> Result<Outcome, Failure> {
    let mut takings = data.workspace.metadata().takings(None).map_err(|error| failure::of(&error))?;
    if let Some(pattern) = &arguments.pattern {
        takings.retain(|taking| taking.tags.iter().any(|tag| fits(pattern, tag)));
    }
    Ok(listed(&takings, arguments.pattern.as_deref(), None))
}

/// Whether a tag is one that a pattern with `*` means.
fn fits(pattern: &str, tag: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == tag,
        Some((start, rest)) => tag
            .strip_prefix(start)
            .is_some_and(|tag| (0..=tag.len()).filter(|at| tag.is_char_boundary(*at)).any(|at| fits(rest, &tag[at..]))),
    }
}

pub fn history(data: &DataJob<'_>, arguments: &HistoryArguments) -> Result<Outcome, Failure> {
    let metadata = data.workspace.metadata();
    let takings = metadata.takings(arguments.limit).map_err(|error| failure::of(&error))?;
    let baseline = arguments.baseline.as_deref().map(|wanted| metadata.resolve(wanted)).transpose();
    let baseline = baseline.map_err(|error| failure::of(&error))?;
    let Some(file) = &arguments.html else {
        let base = match &baseline {
            Some(hash) => metadata.takings_of(hash).map_err(|error| failure::of(&error))?.into_iter().next(),
            None => None,
        };
        return Ok(listed(&takings, None, base.as_ref()));
    };
    let name = metadata.name().map_err(|error| failure::of(&error))?;
    let path = data.job.directory()?.join(file);
    fs::write(&path, workspace::page(&name, &takings, baseline.as_deref())).map_err(|error| Failure {
        code: 4,
        kind: "file-system",
        message: format!("error: cannot write {}: {error}\n", path.display()),
    })?;
    let snapshots = count(takings.len(), "snapshot", "snapshots");
    let text = format!("wrote {}: {snapshots}\n", file.display());
    Ok(Outcome::of(text, json!({ "file": path, "snapshots": takings.len() })))
}

fn listed(takings: &[Taking], pattern: Option<&str>, base: Option<&Taking>) -> Outcome {
    let row = |taking: &Taking| {
        [
            taking.tags.join(", "),
            short(&taking.snapshot).to_owned(),
            moment(&taking.time),
            taking.branch.clone().unwrap_or_default(),
            metrics(taking, base),
            taking.message.clone(),
        ]
    };
    let rows: Vec<_> = takings.iter().map(row).collect();
    let text = match (rows.is_empty(), pattern) {
        (false, _) => table(["TAGS", "HASH", "TAKEN", "BRANCH", "METRICS", "MESSAGE"], &rows),
        (true, Some(pattern)) => format!("no snapshot has a tag like '{pattern}'\n"),
        (true, None) => "no snapshots yet; `seedbed snapshot` takes one\n".to_owned(),
    };
    let one = |taking: &Taking| {
        let mut value = taking_json(taking);
        if let Some(base) = base {
            value["compared"] = json!(workspace::differences(taking, base));
        }
        value
    };
    Outcome::of(text, json!({ "snapshots": takings.iter().map(one).collect::<Vec<Value>>() }))
}

/// A moment without what is below seconds.
fn moment(time: &str) -> String {
    let zone = if time.ends_with('Z') { "Z" } else { "" };
    format!("{}{zone}", time.get(..19).unwrap_or(time))
}

fn metrics(taking: &Taking, base: Option<&Taking>) -> String {
    let compared = base.map(|base| workspace::differences(taking, base)).unwrap_or_default();
    let all = taking.metrics.as_ref().map(workspace::flat).unwrap_or_default();
    let one = |(name, value): &(String, Value)| {
        let by = compared.get(name).and_then(Value::as_f64).map_or_else(String::new, |by| format!(" ({by:+.4})"));
        format!("{name} {value}{by}")
    };
    all.iter().map(one).collect::<Vec<_>>().join(", ")
}

pub fn results(data: &DataJob<'_>, arguments: &ResultsArguments) -> Result<Outcome, Failure> {
    let (snapshot, resource) = (arguments.snapshot.as_deref(), arguments.resource.as_deref());
    let all = workspace::results(&data.workspace, snapshot, resource).map_err(|error| failure::of(&error))?;
    let mut text = String::new();
    for one in &all {
        let file = one.file.strip_prefix(data.workspace.root()).unwrap_or(&one.file);
        writeln!(text, "{} ({})", one.resource, file.display()).expect("it is a string");
        for (name, value) in workspace::flat(&one.results) {
            writeln!(text, "  {name}: {value}").expect("it is a string");
        }
    }
    if all.is_empty() {
        text.push_str("no results resource has a results.json\n");
    }
    let one = |one: &workspace::ResourceResults| json!({ "resource": one.resource, "file": one.file, "results": one.results });
    Ok(Outcome::of(text, json!({ "results": all.iter().map(one).collect::<Vec<Value>>() })))
}

pub fn show(data: &DataJob<'_>, arguments: &ShowArguments) -> Result<Outcome, Failure> {
    let shown = workspace::show(&data.context, &data.workspace, &arguments.tag, arguments.files);
    let shown = shown.map_err(|error| failure::of(&error))?;
    let mut text = format!("{}\n", shown.hash);
    for taking in &shown.takings {
        let tags = if taking.tags.is_empty() { String::new() } else { format!(" as {}", taking.tags.join(", ")) };
        let by = if taking.by.is_empty() { String::new() } else { format!(" by {}", taking.by) };
        writeln!(text, "  taken {}{by} on {}{tags}", moment(&taking.time), taking.host).expect("it is a string");
        if !taking.message.is_empty() {
            writeln!(text, "  message: {}", taking.message).expect("it is a string");
        }
        for (name, value) in taking.metrics.as_ref().map(workspace::flat).unwrap_or_default() {
            writeln!(text, "  {name}: {value}").expect("it is a string");
        }
        if let Some(place) = taking.results.as_ref().filter(|place| !place.is_empty()) {
            writeln!(text, "  results: {place}").expect("it is a string");
        }
    }
    text.push('\n');
    let hash = |hash: &Option<String>| hash.as_deref().map(short).unwrap_or_default().to_owned();
    let rows: Vec<_> = shown
        .manifest
        .entries
        .iter()
        .map(|entry| [entry.name.clone(), entry.role.clone(), entry.kind.clone(), hash(&entry.hash)])
        .collect();
    text.push_str(&table(["RESOURCE", "ROLE", "KIND", "CONTENT"], &rows));
    for (resource, files) in &shown.files {
        writeln!(text, "\n{resource}:").expect("it is a string");
        for (path, bytes) in files {
            writeln!(text, "  {} ({})", path.escape_debug(), size(*bytes)).expect("it is a string");
        }
    }
    let resources: Vec<Value> = shown
        .manifest
        .entries
        .iter()
        .map(|entry| json!({ "name": entry.name, "type": entry.kind, "role": entry.role, "hash": entry.hash }))
        .collect();
    let file = |(path, bytes): &(String, u64)| json!({ "path": path, "bytes": bytes });
    let files: serde_json::Map<String, Value> = shown
        .files
        .iter()
        .map(|(name, files)| (name.clone(), Value::Array(files.iter().map(file).collect())))
        .collect();
    let json = json!({
        "hash": shown.hash, "taken": shown.takings.iter().map(taking_json).collect::<Vec<_>>(), "resources": resources,
        "files": files,
    });
    Ok(Outcome::of(text, json))
}

pub fn diff(data: &DataJob<'_>, arguments: &DiffArguments) -> Result<Outcome, Failure> {
    let compared = workspace::diff(&data.context, &data.workspace, &arguments.from, arguments.to.as_deref());
    let compared = compared.map_err(|error| failure::of(&error))?;
    let mut text = String::new();
    for difference in &compared.differences {
        writeln!(text, "{}: {}", difference.resource, said(difference)).expect("it is a string");
        text.push_str(&lines(difference.changes.as_deref().unwrap_or_default(), arguments.rows));
    }
    for (name, before, after) in &compared.metrics {
        let value = |value: &Option<Value>| value.as_ref().map_or_else(|| "-".to_owned(), Value::to_string);
        writeln!(text, "{name}: {} → {}", value(before), value(after)).expect("it is a string");
    }
    if compared.differences.is_empty() {
        text.push_str("no resource differs\n");
    } else if compared.equal > 0 {
        writeln!(text, "{}", count(compared.equal, "resource is equal", "resources are equal"))
            .expect("it is a string");
    }
    let difference = |difference: &Difference| {
        json!({
            "resource": difference.resource, "before": difference.before, "after": difference.after,
            "files": difference.changes.as_deref().map_or(Value::Null, changes_json),
        })
    };
    let metric = |(name, before, after): &(String, Option<Value>, Option<Value>)| json!({ "metric": name, "before": before, "after": after });
    let json = json!({
        "from": compared.from, "to": compared.to, "equal": compared.equal,
        "differences": compared.differences.iter().map(difference).collect::<Vec<Value>>(),
        "metrics": compared.metrics.iter().map(metric).collect::<Vec<Value>>(),
    });
    Ok(Outcome::of(text, json))
}

fn said(difference: &Difference) -> String {
    match (&difference.before, &difference.after, &difference.changes) {
        (None, ..) => "only in the second".to_owned(),
        (_, None, _) => "only in the first".to_owned(),
        (.., Some(changes)) if !changes.is_empty() => count(changes.len(), "file differs", "files differ"),
        _ => "differs".to_owned(),
    }
}

pub fn tag(data: &DataJob<'_>, arguments: &TagArguments) -> Result<Outcome, Failure> {
    let (context, workspace) = (&data.context, &data.workspace);
    let Some(new) = &arguments.new else {
        let hash = workspace::untag(context, workspace, &arguments.tag).map_err(|error| failure::of(&error))?;
        let text = format!("{} has no longer the tag '{}'\n", short(&hash), arguments.tag);
        return Ok(Outcome::of(text, json!({ "hash": hash, "deleted": arguments.tag })));
    };
    let hash = workspace::tag(context, workspace, &arguments.tag, new, arguments.moving);
    let hash = hash.map_err(|error| failure::of(&error))?;
    let text = format!("'{}' is '{new}', too ({})\n", arguments.tag, short(&hash));
    Ok(Outcome::of(text, json!({ "hash": hash, "tag": new })))
}

pub fn delete(data: &DataJob<'_>, arguments: &DeleteArguments) -> Result<Outcome, Failure> {
    snapshot::confirm(arguments)?;
    let (context, workspace) = (&data.context, &data.workspace);
    let hashes = workspace::delete_snapshots(context, workspace, &arguments.tags, arguments.results);
    let hashes = hashes.map_err(|error| failure::of(&error))?;
    let gone = count(hashes.len(), "snapshot is", "snapshots are");
    let text = format!("{gone} gone; `seedbed store collect` frees the space\n");
    Ok(Outcome::of(text, json!({ "deleted": hashes })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_tags() {
        assert!(fits("v*", "v1") && fits("*1", "v1") && fits("v1", "v1") && fits("*-x-*", "a-x-b"));
        assert!(!fits("v", "v1") && !fits("*2", "v1"));
    }
}
