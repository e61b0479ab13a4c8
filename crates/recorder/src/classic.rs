//! Current executions in the shape in which dws 1.x keeps lineage with a snapshot: one document for each resource.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use lineage::{Content, Place, Record, Reference, format_time};
use serde_json::{Value, json};

/// The documents, by the name of the resource. `resources` has all of them: one without lineage has an empty document.
pub fn classic(current: &[Rc<Record>], resources: &[String]) -> BTreeMap<String, Value> {
    let mut lineages: BTreeMap<String, Vec<Value>> = resources.iter().map(|name| (name.clone(), Vec::new())).collect();
    let written: Vec<&Place> = current.iter().flat_map(|record| record.output_places()).collect();
    let mut sources: BTreeSet<(&str, &Reference)> = BTreeSet::new();
    for record in current {
        let step = step(record);
        let of: BTreeSet<&str> = record.output_places().map(|place| place.resource.as_str()).collect();
        for resource in of {
            if let Some(list) = lineages.get_mut(resource) {
                list.push(step.clone());
            }
        }
        for (kind, list) in [("source_data", &record.inputs), ("code", &record.code)] {
            for reference in list {
                let is_made = |place: &Place| written.iter().any(|other| other.overlaps(place));
                if reference.place().is_some_and(|place| !is_made(place)) {
                    sources.insert((kind, reference));
                }
            }
        }
    }
    for (kind, reference) in sources {
        let Some((place, mut document)) = reference.place().zip(certificate(reference)) else { continue };
        document["type"] = json!(kind);
        if let Some(list) = lineages.get_mut(&place.resource) {
            list.push(document);
        }
    }
    lineages
        .into_iter()
        .map(|(name, list)| {
            let document = json!({ "resource_name": name, "lineages": list });
            (name, document)
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "durations are far below 2^53 ms")]
fn step(record: &Record) -> Value {
    let all = |list: &[Reference]| -> Vec<Value> { list.iter().filter_map(certificate).collect() };
    // Without a zone, and with microseconds.
    let started = format_time(record.started_ms).replace('Z', "000");
    json!({
        "type": "step",
        "step_name": record.step,
        "start_time": started,
        "execution_time_seconds": record.duration_ms as f64 / 1000.0,
        "parameters": record.parameters,
        "input_resources": all(&record.inputs),
        "code_resources": all(&record.code),
        "output_resources": all(&record.outputs),
        "command_line": record.command,
        "run_from_directory": record.directory,
    })
}

fn certificate(reference: &Reference) -> Option<Value> {
    let place = reference.place()?;
    let digest = match &reference.content {
        Content::Digest(digest) => digest.as_str(),
        Content::Absent | Content::Unknown => "",
    };
    let subpath = (!place.path.is_empty()).then_some(&place.path);
    Some(json!({
        "resource_name": place.resource,
        "subpath": subpath,
        "certificate": { "cert_type": "hash", "hashval": digest, "comment": "" },
    }))
}
