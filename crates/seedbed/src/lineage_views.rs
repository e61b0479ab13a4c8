//! Lineage as it is shown, by commands and by the protocol of other programs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use lineage::{Answer, Graph, Place, Record, Reference, Staleness, StepChange, document};
use recorder::{Recorder, RecorderError};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::lineage_arguments::GraphFormat;
use crate::recording::{snapshot_hash, tell};

/// The executions that are current, now or in a snapshot.
pub struct View {
    /// The executions, makers first.
    pub records: Vec<Rc<Record>>,
    /// Why some of them are stale, by id; nothing in a snapshot is.
    stale: HashMap<String, String>,
}

impl View {
    /// What is current now, or was in a snapshot.
    pub fn of(recorder: &mut Recorder<'_>, snapshot: Option<&str>) -> Result<Self, Failure> {
        let Some(snapshot) = snapshot else {
            return Ok(Self { records: tell(recorder.current())?, stale: tell(recorder.stale())? });
        };
        let hash = snapshot_hash(&recorder.catalogue().root, snapshot)?;
        let records = tell(recorder.of_snapshot(&hash))?.unwrap_or_default();
        Ok(Self { records, stale: HashMap::new() })
    }

    /// A row for each place that was written, and for each that was read and no step made.
    pub fn rows(&self, resource: Option<&str>) -> Vec<Value> {
        let mut rows: BTreeMap<(Place, bool), Value> = BTreeMap::new();
        let wanted = |place: &Place| resource.is_none_or(|resource| place.resource == resource);
        for record in &self.records {
            for output in &record.outputs {
                let Some(place) = output.place().filter(|place| wanted(place)) else { continue };
                rows.insert((place.clone(), true), row(output, Some(record), self.stale.get(&record.id)));
            }
        }
        let written: Vec<Place> = rows.keys().map(|(place, _)| place.clone()).collect();
        for record in &self.records {
            for reference in record.inputs.iter().chain(&record.code) {
                let Some(place) = reference.place().filter(|place| wanted(place)) else { continue };
                if !written.iter().any(|other| other.overlaps(place)) {
                    rows.entry((place.clone(), false)).or_insert_with(|| row(reference, None, None));
                }
            }
        }
        rows.into_values().collect()
    }

    /// The graph of the executions; only those that led to places of a resource, if one is named.
    pub fn graph(&self, recorder: &Recorder<'_>, resource: Option<&str>) -> Result<Graph, Failure> {
        let mut records = self.records.clone();
        if let Some(resource) = resource {
            let of: Vec<String> = records
                .iter()
                .filter(|record| record.output_places().any(|place| place.resource == resource))
                .map(|record| record.id.clone())
                .collect();
            let behind = tell(lineage::made_records(recorder.index(), &of).map_err(RecorderError::from))?.records;
            let ids: HashSet<&str> = behind.iter().map(|record| record.id.as_str()).collect();
            records.retain(|record| ids.contains(record.id.as_str()));
        }
        tell(Graph::of(recorder.index(), &records, &self.stale).map_err(RecorderError::from))
    }
}

fn row(reference: &Reference, record: Option<&Record>, stale: Option<&String>) -> Value {
    let mut row = document::reference_to_json(&Reference { made_by: None, ..reference.clone() });
    let whole = record.map(document::to_json).unwrap_or_default();
    for (name, of) in [
        ("id", "id"),
        ("step", "step"),
        ("kind", "kind"),
        ("status", "status"),
        ("inputs", "inputs"),
        ("code", "code"),
        ("parameters", "parameters"),
        ("started", "started"),
        ("seconds", "seconds"),
    ] {
        row[name] = whole.get(of).cloned().unwrap_or(Value::Null);
    }
    row["stale"] = json!(stale);
    row
}

/// What a reference of a document is about, for people.
pub fn subject(reference: &Value) -> String {
    if let Some(url) = reference["external"].as_str() {
        return url.to_owned();
    }
    let text = |name: &str| reference[name].as_str().unwrap_or_default();
    Place::new(text("resource"), text("path")).to_string()
}

/// A graph as text.
pub fn graph_text(graph: &Graph, format: GraphFormat, title: &str, size: Option<(u32, u32)>) -> String {
    match format {
        GraphFormat::Html => lineage::html(graph, title, size),
        GraphFormat::Svg => lineage::svg(graph),
        GraphFormat::Dot => graph.to_dot(),
        GraphFormat::Json => format!("{:#}\n", graph.to_json()),
    }
}

/// An answer as a document; `ends` is what its ends are called.
pub fn answer_json(answer: &Answer, ends: &str) -> Value {
    let records: Vec<Value> = answer.records.iter().map(|record| document::to_json(record)).collect();
    let references: Vec<Value> = answer.ends.iter().map(document::reference_to_json).collect();
    json!({ "records": records, ends: references })
}

/// All that is stale, in the order in which it would be executed again.
pub fn stale(recorder: &mut Recorder<'_>) -> Result<Vec<Value>, Failure> {
    let all = tell(recorder.ask(|index, present| Staleness::new(index, present).all()))?;
    Ok(all
        .iter()
        .map(|stale| {
            let place = stale.reason.place().map(|place| json!({ "resource": place.resource, "path": place.path }));
            json!({ "step": stale.record.step, "id": stale.record.id, "reason": stale.reason.to_string(), "place": place })
        })
        .collect())
}

/// Changes of steps as documents.
pub fn changes_json(changes: &[StepChange]) -> Vec<Value> {
    changes
        .iter()
        .map(|change| json!({ "step": change.step, "before": change.before, "after": change.after, "what": change.what }))
        .collect()
}

/// An error if no record is about a step of this name.
pub fn must_be_known(recorder: &Recorder<'_>, step: &str) -> Result<(), Failure> {
    let known = tell(recorder.index().steps().map_err(RecorderError::from))?;
    if known.iter().any(|known| known == step) {
        return Ok(());
    }
    let hint = match source::closest(step, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean '{near}'?"),
        None if known.is_empty() => "nothing is recorded yet".to_owned(),
        None => format!("there are: {}", known.join(", ")),
    };
    Err(Failure { code: 5, kind: "no-step", message: format!("error: there is no step '{step}'\nhelp: {hint}\n") })
}
