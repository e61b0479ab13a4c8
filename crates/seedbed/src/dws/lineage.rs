//! `dws report lineage` and `dws lineage graph`

use serde_json::Value;
use workspace::{Role, Workspace};

use super::arguments::{GraphFormat, LineageCommand};
use super::failure::Stop;
use super::table::{Cell, Column, table};
use super::{Face, say, show};
use crate::commands::lineage;
use crate::failure::Failure;
use crate::lineage_arguments::{self as own, LineageGraphArguments};
use crate::lineage_views::{View, subject};
use crate::recording;

fn failed(failure: &Failure) -> Stop {
    Stop::said(failure.message.trim_start_matches("error: ").trim_end())
}

/// The snapshot that is meant, which must be there.
fn known(workspace: &Workspace, snapshot: Option<&str>) -> Result<Option<String>, Stop> {
    Ok(snapshot.map(|snapshot| workspace.metadata().resolve(snapshot)).transpose()?)
}

/// What was made of what.
pub fn report(face: &Face<'_>, workspace: &Workspace, snapshot: Option<&str>) -> Result<(), Stop> {
    let title = snapshot.map_or("Lineage for current state".to_owned(), |snapshot| format!("Lineage for {snapshot}"));
    let hash = known(workspace, snapshot)?;
    let mut recorder = recording::open(face.job).map_err(|failure| failed(&failure))?;
    let rows = View::of(&mut recorder, hash.as_deref()).map_err(|failure| failed(&failure))?.rows(None);
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let kind = |row: &Value| if row["id"].is_null() { "Source Data" } else { "Step" }.into();
    let details = |row: &Value| {
        if row["id"].is_null() {
            Cell::Empty
        } else {
            format!("{} at time {}", text(row, "step"), text(row, "started")).into()
        }
    };
    let inputs = |row: &Value| -> Cell {
        let all: Vec<String> = row["inputs"].as_array().into_iter().flatten().map(subject).collect();
        if all.is_empty() { Cell::Empty } else { all.join("\n").into() }
    };
    let column = |title: &str, cell: &dyn Fn(&Value) -> Cell| Column::new(title, rows.iter().map(cell).collect());
    let columns = [
        column("Resource", &|row| subject(row).into()),
        column("Type", &kind),
        column("Details", &details),
        column("Inputs", &inputs),
    ];
    show(&table(Some(&title), &columns, "None"));
    Ok(())
}

/// Writes the graph of a resource into a file.
pub fn graph(face: &Face<'_>, command: &LineageCommand) -> Result<(), Stop> {
    let LineageCommand::Graph { resource, snapshot, format, width, height, output_file } = command;
    let workspace = face.workspace()?;
    let hash = known(&workspace, snapshot.as_deref())?;
    let resources = workspace.metadata().resources()?;
    let resource = match resource {
        Some(name) => workspace.metadata().resource(name)?.name,
        None => resources.into_iter().find(|one| one.role == Role::Results).map(|one| one.name).ok_or_else(|| {
            Stop::said(
                "Did not find a results resource in workspace. If you want to graph the lineage of a non-results resource, use \
                 the --resource option.",
            )
        })?,
    };
    let mut recorder = recording::open(face.job).map_err(|failure| failed(&failure))?;
    if View::of(&mut recorder, hash.as_deref()).map_err(|failure| failed(&failure))?.rows(Some(&resource)).is_empty() {
        return Err(Stop::said(format!("No lineage found for resource {resource}")));
    }
    drop(recorder);
    let pixels = |number: &u64| u32::try_from(*number).ok();
    let arguments = LineageGraphArguments {
        resource: Some(resource.clone()),
        snapshot: hash,
        format: Some(match format {
            GraphFormat::Html => own::GraphFormat::Html,
            GraphFormat::Dot => own::GraphFormat::Dot,
        }),
        width: pixels(width),
        height: pixels(height),
        file: Some(face.directory.join(output_file)),
    };
    lineage::run(face.job, &own::LineageCommand::Graph(arguments)).map_err(|failure| failed(&failure))?;
    let as_of = snapshot.as_ref().map_or_else(String::new, |snapshot| format!(" as of snapshot {snapshot}"));
    say(format!("Wrote lineage for {resource}{as_of} to {}", face.directory.join(output_file).display()));
    Ok(())
}
