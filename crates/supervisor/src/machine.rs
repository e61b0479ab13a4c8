//! The machine: what happened goes in, what is to be done comes out.
//!
//! The fields hold what is known and what is wanted; `handle` first notes what happened, then lets time
//! pass, then looks for everything that can be done now (`advance`). Nothing else decides. `request.rs` has what clients
//! want, `progress.rs` what can be done now, `life.rs` the way of one unit from its start to its end,
//! `gate.rs` what sleeps and wakes, `watch.rs`
//! what follows from changes of files.

mod gate;
mod life;
mod progress;
mod request;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::restart::Restarts;
use crate::{
    Action, ConditionState, ContainerSpec, Event, Failure, KindTag, LifeSpec, NotifySpec, Probe, ReadySpec, RequestId,
    Run, StopSpec, Timestamp, UnitId, UnitKind, UnitSpec, UnitState, UnitStatus, WatchSpec,
};

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
    gates: BTreeMap<UnitId, gate::GateState>,
    /// What the runtime was told to watch.
    watches: BTreeMap<UnitId, WatchSpec>,
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
    /// Whether it was started before: what has run once before it then is not asked for again.
    is_again: bool,
    /// Whether it was ready since it was asked for.
    was_ready: bool,
    restarts: Restarts,
    /// How many looks in a row have found it not alive.
    failed_checks: u32,
    last_end: Option<String>,
    /// Of a lazy one, whether it is to run.
    sleep: gate::Sleep,
    /// Why it is started the next time, where that is not a command's wish.
    why: Option<String>,
    /// Files that have changed, until nothing more does.
    change: Option<watch::Change>,
    /// Whether it runs again when it has ended: its files have changed since it began.
    runs_again: bool,
}

/// What becomes of a unit when its process group is empty.
#[derive(Debug)]
struct Ending {
    /// `Waiting` when it is to start anew.
    state: UnitState,
    stage: Stage,
}

/// How far it is with the end of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It is asked when it is ready, or should be.
    AskedLater,
    /// It was asked, or will be as soon as its process is there.
    Asked,
    Killed,
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
        let changes = self.units.values().filter_map(|unit| unit.change.as_ref().map(watch::Change::due));
        self.units.values().filter_map(|unit| unit.deadline).chain(changes).min()
    }

    /// Returns how every known unit is, ordered by name.
    pub fn statuses(&self) -> Vec<UnitStatus> {
        self.units.values().map(Unit::status).collect()
    }

    /// Tells whether nothing is under way, and nobody misses anything when all of this is forgotten: a service that has
    /// failed after it was ready is still to be heard of.
    pub fn is_idle(&self) -> bool {
        self.is_at_rest() && !self.units.values().any(Unit::has_failed_unheard)
    }

    /// Tells whether no process is alive and nothing is under way.
    fn is_at_rest(&self) -> bool {
        let rests = |unit: &Unit| unit.state.is_settled() && !unit.state.is_live() && unit.state != UnitState::Asleep;
        self.apply.is_none() && self.units.values().all(rests)
    }

    fn note(&mut self, event: Event, now: Timestamp) {
        match event {
            Event::Apply { request, start, stop } => self.note_apply(request, start, stop, now),
            Event::Cancel => self.cancel(),
            Event::Done { unit, result } => self.note_done(&unit, result, now),
            Event::Stop { request, units } => self.note_stop(request, &units),
            Event::Signal { request, units, signal } => self.note_signal(request, units, signal),
            Event::Shutdown | Event::Discard => self.note_shutdown(matches!(event, Event::Discard)),
            Event::Spawned { unit, run, pid } => self.note_spawned(&unit, run, pid, now),
            Event::SpawnFailed { unit, run, reason } => {
                if self.current(&unit, run).is_some_and(|unit| unit.state.is_live()) {
                    self.end(&unit, UnitState::Failed(Failure::Spawn(reason)), now);
                }
            }
            Event::Probed { unit, run, result } => self.note_probed(&unit, run, result, now),
            Event::Checked { unit, run, result } => self.note_checked(&unit, run, result, now),
            Event::Traffic { unit, waiting, open } => self.note_traffic(&unit, waiting, open, now),
            Event::GateFailed { unit, reason } => self.note_gate_failed(&unit, reason, now),
            Event::FilesChanged { unit, path, others } => self.note_files_changed(&unit, path, others, now),
            Event::WatchFailed { unit, reason } => self.note_watch_failed(&unit, reason),
            Event::Noted { unit, run, text } => {
                if let Some(unit) = self.current(&unit, run) {
                    unit.detail = Some(text);
                }
            }
            Event::StopCommandFailed { unit, run } => self.note_stop_command_failed(&unit, run),
            Event::Exited { unit, run, exit, leftovers } => self.note_exited(&unit, run, exit, leftovers, now),
            Event::Gone { unit, run } => self.note_gone(&unit, run, now),
            Event::Tick => {}
        }
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
        let is_awake = spec.lazy().is_some_and(|lazy| lazy.awake);
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
            is_again: false,
            was_ready: false,
            restarts: Restarts::default(),
            failed_checks: 0,
            last_end: None,
            sleep: if is_awake { gate::Sleep::Awake } else { gate::Sleep::Asleep },
            why: None,
            change: None,
            runs_again: false,
        }
    }

    /// Tells whether it failed when no command waited for it any more.
    fn has_failed_unheard(&self) -> bool {
        let is_again = self.is_again && (self.is_awake() || self.spec.watch().is_some());
        (self.was_ready || is_again)
            && matches!(&self.state, UnitState::Failed(failure) if *failure != Failure::NotGone)
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
            restarts: self.restarts.count,
            last_end: self.last_end.clone(),
        }
    }
}

impl UnitSpec {
    /// The container that can be made at once: what it waits for may start meanwhile. After work it may be another one:
    /// that may be what its image comes from.
    fn early_container(&self) -> Option<&Arc<ContainerSpec>> {
        let is_work = |state| matches!(state, ConditionState::Succeeded | ConditionState::Completed);
        if self.after.iter().any(|condition| is_work(condition.state)) {
            return None;
        }
        match &self.kind {
            UnitKind::Service { process, .. } | UnitKind::Task { process, .. } => process.container.as_ref(),
            UnitKind::External => None,
        }
    }

    fn ready(&self) -> Option<&ReadySpec> {
        if let UnitKind::Service { ready, .. } = &self.kind { Some(ready) } else { None }
    }

    fn life(&self) -> Option<&LifeSpec> {
        if let UnitKind::Service { life, .. } = &self.kind { Some(life) } else { None }
    }

    fn stop(&self) -> StopSpec {
        if let UnitKind::Service { stop, .. } = &self.kind { stop.clone() } else { StopSpec::default() }
    }

    /// The socket that its process gets, if its readiness or its liveness is told there.
    fn notify(&self) -> Option<NotifySpec> {
        let live = self.life().and_then(|life| life.live.as_ref()).filter(|live| live.probe == Probe::Notify);
        let is_told = live.is_some() || self.ready().is_some_and(|ready| ready.probe == Probe::Notify);
        is_told.then(|| NotifySpec { watchdog: live.map(|live| live.interval) })
    }
}
