//! `seedbed ports`

use environment::{PortReport, PortState};
use serde_json::{Value, json};

use super::{Job, Outcome};
use crate::failure::Failure;
use crate::table::table;

pub fn run(job: &Job<'_>) -> Result<Outcome, Failure> {
    let ports = job.tell(environment::list_ports(job.context, &job.target()?))?;
    let rows: Vec<_> = ports
        .iter()
        .map(|report| {
            let how = if report.is_fixed { "declared" } else { "chosen" };
            [report.unit.clone(), report.port.to_string(), how.to_owned(), words(&report.state)]
        })
        .collect();
    let text = if rows.is_empty() {
        "no service has a port\n".to_owned()
    } else {
        table(["SERVICE", "PORT", "HOW", "STATE"], &rows)
    };
    Ok(Outcome::of(text, json!({ "ports": ports.iter().map(port_json).collect::<Vec<Value>>() })))
}

fn words(state: &PortState) -> String {
    match state {
        PortState::Listening => "listening".to_owned(),
        PortState::Silent => "the service runs and does not listen".to_owned(),
        PortState::Free => "free".to_owned(),
        PortState::Taken(None) => "in use by somebody else".to_owned(),
        PortState::Taken(Some(holder)) => format!("in use by {holder}"),
    }
}

fn port_json(report: &PortReport) -> Value {
    let (state, holder) = match &report.state {
        PortState::Listening => ("listening", None),
        PortState::Silent => ("silent", None),
        PortState::Free => ("free", None),
        PortState::Taken(holder) => ("taken", holder.as_ref()),
    };
    json!({
        "service": report.unit, "port": report.port, "fixed": report.is_fixed, "state": state, "holder": holder,
    })
}
