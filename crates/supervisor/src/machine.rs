//! The machine: what happened goes in, what is to be done comes out.
//!
//! The fields hold what is known and what is wanted; `handle` first notes what happened, then lets time
//! pass, then looks for everything that can be done now (`advance`). Nothing else decides.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::order::{Dependents, circle};
use crate::{
    Action, Condition, ConditionState, ContainerSpec, Event, Exit, Failure, KindTag, Probe, ReadySpec, RequestError,
    RequestId, Run, Signal, StopSpec, Timestamp, UnitId, UnitKind, UnitSpec, UnitState, UnitStatus,
};

/// How long a killed process group may take to vanish before its unit is given up: only a process that hangs
/// in the kernel, or one of another user, survives that long.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// All units of one environment and what is wanted of them.
#[derive(Debug, Default)]
pub struct Machine {
    units: BTreeMap<UnitId, Unit>,
    apply: Option<Apply>,
    /// What shall be stopped and is not; in which order follows from the conditions.
    stopping: BTreeSet<UnitId>,
    stops: Vec<(RequestId, BTreeSet<UnitId>)>,
    shutting_down: bool,
    /// Whether what is stopped need not write any more.
    discarding: bool,
    exited: bool,
    last_run: Run,
    actions: Vec<Action>,
}

#[derive(Debug)]
struct Unit {
    spec: UnitSpec,
    state: UnitState,
    since: Timestamp,
    run: Run,
    pid: Option<u32>,
    requested: Timestamp,
    started: Option<Timestamp>,
    done: Option<Timestamp>,
    detail: Option<String>,
    /// When the present state has lasted too long.
    deadline: Option<Timestamp>,
    /// Set while the state is `Stopping`.
    ending: Option<Ending>,
    /// A run whose process group could not be killed: no other may start beside it.
    undead: Option<Run>,
}

/// What becomes of a unit when its process group is empty.
#[derive(Debug)]
struct Ending {
    state: UnitState,
    killed: bool,
}

/// The one apply that may be under way.
#[derive(Debug)]
struct Apply {
    request: RequestId,
    /// What it wants stopped before anything starts.
    stop: BTreeSet<UnitId>,
    /// What starts when that is done.
    pending: Vec<UnitSpec>,
    /// What it has started or waits to start.
    units: BTreeSet<UnitId>,
    /// No longer true when it was cancelled, or something that it wanted was stopped meanwhile.
    ok: bool,
    since: Timestamp,
}

/// Whether a condition holds.
enum Verdict {
    Met,
    Open,
    Never { by: UnitId },
}

impl Machine {
    /// Makes a machine without units.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes an event and returns what is to be done about it, in that order.
    pub fn handle(&mut self, event: Event, now: Timestamp) -> Vec<Action> {
        self.note(event, now);
        self.expire(now);
        self.advance(now);
        std::mem::take(&mut self.actions)
    }

