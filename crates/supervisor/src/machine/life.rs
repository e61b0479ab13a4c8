//! The way of one unit from its start to its end, and to its next start.

use std::time::Duration;

use super::gate::Sleep;
use super::{Ending, Machine, Stage, Unit};
use crate::{
    Action, Exit, Failure, Probe, ReadySpec, RestartPolicy, Run, Signal, Timestamp, UnitId, UnitKind, UnitState,
};

/// How long a killed process group may take to vanish before its unit is given up: only a process that hangs
/// in the kernel, or one of another user, survives that long.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// How long at most a service may take to stop that was never ready: nobody relies on it yet.
const UNREADY_TIMEOUT: Duration = Duration::from_secs(10);

impl Machine {
    pub(super) fn start(&mut self, id: &UnitId, now: Timestamp) {
        self.last_run = Run(self.last_run.0 + 1);
        let run = self.last_run;
        let unit = self.unit(id);
        unit.run = run;
        unit.detail = None;
        let (process, watch) = match &unit.spec.kind {
            UnitKind::External => {
                unit.started = Some(now);
                self.enter(id, UnitState::Due, now);
                self.actions.push(Action::Due(id.clone()));
                return;
            }
            UnitKind::Task { process, .. } => (process.clone(), None),
            UnitKind::Service { process, ready, .. } => {
                let watch = if let Probe::Log(pattern) = &ready.probe { Some(pattern.clone()) } else { None };
                (process.clone(), watch)
            }
        };
        let notify = unit.spec.notify();
        let limits = unit.spec.life().map(|life| life.limits).unwrap_or_default();
        let terminal = unit.spec.life().is_some_and(|life| life.has_terminal);
        let why = unit.why.take();
        // Who wakes it is perhaps the dependent itself.
        let is_woken = std::mem::replace(&mut unit.sleep, Sleep::Awake) == Sleep::Woken;
        self.enter(id, UnitState::Starting, now);
        self.actions.push(Action::Spawn { unit: id.clone(), run, process, watch, notify, terminal, limits, why });
        if !is_woken && self.units[id].spec.ready().is_some() {
            self.restart_dependents(id, now);
        }
    }

    /// Lets services start anew that have asked for it and run beside an earlier run of this unit: a service that starts, a
    /// task that has succeeded.
    fn restart_dependents(&mut self, id: &UnitId, now: Timestamp) {
        let asks = |unit: &&Unit| unit.spec.after.iter().any(|condition| condition.restart && condition.unit == *id);
        let is_alive = |unit: &&Unit| unit.state.is_live() && unit.state != UnitState::Stopping;
        let dependents: Vec<UnitId> =
            self.units.values().filter(asks).filter(is_alive).map(|unit| unit.spec.id.clone()).collect();
        for dependent in dependents {
            if let Some(apply) = self.apply.as_mut().filter(|apply| apply.units.contains(id)) {
                apply.units.insert(dependent.clone());
            }
            let what = if self.units[id].spec.ready().is_some() { "is started anew" } else { "has run" };
            self.unit(&dependent).why = Some(format!("{id} {what}"));
            self.begin_stop(&dependent, UnitState::Waiting, now);
        }
    }

    pub(super) fn note_spawned(&mut self, id: &UnitId, run: Run, pid: u32, now: Timestamp) {
        let Some(unit) = self.current(id, run).filter(|unit| unit.started.is_none()) else { return };
        unit.pid = Some(pid);
        unit.started = Some(now);
        let is_stopped = unit.state == UnitState::Stopping;
        if is_stopped && !unit.is_asked_later() {
            // Its stop was asked for while it started.
            self.ask_to_stop(id, now);
            return;
        }
        let ready = unit.spec.ready().cloned();
        let timeout = match &unit.spec.kind {
            UnitKind::Task { timeout, .. } => *timeout,
            _ => ready.as_ref().map(|ready| ready.timeout),
        };
        unit.deadline = timeout.map(|timeout| now.plus(timeout));
        if let Some(ReadySpec { probe: Probe::Started, .. }) = ready {
            return self.become_ready(id, now);
        }
        if !is_stopped {
            self.enter(id, UnitState::Running, now);
        }
        if let Some(ready) = ready.filter(|ready| !matches!(ready.probe, Probe::Log(_) | Probe::Notify)) {
            self.actions.push(Action::Probe { unit: id.clone(), run, ready });
        }
    }

