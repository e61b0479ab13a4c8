//! `seedbed status`

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Job, Outcome, up};
use crate::failure::Failure;
use crate::table::table;

pub fn run(job: &Job<'_>) -> Result<Outcome, Failure> {
    let report = job.tell(environment::status(job.context, &job.target()?))?;
    let mut text = up::services(&report.services);
    if !report.databases.is_empty() {
        let rows: Vec<_> = report
            .databases
            .iter()
            .map(|database| {
                [database.id.clone(), database.state.to_owned(), database.engine.clone(), database.location.clone()]
            })
            .collect();
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&table(["DATABASE", "STATE", "ENGINE", "WHERE"], &rows));
    }
    for (index, server) in report.servers.iter().filter(|server| server.in_container).enumerate() {
        let space = if index == 0 { "\n" } else { "" };
        writeln!(text, "{space}{} is {} in {}", server.id, server.version, server.programs)
            .expect("writing to a string cannot fail");
    }
    if text.is_empty() {
        text.push_str("no service and no database is declared\n");
    }
    if !report.pending.is_empty() {
        text.push_str("\n`seedbed up` would\n");
        for line in &report.pending {
            writeln!(text, "  {line}").expect("writing to a string cannot fail");
        }
    }
    if !report.others.is_empty() {
        writeln!(text, "\nother environments here: {}", report.others.join(", "))
            .expect("writing to a string cannot fail");
    }
    let databases: Vec<Value> = report
        .databases
        .iter()
        .map(|database| {
            json!({
                "database": database.id, "state": database.state, "engine": database.engine,
                "location": database.location,
            })
        })
        .collect();
    let servers: Vec<Value> = report
        .servers
        .iter()
        .map(|server| json!({ "server": server.id, "version": server.version, "programs": server.programs }))
        .collect();
    let json = json!({
        "workspace": report.workspace,
        "environment": report.environment,
        "profile": report.profile,
        "services": up::services_json(&report.services),
        "databases": databases,
        "servers": servers,
        "pending": report.pending,
        "others": report.others,
    });
    Ok(Outcome::of(text, json))
}