    /// Returns when the machine wants to be told `Tick`, if nothing happens before.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.units.values().filter_map(|unit| unit.deadline).min()
    }

    /// Returns how every known unit is, ordered by name.
    pub fn statuses(&self) -> Vec<UnitStatus> {
        self.units.values().map(Unit::status).collect()
    }

    /// Tells whether no process is alive and nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.apply.is_none() && self.units.values().all(|unit| !unit.is_live())
    }

    fn note(&mut self, event: Event, now: Timestamp) {
        match event {
            Event::Apply { request, start, stop } => match self.check(&start, &stop) {
                Ok(()) => self.begin_apply(request, start, stop, now),
                Err(error) => self.actions.push(Action::Reject { request, error }),
            },
            Event::Cancel => self.cancel(),
            Event::Done { unit, result } => self.note_done(&unit, result, now),
            Event::Stop { request, units } => match units.iter().find(|unit| !self.units.contains_key(*unit)) {
                None => self.begin_stop_request(request, &units),
                Some(unit) => {
                    let error = RequestError::Unknown(unit.clone());
                    self.actions.push(Action::Reject { request, error });
                }
            },
            Event::Shutdown | Event::Discard => {
                self.shutting_down = true;
                self.discarding |= matches!(event, Event::Discard);
                self.stopping = self.units.keys().cloned().collect();
                if let Some(apply) = &mut self.apply {
                    apply.pending.clear();
                    apply.ok = false;
                }
            }
            Event::Spawned { unit, run, pid } => self.note_spawned(&unit, run, pid, now),
            Event::SpawnFailed { unit, run, reason } => {
                if self.current(&unit, run).is_some_and(|unit| unit.state.is_live()) {
                    self.end(&unit, UnitState::Failed(Failure::Spawn(reason)), now);
                }
            }
            Event::Probed { unit: id, run, result } => {
                if let Some(unit) = self.current(&id, run)
                    && unit.state == UnitState::Running
                    && unit.spec.ready().is_some()
                {
                    unit.detail = result.clone().err();
                    if result.is_ok() {
                        unit.deadline = None;
                        self.enter(&id, UnitState::Ready, now);
                    }
                }
            }
            Event::Exited { unit, run, exit, leftovers } => self.note_exited(&unit, run, exit, leftovers, now),
            Event::Gone { unit: id, run } => {
                if let Some(unit) = self.units.get_mut(&id)
                    && unit.undead == Some(run)
                {
                    unit.undead = None;
                    unit.pid = None;
                } else if let Some(unit) = self.current(&id, run)
                    && let Some(ending) = unit.ending.take()
                {
                    self.end(&id, ending.state, now);
                }
            }
            Event::Tick => {}
        }
    }

    /// Checks an apply before anything of it is done.
    fn check(&self, start: &[UnitSpec], stop: &[UnitId]) -> Result<(), RequestError> {
        if self.shutting_down {
            return Err(RequestError::ShuttingDown);
        }
        if self.apply.is_some() {
            return Err(RequestError::Busy);
        }
        if let Some(unit) = stop.iter().find(|unit| !self.units.contains_key(*unit)) {
            return Err(RequestError::Unknown(unit.clone()));
        }
        let mut kinds: BTreeMap<&UnitId, KindTag> =
            self.units.iter().map(|(id, unit)| (id, KindTag::from(&unit.spec.kind))).collect();
        let mut seen = BTreeSet::new();
        for spec in start {
            kinds.insert(&spec.id, KindTag::from(&spec.kind));
            if !seen.insert(&spec.id) {
                return Err(RequestError::Duplicate(spec.id.clone()));
            }
        }
        for spec in start {
            for Condition { unit: needs, state } in &spec.after {
                let (unit, needs) = (spec.id.clone(), needs.clone());
                let Some(kind) = kinds.get(&needs) else {
                    return Err(RequestError::UnknownCondition { unit, needs });
                };
                let of_service = matches!(state, ConditionState::Started | ConditionState::Ready);
                if of_service != (*kind == KindTag::Service) {
                    return Err(RequestError::Impossible { unit, needs, state: *state });
                }
            }
        }
        circle(start).map_or(Ok(()), |units| Err(RequestError::Circle(units)))
    }

    fn begin_apply(&mut self, request: RequestId, start: Vec<UnitSpec>, stop: Vec<UnitId>, now: Timestamp) {
        let replaced = start.iter().map(|spec| &spec.id).filter(|id| self.units.contains_key(*id));
        let stop: BTreeSet<UnitId> = replaced.cloned().chain(stop).collect();
        self.stopping.extend(stop.iter().cloned());
        self.apply = Some(Apply { request, stop, pending: start, units: BTreeSet::new(), ok: true, since: now });
    }

    /// Takes the apply back: what it started is stopped, what it did not yet stop stays.
    fn cancel(&mut self) {
        let Some(apply) = &mut self.apply else { return };
        apply.ok = false;
        apply.pending.clear();
        if !self.shutting_down {
            let wanted_elsewhere = |id: &UnitId| self.stops.iter().any(|(_, units)| units.contains(id));
            self.stopping.retain(|id| !apply.stop.contains(id) || wanted_elsewhere(id));
        }
        for id in &apply.units {
            let state = &self.units[id].state;
            if state.is_live() || !state.is_settled() {
                self.stopping.insert(id.clone());
            }
        }
        // Those that are being stopped already are waited for: their processes are not gone yet.
        apply.stop.retain(|id| self.units.get(id).is_some_and(|unit| unit.state == UnitState::Stopping));
        self.stopping.extend(apply.stop.iter().cloned());
    }

    fn begin_stop_request(&mut self, request: RequestId, units: &[UnitId]) {
        let pending = self.apply.iter().flat_map(|apply| &apply.pending);
        let dependents = Dependents::new(self.units.values().map(|unit| &unit.spec).chain(pending));
        let mut all: BTreeSet<UnitId> = dependents.of(units).into_iter().cloned().collect();
        all.extend(units.iter().cloned());
        if let Some(apply) = &mut self.apply {
            let before = apply.pending.len();
            apply.pending.retain(|spec| !all.contains(&spec.id));
            apply.ok &= apply.pending.len() == before;
        }
        all.retain(|id| self.units.contains_key(id));
        self.stopping.extend(all.iter().cloned());
        self.stops.push((request, all));
    }

    fn note_done(&mut self, id: &UnitId, result: Result<(), String>, now: Timestamp) {
        if self.units.get(id).is_some_and(|unit| unit.state == UnitState::Due) {
            let state = match result {
                Ok(()) => UnitState::Succeeded,
                Err(reason) => UnitState::Failed(Failure::External(reason)),
            };
            self.end(id, state, now);
        }
    }

    fn note_spawned(&mut self, id: &UnitId, run: Run, pid: u32, now: Timestamp) {
        let Some(unit) = self.current(id, run).filter(|unit| unit.started.is_none()) else { return };
        unit.pid = Some(pid);
        unit.started = Some(now);
        if unit.state == UnitState::Stopping {
            // Its stop was asked for while it started.
            self.signal_stop(id, now);
            return;
        }
        let ready = unit.spec.ready().cloned();
        let timeout = match &unit.spec.kind {
            UnitKind::Task { timeout, .. } => *timeout,
            _ => ready.as_ref().map(|ready| ready.timeout),
        };
        unit.deadline = timeout.map(|timeout| now.plus(timeout));
        match ready {
            Some(ReadySpec { probe: Probe::Started, .. }) => {
                unit.deadline = None;
                self.enter(id, UnitState::Ready, now);
            }
            Some(ready) => {
                self.enter(id, UnitState::Running, now);
                if !matches!(ready.probe, Probe::Log(_)) {
                    self.actions.push(Action::Probe { unit: id.clone(), run, ready });
                }
            }
            None => self.enter(id, UnitState::Running, now),
        }
    }

    fn note_exited(&mut self, id: &UnitId, run: Run, exit: Exit, leftovers: bool, now: Timestamp) {
        let Some(unit) = self.current(id, run) else { return };
        let was = unit.state.clone();
        // Of a service that was not ready in time, the probe's last word explains more than the signal that followed.
        if was.is_live() && !unit.ending.as_ref().is_some_and(|ending| matches!(ending.state, UnitState::Failed(_))) {
            unit.detail = Some(exit.to_string());
        }
        match was {
            UnitState::Running | UnitState::Ready => {
                // The place for restart policies: here a service has ended that nobody asked to.
                let state = match (&unit.spec.kind, &was) {
                    (UnitKind::Task { .. }, _) if exit.is_success() => UnitState::Succeeded,
                    (UnitKind::Service { .. }, UnitState::Ready) if exit.is_success() => UnitState::Stopped,
                    _ => UnitState::Failed(Failure::Exited(exit)),
                };
                if leftovers { self.begin_stop(id, state, now) } else { self.end(id, state, now) }
            }
            UnitState::Stopping if !leftovers => {
                if let Some(ending) = unit.ending.take() {
                    self.end(id, ending.state, now);
                }
            }
            _ => {}
        }
    }

    /// Acts on every deadline that has passed.
    fn expire(&mut self, now: Timestamp) {
        let expired = |unit: &Unit| unit.deadline.is_some_and(|deadline| deadline <= now);
        let ids: Vec<UnitId> =
            self.units.values().filter(|unit| expired(unit)).map(|unit| unit.spec.id.clone()).collect();
        for id in ids {
            let unit = self.units.get_mut(&id).expect("collected from the units above");
            let run = unit.run;
            if unit.state != UnitState::Stopping {
                if let (UnitKind::Service { ready, .. }, None) = (&unit.spec.kind, &unit.detail)
                    && let Probe::Log(pattern) = &ready.probe
                {
                    unit.detail = Some(format!("no line of its output matched `{pattern}`"));
                }
                let failure = match &unit.spec.kind {
                    UnitKind::Service { ready, .. } => Failure::NotReady { timeout: ready.timeout },
                    UnitKind::Task { timeout, .. } => Failure::TimedOut { timeout: timeout.unwrap_or_default() },
                    UnitKind::External => continue,
                };
                self.begin_stop(&id, UnitState::Failed(failure), now);
            } else if let Some(ending) = unit.ending.as_mut().filter(|ending| !ending.killed) {
                ending.killed = true;
                unit.deadline = Some(now.plus(KILL_TIMEOUT));
                self.actions.push(Action::Signal { unit: id, run, signal: Signal::Kill });
            } else {
                unit.undead = Some(run);
                self.end(&id, UnitState::Failed(Failure::NotGone), now);
            }
        }
    }

    /// Does everything that can be done now, until nothing more can.
    fn advance(&mut self, now: Timestamp) {
        loop {
            let before = self.actions.len();
            self.advance_stops(now);
            self.install(now);
            self.advance_starts(now);
            if self.actions.len() == before {
                break;
            }
        }
        self.report_requests();
        if self.shutting_down && !self.exited && self.is_idle() {
            self.exited = true;
            self.actions.push(Action::Exit);
        }
    }

    /// Stops what shall be stopped and is needed by nothing else that is alive and shall be stopped.
    fn advance_stops(&mut self, now: Timestamp) {
        for id in self.stopping.clone() {
            match self.units[&id].state {
                UnitState::Waiting | UnitState::Due => self.end(&id, UnitState::Stopped, now),
                ref state if !state.is_live() => {
                    self.stopping.remove(&id);
                }
                _ => {}
            }
        }
        if self.stopping.is_empty() {
            return;
        }
        let dependents = Dependents::new(self.units.values().map(|unit| &unit.spec));
        let is_free = |id: &UnitId| dependents.of([id]).is_disjoint(&self.stopping.iter().collect());
        let is_begun = |id: &&UnitId| self.units[*id].state == UnitState::Stopping;
        let mut free: Vec<UnitId> = self.stopping.iter().filter(|id| !is_begun(id) && is_free(id)).cloned().collect();
        if free.is_empty() && !self.stopping.iter().any(|id| is_begun(&id)) {
            // Specs of different applies can form a circle; then there is no right order, but there is an end.
            free = self.stopping.iter().cloned().collect();
        }
        for id in free {
            self.begin_stop(&id, UnitState::Stopped, now);
        }
    }

    /// Puts the units of the apply in the place of those before them, once these are gone.
    fn install(&mut self, now: Timestamp) {
        let Some(apply) = &mut self.apply else { return };
        if apply.pending.is_empty() || !apply.stop.is_disjoint(&self.stopping) {
            return;
        }
        let since = apply.since;
        for spec in std::mem::take(&mut apply.pending) {
            let id = spec.id.clone();
            apply.units.insert(id.clone());
            let mut unit = Unit::waiting(spec, since, now);
            unit.undead = self.units.get(&id).and_then(|old| old.undead);
            if unit.undead.is_some() {
                unit.state = UnitState::Failed(Failure::NotGone);
            }
            self.actions.push(Action::Announce(unit.status()));
            if let Some(container) = unit.spec.container().filter(|_| unit.undead.is_none()) {
                self.actions.push(Action::Prepare { unit: id.clone(), container: Arc::clone(container) });
            }
            self.units.insert(id, unit);
        }
    }

    /// Starts what waits and whose conditions hold; gives up what waits for what will never be.
    fn advance_starts(&mut self, now: Timestamp) {
        let waiting = |unit: &&Unit| unit.state == UnitState::Waiting;
        let verdicts: Vec<(UnitId, Verdict)> =
            self.units.values().filter(waiting).map(|unit| (unit.spec.id.clone(), self.verdict(&unit.spec))).collect();
        for (id, verdict) in verdicts {
            match verdict {
                Verdict::Met => self.start(&id, now),
                Verdict::Never { by } => self.end(&id, UnitState::Blocked { by }, now),
                Verdict::Open => {}
            }
        }
    }

    fn verdict(&self, spec: &UnitSpec) -> Verdict {
        let mut verdict = Verdict::Met;
        for condition in &spec.after {
            let needed = &self.units[&condition.unit];
            let met = match (condition.state, &needed.state) {
                (ConditionState::Started, UnitState::Running | UnitState::Ready)
                | (ConditionState::Ready, UnitState::Ready)
                | (ConditionState::Succeeded | ConditionState::Completed, UnitState::Succeeded)
                | (ConditionState::Completed, UnitState::Failed(_)) => true,
                (_, UnitState::Blocked { by }) => return Verdict::Never { by: by.clone() },
                (_, state) if state.is_settled() => return Verdict::Never { by: condition.unit.clone() },
                _ => false,
            };
            if !met {
                verdict = Verdict::Open;
            }
        }
        verdict
    }

    fn start(&mut self, id: &UnitId, now: Timestamp) {
        self.last_run = Run(self.last_run.0 + 1);
        let run = self.last_run;
        let unit = self.unit(id);
        unit.run = run;
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
        self.enter(id, UnitState::Starting, now);
        self.actions.push(Action::Spawn { unit: id.clone(), run, process, watch });
    }

    /// Lets a live unit end as `state`, as soon as its process group is empty.
    fn begin_stop(&mut self, id: &UnitId, state: UnitState, now: Timestamp) {
        let unit = self.unit(id);
        if unit.ending.is_some() {
            return;
        }
        unit.ending = Some(Ending { state, killed: false });
        unit.deadline = None;
        let run = unit.run;
        let probed = unit.state == UnitState::Running && unit.spec.ready().is_some();
        self.enter(id, UnitState::Stopping, now);
        if probed {
            self.actions.push(Action::StopProbe { unit: id.clone(), run });
        }
        self.signal_stop(id, now);
    }

    /// Sends the signal of the stop, unless the process is yet to be started.
    fn signal_stop(&mut self, id: &UnitId, now: Timestamp) {
        let discarding = self.discarding;
        let unit = self.unit(id);
        if unit.pid.is_some() {
            let StopSpec { signal, timeout, discard } = unit.spec.stop();
            let signal = discard.filter(|_| discarding).unwrap_or(signal);
            let run = unit.run;
            unit.deadline = Some(now.plus(timeout));
            self.actions.push(Action::Signal { unit: id.clone(), run, signal });
        }
    }

    /// Lets a unit's life end: it has no process any more.
    fn end(&mut self, id: &UnitId, state: UnitState, now: Timestamp) {
        let unit = self.unit(id);
        let probed = unit.state == UnitState::Running && unit.spec.ready().is_some();
        let run = unit.run;
        // What was asked for counts more than that the start, which nobody wants any more, failed.
        let state = unit.ending.take().map_or(state, |ending| ending.state);
        let state = if unit.undead.is_some() { UnitState::Failed(Failure::NotGone) } else { state };
        unit.deadline = None;
        if unit.undead.is_none() {
            unit.pid = None;
        }
        self.enter(id, state, now);
        if probed {
            self.actions.push(Action::StopProbe { unit: id.clone(), run });
        }
        self.stopping.remove(id);
    }

    fn enter(&mut self, id: &UnitId, state: UnitState, now: Timestamp) {
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

    /// Tells clients that what they wait for is over.
    fn report_requests(&mut self) {
        if let Some(apply) = &self.apply {
            let settled = apply.units.iter().all(|id| self.units[id].state.is_settled());
            let stopped =
                apply.stop.is_disjoint(&self.stopping) && (apply.ok || apply.units.is_disjoint(&self.stopping));
            if apply.pending.is_empty() && settled && stopped {
                let ok = apply.ok && apply.units.iter().all(|id| self.units[id].state.is_good());
                self.actions.push(Action::Finished { request: apply.request, ok });
                self.apply = None;
            }
        }
        let (stopping, actions) = (&self.stopping, &mut self.actions);
        self.stops.retain(|(request, units)| {
            let open = !units.is_disjoint(stopping);
            if !open {
                actions.push(Action::StopFinished { request: *request });
            }
            open
        });
    }

    fn unit(&mut self, id: &UnitId) -> &mut Unit {
        self.units.get_mut(id).expect("only known units are worked on")
    }

    /// Returns a unit if `run` is its present one.
    fn current(&mut self, id: &UnitId, run: Run) -> Option<&mut Unit> {
        self.units.get_mut(id).filter(|unit| unit.run == run && unit.undead != Some(run))
    }
}