    pub(super) fn note_probed(&mut self, id: &UnitId, run: Run, result: Result<(), String>, now: Timestamp) {
        let Some(unit) = self.current(id, run) else { return };
        let is_awaited = unit.state == UnitState::Running || unit.is_asked_later();
        if !is_awaited || unit.spec.ready().is_none() {
            return;
        }
        let is_ready = result.is_ok();
        unit.detail = result.err();
        if is_ready {
            self.become_ready(id, now);
        }
    }

    fn become_ready(&mut self, id: &UnitId, now: Timestamp) {
        let unit = self.unit(id);
        unit.deadline = None;
        unit.was_ready = true;
        if unit.is_asked_later() {
            return self.ask_now(id, now);
        }
        unit.restarts.come_back();
        let live = unit.spec.life().and_then(|life| life.live.clone());
        let run = unit.run;
        self.enter(id, UnitState::Ready, now);
        if let Some(live) = live {
            self.actions.push(Action::Check { unit: id.clone(), run, live });
        }
        self.count_idle_time(id, now);
    }

    pub(super) fn note_checked(&mut self, id: &UnitId, run: Run, result: Result<(), String>, now: Timestamp) {
        let Some(unit) = self.current(id, run).filter(|unit| unit.state == UnitState::Ready) else { return };
        let Some(limit) = unit.spec.life().and_then(|life| life.live.as_ref()).map(|live| live.failures) else {
            return;
        };
        let Err(seen) = result else {
            if unit.failed_checks > 0 {
                unit.failed_checks = 0;
                unit.detail = None;
            }
            return;
        };
        unit.failed_checks += 1;
        unit.detail = Some(seen);
        if unit.failed_checks >= limit {
            let failure = Failure::NotLive { failures: unit.failed_checks };
            self.begin_stop(id, UnitState::Failed(failure), now);
        }
    }

    pub(super) fn note_exited(&mut self, id: &UnitId, run: Run, exit: Exit, leftovers: bool, now: Timestamp) {
        let Some(unit) = self.current(id, run) else { return };
        let was = unit.state.clone();
        // Of a service that was not ready in time, the probe's last word explains more than the signal that followed.
        if was.is_live() && !unit.ending.as_ref().is_some_and(|ending| matches!(ending.state, UnitState::Failed(_))) {
            unit.detail = Some(exit.to_string());
        }
        match was {
            UnitState::Running | UnitState::Ready => {
                let state = match (&unit.spec.kind, &was) {
                    (UnitKind::Task { .. }, _) if exit.is_success() => UnitState::Succeeded,
                    (UnitKind::Service { life, .. }, UnitState::Ready) if life.restart.is_success(exit) => {
                        UnitState::Stopped
                    }
                    _ => UnitState::Failed(Failure::Exited(exit)),
                };
                if leftovers { self.begin_stop(id, state, now) } else { self.end(id, state, now) }
            }
            UnitState::Stopping if !leftovers => {
                if let Some(state) = unit.ending.as_ref().map(|ending| ending.state.clone()) {
                    self.end(id, state, now);
                }
            }
            _ => {}
        }
    }

    pub(super) fn note_gone(&mut self, id: &UnitId, run: Run, now: Timestamp) {
        if let Some(unit) = self.units.get_mut(id)
            && unit.undead == Some(run)
        {
            unit.undead = None;
            unit.pid = None;
        } else if let Some(unit) = self.current(id, run)
            && let Some(state) = unit.ending.as_ref().map(|ending| ending.state.clone())
        {
            self.end(id, state, now);
        }
    }

