//! Records as lines of JSON; `docs/formats/lineage.md` has the format.

use serde_json::{Map, Value, json};

use crate::place::Place;
use crate::record::{Content, Record, Reference, Status, Subject, format_time, parse_time};

/// The version of the format.
const VERSION: u64 = 1;

/// The record as a document.
pub fn to_json(record: &Record) -> Value {
    let mut members = Map::new();
    members.insert("seedbed_lineage".to_owned(), json!(VERSION));
    members.insert("id".to_owned(), json!(record.id));
    members.insert("step".to_owned(), json!(record.step));
    members.insert("kind".to_owned(), json!(record.kind));
    members.insert("started".to_owned(), json!(format_time(record.started_ms)));
    members.insert("seconds".to_owned(), seconds(record.duration_ms));
    members.insert("status".to_owned(), json!(record.status.word()));
    if let Some(reason) = &record.reason {
        members.insert("reason".to_owned(), json!(reason));
    }
    members.insert("command".to_owned(), json!(record.command));
    members.insert("directory".to_owned(), json!(record.directory));
    members.insert("parameters".to_owned(), Value::Object(record.parameters.clone()));
    for (name, list) in [("inputs", &record.inputs), ("outputs", &record.outputs), ("code", &record.code)] {
        members.insert(name.to_owned(), list.iter().map(reference_to_json).collect());
    }
    members.insert("environment".to_owned(), json!(record.environment));
    members.insert("host".to_owned(), json!(record.host));
    members.insert("by".to_owned(), json!(record.by));
    for (name, value) in &record.others {
        members.entry(name.clone()).or_insert_with(|| value.clone());
    }
    Value::Object(members)
}

/// A whole number of milliseconds as seconds, which reads the same when it is read again.
#[expect(clippy::cast_precision_loss, reason = "durations are far below 2^53 ms")]
fn seconds(ms: i64) -> Value {
    if ms % 1000 == 0 { json!(ms / 1000) } else { json!(ms as f64 / 1000.0) }
}

/// A reference as a document.
pub fn reference_to_json(reference: &Reference) -> Value {
    let mut members = Map::new();
    match &reference.subject {
        Subject::Place(place) => {
            members.insert("resource".to_owned(), json!(place.resource));
            members.insert("path".to_owned(), json!(place.path));
        }
        Subject::External(url) => {
            members.insert("external".to_owned(), json!(url));
        }
    }
    match &reference.content {
        Content::Unknown => {}
        Content::Absent => {
            members.insert("digest".to_owned(), Value::Null);
        }
        Content::Digest(digest) => {
            members.insert("digest".to_owned(), json!(digest));
        }
    }
    if let Some(made_by) = &reference.made_by {
        members.insert("made_by".to_owned(), json!(made_by));
    }
    Value::Object(members)
}

/// A record as a line, with its line feed.
pub fn to_line(record: &Record) -> String {
    format!("{}\n", to_json(record))
}

/// Reads a line, or says what is wrong with it.
pub fn from_line(line: &str) -> Result<Record, String> {
    from_json(serde_json::from_str(line).map_err(|error| error.to_string())?)
}

/// Reads a document.
pub fn from_json(document: Value) -> Result<Record, String> {
    let Value::Object(mut members) = document else { return Err("it is no object".to_owned()) };
    match members.shift_remove("seedbed_lineage").as_ref().and_then(Value::as_u64) {
        Some(VERSION) => {}
        Some(other) => return Err(format!("it has the version {other}; this program knows {VERSION}")),
        None => return Err("it has no version `seedbed_lineage`".to_owned()),
    }
    let started = text(&mut members, "started")?;
    let started_ms = parse_time(&started).ok_or_else(|| format!("`started` is no time: {started}"))?;
    let status = match text(&mut members, "status")?.as_str() {
        "complete" => Status::Complete,
        "failed" => Status::Failed,
        "aborted" => Status::Aborted,
        other => return Err(format!("the status '{other}' is unknown")),
    };
    Ok(Record {
        id: text(&mut members, "id")?,
        step: text(&mut members, "step")?,
        kind: text(&mut members, "kind")?,
        started_ms,
        duration_ms: milliseconds(members.shift_remove("seconds").as_ref())?,
        status,
        reason: members.shift_remove("reason").and_then(|value| value.as_str().map(str::to_owned)),
        command: texts(members.shift_remove("command"), "command")?,
        directory: members
            .shift_remove("directory")
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_default(),
        parameters: match members.shift_remove("parameters") {
            Some(Value::Object(parameters)) => parameters,
            None => Map::new(),
            Some(_) => return Err("`parameters` is no object".to_owned()),
        },
        inputs: references(members.shift_remove("inputs"), "inputs")?,
        outputs: references(members.shift_remove("outputs"), "outputs")?,
        code: references(members.shift_remove("code"), "code")?,
        environment: match members.shift_remove("environment") {
            Some(Value::Object(variables)) => variables
                .into_iter()
                .map(|(name, value)| {
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    (name, text)
                })
                .collect(),
            None => std::collections::BTreeMap::new(),
            Some(_) => return Err("`environment` is no object".to_owned()),
        },
        host: text(&mut members, "host").unwrap_or_default(),
        by: text(&mut members, "by").unwrap_or_default(),
        others: members,
    })
}