impl Unit {
    fn waiting(spec: UnitSpec, requested: Timestamp, now: Timestamp) -> Self {
        Self {
            spec,
            state: UnitState::Waiting,
            since: now,
            run: Run::default(),
            pid: None,
            requested,
            started: None,
            done: None,
            detail: None,
            deadline: None,
            ending: None,
            undead: None,
        }
    }

    /// Tells whether a process of it may be alive that the machine still waits for.
    fn is_live(&self) -> bool {
        self.state.is_live()
    }

    fn status(&self) -> UnitStatus {
        UnitStatus {
            id: self.spec.id.clone(),
            kind: KindTag::from(&self.spec.kind),
            state: self.state.clone(),
            pid: self.pid,
            since: self.since,
            started_ms: self.started.map(|started| started.millis_since(self.requested)),
            ready_ms: self.done.and_then(|done| Some(done.millis_since(self.started?))),
            digest: self.spec.digest.clone(),
            detail: self.detail.clone(),
        }
    }
}

impl UnitSpec {
    fn container(&self) -> Option<&Arc<ContainerSpec>> {
        match &self.kind {
            UnitKind::Service { process, .. } | UnitKind::Task { process, .. } => process.container.as_ref(),
            UnitKind::External => None,
        }
    }

    fn ready(&self) -> Option<&ReadySpec> {
        if let UnitKind::Service { ready, .. } = &self.kind { Some(ready) } else { None }
    }

    fn stop(&self) -> StopSpec {
        if let UnitKind::Service { stop, .. } = &self.kind { *stop } else { StopSpec::default() }
    }
}
