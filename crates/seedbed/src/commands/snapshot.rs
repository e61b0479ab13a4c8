//! `seedbed snapshot`, `seedbed restore` and what is done with snapshots

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};

use environment::{RestoreOptions, SnapshotForm, SnapshotOptions};
use serde_json::{Value, json};
use store::Record;

use super::{Job, Outcome, count};
use crate::arguments::{
    DeleteArguments, ExportArguments, ImportArguments, RestoreArguments, ShowArguments, SnapshotArguments,
    SnapshotsArguments, TagArguments,
};
use crate::duration::{duration, size};
use crate::failure::Failure;
use crate::table::table;

pub fn take(job: &Job<'_>, arguments: &SnapshotArguments) -> Result<Outcome, Failure> {
    let form = match (arguments.logical, arguments.physical) {
        (true, _) => Some(SnapshotForm::Logical),
        (_, true) => Some(SnapshotForm::Physical),
        _ => None,
    };
    let SnapshotArguments { tag: Some(tag), message, allow_holes, .. } = arguments else {
        let message = "error: a snapshot of an environment needs a tag\nhelp: `seedbed snapshot TAG`\n".to_owned();
        return Err(Failure { code: 2, kind: "command-line", message });
    };
    let options = SnapshotOptions { tag, message, allow_holes: *allow_holes, form };
    let (record, total_ms) = job.tell(environment::snapshot(job.context, &job.target()?, &options))?;
    let mut text = format!(
        "saved {} as '{}' ({}, {}): {}\n",
        record.names.join(", "),
        record.details.tag,
        record.snapshot,
        size(record.bytes),
        duration(total_ms)
    );
    for hole in &record.details.holes {
        writeln!(text, "not in it: {hole}").expect("it is a string");
    }
    let code = if record.details.holes.is_empty() { 0 } else { 7 };
    Ok(Outcome { text, json: json!({ "snapshot": record_json(&record), "total_ms": total_ms }), code })
}

pub fn restore(job: &Job<'_>, arguments: &RestoreArguments) -> Result<Outcome, Failure> {
    let options =
        RestoreOptions { tag: &arguments.tag, only: &arguments.only, leave: &arguments.leave, prove: arguments.prove };
    let (record, total_ms) = job.tell(environment::restore(job.context, &job.target()?, &options))?;
    let is_part = !arguments.only.is_empty() || !arguments.leave.is_empty();
    let text = format!(
        "restored {} from '{}' ({}): {}\n",
        if is_part { "a part".to_owned() } else { record.names.join(", ") },
        record.details.tag,
        record.snapshot,
        duration(total_ms)
    );
    Ok(Outcome::of(text, json!({ "snapshot": record_json(&record), "total_ms": total_ms })))
}

pub fn list(job: &Job<'_>, arguments: &SnapshotsArguments) -> Result<Outcome, Failure> {
    let (pattern, remote) = (arguments.pattern.as_deref(), arguments.remote.as_deref());
    let records = job.tell(environment::snapshots(job.context, &job.target()?, pattern, remote))?;
    let rows: Vec<_> = records
        .iter()
        .map(|record| {
            let details = &record.details;
            [
                details.tag.clone(),
                record.snapshot.to_string(),
                details.created.clone(),
                size(record.bytes),
                details.message.clone(),
            ]
        })
        .collect();
    let text = match (rows.is_empty(), pattern, remote) {
        (false, ..) => table(["TAG", "ID", "TAKEN", "SIZE", "MESSAGE"], &rows),
        (true, Some(pattern), _) => format!("no snapshot has a tag like '{pattern}'\n"),
        (true, None, Some(remote)) => format!("no snapshots in {remote}; `seedbed push TAG` sends one\n"),
        (true, None, None) => "no snapshots yet; `seedbed snapshot TAG` takes one\n".to_owned(),
    };
    Ok(Outcome::of(text, json!({ "snapshots": records.iter().map(record_json).collect::<Vec<Value>>() })))
}

