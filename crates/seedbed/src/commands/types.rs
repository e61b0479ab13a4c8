//! `seedbed types`

use std::fmt::Write;

use environment::TypeInfo;
use serde_json::{Value, json};

use super::{Job, Outcome};
use crate::arguments::TypesArguments;
use crate::failure::Failure;
use crate::table::table;

pub fn run(job: &Job<'_>, arguments: &TypesArguments) -> Result<Outcome, Failure> {
    if let Some(provider) = &arguments.provider {
        return provided(job, arguments.service.as_deref(), provider);
    }
    let types = job.tell(environment::types(job.context, &job.target()?, arguments.service.as_deref()))?;
    let mut text = String::new();
    for info in &types {
        write!(text, "{}.{}", info.service, info.name).expect("writing to a string cannot fail");
        let made = match (&info.table, &info.provider) {
            (Some(table), _) if info.declared => format!(", declared for the table {table}"),
            (None, Some(provider)) => format!(", made by the provider {provider}"),
            _ => String::new(),
        };
        text.push_str(&made);
        if !info.key.is_empty() {
            write!(text, ", known by {}", info.key.join(", ")).expect("writing to a string cannot fail");
        }
        text.push('\n');
        let rows: Vec<_> = info
            .fields
            .iter()
            .map(|field| {
                let nothing = if field.nullable { "" } else { "not null" };
                [format!("  {}", field.name), field.sql_type.clone(), nothing.to_owned(), field.from.clone()]
            })
            .collect();
        text.push_str(&table(["  FIELD", "TYPE", "", "WHEN NOT GIVEN"], &rows));
        for note in &info.notes {
            writeln!(text, "  {note}").expect("writing to a string cannot fail");
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    let end = if text.is_empty() { "there are no tables\n" } else { "\n" };
    text.push_str(end);
    Ok(Outcome::of(text, json!({ "types": types.iter().map(type_json).collect::<Vec<_>>() })))
}

fn provided(job: &Job<'_>, service: Option<&str>, provider: &str) -> Result<Outcome, Failure> {
    let types = job.tell(environment::provided_types(job.context, &job.target()?, service, provider))?;
    let json: Vec<Value> = types
        .iter()
        .map(|provided| {
            let fields: Vec<Value> = provided
                .fields
                .iter()
                .map(|field| json!({ "name": field.name, "references": field.references, "from": field.source }))
                .collect();
            json!({
                "name": provided.name, "list": provided.list, "key": provided.key, "traits": provided.traits,
                "fields": fields,
            })
        })
        .collect();
    Ok(Outcome::of(environment::as_types_file(&types, provider), json!({ "provider": provider, "types": json })))
}

fn type_json(info: &TypeInfo) -> Value {
    let fields: Vec<Value> = info
        .fields
        .iter()
        .map(|field| {
            json!({
                "name": field.name, "column": field.column, "type": field.sql_type, "nullable": field.nullable,
                "from": field.from,
            })
        })
        .collect();
    json!({
        "service": info.service, "database": info.database, "name": info.name, "table": info.table,
        "provider": info.provider, "declared": info.declared, "key": info.key, "fields": fields, "notes": info.notes,
    })
}