#[expect(clippy::cast_possible_truncation, reason = "no execution takes 2^63 ms")]
fn milliseconds(seconds: Option<&Value>) -> Result<i64, String> {
    let Some(seconds) = seconds else { return Ok(0) };
    let seconds = seconds.as_f64().filter(|seconds| *seconds >= 0.0).ok_or("`seconds` is no number")?;
    Ok((seconds * 1000.0).round() as i64)
}

fn text(members: &mut Map<String, Value>, name: &str) -> Result<String, String> {
    match members.shift_remove(name) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(format!("`{name}` is no text")),
        None => Err(format!("`{name}` is missing")),
    }
}

fn texts(value: Option<Value>, name: &str) -> Result<Vec<String>, String> {
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) => list
            .into_iter()
            .map(|item| match item {
                Value::String(text) => Ok(text),
                _ => Err(format!("`{name}` has something that is no text")),
            })
            .collect(),
        Some(_) => Err(format!("`{name}` is no list")),
    }
}

fn references(value: Option<Value>, name: &str) -> Result<Vec<Reference>, String> {
    match value {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) => list
            .into_iter()
            .map(|item| reference_from_json(item).map_err(|error| format!("`{name}`: {error}")))
            .collect(),
        Some(_) => Err(format!("`{name}` is no list")),
    }
}

/// Reads a reference.
pub fn reference_from_json(value: Value) -> Result<Reference, String> {
    let Value::Object(mut members) = value else { return Err("a reference is no object".to_owned()) };
    let subject = if members.contains_key("external") {
        Subject::External(text(&mut members, "external")?)
    } else {
        let resource = text(&mut members, "resource")?;
        let path = text(&mut members, "path").unwrap_or_default();
        Subject::Place(Place::new(resource, &path))
    };
    let content = match members.shift_remove("digest") {
        None => Content::Unknown,
        Some(Value::Null) => Content::Absent,
        Some(Value::String(digest)) => Content::Digest(digest),
        Some(_) => return Err("`digest` is no text".to_owned()),
    };
    let made_by = match members.shift_remove("made_by") {
        None => None,
        made_by => Some(texts(made_by, "made_by")?),
    };
    Ok(Reference { subject, content, made_by })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"seedbed_lineage":1,"id":"20261128T001011123-5f0c9a3e7b21","step":"train","kind":"script","started":"2026-11-28T00:10:11.123Z","seconds":1.25,"status":"complete","command":["python3","code/train.py"],"directory":"","parameters":{"depth":3},"inputs":[{"resource":"data","path":"train.csv","digest":"9f86d081","made_by":[]}],"outputs":[{"resource":"models","path":"tree.bin","digest":null},{"external":"https://example.com/x"}],"code":[{"resource":"code","path":"train.py"}],"environment":{"seedbed":"0.1.0"},"host":"larch","by":"ann","of_the_future":[1]}"#;

    #[test]
    fn a_line_goes_there_and_back_with_members_of_the_future() {
        let record = from_line(LINE).unwrap();
        assert_eq!(to_line(&record).trim_end(), LINE);
        assert_eq!((record.duration_ms, record.outputs.len()), (1250, 2));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (from, to, message) in [
            ("\"seedbed_lineage\":1,", "\"seedbed_lineage\":2,", "it has the version 2; this program knows 1"),
            ("\"status\":\"complete\"", "\"status\":\"done\"", "the status 'done' is unknown"),
            ("\"step\":\"train\",", "", "`step` is missing"),
            ("\"digest\":null", "\"digest\":7", "`outputs`: `digest` is no text"),
            ("2026-11-28T00", "yesterday", "`started` is no time: yesterday:10:11.123Z"),
        ] {
            assert_eq!(from_line(&LINE.replace(from, to)).unwrap_err(), message);
        }
    }
}
