//! `seedbed restore`, `seedbed undo`, `seedbed branch` and `seedbed use` of a data workspace

use std::fmt::Write;

use serde_json::{Value, json};
use workspace::RestoreOptions;

use super::snapshot::{short, taking_json};
use super::status::named;
use super::{DataJob, failure};
use crate::arguments::RestoreArguments;
use crate::commands::Outcome;
use crate::data_arguments::{BranchArguments, UseArguments};
use crate::failure::Failure;
use crate::table::table;

pub fn run(data: &DataJob<'_>, arguments: &RestoreArguments) -> Result<Outcome, Failure> {
    let options = RestoreOptions {
        snapshot: &arguments.tag,
        only: &arguments.only,
        leave: &arguments.leave,
        strict: arguments.strict,
    };
    let restored = workspace::restore(&data.context, &data.workspace, &options).map_err(|error| failure::of(&error))?;
    let mut text = match restored.restored.as_slice() {
        [] => format!("nothing to restore from {}\n", named(&restored.taking)),
        names => format!("restored {} from {}\n", names.join(", "), named(&restored.taking)),
    };
    if restored.changed.is_empty() && !restored.restored.is_empty() {
        text.push_str("everything was as in the snapshot already\n");
    }
    for (name, why) in &restored.left {
        writeln!(text, "left {name}: {why}").expect("it is a string");
    }
    let left: Vec<Value> = restored.left.iter().map(|(name, why)| json!({ "resource": name, "why": why })).collect();
    let json = json!({
        "snapshot": taking_json(&restored.taking), "restored": restored.restored, "changed": restored.changed, "left": left,
    });
    Ok(Outcome::of(text, json))
}

pub fn undo(data: &DataJob<'_>) -> Result<Outcome, Failure> {
    let undone = workspace::undo(&data.context, &data.workspace).map_err(|error| failure::of(&error))?;
    let what = undone.resources.join(", ");
    let when = undone.time.get(..19).unwrap_or(&undone.time);
    let text = format!("{what}: as before `{}` of {when}Z; another `undo` takes this back\n", undone.command);
    Ok(Outcome::of(text, json!({ "command": undone.command, "time": undone.time, "resources": undone.resources })))
}

pub fn branch(data: &DataJob<'_>, arguments: &BranchArguments) -> Result<Outcome, Failure> {
    let Some(name) = &arguments.branch else { return branches(data) };
    if arguments.delete {
        workspace::delete_branch(&data.context, &data.workspace, name).map_err(|error| failure::of(&error))?;
        return Ok(Outcome::of(format!("the branch {name} is gone; its snapshots stay\n"), json!({ "deleted": name })));
    }
    let at = arguments.at.as_deref();
    let switched = workspace::branch(&data.context, &data.workspace, name, at, arguments.discard);
    let switched = switched.map_err(|error| failure::of(&error))?;
    let leads = switched.snapshot.as_deref().map_or_else(String::new, |hash| format!(" at {}", short(hash)));
    let mut text = format!("on the {}branch {name}{leads}\n", if switched.is_new { "new " } else { "" });
    if !switched.changed.is_empty() {
        writeln!(text, "restored {}", switched.changed.join(", ")).expect("it is a string");
    }
    let json = json!({
        "branch": name, "snapshot": switched.snapshot, "new": switched.is_new, "changed": switched.changed,
    });
    Ok(Outcome::of(text, json))
}

fn branches(data: &DataJob<'_>) -> Result<Outcome, Failure> {
    let all = data.workspace.metadata().branches().map_err(|error| failure::of(&error))?;
    let current = data.workspace.current().map_err(|error| failure::of(&error))?.branch;
    let mark = |name: &String| if current.as_ref() == Some(name) { "*" } else { "" }.to_owned();
    let rows: Vec<_> = all.iter().map(|(name, hash)| [mark(name), name.clone(), short(hash).to_owned()]).collect();
    let text = if rows.is_empty() {
        "no branches; `seedbed branch BRANCH` begins one here\n".to_owned()
    } else {
        table(["", "BRANCH", "SNAPSHOT"], &rows)
    };
    Ok(Outcome::of(text, json!({ "branches": all, "current": current })))
}

pub fn use_set(data: &DataJob<'_>, arguments: &UseArguments) -> Result<Outcome, Failure> {
    let Some(name) = &arguments.set else { return sets(data) };
    let used = workspace::use_set(&data.context, &data.workspace, name, arguments.resource.as_deref(), arguments.new);
    let used = used.map_err(|error| failure::of(&error))?;
    let text = if used.before == *name {
        format!("{} holds the data set {name} already\n", used.resource)
    } else {
        format!("{} holds the data set {name}; what it held is kept as {}\n", used.resource, used.before)
    };
    let json = json!({ "resource": used.resource, "set": name, "before": used.before, "changed": used.changed });
    Ok(Outcome::of(text, json))
}

fn sets(data: &DataJob<'_>) -> Result<Outcome, Failure> {
    let all = workspace::sets(&data.workspace).map_err(|error| failure::of(&error))?;
    let mut rows = Vec::new();
    for one in &all {
        for (name, hash) in &one.all {
            let mark = if *name == one.current { "*" } else { "" }.to_owned();
            let hash = if *name == one.current { None } else { hash.as_deref() };
            rows.push([mark, one.resource.clone(), name.clone(), hash.map(short).unwrap_or_default().to_owned()]);
        }
    }
    let text = if rows.is_empty() {
        "no data sets; `seedbed use --new DATA_SET` begins one, and what is there is kept as 'main'\n".to_owned()
    } else {
        table(["", "RESOURCE", "DATA SET", "CONTENT"], &rows)
    };
    let one = |one: &workspace::Sets| json!({ "resource": one.resource, "current": one.current, "sets": one.all });
    Ok(Outcome::of(text, json!({ "resources": all.iter().map(one).collect::<Vec<Value>>() })))
}
