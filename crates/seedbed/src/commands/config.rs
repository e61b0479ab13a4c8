//! `seedbed config`

use std::fmt::Write;

use environment::{ApplyOptions, ConfigReport, Configured, SettingChange, SettingReport};
use serde_json::{Map, Value, json};

use super::{Job, Outcome, count, up};
use crate::arguments::{ConfigApplyArguments, ConfigCommand, ConfigShowArguments};
use crate::duration::duration;
use crate::failure::Failure;
use crate::table::table;

pub fn run(job: &Job<'_>, command: &ConfigCommand) -> Result<Outcome, Failure> {
    match command {
        ConfigCommand::Show(arguments) => show(job, arguments),
        ConfigCommand::Diff(arguments) => diff(job, arguments),
        ConfigCommand::Apply(arguments) => {
            let report = environment::config_apply(job.context, &job.target()?, &options(arguments));
            Ok(came_into_force(&job.tell(report)?))
        }
        ConfigCommand::List(_) | ConfigCommand::Get(_) | ConfigCommand::Set(_) => {
            unreachable!("they are about a data workspace")
        }
        ConfigCommand::History => history(job),
        ConfigCommand::Revert(arguments) => {
            let report = environment::config_revert(job.context, &job.target()?, arguments.number);
            Ok(came_into_force(&job.tell(report)?))
        }
    }
}

fn options(arguments: &ConfigApplyArguments) -> ApplyOptions {
    ApplyOptions { profile: arguments.profile.clone(), values: arguments.set.clone() }
}

fn show(job: &Job<'_>, arguments: &ConfigShowArguments) -> Result<Outcome, Failure> {
    let settings = job.tell(environment::config_settings(job.context, &job.target()?, arguments.profile.as_deref()))?;
    let rows: Vec<_> = settings
        .iter()
        .map(|report| {
            let about = report.setting.description.clone().unwrap_or_default();
            let until = report.setting.until.map(|until| format!("until {until}")).unwrap_or_default();
            let about = [until, about].iter().filter(|text| !text.is_empty()).cloned().collect::<Vec<_>>().join(": ");
            [report.name.clone(), shown(&report.value), report.from.clone(), about]
        })
        .collect();
    let text = if rows.is_empty() {
        "no setting is declared; `config` of seedbed.yaml is the place for them\n".to_owned()
    } else {
        table(["SETTING", "VALUE", "FROM", "WHAT IT IS"], &rows)
    };
    Ok(Outcome::of(text, json!({ "settings": settings.iter().map(setting_json).collect::<Vec<Value>>() })))
}

fn setting_json(report: &SettingReport) -> Value {
    let setting = &report.setting;
    let allowed: Vec<String> = setting.values.iter().map(ToString::to_string).collect();
    json!({
        "name": report.name, "value": report.value, "type": setting.kind.as_str(), "from": report.from,
        "description": setting.description, "allowed": allowed, "until": setting.until.map(|until| until.to_string()),
        "public": setting.is_public,
    })
}

/// A value for people; of a secret, where it comes from.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() || text.contains(['\n', '\t']) => value.to_string(),
        Value::String(text) => text.clone(),
        Value::Object(secret) => match secret.get("secret").and_then(Value::as_object) {
            Some(source) => format!("secret, from {}", source_words(source)),
            None => value.to_string(),
        },
        other => other.to_string(),
    }
}

fn source_words(source: &Map<String, Value>) -> String {
    let text = |key: &str| source.get(key).and_then(Value::as_str);
    match (text("env"), text("file"), source.get("command").and_then(Value::as_array)) {
        (Some(name), _, _) => format!("the variable {name}"),
        (_, Some(path), _) => format!("the file {path}"),
        (_, _, Some(words)) => {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            format!("the command {}", words.join(" "))
        }
        _ => "somewhere".to_owned(),
    }
}

