//! `down`: nothing runs; what is stored stays.

use std::time::Instant;

use daemon::{Client, ClientError};
use database::Unsettled;
use supervisor::{KindTag, UnitState, UnitStatus};

use crate::context::{Context, Target};
use crate::lock::Lock;
use crate::record::Record;
use crate::report::millis;
use crate::session::Session;
use crate::tend::stop_tending;
use crate::{Error, Progress, budget, images};

/// What was stopped.
#[derive(Debug, PartialEq, Eq)]
pub struct DownReport {
    /// The services that ran, in the order in which they ended.
    pub stopped: Vec<String>,
    /// Milliseconds from the beginning to the end.
    pub total_ms: u64,
}

/// Stops everything. It needs no manifest that can be read: a broken one must not keep an environment running.
pub fn down(context: &Context<'_>, target: &Target) -> Result<DownReport, Error> {
    let began = Instant::now();
    let place = target.place(context);
    if !Record::exists(place.directory()) {
        return Err(Error::NoEnvironment(target.name.clone()));
    }
    budget::remember_running(&place)?;
    // An `up` that goes on is ended, not waited for: its supervisor goes, and with it the right to change.
    let stopped = stop_all(context, target, Client::shutdown)?;
    let _lock = Lock::take(&place, "down", context)?;
    let more = stop_all(context, target, Client::shutdown)?;
    images::sweep(context, &place)?;
    for server in place.all_servers()? {
        let mark = Unsettled::of(&server);
        // All of its databases went down in order; what has come since the machine was started is seen by the next command.
        if mark.is_set() && !mark.is_lost() {
            mark.settle().map_err(Error::file)?;
        }
    }
    Ok(DownReport { stopped: stopped.into_iter().chain(more).collect(), total_ms: millis(began) })
}

/// How a supervisor is asked to end.
type Ask = fn(Client, &mut dyn FnMut(UnitStatus)) -> Result<(), ClientError>;

/// Ends the supervisor and all that it owns; says which services ran.
pub(crate) fn stop_all(context: &Context<'_>, target: &Target, ask: Ask) -> Result<Vec<String>, Error> {
    let place = target.place(context);
    stop_tending(&place)?;
    let client = match Client::connect(&place.socket()) {
        Ok(Some(client)) => client,
        Ok(None) => return Ok(Vec::new()),
        Err(ClientError::Version { pid, .. }) => {
            Client::terminate(pid).map_err(Error::Supervisor)?;
            return Ok(Vec::new());
        }
        Err(error) => return Err(Error::Supervisor(error)),
    };
    let mut stopped = Vec::new();
    let mut note = |status: UnitStatus| {
        if status.kind == KindTag::Service && !status.state.is_live() && status.state != UnitState::Waiting {
            let id = status.id.to_string();
            let title = format!("stop {id}");
            if !stopped.contains(&id) {
                context.monitor.on(Progress::Ended { step: &id, title: &title, took_ms: 0, failure: None });
                stopped.push(id);
            }
        }
    };
    ask(client, &mut note).map_err(Error::Supervisor)?;
    Ok(stopped)
}

impl Session<'_> {
    /// Ends the supervisor again when nothing ran before the command: it was only there for a server.
    pub(crate) fn rest(&self, was_running: bool) -> Result<(), Error> {
        if !was_running {
            stop_all(self.context, &self.target, Client::shutdown)?;
        }
        Ok(())
    }
}