    /// Lets a live unit end as `state`, as soon as its process group is empty.
    pub(super) fn begin_stop(&mut self, id: &UnitId, state: UnitState, now: Timestamp) {
        let is_discarded = self.discarding;
        let unit = self.unit(id);
        if unit.ending.is_some() {
            return;
        }
        let is_starting = matches!(unit.state, UnitState::Starting | UnitState::Running);
        let is_late = matches!(state, UnitState::Failed(_));
        if is_starting && !is_late && !is_discarded && unit.spec.stop().once_ready {
            unit.ending = Some(Ending { state, stage: Stage::AskedLater });
            return self.enter(id, UnitState::Stopping, now);
        }
        unit.ending = Some(Ending { state, stage: Stage::Asked });
        unit.deadline = None;
        let run = unit.run;
        let is_probed = unit.is_probed();
        self.enter(id, UnitState::Stopping, now);
        if is_probed {
            self.actions.push(Action::StopProbe { unit: id.clone(), run });
        }
        self.ask_to_stop(id, now);
    }

    /// Asks one to stop that is being stopped, and is ready now or should be.
    fn ask_now(&mut self, id: &UnitId, now: Timestamp) {
        let unit = self.unit(id);
        if let Some(ending) = &mut unit.ending {
            ending.stage = Stage::Asked;
        }
        let run = unit.run;
        self.actions.push(Action::StopProbe { unit: id.clone(), run });
        self.ask_to_stop(id, now);
    }

    /// Runs the command of the stop or sends its signal, unless the process is yet to be started.
    fn ask_to_stop(&mut self, id: &UnitId, now: Timestamp) {
        let discarding = self.discarding;
        let unit = self.unit(id);
        if unit.pid.is_none() {
            return;
        }
        let stop = unit.spec.stop();
        let timeout = if unit.was_ready { stop.timeout } else { stop.timeout.min(UNREADY_TIMEOUT) };
        unit.deadline = Some(now.plus(timeout));
        let (run, unit) = (unit.run, id.clone());
        let discard = stop.discard.filter(|_| discarding);
        self.actions.push(match (discard, stop.command) {
            (None, Some(process)) => Action::StopCommand { unit, run, process },
            (discard, _) => Action::Signal { unit, run, signal: discard.unwrap_or(stop.signal) },
        });
    }

    /// Sends the signal of the stop when its command could not do better.
    pub(super) fn note_stop_command_failed(&mut self, id: &UnitId, run: Run) {
        let Some(unit) = self.current(id, run) else { return };
        if unit.ending.as_ref().is_some_and(|ending| ending.stage == Stage::Asked) {
            let signal = unit.spec.stop().signal;
            self.actions.push(Action::Signal { unit: id.clone(), run, signal });
        }
    }

    /// Kills what has not stopped in time, and asks what should have been ready by now; gives up what was killed and is still there.
    pub(super) fn kill(&mut self, id: &UnitId, now: Timestamp) {
        let unit = self.unit(id);
        if unit.is_asked_later() {
            return self.ask_now(id, now);
        }
        let run = unit.run;
        if let Some(ending) = unit.ending.as_mut().filter(|ending| ending.stage != Stage::Killed) {
            ending.stage = Stage::Killed;
            unit.deadline = Some(now.plus(KILL_TIMEOUT));
            self.actions.push(Action::Signal { unit: id.clone(), run, signal: Signal::Kill });
        } else {
            unit.undead = Some(run);
            self.end(id, UnitState::Failed(Failure::NotGone), now);
        }
    }

