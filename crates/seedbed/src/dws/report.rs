//! `dws report`, `dws status` and `dws lineage`

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};
use workspace::{Role, Taking, Workspace};

use super::arguments::{Report, ReportArguments, StatusArguments};
use super::failure::Stop;
use super::table::{Cell, Column, python, table};
use super::{Face, complain, kinds, lineage, say, show};

/// So many metrics have a column in the history: those that most snapshots have.
const METRICS: usize = 2;

pub fn run(face: &Face<'_>, arguments: &ReportArguments) -> Result<(), Stop> {
    let workspace = face.workspace()?;
    match &arguments.report {
        Report::Status => resources(&workspace),
        Report::History { limit } => history(&workspace, *limit),
        Report::Lineage { snapshot } => lineage::report(face, &workspace, snapshot.as_deref()),
        Report::Results { snapshot, resource } => results(&workspace, snapshot.as_deref(), resource.as_deref()),
    }
}

pub fn status(face: &Face<'_>, arguments: &StatusArguments) -> Result<(), Stop> {
    let workspace = face.workspace()?;
    resources(&workspace)?;
    if arguments.history {
        say("\n");
        history(&workspace, arguments.limit)?;
    }
    Ok(())
}

fn resources(workspace: &Workspace) -> Result<(), Stop> {
    let metadata = workspace.metadata();
    let name = metadata.name()?;
    say(format!("Status for workspace: {name}"));
    let all = metadata.resources()?;
    let mut rows = Vec::new();
    let mut missing = Vec::new();
    for role in kinds::ROLES {
        let of_role: Vec<_> = all.iter().filter(|resource| resource.role.as_str() == role).collect();
        if of_role.is_empty() {
            missing.push(role);
        }
        for resource in of_role {
            let parameters = metadata.as_dws(resource);
            let kind = parameters.get("resource_type").and_then(Value::as_str).unwrap_or(&resource.kind).to_owned();
            let others =
                parameters.iter().filter(|(key, _)| !["resource_type", "name", "role"].contains(&key.as_str()));
            let shown: Vec<String> = others.map(|(key, value)| format!("{key}={}", python(value))).collect();
            rows.push([resource.name.clone(), role.to_owned(), kind, shown.join(",\n")]);
        }
    }
    let column = |title: &str, at: usize| {
        Column::new(title, rows.iter().map(|row: &[String; 4]| row[at].as_str().into()).collect())
    };
    let columns = [column("Resource", 0), column("Role", 1), column("Type", 2), column("Parameters", 3)];
    show(&table(Some(&format!("Resources for workspace: {name}")), &columns, ""));
    if !missing.is_empty() {
        say(format!("No resources for the following roles: {}.", missing.join(", ")));
    }
    Ok(())
}

fn history(workspace: &Workspace, limit: Option<u64>) -> Result<(), Stop> {
    let limit = limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let takings = workspace.metadata().takings(limit)?;
    let metrics = |taking: &Taking| taking.metrics.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for taking in &takings {
        for name in metrics(taking).keys() {
            let seen = counts.len();
            counts.entry(name.clone()).or_insert((0, seen)).0 += 1;
        }
    }
    // Those that most have; of equal ones those that were met first.
    let mut common: Vec<(String, (usize, usize))> = counts.into_iter().collect();
    common.sort_by_key(|(_, (count, seen))| (std::cmp::Reverse(*count), *seen));
    common.truncate(METRICS);
    let column = |title: &str, cell: &dyn Fn(&Taking) -> Cell| Column::new(title, takings.iter().map(cell).collect());
    let mut columns = vec![
        column("Hash", &|taking| taking.snapshot[..7].into()).at_most(8),
        column("Tags", &|taking| taking.tags.join(", ").into()).at_most(20),
        column("Created", &|taking| taking.time.get(..19).unwrap_or(&taking.time).into()).at_most(19),
    ];
    for (name, _) in &common {
        let cell = |taking: &Taking| metrics(taking).get(name).map_or(Cell::Empty, Cell::of);
        columns.push(column(name, &cell).cut_at(25));
    }
    columns.push(column("Message", &|taking| taking.message.as_str().into()).at_most(30));
    show(&table(Some("History of snapshots"), &columns, ""));
    match limit {
        Some(limit) if takings.len() == limit => say(format!("Showing first {limit} snapshots")),
        _ => say(format!("{} snapshots total", takings.len())),
    }
    Ok(())
}

