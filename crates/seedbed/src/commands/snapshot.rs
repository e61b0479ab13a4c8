//! `seedbed snapshot`, `seedbed restore`, `seedbed snapshots`

use serde_json::{Value, json};
use store::Record;

use super::{Job, Outcome};
use crate::arguments::{RestoreArguments, SnapshotArguments};
use crate::duration::{duration, size};
use crate::failure::Failure;
use crate::table::table;

pub fn take(job: &Job<'_>, arguments: &SnapshotArguments) -> Result<Outcome, Failure> {
    let taken = environment::snapshot(job.context, &job.target()?, &arguments.tag, &arguments.message);
    let (record, total_ms) = job.tell(taken)?;
    let text = format!(
        "saved {} as '{}' ({}, {}): {}\n",
        record.names.join(", "),
        record.details.tag,
        record.id,
        size(record.bytes),
        duration(total_ms)
    );
    Ok(Outcome { text, json: json!({ "snapshot": record_json(&record), "total_ms": total_ms }) })
}

pub fn restore(job: &Job<'_>, arguments: &RestoreArguments) -> Result<Outcome, Failure> {
    let (record, total_ms) = job.tell(environment::restore(job.context, &job.target()?, &arguments.tag))?;
    let text = format!(
        "restored {} from '{}' ({}): {}\n",
        record.names.join(", "),
        record.details.tag,
        record.id,
        duration(total_ms)
    );
    Ok(Outcome { text, json: json!({ "snapshot": record_json(&record), "total_ms": total_ms }) })
}

pub fn list(job: &Job<'_>) -> Result<Outcome, Failure> {
    let records = job.tell(environment::snapshots(job.context, &job.target()?))?;
    let rows: Vec<_> = records
        .iter()
        .map(|record| {
            let details = &record.details;
            [
                details.tag.clone(),
                record.id.to_string(),
                details.created.clone(),
                size(record.bytes),
                details.message.clone(),
            ]
        })
        .collect();
    let text = if rows.is_empty() {
        "no snapshots yet; `seedbed snapshot TAG` takes one\n".to_owned()
    } else {
        table(["TAG", "ID", "TAKEN", "SIZE", "MESSAGE"], &rows)
    };
    Ok(Outcome { text, json: json!({ "snapshots": records.iter().map(record_json).collect::<Vec<Value>>() }) })
}

fn record_json(record: &Record) -> Value {
    json!({
        "tag": record.details.tag, "id": record.id.as_str(), "created": record.details.created,
        "message": record.details.message, "bytes": record.bytes, "databases": record.names,
    })
}
