//! `stop` and `kill`: some services, not all of the environment. Neither needs a manifest without mistakes, nor the lock: what
//! another command is doing meanwhile, the supervisor puts in order.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use daemon::{Client, ClientError};
use supervisor::{KindTag, Signal, UnitId, UnitState, UnitStatus};

use crate::context::{Context, Target};
use crate::record::Record;
use crate::report::millis;
use crate::{Error, Progress, names};

/// What was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopReport {
    /// The services that were stopped, in the order in which they ended.
    pub stopped: Vec<String>,
    /// Those of them that nobody named: they need one that was.
    pub dependents: Vec<String>,
    /// Milliseconds from the beginning to the end.
    pub total_ms: u64,
}

/// What was sent a signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KillReport {
    /// The name of the signal, without `SIG`.
    pub signal: &'static str,
    /// The services.
    pub services: Vec<String>,
}

/// Stops services, after all that need them. They stay stopped until a command starts them.
pub fn stop(context: &Context<'_>, target: &Target, names: &[String]) -> Result<StopReport, Error> {
    let began = Instant::now();
    let mut report = StopReport { stopped: Vec::new(), dependents: Vec::new(), total_ms: 0 };
    let (client, units) = find(context, target, names)?;
    let Some((mut client, statuses)) = client else { return Ok(report) };
    let ran: BTreeSet<UnitId> = statuses.iter().filter(|status| runs(status)).map(|status| status.id.clone()).collect();
    let known: Vec<UnitId> =
        units.iter().filter(|id| statuses.iter().any(|status| status.id == **id)).cloned().collect();
    let mut note = |status: UnitStatus| {
        let id = status.id.to_string();
        if !ran.contains(&status.id) || runs(&status) || report.stopped.contains(&id) {
            return;
        }
        let title = format!("stop {id}");
        let failure = matches!(status.state, UnitState::Failed(_)).then(|| status.state.to_string());
        context.monitor.on(Progress::Ended { step: &id, title: &title, took_ms: 0, failure: failure.as_deref() });
        if !units.contains(&status.id) {
            report.dependents.push(id.clone());
        }
        report.stopped.push(id);
    };
    client.stop(&known, &mut note).map_err(Error::Supervisor)?;
    report.total_ms = millis(began);
    Ok(report)
}

/// Sends a signal to the process groups of services and does nothing more: one that ends of it has ended by itself.
pub fn kill(context: &Context<'_>, target: &Target, names: &[String], signal: Signal) -> Result<KillReport, Error> {
    let (client, units) = find(context, target, names)?;
    let running = |statuses: &[UnitStatus], id: &UnitId| {
        statuses.iter().any(|status| status.id == *id && status.state.is_live() && status.pid.is_some())
    };
    let statuses = client.as_ref().map_or(&[][..], |(_, statuses)| statuses);
    if let Some(idle) = units.iter().find(|id| !running(statuses, id)) {
        return Err(Error::ServiceNotRunning(idle.to_string()));
    }
    if let Some((mut client, _)) = client {
        let units: Vec<UnitId> = units.iter().cloned().collect();
        client.signal(&units, signal).map_err(Error::Supervisor)?;
    }
    Ok(KillReport { signal: signal.name(), services: units.iter().map(ToString::to_string).collect() })
}

/// Where the terminal of a service that runs is: a socket, and the service's whole name.
pub fn terminal(context: &Context<'_>, target: &Target, name: &str) -> Result<(String, PathBuf), Error> {
    let (client, units) = find(context, target, &[name.to_owned()])?;
    let id = units.first().expect("one was asked for, and found");
    let Some((mut client, statuses)) = client else { return Err(Error::ServiceNotRunning(id.to_string())) };
    if !statuses.iter().any(|status| status.id == *id && status.state.is_live()) {
        return Err(Error::ServiceNotRunning(id.to_string()));
    }
    let socket = client.terminal(id).map_err(Error::Supervisor)?;
    socket.map(|socket| (id.to_string(), socket)).ok_or_else(|| Error::NoTerminal(id.to_string()))
}

/// Whether a service has a process, or is about to have one.
fn runs(status: &UnitStatus) -> bool {
    status.kind == KindTag::Service && status.state.is_active()
}

/// The supervisor of an environment that exists, with how its units are, and the services that are meant.
#[expect(clippy::type_complexity, reason = "both are taken apart at once")]
fn find(
    context: &Context<'_>,
    target: &Target,
    wanted: &[String],
) -> Result<(Option<(Client, Vec<UnitStatus>)>, BTreeSet<UnitId>), Error> {
    let place = target.place(context);
    let Some(record) = Record::read(place.directory())? else {
        return Err(Error::NoEnvironment(target.name.clone()));
    };
    let (mut known, root) = names::declared_services(context, target, record.profile.as_deref());
    let client = match Client::connect(&place.socket()).map_err(Error::Supervisor)? {
        Some(mut client) => match client.status() {
            Ok(statuses) => Some((client, statuses)),
            // One that was about to end.
            Err(ClientError::Closed | ClientError::Lost(_)) => None,
            Err(error) => return Err(Error::Supervisor(error)),
        },
        None => None,
    };
    let services = client.iter().flat_map(|(_, statuses)| statuses).filter(|status| status.kind == KindTag::Service);
    known.extend(services.map(|status| status.id.to_string()));
    let units = names::find_services(wanted, &root, &known.into_iter().collect::<Vec<_>>())?;
    Ok((client, units))
}
