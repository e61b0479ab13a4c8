//! `seedbed loads`

use serde_json::json;

use super::{Job, Outcome};
use crate::failure::Failure;
use crate::table::table;

pub fn run(job: &Job<'_>) -> Result<Outcome, Failure> {
    let loads = job.tell(environment::loads(job.context, &job.target()?))?;
    let mut rows = Vec::new();
    for load in &loads {
        for of in &load.rows {
            rows.push([
                load.database.clone(),
                load.number.to_string(),
                load.spec.clone(),
                load.mode.word().to_owned(),
                of.data_type.clone(),
                of.made.to_string(),
                of.there.to_string(),
                of.changed.to_string(),
            ]);
        }
    }
    let text = if rows.is_empty() {
        "nothing in these databases was loaded\n".to_owned()
    } else {
        table(["DATABASE", "LOAD", "SPEC", "MODE", "RECORDS OF", "MADE", "STILL THERE", "CHANGED"], &rows)
    };
    let loads: Vec<_> = loads
        .iter()
        .map(|load| {
            let rows: Vec<_> = load
                .rows
                .iter()
                .map(|of| {
                    json!({
                        "type": of.data_type, "made": of.made, "there": of.there, "shared": of.shared,
                        "changed": of.changed,
                    })
                })
                .collect();
            json!({
                "database": load.database, "number": load.number, "spec": load.spec, "service": load.service,
                "mode": load.mode.word(), "digest": load.digest, "types": load.types, "seed": load.seed,
                "generator": load.generator, "parameters": load.parameters, "rows": rows,
            })
        })
        .collect();
    Ok(Outcome::of(text, json!({ "loads": loads })))
}
