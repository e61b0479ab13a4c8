//! Records as events of `OpenLineage`, and back. `docs/formats/lineage.md` says what becomes what.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::document;
use crate::place::Place;
use crate::record::{Content, Record, Reference, Status, Subject, format_time, new_id, parse_time};

const EVENT_SCHEMA: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";
const VERSION_SCHEMA: &str =
    "https://openlineage.io/spec/facets/1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet";
const ERROR_SCHEMA: &str =
    "https://openlineage.io/spec/facets/1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet";
const JOB_TYPE_SCHEMA: &str = "https://openlineage.io/spec/facets/2-0-3/JobTypeJobFacet.json#/$defs/JobTypeJobFacet";
const RUN_FACET_SCHEMA: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunFacet";
const OUR_SCHEME: &str = "seedbed://";

/// The events of a record of this workspace. `producer` is a URI that says which program wrote them.
pub fn export(record: &Record, workspace: &str, producer: &str) -> Vec<Value> {
    let facet = |schema: &str, members: Value| {
        let mut facet = json!({ "_producer": producer, "_schemaURL": schema });
        if let (Some(facet), Value::Object(members)) = (facet.as_object_mut(), members) {
            facet.extend(members);
        }
        facet
    };
    let dataset = |reference: &Reference| {
        let (namespace, name) = match &reference.subject {
            Subject::Place(place) if place.resource.contains("://") => (place.resource.clone(), place.path.clone()),
            Subject::Place(place) => {
                let name = if place.path.is_empty() { "." } else { &place.path };
                (format!("{OUR_SCHEME}{workspace}/{}", place.resource), name.to_owned())
            }
            Subject::External(url) => {
                let start = url.find("://").map_or(0, |at| at + 3);
                let end = url[start..].find('/').map_or(url.len(), |at| start + at);
                (url[..end].to_owned(), url[end..].trim_start_matches('/').to_owned())
            }
        };
        let mut dataset = json!({ "namespace": namespace, "name": name });
        if let Content::Digest(digest) = &reference.content {
            dataset["facets"] = json!({ "version": facet(VERSION_SCHEMA, json!({ "datasetVersion": digest })) });
        }
        dataset
    };
    let inputs: Vec<Value> = record.inputs.iter().chain(&record.code).map(dataset).collect();
    let outputs: Vec<Value> = record.outputs.iter().map(dataset).collect();
    let job = json!({
        "namespace": format!("{OUR_SCHEME}{workspace}"),
        "name": record.step,
        "facets": { "jobType": facet(JOB_TYPE_SCHEMA, json!({
            "processingType": "BATCH", "integration": "SEEDBED", "jobType": record.kind.to_uppercase()
        })) },
    });
    let mut facets = json!({ "seedbed": facet(RUN_FACET_SCHEMA, json!({ "record": document::to_json(record) })) });
    if record.status != Status::Complete {
        let message = record.reason.clone().unwrap_or_else(|| record.status.word().to_owned());
        facets["errorMessage"] = facet(ERROR_SCHEMA, json!({ "message": message, "programmingLanguage": "unknown" }));
    }
    let end = match record.status {
        Status::Complete => "COMPLETE",
        Status::Failed => "FAIL",
        Status::Aborted => "ABORT",
    };
    let run_id = run_id(&record.id);
    [("START", record.started_ms, json!({}), json!([])), (end, record.ended_ms(), facets, json!(outputs))]
        .into_iter()
        .map(|(event, time, facets, outputs)| {
            json!({
                "eventType": event,
                "eventTime": format_time(time),
                "run": { "runId": run_id, "facets": facets },
                "job": job,
                "inputs": inputs,
                "outputs": outputs,
                "producer": producer,
                "schemaURL": EVENT_SCHEMA,
            })
        })
        .collect()
}

