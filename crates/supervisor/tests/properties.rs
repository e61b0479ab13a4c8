//! What holds whatever happens, in whatever order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;
use supervisor::{
    Action, Condition, ConditionState, Event, Exit, Gate, KindTag, LazySpec, LifeSpec, LimitSpec, LiveSpec, Machine,
    Probe, ProcessSpec, ReadySpec, RequestId, RestartPolicy, RestartSpec, Run, Signal, StopSpec, Timestamp, UnitId,
    UnitKind, UnitSpec, UnitState, UnitStatus, WatchSpec,
};

const UNITS: usize = 6;

/// A unit, a state of it, and whether to restart with it.
type Wait = (usize, usize, bool);

/// One random step of the world; numbers choose among what is possible.
#[derive(Debug, Clone)]
enum Step {
    Apply {
        start: Vec<(usize, Vec<Wait>)>,
        stop: Vec<usize>,
    },
    Cancel,
    Stop(Vec<usize>),
    Done(usize, bool),
    Spawned(usize, bool),
    Probed(usize, bool),
    Exited {
        choice: usize,
        code: i32,
        leftovers: bool,
    },
    Gone(usize),
    Checked(usize, bool),
    Signal(usize),
    FilesChanged(usize),
    /// Connections that are held, and those that are led on.
    Traffic(usize, usize),
    StopCommandFailed(usize),
    /// An answer about a run that is over.
    Late(usize),
    Time(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let conditions = prop::collection::vec((0..UNITS, 0..4_usize, any::<bool>()), 0..3);
    let start = prop::collection::vec((0..UNITS, conditions), 1..UNITS);
    prop_oneof![
        2 => (start, prop::collection::vec(0..UNITS, 0..2)).prop_map(|(start, stop)| Step::Apply { start, stop }),
        1 => Just(Step::Cancel),
        1 => prop::collection::vec(0..UNITS, 1..3).prop_map(Step::Stop),
        3 => (0..UNITS, any::<bool>()).prop_map(|(choice, ok)| Step::Done(choice, ok)),
        8 => (0..UNITS, prop::bool::weighted(0.9)).prop_map(|(choice, ok)| Step::Spawned(choice, ok)),
        5 => (0..UNITS, any::<bool>()).prop_map(|(choice, ok)| Step::Probed(choice, ok)),
        5 => (0..UNITS, 0..2, any::<bool>())
            .prop_map(|(choice, code, leftovers)| Step::Exited { choice, code, leftovers }),
        3 => (0..UNITS).prop_map(Step::Gone),
        3 => (0..UNITS, any::<bool>()).prop_map(|(choice, ok)| Step::Checked(choice, ok)),
        1 => (0..UNITS).prop_map(Step::Signal),
        3 => (0..UNITS).prop_map(Step::FilesChanged),
        3 => (0..2_usize, 0..2_usize).prop_map(|(waiting, open)| Step::Traffic(waiting, open)),
        1 => (0..UNITS).prop_map(Step::StopCommandFailed),
        1 => (0..UNITS).prop_map(Step::Late),
        2 => (1..20_000_u64).prop_map(Step::Time),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Child {
    Asked,
    Alive,
    /// The first process has ended, others of the group have not.
    Left,
}

/// The machine in a world that does what it is told, late and badly.
struct World {
    machine: Machine,
    now: u64,
    children: BTreeMap<(UnitId, Run), Child>,
    killed: BTreeSet<(UnitId, Run)>,
    over: Vec<(UnitId, Run)>,
    due: BTreeSet<UnitId>,
    /// Gates that listen, and whether they were asked to hold connections and have not answered.
    gates: BTreeMap<UnitId, bool>,
    watched: BTreeSet<UnitId>,
    specs: BTreeMap<UnitId, UnitSpec>,
    /// Specs of the apply that is told to the machine just now: of no account if it is rejected.
    offered: Option<BTreeMap<UnitId, UnitSpec>>,
    /// Specs of the last apply that was not.
    accepted: BTreeMap<UnitId, UnitSpec>,
    /// Units that are started again: what has run once before them is not asked for then.
    again: BTreeSet<UnitId>,
    /// When each service began to wait for its restart.
    restarts: BTreeMap<UnitId, Vec<u64>>,
    open: BTreeSet<RequestId>,
    requests: u64,
    exited: bool,
}

fn id(number: usize) -> UnitId {
    UnitId::new(format!("unit-{number}"))
}

const LIMIT: u32 = 3;
const WINDOW: u64 = 60_000;

fn process() -> ProcessSpec {
    ProcessSpec {
        program: "true".into(),
        arguments: vec![],
        env: BTreeMap::new().into(),
        directory: PathBuf::from("/"),
        user: None,
        log: PathBuf::from("/dev/null"),
        container: None,
    }
}

fn watch() -> WatchSpec {
    let (root, patterns) = (PathBuf::from("/"), vec!["src".into()]);
    WatchSpec { root, patterns, ignore: vec![], debounce: Duration::from_millis(200) }
}

/// 0 is restarted after failures, 1 always and from the beginning, and is lazy, 2 only when files change.
fn life(number: usize) -> LifeSpec {
    let policy = [RestartPolicy::OnFailure, RestartPolicy::Always, RestartPolicy::No][number];
    let window = Duration::from_millis(WINDOW);
    let restart = RestartSpec { policy, early: number == 1, limit: Some(LIMIT), window, ..RestartSpec::default() };
    let live = (number != 2).then(|| LiveSpec {
        probe: Probe::Tcp { host: "127.0.0.1".into(), port: 1 },
        interval: Duration::from_secs(1),
        check_timeout: Duration::from_secs(1),
        failures: 2,
    });
    let lazy = (number == 1).then(|| LazySpec {
        gate: Gate { port: 1, to: 2 },
        idle: Some(Duration::from_secs(5)),
        awake: false,
    });
    LifeSpec {
        restart,
        live,
        lazy,
        watch: (number == 2).then(watch),
        has_terminal: false,
        limits: LimitSpec::default(),
    }
}

/// 1 is stopped by a command, 2 only when it is ready.
fn stop(number: usize) -> StopSpec {
    let command = (number == 1).then(|| Box::new(process()));
    StopSpec { command, once_ready: number == 2, ..StopSpec::default() }
}

/// Units 0 to 2 are services, 3 and 4 tasks, 5 is external.
fn spec(number: usize, conditions: &[Wait]) -> UnitSpec {
    let process = process();
    let kind = match number {
        0..=2 => {
            let probe = if number == 0 { Probe::Started } else { Probe::Log("x".into()) };
            let ready = ReadySpec::new(probe, Duration::from_secs(10));
            UnitKind::Service { process, ready, stop: stop(number), life: Box::new(life(number)) }
        }
        3 | 4 => UnitKind::Task {
            process,
            timeout: (number == 3).then_some(Duration::from_secs(5)),
            watch: (number == 4).then(watch),
            is_done: false,
        },
        _ => UnitKind::External,
    };
    let after = conditions.iter().map(|&(unit, state, restart)| {
        let services = [ConditionState::Started, ConditionState::Ready];
        let others = [ConditionState::Succeeded, ConditionState::Completed];
        let state = if unit <= 2 { services[state % 2] } else { others[state % 2] };
        let wake = restart && unit == 1;
        Condition { unit: id(unit), state, restart: restart && number <= 2, wake }
    });
    UnitSpec { id: id(number), kind, after: after.collect(), digest: String::new() }
}

impl World {
    fn new() -> Self {
        Self {
            machine: Machine::new(),
            now: 0,
            children: BTreeMap::new(),
            killed: BTreeSet::new(),
            over: Vec::new(),
            due: BTreeSet::new(),
            gates: BTreeMap::new(),
            watched: BTreeSet::new(),
            specs: BTreeMap::new(),
            offered: None,
            accepted: BTreeMap::new(),
            again: BTreeSet::new(),
            restarts: BTreeMap::new(),
            open: BTreeSet::new(),
            requests: 0,
            exited: false,
        }
    }

    fn pick(&self, choice: usize, wanted: &[Child]) -> Option<(UnitId, Run)> {
        let all: Vec<_> = self.children.iter().filter(|(_, child)| wanted.contains(child)).collect();
        (!all.is_empty()).then(|| all[choice % all.len()].0.clone())
    }

    fn request(&mut self) -> RequestId {
        self.requests += 1;
        self.open.insert(RequestId(self.requests));
        RequestId(self.requests)
    }

    fn step(&mut self, step: Step) {
        let event = match step {
            Step::Apply { start, stop } => {
                let mut specs = BTreeMap::<UnitId, UnitSpec>::new();
                for (unit, conditions) in start {
                    let mut spec = spec(unit, &conditions);
                    spec.digest = self.requests.to_string();
                    // Mostly something that makes sense; what does not is rejected and has tests of its own.
                    let known = self.states();
                    spec.after.retain(|condition| {
                        specs.contains_key(&condition.unit) || known.contains_key(&condition.unit) || unit == 4
                    });
                    specs.insert(spec.id.clone(), spec);
                }
                let start = specs.values().cloned().collect();
                self.offered = Some(specs);
                Event::Apply { request: self.request(), start, stop: stop.into_iter().map(id).collect() }
            }
            Step::Cancel => Event::Cancel,
            Step::Stop(units) => Event::Stop { request: self.request(), units: units.into_iter().map(id).collect() },
            Step::Done(choice, ok) => {
                let Some(unit) = self.due.iter().nth(choice % self.due.len().max(1)).cloned() else { return };
                Event::Done { unit, result: if ok { Ok(()) } else { Err("no".into()) } }
            }
            Step::Spawned(choice, ok) => {
                let Some((unit, run)) = self.pick(choice, &[Child::Asked]) else { return };
                if ok {
                    self.children.insert((unit.clone(), run), Child::Alive);
                    Event::Spawned { unit, run, pid: 1000 }
                } else {
                    self.forget(&unit, run);
                    Event::SpawnFailed { unit, run, reason: "no".into() }
                }
            }
            Step::Probed(choice, ok) => {
                let Some((unit, run)) = self.pick(choice, &[Child::Alive, Child::Left]) else { return };
                Event::Probed { unit, run, result: if ok { Ok(()) } else { Err("no".into()) } }
            }
            Step::Exited { choice, code, leftovers } => {
                let Some((unit, run)) = self.pick(choice, &[Child::Alive]) else { return };
                if leftovers {
                    self.children.insert((unit.clone(), run), Child::Left);
                } else {
                    self.forget(&unit, run);
                }
                Event::Exited { unit, run, exit: Exit::Code(code), leftovers }
            }
            Step::Gone(choice) => {
                let Some((unit, run)) = self.pick(choice, &[Child::Left]) else { return };
                self.forget(&unit, run);
                Event::Gone { unit, run }
            }
            Step::Checked(choice, ok) => {
                let Some((unit, run)) = self.pick(choice, &[Child::Alive]) else { return };
                Event::Checked { unit, run, result: if ok { Ok(()) } else { Err("no".into()) } }
            }
            Step::Signal(unit) => Event::Signal { request: self.request(), units: vec![id(unit)], signal: Signal::Hup },
            Step::FilesChanged(unit) => Event::FilesChanged { unit: id(unit), path: "main.c".into(), others: 0 },
            Step::Traffic(waiting, open) => {
                let Some(gate) = self.gates.get_mut(&id(1)) else { return };
                *gate = false;
                Event::Traffic { unit: id(1), waiting, open }
            }
            Step::StopCommandFailed(choice) => {
                let Some((unit, run)) = self.pick(choice, &[Child::Alive, Child::Left]) else { return };
                Event::StopCommandFailed { unit, run }
            }
            Step::Late(choice) => {
                if self.over.is_empty() {
                    return;
                }
                let (unit, run) = self.over[choice % self.over.len()].clone();
                Event::Exited { unit, run, exit: Exit::Code(0), leftovers: false }
            }
            Step::Time(millis) => {
                self.pass(millis);
                return;
            }
        };
        self.handle(event);
    }

    /// Lets time pass; what was killed is gone within a second, as in the real world.
    fn pass(&mut self, millis: u64) {
        let until = self.now + millis;
        loop {
            let next = self.machine.next_deadline().map(Timestamp::as_millis).filter(|next| *next <= until);
            let Some(next) = next else { break };
            self.now = self.now.max(next);
            self.handle(Event::Tick);
            self.bury_killed();
        }
        self.now = until;
        self.handle(Event::Tick);
    }

    fn bury_killed(&mut self) {
        for (unit, run) in std::mem::take(&mut self.killed) {
            let child = self.children.get(&(unit.clone(), run)).copied();
            self.forget(&unit, run);
            match child {
                Some(Child::Alive) => {
                    self.handle(Event::Exited { unit, run, exit: Exit::Signal(9), leftovers: false });
                }
                Some(Child::Left) => self.handle(Event::Gone { unit, run }),
                Some(Child::Asked) => panic!("a process that was not started was killed"),
                None => {}
            }
        }
    }

    fn forget(&mut self, unit: &UnitId, run: Run) {
        self.children.remove(&(unit.clone(), run));
        self.over.push((unit.clone(), run));
    }

    fn handle(&mut self, event: Event) {
        let before = self.states();
        let actions = self.machine.handle(event, Timestamp::from_millis(self.now));
        let mut now_states = before;
        let is_rejected = actions.iter().any(|action| matches!(action, Action::Reject { .. }));
        if let Some(offered) = self.offered.take().filter(|_| !is_rejected) {
            self.accepted = offered;
        }
        for action in actions {
            assert!(!self.exited, "{action:?} after the exit");
            match action {
                Action::Announce(status) => {
                    self.note_announced(&status);
                    if status.state != UnitState::Due {
                        self.due.remove(&status.id);
                    }
                    now_states.insert(status.id, status.state);
                }
                Action::Spawn { unit, run, .. } => {
                    assert!(!self.children.keys().any(|(other, _)| *other == unit), "{unit} has a child already");
                    self.assert_conditions(&unit, &now_states);
                    self.children.insert((unit, run), Child::Asked);
                }
                Action::Due(unit) => {
                    self.assert_conditions(&unit, &now_states);
                    self.due.insert(unit);
                }
                Action::Signal { unit, run, signal } => {
                    let child = self.children.get(&(unit.clone(), run));
                    assert!(
                        matches!(child, Some(Child::Alive | Child::Left)),
                        "{signal} to {unit}, which is {child:?}"
                    );
                    if signal == Signal::Kill {
                        self.killed.insert((unit, run));
                    }
                }
                Action::Finished { request, ok } => {
                    assert!(self.open.remove(&request), "{request:?} is answered once");
                    assert!(!ok || now_states.values().all(|state| *state != UnitState::Waiting));
                }
                Action::Reject { request, .. } | Action::StopFinished { request } | Action::Signalled { request } => {
                    assert!(self.open.remove(&request), "{request:?} is answered once");
                }
                Action::Prepare { unit, .. } => assert_eq!(now_states.get(&unit), Some(&UnitState::Waiting)),
                Action::Probe { unit, .. } | Action::Check { unit, .. } | Action::StopProbe { unit, .. } => {
                    assert!(now_states.contains_key(&unit));
                }
                Action::StopCommand { unit, run, .. } => {
                    let child = self.children.get(&(unit.clone(), run));
                    assert!(matches!(child, Some(Child::Alive | Child::Left)), "{unit} is asked to stop");
                }
                Action::Remark { unit, run, .. } => assert!(self.children.contains_key(&(unit, run))),
                Action::Hold { unit, .. } => {
                    self.gates.insert(unit, true);
                }
                Action::Admit { unit } => {
                    assert_eq!(now_states[&unit], UnitState::Ready);
                    assert!(self.gates.insert(unit, false).is_some(), "an open gate was made before");
                }
                Action::CloseGate { unit } => assert!(self.gates.remove(&unit).is_some(), "it was open"),
                Action::Watch { unit, .. } => assert!(self.watched.insert(unit), "it is not watched"),
                Action::Unwatch { unit } => assert!(self.watched.remove(&unit), "it is watched"),
                Action::Exit => {
                    assert!(self.watched.is_empty(), "{:?} are watched", self.watched);
                    assert!(self.gates.is_empty(), "{:?} listen", self.gates);
                    assert!(self.children.is_empty(), "{:?} is alive", self.children);
                    self.exited = true;
                }
            }
        }
        assert_eq!(now_states, self.states(), "every change was announced");
        for status in self.machine.statuses() {
            let has_child = self.children.keys().any(|(unit, _)| *unit == status.id);
            assert_eq!(has_child, status.state.is_live(), "{status:?}");
            assert!(status.kind != KindTag::External || !has_child);
        }
    }

    /// Keeps count of restarts, and of which spec each unit has.
    fn note_announced(&mut self, status: &UnitStatus) {
        let unit = &status.id;
        match status.state {
            UnitState::Restarting => {
                let times = self.restarts.entry(unit.clone()).or_default();
                times.push(self.now);
                let now = self.now;
                times.retain(|time| time + WINDOW > now);
                assert!(times.len() <= LIMIT as usize, "{unit} is restarted too often: {times:?}");
            }
            UnitState::Waiting if self.specs.get(unit).is_some_and(|spec| spec.digest == status.digest) => {
                self.again.insert(unit.clone());
            }
            UnitState::Waiting => {
                self.again.remove(unit);
                self.restarts.remove(unit);
                self.specs.insert(unit.clone(), self.accepted[unit].clone());
            }
            _ => {}
        }
    }

    fn states(&self) -> BTreeMap<UnitId, UnitState> {
        self.machine.statuses().into_iter().map(|status| (status.id, status.state)).collect()
    }

    fn assert_conditions(&self, unit: &UnitId, states: &BTreeMap<UnitId, UnitState>) {
        for condition in &self.specs[unit].after {
            let state = &states[&condition.unit];
            let runs_once = matches!(condition.state, ConditionState::Succeeded | ConditionState::Completed);
            if runs_once && self.again.contains(unit) {
                continue;
            }
            let sleeps = *state == UnitState::Asleep && !condition.wake;
            let holds = match condition.state {
                ConditionState::Started | ConditionState::Ready if sleeps => true,
                ConditionState::Started => matches!(state, UnitState::Running | UnitState::Ready),
                ConditionState::Ready => *state == UnitState::Ready,
                ConditionState::Succeeded => *state == UnitState::Succeeded,
                ConditionState::Completed => matches!(state, UnitState::Succeeded | UnitState::Failed(_)),
            };
            assert!(holds, "{unit} starts while {} is {state}, not {}", condition.unit, condition.state);
        }
    }

    /// Answers everything that is asked, as a kind world does, until nothing is asked any more.
    fn settle(&mut self) {
        for _ in 0..1000 {
            if let Some((unit, run)) = self.pick(0, &[Child::Asked]) {
                self.children.insert((unit.clone(), run), Child::Alive);
                self.handle(Event::Spawned { unit, run, pid: 1000 });
            } else if let Some(unit) = self.due.first().cloned() {
                self.handle(Event::Done { unit, result: Ok(()) });
            } else if let Some(unit) = self.gates.iter().find(|(_, asked)| **asked).map(|(unit, _)| unit.clone()) {
                self.gates.insert(unit.clone(), false);
                self.handle(Event::Traffic { unit, waiting: 0, open: 0 });
            } else if self.machine.next_deadline().is_some() {
                self.pass(60_000);
            } else if let Some((unit, run)) = self.pick_running_task() {
                self.forget(&unit, run);
                self.handle(Event::Exited { unit, run, exit: Exit::Code(0), leftovers: false });
            } else {
                return;
            }
        }
        panic!("it does not come to rest: {:#?}", self.machine);
    }

    fn pick_running_task(&self) -> Option<(UnitId, Run)> {
        let tasks = self.children.keys().filter(|(unit, _)| *unit == id(3) || *unit == id(4));
        tasks.into_iter().next().cloned()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any world that answers at all comes to rest, with every request answered; and a shutdown then ends it.
    #[test]
    fn every_request_is_answered_and_a_shutdown_ends(steps in prop::collection::vec(step(), 0..60)) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        world.settle();
        prop_assert!(world.open.is_empty(), "not answered: {:?}", world.open);
        world.handle(Event::Shutdown);
        world.settle();
        prop_assert!(world.exited);
    }

    /// A shutdown in the middle of anything ends, even if no process heeds a signal until it is killed.
    #[test]
    fn a_shutdown_in_the_middle_of_anything_ends(
        before in prop::collection::vec(step(), 0..40),
        after in prop::collection::vec(step(), 0..10),
    ) {
        let mut world = World::new();
        for step in before {
            world.step(step);
        }
        world.handle(Event::Shutdown);
        for step in after {
            if !world.exited {
                world.step(step);
            }
        }
        if !world.exited {
            world.settle();
        }
        prop_assert!(world.exited);
        prop_assert!(world.open.is_empty(), "not answered: {:?}", world.open);
    }
}