/// The file with results that is meant: what it says, and how it is called.
fn found(workspace: &Workspace, below: &Path, resource: Option<&str>) -> Result<Option<(Value, String)>, Stop> {
    let path = below.join("results.json");
    for one in workspace.metadata().resources()? {
        let is_meant = resource.map_or(one.role == Role::Results, |resource| resource == one.name);
        let Some(directory) = one.directory(workspace.root()).filter(|_| is_meant) else { continue };
        let file = directory.join(&path);
        if !file.is_file() {
            continue;
        }
        let text = std::fs::read_to_string(&file);
        let text = text.map_err(|error| Stop::said(format!("cannot read {}: {error}", file.display())))?;
        let value = serde_json::from_str(&text)
            .map_err(|_| Stop::said(format!("Parse error when reading {} in resource {}", path.display(), one.name)))?;
        return Ok(Some((value, format!("{}:/{}", one.name, path.display()))));
    }
    Ok(None)
}

fn results(workspace: &Workspace, snapshot: Option<&str>, resource: Option<&str>) -> Result<(), Stop> {
    let metadata = workspace.metadata();
    let place = |taking: Option<Taking>| taking.and_then(|taking| taking.results).unwrap_or_default();
    let result = if let Some(snapshot) = snapshot {
        let hash = metadata.resolve(snapshot)?;
        let taking = metadata.takings_of(&hash)?.into_iter().find(|taking| taking.results.is_some());
        found(workspace, Path::new(&place(taking)), resource)?
    } else {
        let mut result = found(workspace, Path::new(""), resource)?;
        if result.is_none() {
            complain("Did not find a results.json file in current workspace, checking most recent snapshot...");
            let newest = metadata.takings(Some(1))?.into_iter().next();
            result = found(workspace, Path::new(&place(newest)), resource)?;
        }
        result
    };
    let Some((value, path)) = result else {
        let of_snapshot = snapshot.map_or_else(String::new, |snapshot| format!(" for snapshot {snapshot}"));
        let of_resource = resource.map_or_else(String::new, |resource| format!(" for resource {resource}"));
        return Err(Stop::said(format!("Could not find results file{of_snapshot}{of_resource}")));
    };
    say(format!("Results file at {path}"));
    let nothing = Map::new();
    let all = value.as_object().unwrap_or(&nothing);
    print_properties(all, "General Properties", false);
    for (key, title) in [("parameters", "Parameters"), ("metrics", "Metrics")] {
        let Some(part) = all.get(key).and_then(Value::as_object) else { continue };
        print_properties(part, title, false);
        if key == "metrics" {
            for (name, inner) in part.iter().filter_map(|(name, inner)| Some((name, inner.as_object()?))) {
                print_properties(inner, &format!("Metrics: {name}"), true);
            }
        }
    }
    Ok(())
}

fn print_properties(all: &Map<String, Value>, title: &str, with_inner: bool) {
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    for (key, value) in all {
        match value {
            Value::Object(inner) if with_inner => {
                let pairs: Vec<String> = inner.iter().map(|(key, value)| format!("{key}: {}", python(value))).collect();
                keys.push(key.as_str().into());
                values.push(Cell::Text(pairs.join(", ")));
            }
            Value::Object(_) => {}
            other => {
                keys.push(key.as_str().into());
                values.push(Cell::of(other));
            }
        }
    }
    show(&format!("\n{}", table(Some(title), &[Column::new("Key", keys), Column::new("Value", values)], "None")));
}