/// A UUID of version 8, made of the digest of an id.
fn run_id(id: &str) -> String {
    let mut bytes = [0u8; 16];
    bytes.copy_from_slice(&blake3::hash(id.as_bytes()).as_bytes()[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// What is told of one run.
#[derive(Default)]
struct Run {
    job: String,
    started: Option<i64>,
    last: i64,
    status: Option<Status>,
    reason: Option<String>,
    record: Option<Record>,
    inputs: BTreeMap<Subject, Reference>,
    outputs: BTreeMap<Subject, Reference>,
}

/// Reads events, one a line or all in a list, into records in the order of their start. `Err` has the number of the event,
/// from 1, and what is wrong with it.
pub fn import(text: &str) -> Result<Vec<Record>, (usize, String)> {
    let events = events(text)?;
    let mut runs: BTreeMap<String, Run> = BTreeMap::new();
    for (at, event) in events.iter().enumerate() {
        // Events about jobs and datasets alone tell of no run.
        if event.get("run").is_some() {
            read(event, &mut runs).map_err(|why| (at + 1, why))?;
        }
    }
    let mut records: Vec<Record> = runs.into_iter().map(|(id, run)| record(&id, run)).collect();
    records.sort_by(|one, other| (one.started_ms, &one.id).cmp(&(other.started_ms, &other.id)));
    Ok(records)
}

fn events(text: &str) -> Result<Vec<Value>, (usize, String)> {
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(text).map_err(|error| (1, error.to_string()));
    }
    let lines = text.lines().filter(|line| !line.trim().is_empty()).enumerate();
    lines.map(|(at, line)| serde_json::from_str(line).map_err(|error| (at + 1, error.to_string()))).collect()
}

fn read(event: &Value, runs: &mut BTreeMap<String, Run>) -> Result<(), String> {
    let text = |pointer: &str| {
        event
            .pointer(pointer)
            .and_then(Value::as_str)
            .ok_or_else(|| format!("{} is missing", pointer[1..].replace('/', ".")))
    };
    let id = text("/run/runId")?;
    let job = text("/job/name")?;
    text("/job/namespace")?;
    let time = text("/eventTime")?;
    let time = parse_time(time).ok_or_else(|| format!("eventTime is no time: {time}"))?;
    let run = runs.entry(id.to_owned()).or_default();
    job.clone_into(&mut run.job);
    run.last = run.last.max(time);
    match event.get("eventType").and_then(Value::as_str) {
        Some("START") => run.started = Some(run.started.map_or(time, |known| known.min(time))),
        Some("COMPLETE") => run.status = Some(Status::Complete),
        Some("FAIL") => run.status = Some(Status::Failed),
        Some("ABORT") => run.status = Some(Status::Aborted),
        None | Some("RUNNING" | "OTHER") => {}
        Some(other) => return Err(format!("the eventType '{other}' is unknown")),
    }
    run.started = Some(run.started.map_or(time, |known| known.min(time)));
    if let Some(message) = event.pointer("/run/facets/errorMessage/message").and_then(Value::as_str) {
        run.reason = Some(message.to_owned());
    }
    if let Some(document) = event.pointer("/run/facets/seedbed/record") {
        let record =
            document::from_json(document.clone()).map_err(|why| format!("run.facets.seedbed.record: {why}"))?;
        run.record = Some(record);
    }
    for (name, into) in [("inputs", &mut run.inputs), ("outputs", &mut run.outputs)] {
        for dataset in event.get(name).and_then(Value::as_array).into_iter().flatten() {
            let reference = reference(dataset).map_err(|why| format!("{name}: {why}"))?;
            let known = into.entry(reference.subject.clone()).or_insert_with(|| reference.clone());
            if reference.content != Content::Unknown {
                *known = reference;
            }
        }
    }
    Ok(())
}

fn reference(dataset: &Value) -> Result<Reference, String> {
    let text = |name: &str| dataset.get(name).and_then(Value::as_str).ok_or_else(|| format!("a dataset has no {name}"));
    let (namespace, name) = (text("namespace")?, text("name")?);
    let resource =
        namespace.strip_prefix(OUR_SCHEME).and_then(|rest| rest.split_once('/')).map(|(_, resource)| resource);
    let place = match resource {
        Some(resource) => Place::new(resource, name),
        None => Place { resource: namespace.to_owned(), path: name.trim_matches('/').to_owned() },
    };
    let version = dataset.pointer("/facets/version/datasetVersion").and_then(Value::as_str);
    let content = version.map_or(Content::Unknown, |version| Content::Digest(version.to_owned()));
    Ok(Reference::of(place, content))
}

fn record(run_id: &str, run: Run) -> Record {
    if let Some(record) = run.record {
        return record;
    }
    let started = run.started.unwrap_or(run.last);
    let digest = blake3::hash(run_id.as_bytes());
    let random = u64::from_le_bytes(*digest.as_bytes().first_chunk().expect("a digest has 32 bytes"));
    // The same run is the same record, however often it is imported.
    let mut record = Record::new(new_id(started, random), run.job, "import", started);
    record.duration_ms = run.last - started;
    record.status = run.status.unwrap_or(Status::Aborted);
    record.reason = run.reason.or_else(|| run.status.is_none().then(|| "its end was not told".to_owned()));
    record.inputs = run.inputs.into_values().collect();
    record.outputs = run.outputs.into_values().collect();
    record.others.insert("run".to_owned(), json!(run_id));
    record.settle();
    record
}
