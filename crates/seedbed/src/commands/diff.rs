//! `seedbed diff`

use std::fmt::Write;

use environment::DatabaseDifference;
use serde_json::{Value, json};

use super::{Job, Outcome};
use crate::arguments::DiffArguments;
use crate::failure::Failure;

/// How many files are shown of a resource; all are in the JSON.
const FILES: usize = 20;

pub fn run(job: &Job<'_>, arguments: &DiffArguments) -> Result<Outcome, Failure> {
    let (from, to) = (arguments.from.as_str(), arguments.to.as_deref());
    let difference = job.tell(environment::diff(job.context, &job.target()?, from, to, arguments.rows))?;
    let mut text = String::new();
    for name in &difference.added {
        writeln!(text, "+ {name}").expect("it is a string");
    }
    for name in &difference.removed {
        writeln!(text, "- {name}").expect("it is a string");
    }
    for (name, found) in &difference.databases {
        writeln!(text, "~ {name}").expect("it is a string");
        database(&mut text, found);
    }
    for (name, files) in &difference.files {
        writeln!(text, "~ {name}").expect("it is a string");
        for (sign, path) in files.iter().take(FILES) {
            writeln!(text, "    {sign} {path}").expect("it is a string");
        }
        if files.len() > FILES {
            writeln!(text, "    and {} more", files.len() - FILES).expect("it is a string");
        }
    }
    if text.is_empty() {
        text.push_str("no difference\n");
    }
    let databases: serde_json::Map<String, Value> =
        difference.databases.iter().map(|(name, found)| (name.clone(), database_json(found))).collect();
    let files: serde_json::Map<String, Value> = difference
        .files
        .iter()
        .map(|(name, files)| {
            let changes = files.iter().map(|(sign, path)| json!({ "change": sign.to_string(), "path": path }));
            (name.clone(), changes.collect())
        })
        .collect();
    let json = json!({
        "added": difference.added, "removed": difference.removed, "same": difference.same,
        "databases": databases, "files": files,
    });
    Ok(Outcome::of(text, json))
}

/// The tables that differ, a line each.
pub fn database(text: &mut String, difference: &DatabaseDifference) {
    for table in &difference.tables_added {
        writeln!(text, "    + table {table}").expect("it is a string");
    }
    for table in &difference.tables_removed {
        writeln!(text, "    - table {table}").expect("it is a string");
    }
    for (table, changes) in &difference.tables_changed {
        let mut counts = Vec::new();
        for (count, word) in [(changes.added, "added"), (changes.removed, "removed"), (changes.changed, "changed")] {
            if count > 0 {
                counts.push(format!("{count} {word}"));
            }
        }
        writeln!(text, "    ~ table {table}: {}", counts.join(", ")).expect("it is a string");
        for line in &changes.schema {
            writeln!(text, "        {line}").expect("it is a string");
        }
        for (column, count) in &changes.columns {
            writeln!(text, "        column {column}: {count} changed").expect("it is a string");
        }
        for example in &changes.examples {
            writeln!(text, "        {example}").expect("it is a string");
        }
    }
}

pub fn database_json(difference: &DatabaseDifference) -> Value {
    let tables: serde_json::Map<String, Value> = difference
        .tables_changed
        .iter()
        .map(|(name, table)| {
            let value = json!({
                "schema": table.schema, "added": table.added, "removed": table.removed, "changed": table.changed,
                "columns": table.columns, "examples": table.examples,
            });
            (name.clone(), value)
        })
        .collect();
    json!({
        "tables_added": difference.tables_added, "tables_removed": difference.tables_removed, "tables_changed": tables,
    })
}