pub fn show(job: &Job<'_>, arguments: &ShowArguments) -> Result<Outcome, Failure> {
    let shown = environment::show(job.context, &job.target()?, &arguments.tag, arguments.files);
    let environment::Shown { record, contents, files } = job.tell(shown)?;
    let details = &record.details;
    let mut text = format!("{} ({})\n", details.tag, record.snapshot.as_str());
    let lines = [
        ("taken", details.created.clone()),
        ("by", details.author.clone()),
        ("of", details.environment.clone()),
        ("message", details.message.clone()),
        ("proved", details.proof.clone().unwrap_or_default()),
    ];
    for (word, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(text, "{word:8} {value}").expect("it is a string");
    }
    for hole in &details.holes {
        writeln!(text, "hole     {hole}").expect("it is a string");
    }
    let rows: Vec<_> = contents
        .iter()
        .map(|content| {
            let version = content.fingerprint.find('-').map_or(0, |hyphen| hyphen + 1);
            let fingerprint = content.fingerprint.chars().take(version + 12).collect();
            [content.name.clone(), content.kind.clone(), content.form.clone(), size(content.bytes), fingerprint]
        })
        .collect();
    text.push('\n');
    text.push_str(&table(["NAME", "KIND", "FORM", "SIZE", "FINGERPRINT"], &rows));
    for (name, path) in &files {
        writeln!(text, "{name}: {path}").expect("it is a string");
    }
    let contents: Vec<Value> = contents
        .iter()
        .map(|content| {
            json!({
                "name": content.name, "kind": content.kind, "form": content.form,
                "fingerprint": content.fingerprint, "bytes": content.bytes,
            })
        })
        .collect();
    let files: Vec<Value> = files.iter().map(|(name, path)| json!({ "resource": name, "path": path })).collect();
    Ok(Outcome::of(text, json!({ "snapshot": record_json(&record), "contents": contents, "files": files })))
}

pub fn tag(job: &Job<'_>, arguments: &TagArguments) -> Result<Outcome, Failure> {
    let Some(new) = arguments.new.as_ref().filter(|_| !arguments.moving) else {
        let message = "error: --delete and --move are for tags of data workspaces\nhelp: a snapshot of an environment goes with its \
                       tag: `seedbed delete TAG`\n";
        return Err(Failure { code: 2, kind: "command-line", message: message.to_owned() });
    };
    let record = job.tell(environment::tag(job.context, &job.target()?, &arguments.tag, new))?;
    let text = format!("'{}' is '{new}', too ({})\n", arguments.tag, record.snapshot);
    Ok(Outcome::of(text, json!({ "snapshot": record_json(&record) })))
}

/// Asks whether snapshots are to be removed; an error when they are not.
pub fn confirm(arguments: &DeleteArguments) -> Result<(), Failure> {
    let what = format!(
        "the {} {}",
        if arguments.tags.len() == 1 { "snapshot" } else { "snapshots" },
        arguments.tags.join(", ")
    );
    if !arguments.yes {
        if !std::io::stdin().is_terminal() {
            let message = format!("error: {what} would be removed for good\nhelp: `--yes` says that this is wanted\n");
            return Err(Failure::refused(message));
        }
        let asked = write!(std::io::stderr(), "Remove {what} for good? [y/N] ");
        let mut answer = String::new();
        let is_read = asked.is_ok() && std::io::stdin().read_line(&mut answer).is_ok();
        if !is_read || !matches!(answer.trim(), "y" | "Y" | "yes") {
            return Err(Failure::refused("nothing was removed\n"));
        }
    }
    Ok(())
}

pub fn delete(job: &Job<'_>, arguments: &DeleteArguments) -> Result<Outcome, Failure> {
    confirm(arguments)?;
    let records = job.tell(environment::delete(job.context, &job.target()?, &arguments.tags))?;
    let text = format!(
        "{} gone; `seedbed store collect` frees the space\n",
        count(records.len(), "snapshot is", "snapshots are")
    );
    Ok(Outcome::of(text, json!({ "deleted": records.iter().map(record_json).collect::<Vec<Value>>() })))
}

pub fn export(job: &Job<'_>, arguments: &ExportArguments) -> Result<Outcome, Failure> {
    let file = job.arguments.global.directory.join(&arguments.file);
    let bytes = job.tell(environment::export(job.context, &job.target()?, &arguments.tags, &file))?;
    let text = format!("wrote {} to {} ({})\n", arguments.tags.join(", "), arguments.file.display(), size(bytes));
    Ok(Outcome::of(text, json!({ "file": arguments.file.display().to_string(), "bytes": bytes })))
}

pub fn import(job: &Job<'_>, arguments: &ImportArguments) -> Result<Outcome, Failure> {
    let file = job.arguments.global.directory.join(&arguments.file);
    let records = job.tell(environment::import(job.context, &job.target()?, &file))?;
    let tags: Vec<&str> = records.iter().map(|record| record.details.tag.as_str()).collect();
    let text = format!("took in {}\n", tags.join(", "));
    Ok(Outcome::of(text, json!({ "snapshots": records.iter().map(record_json).collect::<Vec<Value>>() })))
}

fn record_json(record: &Record) -> Value {
    let details = &record.details;
    json!({
        "tag": details.tag, "id": record.snapshot.as_str(), "created": details.created, "message": details.message,
        "author": details.author, "environment": details.environment, "bytes": record.bytes, "names": record.names,
        "holes": details.holes, "lineage": details.lineage, "metrics": details.metrics, "proof": details.proof,
    })
}
