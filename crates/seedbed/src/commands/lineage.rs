//! `seedbed lineage`

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;
use std::rc::Rc;

use lineage::{Content, Place, Record, Reference, StepChange, Subject, format_time};
use recorder::{Recorder, RecorderError};
use serde_json::{Value, json};

use super::{Job, Outcome, count};
use crate::failure::Failure;
use crate::lineage_arguments::{
    GraphFormat, LineageChangedArguments, LineageCommand, LineageDependsArguments, LineageExportArguments,
    LineageForgetArguments, LineageGraphArguments, LineageImportArguments, LineageMadeArguments, LineageTableArguments,
};
use crate::recording::{self, tell};
use crate::table::table as columns;
use crate::{lineage_views, lineage_views::View};

/// Who has written events, as a URI.
const PRODUCER: &str = concat!("https://crates.io/crates/seedbed/", env!("CARGO_PKG_VERSION"));

pub fn run(job: &Job<'_>, command: &LineageCommand) -> Result<Outcome, Failure> {
    let mut recorder = recording::open(job)?;
    match command {
        LineageCommand::Table(arguments) => table(&mut recorder, arguments),
        LineageCommand::Graph(arguments) => graph(job, &mut recorder, arguments),
        LineageCommand::Made(arguments) => made(job, &mut recorder, arguments),
        LineageCommand::Depends(arguments) => depends(job, &mut recorder, arguments),
        LineageCommand::Stale => stale(&mut recorder),
        LineageCommand::Changed(arguments) => changed(&mut recorder, arguments),
        LineageCommand::Forget(arguments) => forget(&mut recorder, arguments),
        LineageCommand::Export(arguments) => export(job, &recorder, arguments),
        LineageCommand::Import(arguments) => import(job, &mut recorder, arguments),
    }
}

fn table(recorder: &mut Recorder<'_>, arguments: &LineageTableArguments) -> Result<Outcome, Failure> {
    let view = View::of(recorder, arguments.snapshot.as_deref())?;
    let rows = view.rows(arguments.resource.as_deref());
    let json = json!({ "rows": rows });
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let lines: Vec<[String; 5]> = rows
        .iter()
        .map(|row| {
            let inputs: Vec<String> =
                row["inputs"].as_array().into_iter().flatten().map(lineage_views::subject).collect();
            let state = match (row["id"].is_null(), row["stale"].as_str()) {
                (true, _) => "source".to_owned(),
                (false, None) => text(&row["status"]),
                (false, Some(reason)) => format!("stale: {reason}"),
            };
            [
                lineage_views::subject(row),
                text(&row["step"]),
                seconds_only(&text(&row["started"])),
                inputs.join(", "),
                state,
            ]
        })
        .collect();
    if lines.is_empty() {
        return Ok(Outcome::of("nothing is recorded yet\n".to_owned(), json));
    }
    Ok(Outcome::of(columns(["PLACE", "MADE BY", "STARTED", "FROM", "STATE"], &lines), json))
}

fn graph(job: &Job<'_>, recorder: &mut Recorder<'_>, arguments: &LineageGraphArguments) -> Result<Outcome, Failure> {
    let view = View::of(recorder, arguments.snapshot.as_deref())?;
    let graph = view.graph(recorder, arguments.resource.as_deref())?;
    let ending = arguments.file.as_deref().and_then(Path::extension).and_then(|ending| ending.to_str());
    let format = arguments.format.unwrap_or(match ending {
        Some("svg") => GraphFormat::Svg,
        Some("dot" | "gv") => GraphFormat::Dot,
        Some("json") => GraphFormat::Json,
        _ => GraphFormat::Html,
    });
    let size = arguments.width.zip(arguments.height);
    let title = format!("{}: lineage", recorder.catalogue().name);
    let text = lineage_views::graph_text(&graph, format, &title, size);
    let Some(file) = &arguments.file else {
        let json = if format == GraphFormat::Json { graph.to_json() } else { json!({ "text": text }) };
        return Ok(Outcome::of(text, json));
    };
    save(&job.directory()?.join(file), &text)?;
    let steps = graph.nodes.iter().filter(|node| node.kind == lineage::NodeKind::Step).count();
    let json = json!({ "file": file, "nodes": graph.nodes.len(), "edges": graph.edges.len() });
    Ok(Outcome::of(format!("{}: {} drawn\n", file.display(), count(steps, "step", "steps")), json))
}

fn made(job: &Job<'_>, recorder: &mut Recorder<'_>, arguments: &LineageMadeArguments) -> Result<Outcome, Failure> {
    let place = place(job, recorder, &arguments.place)?;
    let answer = tell(recorder.ask(|index, present| lineage::made(index, &place, present)))?;
    let json = lineage_views::answer_json(&answer, "sources");
    if answer.records.is_empty() {
        return Ok(Outcome::of(format!("no step that is recorded made what {place} holds now\n"), json));
    }
    let stale = tell(recorder.stale())?;
    let mut text = records_text(&answer.records, &stale);
    if !answer.ends.is_empty() {
        text.push_str("\nno step made:\n");
        for end in &answer.ends {
            writeln!(text, "  {}  {}", end.subject, end.content.short()).expect("writing to a string cannot fail");
        }
    }
    Ok(Outcome::of(text, json))
}

