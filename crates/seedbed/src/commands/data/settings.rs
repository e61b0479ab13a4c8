//! Parameters, resources that go or get another name, and care of the metadata

use std::fmt::Write;

use serde_json::{Map, Value, json};
use workspace::Parameter;

use super::{DataJob, failure};
use crate::commands::{Outcome, count};
use crate::data_arguments::{
    ParameterArguments, ParametersArguments, RemoveArguments, RenameArguments, SetParameterArguments,
    VerifyWorkspaceArguments,
};
use crate::failure::Failure;
use crate::table::table;

pub fn list(data: &DataJob<'_>, arguments: &ParametersArguments) -> Result<Outcome, Failure> {
    let [shared, local] = parameters(data, arguments)?;
    let row = |(name, value): (&String, &Value), whose: &str| [name.clone(), shown(value), whose.to_owned()];
    let mut rows: Vec<_> = shared.iter().map(|pair| row(pair, "all copies")).collect();
    rows.extend(local.iter().map(|pair| row(pair, "this copy")));
    let text = if rows.is_empty() { "no parameters\n".to_owned() } else { table(["PARAMETER", "VALUE", "OF"], &rows) };
    Ok(Outcome::of(text, json!({ "parameters": shared, "local": local })))
}

fn parameters(data: &DataJob<'_>, arguments: &ParametersArguments) -> Result<[Map<String, Value>; 2], Failure> {
    workspace::parameters(&data.workspace, arguments.resource.as_deref()).map_err(|error| failure::of(&error))
}

/// A value as it would be typed.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub fn get(data: &DataJob<'_>, arguments: &ParameterArguments) -> Result<Outcome, Failure> {
    let [shared, local] = parameters(data, &arguments.of)?;
    let name = &arguments.parameter;
    let Some(value) = local.get(name).or_else(|| shared.get(name)) else {
        let known = shared.keys().chain(local.keys()).cloned().collect();
        let error = workspace::Error::Unknown { what: "parameter", wanted: name.clone(), known };
        return Err(failure::of(&error));
    };
    Ok(Outcome::of(shown(value) + "\n", json!({ "parameter": name, "value": value })))
}

pub fn set(data: &DataJob<'_>, arguments: &SetParameterArguments) -> Result<Outcome, Failure> {
    let SetParameterArguments { of, local, parameter: name, value, .. } = arguments;
    let parsed = |text: &String| serde_json::from_str(text).unwrap_or_else(|_| json!(text));
    let value = value.as_ref().map(parsed);
    let parameter = Parameter { resource: of.resource.as_deref(), name, local: *local };
    workspace::set_parameter(&data.context, &data.workspace, &parameter, value.as_ref())
        .map_err(|error| failure::of(&error))?;
    let text = match &value {
        Some(value) => format!("{name} is {}\n", shown(value)),
        None => format!("{name} is not set\n"),
    };
    Ok(Outcome::of(text, json!({ "parameter": name, "value": value, "local": local })))
}

pub fn remove(data: &DataJob<'_>, arguments: &RemoveArguments) -> Result<Outcome, Failure> {
    let removed = workspace::remove(&data.context, &data.workspace, &arguments.resource);
    let removed = removed.map_err(|error| failure::of(&error))?;
    let text = format!("removed {}; its files and its snapshots stay\n", removed.name);
    Ok(Outcome::of(text, json!({ "removed": removed.name })))
}

pub fn rename(data: &DataJob<'_>, arguments: &RenameArguments) -> Result<Outcome, Failure> {
    let renamed = workspace::rename(&data.context, &data.workspace, &arguments.resource, &arguments.new);
    let renamed = renamed.map_err(|error| failure::of(&error))?;
    let text =
        format!("{} is called {}; snapshots hold it under the name that it had\n", arguments.resource, renamed.name);
    Ok(Outcome::of(text, json!({ "renamed": arguments.resource, "name": renamed.name })))
}

pub fn upgrade(data: &DataJob<'_>) -> Result<Outcome, Failure> {
    let upgraded = workspace::upgrade(&data.context, &data.workspace).map_err(|error| failure::of(&error))?;
    let text = format!(
        "the metadata is in separate files: {}, {}; `git revert` would bring the old form back\n",
        count(upgraded.resources, "resource", "resources"),
        count(upgraded.snapshots, "snapshot", "snapshots")
    );
    Ok(Outcome::of(text, json!({ "resources": upgraded.resources, "snapshots": upgraded.snapshots })))
}

pub fn verify(data: &DataJob<'_>, arguments: &VerifyWorkspaceArguments) -> Result<Outcome, Failure> {
    let findings = workspace::verify(&data.context, &data.workspace, arguments.data);
    let findings = findings.map_err(|error| failure::of(&error))?;
    let mut text = String::new();
    for finding in &findings {
        writeln!(text, "{}: {}", finding.place, finding.what).expect("it is a string");
    }
    if findings.is_empty() {
        text.push_str("the data workspace is sound\n");
    } else {
        writeln!(text, "{}", count(findings.len(), "finding", "findings")).expect("it is a string");
    }
    let json: Vec<Value> =
        findings.iter().map(|finding| json!({ "place": finding.place, "what": finding.what })).collect();
    Ok(Outcome { text, json: json!({ "findings": json }), code: if findings.is_empty() { 0 } else { 7 } })
}
