//! `seedbed unload`

use std::fmt::Write as _;

use environment::UnloadOptions;
use serde_json::json;

use super::{Job, Outcome, count};
use crate::arguments::UnloadArguments;
use crate::duration::duration;
use crate::failure::Failure;
use crate::table::table;

pub fn run(job: &Job<'_>, arguments: &UnloadArguments) -> Result<Outcome, Failure> {
    let options = UnloadOptions { spec: &arguments.spec, takes_along: arguments.force, is_dry: arguments.dry_run };
    let (report, total_ms) = job.tell(environment::unload(job.context, &job.target()?, &options))?;
    let rows: Vec<_> = report
        .types
        .iter()
        .map(|report| [report.data_type.clone(), report.removed.to_string(), report.changed.to_string()])
        .collect();
    let mut text = table(["RECORDS OF", "REMOVED", "PUT BACK"], &rows);
    let (removed, restored) = (report.removed(), report.changed());
    let sentence = match (removed, restored) {
        (0, 0) => "nothing of it was there any more".to_owned(),
        (removed, 0) => count(removed, "record is gone", "records are gone"),
        (0, restored) => count(restored, "record is as it was", "records are as they were"),
        (removed, restored) => format!(
            "{}, {}",
            count(removed, "record is gone", "records are gone"),
            count(restored, "is as it was", "are as they were")
        ),
    };
    let mut write = |line: &str| writeln!(text, "{line}").expect("writing to a string cannot fail");
    write("");
    write(&sentence);
    report.notes.iter().for_each(|note| write(note));
    let done = if report.is_dry { "tried; nothing was removed" } else { "unloaded" };
    write(&format!("{done}: {}", duration(total_ms)));
    let types: Vec<_> = report
        .types
        .iter()
        .map(|report| json!({ "type": report.data_type, "removed": report.removed, "put_back": report.changed }))
        .collect();
    let unload = json!({
        "removed": removed, "put_back": restored, "types": types, "notes": report.notes, "dry_run": report.is_dry,
    });
    Ok(Outcome::of(text, json!({ "unload": unload, "total_ms": total_ms })))
}