fn depends(
    job: &Job<'_>,
    recorder: &mut Recorder<'_>,
    arguments: &LineageDependsArguments,
) -> Result<Outcome, Failure> {
    let place = place(job, recorder, &arguments.place)?;
    let answer = match &arguments.digest {
        Some(digest) => lineage::depends_on_content(recorder.index(), &place, &Content::Digest(digest.clone())),
        None => lineage::depends(recorder.index(), &place),
    };
    let answer = tell(answer.map_err(RecorderError::from))?;
    let json = lineage_views::answer_json(&answer, "places");
    if answer.records.is_empty() {
        return Ok(Outcome::of(format!("no step that is recorded depends on {place}\n"), json));
    }
    let stale = tell(recorder.stale())?;
    Ok(Outcome::of(records_text(&answer.records, &stale), json))
}

fn records_text(records: &[Rc<Record>], stale: &HashMap<String, String>) -> String {
    let list = |list: &[Reference]| -> String {
        list.iter().map(|one| one.subject.to_string()).collect::<Vec<_>>().join(", ")
    };
    let rows: Vec<[String; 5]> = records
        .iter()
        .map(|record| {
            [
                record.step.clone(),
                seconds_only(&format_time(record.started_ms)),
                list(&record.inputs),
                list(&record.outputs),
                stale
                    .get(&record.id)
                    .map_or_else(|| record.status.word().to_owned(), |reason| format!("stale: {reason}")),
            ]
        })
        .collect();
    columns(["STEP", "STARTED", "READ", "WROTE", "STATE"], &rows)
}

fn stale(recorder: &mut Recorder<'_>) -> Result<Outcome, Failure> {
    let all = lineage_views::stale(recorder)?;
    let rows: Vec<[String; 2]> = all
        .iter()
        .map(|one| {
            let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
            [text("step"), text("reason")]
        })
        .collect();
    let text = if rows.is_empty() { "nothing is stale\n".to_owned() } else { columns(["STEP", "WHY"], &rows) };
    Ok(Outcome::of(text, json!({ "stale": all })))
}

fn changed(recorder: &mut Recorder<'_>, arguments: &LineageChangedArguments) -> Result<Outcome, Failure> {
    let before = View::of(recorder, Some(&arguments.from))?;
    let after = View::of(recorder, arguments.to.as_deref())?;
    let changes = lineage::changed(&before.records, &after.records);
    let mut text = String::new();
    for StepChange { step, what, .. } in &changes {
        let lines: Vec<String> = what.iter().map(|line| format!("  {line}")).collect();
        writeln!(text, "{step}\n{}", lines.join("\n")).expect("writing to a string cannot fail");
    }
    if changes.is_empty() {
        "the lineage is the same\n".clone_into(&mut text);
    }
    Ok(Outcome::of(text, json!({ "steps": lineage_views::changes_json(&changes) })))
}

fn forget(recorder: &mut Recorder<'_>, arguments: &LineageForgetArguments) -> Result<Outcome, Failure> {
    lineage_views::must_be_known(recorder, &arguments.step)?;
    let id = tell(recorder.forget(&arguments.step))?;
    let text = format!("`{}` is no part of the work any more; what it wrote stays where it is\n", arguments.step);
    Ok(Outcome::of(text, json!({ "id": id })))
}

fn export(job: &Job<'_>, recorder: &Recorder<'_>, arguments: &LineageExportArguments) -> Result<Outcome, Failure> {
    let mut records = tell(recorder.index().latest(usize::MAX).map_err(RecorderError::from))?;
    records.reverse();
    let name = &recorder.catalogue().name;
    let mut text = String::new();
    for record in &records {
        for event in lineage::openlineage::export(record, name, PRODUCER) {
            text.push_str(&event.to_string());
            text.push('\n');
        }
    }
    let Some(file) = &arguments.file else { return Ok(Outcome::of(text, Value::Null)) };
    save(&job.directory()?.join(file), &text)?;
    let said = format!("{}: {}\n", file.display(), count(records.len(), "record", "records"));
    Ok(Outcome::of(said, json!({ "file": file, "records": records.len() })))
}

fn import(job: &Job<'_>, recorder: &mut Recorder<'_>, arguments: &LineageImportArguments) -> Result<Outcome, Failure> {
    let path = job.directory()?.join(&arguments.file);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        let message = format!("error: cannot read {}: {error}\n", path.display());
        Failure { code: 4, kind: "file-system", message }
    })?;
    let records = lineage::openlineage::import(&text).map_err(|(number, why)| {
        let message = format!(
            "error: event {number} of {} is no event of OpenLineage: {why}\nhelp: nothing was imported\n",
            arguments.file.display()
        );
        Failure { code: 3, kind: "files", message }
    })?;
    let mut new = 0;
    for record in &records {
        if tell(recorder.index().record(&record.id).map_err(RecorderError::from))?.is_none() {
            tell(recorder.write(record))?;
            new += 1;
        }
    }
    let said = format!("{} imported, {} there already\n", count(new, "record", "records"), records.len() - new);
    Ok(Outcome::of(said, json!({ "imported": new, "there": records.len() - new })))
}

/// The place that a word means.
fn place(job: &Job<'_>, recorder: &Recorder<'_>, word: &str) -> Result<Place, Failure> {
    match tell(recorder.catalogue().named(word, &job.directory()?))? {
        Subject::Place(place) => Ok(place),
        Subject::External(url) => {
            let message = format!("error: {url} is elsewhere; only places of resources are asked about\n");
            Err(Failure { code: 2, kind: "command-line", message })
        }
    }
}

fn save(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| {
        let message = format!("error: cannot write {}: {error}\n", path.display());
        Failure { code: 4, kind: "file-system", message }
    })
}

/// A time without its milliseconds, for people.
fn seconds_only(time: &str) -> String {
    match time.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => time.to_owned(),
    }
}