    /// Lets a unit's life end: it has no process any more. A service may have another one before it.
    pub(super) fn end(&mut self, id: &UnitId, state: UnitState, now: Timestamp) {
        let is_asked = self.shutting_down || self.stopping.contains(id);
        let unit = self.unit(id);
        let is_probed = unit.is_probed();
        let run = unit.run;
        // What was asked for counts more than that the start, which nobody wants any more, failed.
        let state = unit.ending.take().map_or(state, |ending| ending.state);
        unit.deadline = None;
        let state = match state {
            _ if unit.undead.is_some() => UnitState::Failed(Failure::NotGone),
            UnitState::Waiting | UnitState::Asleep if is_asked => UnitState::Stopped,
            state if is_asked => state,
            state => match unit.next_life(state, now) {
                // One that ends by itself when nobody needs it is started again when somebody does.
                UnitState::Stopped if unit.spec.lazy().is_some() => UnitState::Asleep,
                state => state,
            },
        };
        if unit.undead.is_none() {
            unit.pid = None;
        }
        let state = match state {
            UnitState::Succeeded | UnitState::Failed(_) if std::mem::take(&mut unit.runs_again) && !is_asked => {
                UnitState::Waiting
            }
            state => state,
        };
        let has_run = state == UnitState::Succeeded && matches!(unit.spec.kind, UnitKind::Task { .. });
        if matches!(state, UnitState::Waiting | UnitState::Restarting | UnitState::Asleep) {
            unit.begin_anew(now);
        }
        if state == UnitState::Asleep {
            unit.sleep = Sleep::Asleep;
        }
        self.enter(id, state, now);
        if is_probed {
            self.actions.push(Action::StopProbe { unit: id.clone(), run });
        }
        self.stopping.remove(id);
        if has_run {
            self.restart_dependents(id, now);
        }
    }

    pub(super) fn enter(&mut self, id: &UnitId, state: UnitState, now: Timestamp) {
        let unit = self.unit(id);
        let is_task = unit.spec.ready().is_none();
        if state == UnitState::Ready || (is_task && unit.started.is_some() && state.is_settled()) {
            unit.done = Some(now);
        }
        unit.state = state;
        unit.since = now;
        let status = unit.status();
        self.actions.push(Action::Announce(status));
    }
}

impl Unit {
    /// Whether it is being stopped, and was not asked yet since it is not ready.
    fn is_asked_later(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| ending.stage == Stage::AskedLater)
    }

    /// Whether something looks at it again and again.
    fn is_probed(&self) -> bool {
        match self.state {
            UnitState::Running => self.spec.ready().is_some(),
            UnitState::Ready => self.spec.life().is_some_and(|life| life.live.is_some()),
            UnitState::Stopping => self.is_asked_later(),
            _ => false,
        }
    }

    /// What becomes of it when it has ended as `state`, and nobody has asked for that.
    fn next_life(&mut self, state: UnitState, now: Timestamp) -> UnitState {
        let UnitKind::Service { life, .. } = &self.spec.kind else { return state };
        let restart = &life.restart;
        let why = match &state {
            UnitState::Failed(Failure::Exited(_)) | UnitState::Stopped => self.detail.clone(),
            UnitState::Failed(failure) => {
                let seen = self.detail.as_ref().map_or_else(String::new, |detail| format!("; {detail}"));
                Some(format!("{failure}{seen}"))
            }
            // What starts anew since something else did has not ended by itself, and one that is blocked has not begun.
            _ => return state,
        };
        self.last_end.clone_from(&why);
        let is_late = matches!(state, UnitState::Failed(Failure::NotReady { .. }));
        let is_wanted = match (restart.policy, &state) {
            (RestartPolicy::OnFailure | RestartPolicy::Always, UnitState::Failed(_))
            | (RestartPolicy::Always, UnitState::Stopped) => self.was_ready || (restart.early && !is_late),
            _ => false,
        };
        if !is_wanted || restart.limit == Some(0) {
            return state;
        }
        match (self.restarts.next(restart, now), restart.limit) {
            (None, Some(restarts)) => {
                self.detail = why;
                UnitState::Failed(Failure::CrashLoop { restarts })
            }
            (due, _) => {
                self.deadline = due;
                UnitState::Restarting
            }
        }
    }

    /// Forgets what was so of the run that is over.
    pub(super) fn begin_anew(&mut self, now: Timestamp) {
        self.requested = now;
        self.started = None;
        self.done = None;
        self.failed_checks = 0;
        self.is_again = true;
    }

    /// Says what a probe that hears nothing would have heard.
    pub(super) fn explain_silence(&mut self) {
        let (Some(ready), None) = (self.spec.ready(), &self.detail) else { return };
        self.detail = match &ready.probe {
            Probe::Log(pattern) => Some(format!("no line of its output matched `{pattern}`")),
            Probe::Notify => Some("it did not say READY=1 on the socket of NOTIFY_SOCKET".to_owned()),
            _ => None,
        };
    }
}
