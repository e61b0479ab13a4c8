//! `seedbed stats`

use std::io::IsTerminal;
use std::time::Duration;

use environment::{Meter, UsageReport};
use serde_json::{Value, json};

use super::{Job, Outcome, print, written};
use crate::arguments::StatsArguments;
use crate::duration::{duration, size};
use crate::failure::Failure;
use crate::table::table;

/// Over which time the share of processors is measured.
const INTERVAL: Duration = Duration::from_millis(500);

/// How often the figures are shown anew.
const WATCH: Duration = Duration::from_secs(2);

pub fn run(job: &Job<'_>, arguments: &StatsArguments) -> Result<Outcome, Failure> {
    let mut meter = job.tell(Meter::start(job.context, &job.target()?))?;
    job.context.interrupt.sleep(INTERVAL);
    let mut reports = job.tell(meter.look())?;
    if !arguments.watch {
        return Ok(Outcome::of(text(&reports), json(&reports)));
    }
    let is_screen = std::io::stdout().is_terminal();
    let mut printed = Ok(());
    while !job.context.interrupt.is_raised() {
        printed = if job.arguments.global.json {
            print(&format!("{}\n", json(&reports)))
        } else {
            // On a terminal in place of the figures before: home, and clear what is below.
            let home = if is_screen { "\u{1b}[H\u{1b}[J" } else { "" };
            print(&format!("{home}{}", text(&reports)))
        };
        if printed.is_err() {
            break;
        }
        job.context.interrupt.sleep(WATCH);
        reports = match meter.look() {
            Err(environment::Error::NotRunning(_)) => break,
            reports => job.tell(reports)?,
        };
    }
    written(printed)?;
    Ok(Outcome::silent())
}

fn text(reports: &[UsageReport]) -> String {
    let mut rows: Vec<_> = reports
        .iter()
        .map(|report| {
            [
                report.unit.clone(),
                size(report.memory),
                size(report.most_memory),
                report.declared_memory.map(size).unwrap_or_default(),
                size(report.resident),
                format!("{:.1} %", report.cpu_percent),
                duration(report.cpu_ms),
                report.processes.to_string(),
            ]
        })
        .collect();
    let memory = reports.iter().map(|report| report.memory).sum();
    let resident = reports.iter().map(|report| report.resident).sum();
    let cpu_percent: f64 = reports.iter().map(|report| report.cpu_percent).sum();
    let cpu_ms = reports.iter().map(|report| report.cpu_ms).sum();
    let processes: u32 = reports.iter().map(|report| report.processes).sum();
    let all = [
        "all".to_owned(),
        size(memory),
        String::new(),
        String::new(),
        size(resident),
        format!("{cpu_percent:.1} %"),
        duration(cpu_ms),
        processes.to_string(),
    ];
    rows.push(all);
    table(["SERVICE", "MEMORY", "MOST", "DECLARED", "RESIDENT", "CPU", "CPU TIME", "PROCESSES"], &rows)
}

fn json(reports: &[UsageReport]) -> Value {
    let report = |report: &UsageReport| {
        json!({
            "service": report.unit, "memory_bytes": report.memory, "most_memory_bytes": report.most_memory,
            "declared_memory_bytes": report.declared_memory, "resident_bytes": report.resident,
            "cpu_percent": (report.cpu_percent * 10.0).round() / 10.0, "cpu_ms": report.cpu_ms,
            "processes": report.processes,
        })
    };
    json!({ "services": reports.iter().map(report).collect::<Vec<Value>>() })
}
