//! `wait`: until services and tasks have come into a state.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use daemon::Client;
use supervisor::{KindTag, UnitId, UnitState, UnitStatus};

use crate::context::{Context, Mode, Target};
use crate::record::Record;
use crate::report::{millis, state_words};
use crate::session::Session;
use crate::{Error, tasks};

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// That a service is ready, or a task has succeeded.
    Ready,
    /// That its process was started.
    Started,
    /// That it does not run.
    Stopped,
    /// That it sleeps until somebody connects.
    Asleep,
}

/// What to wait for.
#[derive(Debug, Clone)]
pub struct WaitOptions {
    /// Services and tasks; all services when empty.
    pub names: Vec<String>,
    /// Which state.
    pub awaited: Awaited,
    /// For how long at most.
    pub timeout: Duration,
}

/// What was waited for.
#[derive(Debug, PartialEq, Eq)]
pub struct WaitReport {
    /// The units.
    pub units: Vec<String>,
    /// How long.
    pub total_ms: u64,
}

/// Waits; a service that has failed is not waited for, since nothing starts it by itself.
pub fn wait(context: &Context<'_>, target: &Target, options: &WaitOptions) -> Result<WaitReport, Error> {
    const PAUSE: Duration = Duration::from_millis(20);
    let began = Instant::now();
    if Record::read(target.place(context).directory())?.is_none() {
        return Err(Error::NoEnvironment(target.name.clone()));
    }
    let mut session = Session::open(context, target, &Mode::Look(None), "wait")?;
    let units: Vec<UnitId> = if options.names.is_empty() {
        session.model.services.keys().cloned().collect()
    } else {
        options.names.iter().map(|name| session.find_unit(name)).collect::<Result<_, _>>()?
    };
    let mut client = session.connected();
    let mut statuses = std::mem::take(&mut session.statuses);
    loop {
        let by_id: BTreeMap<&UnitId, &UnitStatus> = statuses.iter().map(|status| (&status.id, status)).collect();
        let mut missing = None;
        for id in &units {
            match verdict(&session, id, by_id.get(id).copied(), options.awaited)? {
                Verdict::Here => {}
                Verdict::NotYet(state) => missing = Some((id, state)),
                Verdict::Never(reason) => return Err(Error::Awaited(format!("{id} {reason}"))),
            }
        }
        let Some((id, state)) = missing else {
            let units = units.iter().map(ToString::to_string).collect();
            return Ok(WaitReport { units, total_ms: millis(began) });
        };
        if context.interrupt.is_raised() {
            return Err(Error::Interrupted);
        }
        if began.elapsed() >= options.timeout {
            let waited = humantime::format_duration(options.timeout);
            return Err(Error::Awaited(format!(
                "waited {waited} for {id} to be {}: it is {state}",
                options.awaited.word()
            )));
        }
        context.interrupt.sleep(PAUSE);
        statuses = status(&session, &mut client)?;
    }
}

/// How all units are now; nothing, without a supervisor.
fn status(session: &Session<'_>, client: &mut Option<Client>) -> Result<Vec<UnitStatus>, Error> {
    if client.is_none() {
        *client = Client::connect(&session.place.socket()).map_err(Error::Supervisor)?;
    }
    let Some(connected) = client else { return Ok(Vec::new()) };
    let statuses = connected.status();
    if statuses.is_err() {
        // It has ended; another one may come.
        *client = None;
    }
    Ok(statuses.unwrap_or_default())
}

enum Verdict {
    Here,
    NotYet(String),
    Never(String),
}

fn verdict(
    session: &Session<'_>,
    id: &UnitId,
    status: Option<&UnitStatus>,
    awaited: Awaited,
) -> Result<Verdict, Error> {
    let Some(status) = status else {
        let has_succeeded = || session.has_succeeded(id);
        return Ok(match awaited {
            Awaited::Stopped => Verdict::Here,
            Awaited::Ready if has_succeeded()? => Verdict::Here,
            Awaited::Ready | Awaited::Started | Awaited::Asleep => Verdict::NotYet("stopped".to_owned()),
        });
    };
    let is_here = match awaited {
        Awaited::Ready => status.state.is_good(),
        Awaited::Started => status.state.is_good() || status.state == UnitState::Running,
        Awaited::Asleep => status.state == UnitState::Asleep,
        Awaited::Stopped => !status.state.is_live() && status.state.is_settled() && status.state != UnitState::Asleep,
    };
    let words = state_words(status);
    let detail = status.detail.as_ref().map_or_else(String::new, |detail| format!(" ({detail})"));
    Ok(match &status.state {
        _ if is_here => Verdict::Here,
        UnitState::Failed(_) => Verdict::Never(format!("has failed: {}", words.trim_start_matches("failed: "))),
        UnitState::Blocked { by } => Verdict::Never(format!("cannot start, since {by} has failed or was stopped")),
        UnitState::Succeeded if status.kind == KindTag::Task => Verdict::Never("has ended".to_owned()),
        _ => Verdict::NotYet(format!("{words}{detail}")),
    })
}

impl Awaited {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Started => "started",
            Self::Stopped => "stopped",
            Self::Asleep => "asleep",
        }
    }
}

impl Session<'_> {
    /// Whether a task has succeeded in this workspace; no service has.
    fn has_succeeded(&self, id: &UnitId) -> Result<bool, Error> {
        let Some((workspace, name)) = id.as_str().split_once('/') else { return Ok(false) };
        let Some(workspace) = self.tree.find(workspace).map(|id| self.tree.workspace(id)) else { return Ok(false) };
        let Some(task) = self.model.tasks.get(id) else { return Ok(false) };
        Ok(tasks::last(&tasks::records(&self.place, workspace, task), name)?.is_some())
    }
}