fn change_line(change: &SettingChange) -> String {
    let name = &change.name;
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => format!("{name}: {} → {}", shown(before), shown(after)),
        (None, Some(after)) => format!("{name}: {}", shown(after)),
        (Some(_), None) => format!("{name}: not there any more"),
        (None, None) => name.clone(),
    }
}

fn changes_json(changes: &[SettingChange]) -> Value {
    let change =
        |change: &SettingChange| json!({ "name": change.name, "before": change.before, "after": change.after });
    changes.iter().map(change).collect()
}

fn diff(job: &Job<'_>, arguments: &ConfigApplyArguments) -> Result<Outcome, Failure> {
    let found = job.tell(environment::config_diff(job.context, &job.target()?, &options(arguments)))?;
    let mut text = String::new();
    for change in &found.changes {
        writeln!(text, "{}", change_line(change)).expect("writing to a string cannot fail");
    }
    match (found.changes.is_empty(), found.restarts.as_slice()) {
        (true, []) => text.push_str("nothing would change\n"),
        (_, []) => text.push_str("no service would be started anew\n"),
        (_, services) => writeln!(text, "would be started anew: {}", services.join(", ")).expect("it is a string"),
    }
    Ok(Outcome::of(text, json!({ "changes": changes_json(&found.changes), "restarts": found.restarts })))
}

fn came_into_force(report: &ConfigReport) -> Outcome {
    let mut text = String::new();
    for change in &report.changes {
        writeln!(text, "{}", change_line(change)).expect("writing to a string cannot fail");
    }
    let starts = report.steps.iter().filter(|step| step.title.starts_with("start ")).count();
    let what = match (report.changes.is_empty(), starts) {
        (true, 0) => "nothing has changed".to_owned(),
        (_, 0) if !report.is_running => "in force from the next `up` on".to_owned(),
        (_, 0) => "in force; no service that runs reads it".to_owned(),
        (_, starts) => format!("in force; {} anew", count(starts, "service was started", "services were started")),
    };
    writeln!(text, "{what}: {}", duration(report.total_ms)).expect("writing to a string cannot fail");
    let json = json!({
        "changes": changes_json(&report.changes), "steps": up::steps_json(&report.steps), "number": report.number,
        "running": report.is_running, "total_ms": report.total_ms,
    });
    Outcome::of(text, json)
}

fn history(job: &Job<'_>) -> Result<Outcome, Failure> {
    let history = job.tell(environment::config_history(job.context, &job.target()?))?;
    let mut rows = Vec::new();
    let mut before: Option<&Configured> = None;
    for entry in &history {
        let changed = changed(before, entry);
        let profile = entry.profile.as_ref().map_or_else(String::new, |profile| format!(" {profile}"));
        let command = format!("{}{profile}", entry.command);
        rows.push([entry.number.to_string(), entry.time.clone(), entry.author.clone(), command, changed]);
        before = Some(entry);
    }
    let text = if rows.is_empty() {
        "nothing was in force yet\n".to_owned()
    } else {
        table(["NUMBER", "WHEN", "BY", "COMMAND", "WHAT CHANGED"], &rows)
    };
    let entry = |entry: &Configured| {
        json!({
            "number": entry.number, "time": entry.time, "author": entry.author, "command": entry.command,
            "profile": entry.profile, "settings": entry.settings,
        })
    };
    Ok(Outcome::of(text, json!({ "history": history.iter().map(entry).collect::<Vec<Value>>() })))
}

/// What an entry of the history changed; the first one is the beginning.
fn changed(before: Option<&Configured>, entry: &Configured) -> String {
    let Some(before) = before else {
        return format!("{} at first", count(entry.settings.len(), "setting", "settings"));
    };
    let names: std::collections::BTreeSet<&String> = before.settings.keys().chain(entry.settings.keys()).collect();
    let changes = names.into_iter().filter_map(|name| {
        let (before, after) = (before.settings.get(name).cloned(), entry.settings.get(name).cloned());
        (before != after).then(|| change_line(&SettingChange { name: name.clone(), before, after }))
    });
    changes.collect::<Vec<_>>().join("; ")
}
