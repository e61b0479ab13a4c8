//! `seedbed status`

use std::fmt::Write;

use environment::ServiceReport;
use serde_json::{Value, json};

use super::{Job, Outcome, count, link, up};
use crate::failure::Failure;
use crate::table::table;

pub fn run(job: &Job<'_>) -> Result<Outcome, Failure> {
    let report = job.tell(environment::status(job.context, &job.target()?))?;
    let mut text = up::services(&report.services);
    text.push_str(&troubles(&report.services));
    if !report.watched.is_empty() {
        write!(text, "\n{}", up::watched(&report.watched)).expect("writing to a string cannot fail");
    }
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
    if !report.dependencies.is_empty() {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&link::table_of(&report.dependencies));
    }
    for (index, server) in report.servers.iter().filter(|server| server.in_container).enumerate() {
        let space = if index == 0 { "\n" } else { "" };
        writeln!(text, "{space}{} is {} in {}", server.id, server.version, server.programs)
            .expect("writing to a string cannot fail");
    }
    for server in &report.servers {
        if let Some(why) = &server.own {
            writeln!(text, "\n{} is a server of this environment alone: {why}", server.id)
                .expect("writing to a string cannot fail");
        }
        let Some((name, others)) = &server.shared else { continue };
        let others = count(*others, "other environment uses", "other environments use");
        writeln!(text, "\n{} is the shared server {name}, which {others} now", server.id)
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
        .map(|server| {
            let mut json = json!({ "server": server.id, "version": server.version, "programs": server.programs });
            if let Some((name, others)) = &server.shared {
                json["shared"] = json!({ "server": name, "others": others });
            }
            if let Some(why) = &server.own {
                json["own"] = json!(why);
            }
            json
        })
        .collect();
    let json = json!({
        "workspace": report.workspace,
        "environment": report.environment,
        "profile": report.profile,
        "services": up::services_json(&report.services),
        "watched": up::watched_json(&report.watched),
        "databases": databases,
        "servers": servers,
        "dependencies": link::dependencies_json(&report.dependencies),
        "pending": report.pending,
        "others": report.others,
    });
    Ok(Outcome::of(text, json))
}

/// What the table does not say of services that have ended by themselves.
fn troubles(services: &[ServiceReport]) -> String {
    let mut text = String::new();
    for service in services {
        let end = service.last_end.as_deref().unwrap_or_default();
        let mut parts = Vec::new();
        if service.restarts > 0 {
            let times = count(service.restarts as usize, "time", "times");
            parts.push(format!("restarted {times}; last end: {end}"));
        } else if !service.state.contains(end) {
            parts.push(end.to_owned());
        }
        let is_said = |detail: &str| end.contains(detail) || service.state.contains(detail);
        parts.extend(service.detail.clone().filter(|detail| !is_said(detail)));
        if parts.is_empty() {
            continue;
        }
        let space = if text.is_empty() { "\n" } else { "" };
        writeln!(text, "{space}{}: {}", service.id, parts.join("; ")).expect("writing to a string cannot fail");
        for line in &service.last_lines {
            writeln!(text, "  | {line}").expect("writing to a string cannot fail");
        }
    }
    text
}
