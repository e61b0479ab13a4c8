//! Native processes: actions in, events out.

mod looks;
mod start;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use regex::bytes::Regex;
use supervisor::{Action, Event, Exit, LimitSpec, NotifySpec, ProcessSpec, Run, Signal, UnitId};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use crate::capture::{Capture, Scratch, Source};
use crate::cgroup::Cgroup;
use crate::contained::Containers;
use crate::contained_unit::ContainedUnit;
use crate::files::Files;
use crate::gate::Gates;
use crate::group::Group;
use crate::log_file::LogFile;
use crate::reaper::Reaper;
use crate::register::Register;
use crate::spawn::Lifeline;
use crate::terminal::Terminal;
use crate::{Clock, RuntimeError, file_limit, predecessor, sites};

/// Whether a process group is empty is looked at when a child was reaped, and this often for members that are others' children.
const GROUP_INTERVAL: Duration = Duration::from_millis(100);

/// How long what escaped from the units may take to end when asked.
const SWEEP_TIMEOUT: Duration = Duration::from_secs(2);

/// All native processes of one environment. Lives on the one thread that starts them.
pub struct Runtime {
    processes: Processes,
    events: UnboundedReceiver<Event>,
}

/// What the tasks of all units share.
#[derive(Clone)]
pub(crate) struct Processes(Rc<Shared>);

struct Shared {
    directory: PathBuf,
    /// Where sockets of units are made.
    sockets: PathBuf,
    clock: Clock,
    reaper: Rc<Reaper>,
    register: RefCell<Register>,
    scratch: Rc<RefCell<Scratch>>,
    events: UnboundedSender<Event>,
    running: RefCell<HashMap<(UnitId, Run), Running>>,
    containers: Rc<Containers>,
    contained: RefCell<HashMap<(UnitId, Run), ContainedUnit>>,
    gates: Gates,
    files: Files,
}

/// A unit whose process group is not known to be empty.
struct Running {
    pid: u32,
    group: Group,
    capture: Rc<RefCell<Capture>>,
    /// What looks at it again and again.
    probe: Option<AbortHandle>,
    /// What listens to what it says of itself.
    notify: Option<AbortHandle>,
    /// Set when it has said that it is alive.
    heartbeat: Rc<Cell<bool>>,
    terminal: Option<Rc<Terminal>>,
    /// The group of the kernel that limits it.
    cgroup: Option<Cgroup>,
    /// The command that asks it to stop.
    stop: Option<AbortHandle>,
    /// Closed when the group is gone, and by the kernel when the supervisor is.
    _lifeline: Lifeline,
}

impl Runtime {
    /// Takes over the processes of an environment: kills what an earlier supervisor left, and adopts orphans from then on.
    ///
    /// Must be called within a `LocalSet` of a runtime of the current thread. `directory` is the environment's and exists;
    /// `sockets` has a short path, and all that is in it is of this runtime. `guard` is how this program is started as a
    /// [`crate::guard`] of containers; without any they have none.
    pub fn new(directory: &Path, sockets: &Path, guard: &[OsString]) -> Result<Self, RuntimeError> {
        predecessor::bury(directory)?;
        sites::bury(directory);
        file_limit::raise();
        // What a dead supervisor has left there; what cannot be removed is said when a socket cannot be made.
        let _ = std::fs::remove_dir_all(sockets);
        #[cfg(target_os = "linux")]
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
            .map_err(|error| RuntimeError::System { operation: "adopt orphans", source: error.into() })?;
        let (sender, events) = unbounded_channel();
        let shared = Shared {
            directory: directory.to_owned(),
            sockets: sockets.to_owned(),
            clock: Clock::new(),
            reaper: Reaper::start()?,
            register: RefCell::new(Register::create(directory)?),
            scratch: Rc::default(),
            gates: Gates::new(sender.clone()),
            files: Files::new(sender.clone()),
            events: sender,
            running: RefCell::default(),
            containers: Rc::new(Containers::new(directory, guard.to_vec())),
            contained: RefCell::default(),
        };
        Ok(Self { processes: Processes(Rc::new(shared)), events })
    }

    /// Returns the clock by which events are to be dated.
    pub fn clock(&self) -> Clock {
        self.processes.0.clock
    }

    /// Waits for the next event.
    pub async fn next(&mut self) -> Event {
        self.events.recv().await.expect("this runtime holds a sender itself")
    }

    /// Where the socket of a unit's terminal is, if it has one and runs.
    pub fn terminal(&self, unit: &UnitId) -> Option<PathBuf> {
        let running = self.processes.0.running.borrow();
        let native =
            running.iter().filter(|((id, _), _)| id == unit).filter_map(|(_, running)| running.terminal.as_ref());
        let contained = self.processes.0.contained.borrow();
        let contained =
            contained.iter().filter(|((id, _), _)| id == unit).filter_map(|(_, unit)| unit.terminal.as_ref());
        native.chain(contained).next().map(|terminal| terminal.path().to_owned())
    }

    /// Does what the machine says, as far as it is about processes; what comes of it is an event.
    pub fn execute(&mut self, action: &Action) {
        match action {
            Action::Spawn { unit, run, process, watch, notify, terminal, limits, why } => {
                let (run, watch, why) = (*run, watch.as_deref(), why.as_deref());
                let order = Order { unit, run, process, watch, notify: *notify, terminal: *terminal, limits, why };
                if let Some(spec) = &process.container {
                    self.processes.start_contained(&order, spec);
                } else {
                    self.processes.start(&order);
                }
            }
            Action::Remark { unit, run, text } => self.processes.remark(unit, *run, text),
            Action::Hold { unit, gate } => self.processes.0.gates.hold(unit, *gate),
            Action::Admit { unit } => self.processes.0.gates.admit(unit),
            Action::CloseGate { unit } => self.processes.0.gates.close(unit),
            Action::Watch { unit, watch } => self.processes.0.files.watch(unit, watch),
            Action::Unwatch { unit } => self.processes.0.files.unwatch(unit),
            Action::Prepare { unit, container } => self.processes.0.containers.prepare(unit, container),
            Action::Probe { unit, run, ready } => self.processes.probe(unit, *run, ready),
            Action::Check { unit, run, live } => self.processes.check(unit, *run, live),
            Action::StopCommand { unit, run, process } => self.processes.stop_by_command(unit, *run, process),
            Action::StopProbe { unit, run } => {
                let mut running = self.processes.0.running.borrow_mut();
                let probe = running.get_mut(&(unit.clone(), *run)).and_then(|running| running.probe.take());
                let mut contained = self.processes.0.contained.borrow_mut();
                let other = contained.get_mut(&(unit.clone(), *run)).and_then(|unit| unit.probe.take());
                for probe in probe.into_iter().chain(other) {
                    probe.abort();
                }
            }
            Action::Signal { unit, run, signal } if self.processes.signal_contained(unit, *run, *signal) => {}
            Action::Signal { unit, run, signal } => {
                let mut running = self.processes.0.running.borrow_mut();
                if let Some(running) = running.get_mut(&(unit.clone(), *run)) {
                    running.capture.borrow_mut().remark(&format!("sent {signal}"));
                    running.group.signal(*signal);
                    if *signal == Signal::Kill
                        && let Some(stop) = running.stop.take()
                    {
                        stop.abort();
                    }
                }
            }
            Action::Announce(_)
            | Action::Due(_)
            | Action::Reject { .. }
            | Action::Finished { .. }
            | Action::StopFinished { .. }
            | Action::Signalled { .. }
            | Action::Exit => {}
        }
    }

    /// Ends what escaped from the units' process groups; called last, when all units are gone.
    pub async fn finish(self) {
        self.processes.0.containers.finish().await;
        let deadline = Instant::now() + SWEEP_TIMEOUT;
        let mut signal = Signal::Term;
        let mut asked = Vec::new();
        loop {
            let children = predecessor::children();
            if children.is_empty() || Instant::now() >= deadline + SWEEP_TIMEOUT {
                break;
            }
            if Instant::now() >= deadline && signal != Signal::Kill {
                signal = Signal::Kill;
                asked.clear();
            }
            // The children of one that ended become children of this process, and their turn comes.
            for pid in children {
                if !asked.contains(&pid)
                    && let Some(process) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw)
                {
                    asked.push(pid);
                    // One that ended meanwhile is what is wanted.
                    let _ = rustix::process::kill_process(process, crate::group::number(signal));
                }
            }
            tokio::select! {
                () = self.processes.0.reaper.reaped() => {}
                () = sleep(GROUP_INTERVAL) => {}
            }
        }
        self.processes.0.register.borrow_mut().close();
    }
}

impl Processes {
    pub(crate) fn containers(&self) -> &Rc<Containers> {
        &self.0.containers
    }

    /// Where sockets of units are made.
    pub(crate) fn sockets(&self) -> &Path {
        &self.0.sockets
    }

    pub(crate) fn contained(&self) -> &RefCell<HashMap<(UnitId, Run), ContainedUnit>> {
        &self.0.contained
    }

    pub(crate) fn tell(&self, event: Event) {
        // Nobody listens any more only when everything ends.
        let _ = self.0.events.send(event);
    }

    /// Writes a line of the supervisor's own to the log of a unit that runs.
    fn remark(&self, unit: &UnitId, run: Run, text: &str) {
        let key = (unit.clone(), run);
        let native = self.0.running.borrow().get(&key).map(|running| Rc::clone(&running.capture));
        let capture = native.or_else(|| self.0.contained.borrow().get(&key).map(|unit| Rc::clone(unit.capture())));
        if let Some(capture) = capture {
            capture.borrow_mut().remark(text);
        }
    }

    /// Looks after what is to be done from the end of a unit's first process to the end of the last.
    async fn see_off(&self, unit: UnitId, run: Run, exit: Exit, sources: &[Rc<Source>]) {
        let key = (unit.clone(), run);
        let (group, capture) = {
            let mut running = self.0.running.borrow_mut();
            let running = running.get_mut(&key).expect("a unit is forgotten at the end of this function only");
            for task in [running.probe.take(), running.notify.take()].into_iter().flatten() {
                task.abort();
            }
            (running.group, Rc::clone(&running.capture))
        };
        for source in sources {
            source.drain(&capture);
        }
        let exit = {
            let running = self.0.running.borrow();
            let cgroup = running.get(&key).and_then(|running| running.cgroup.as_ref());
            // What was killed in it may also be another process than the first.
            if cgroup.is_some_and(Cgroup::was_out_of_memory) && !exit.is_success() { Exit::OutOfMemory } else { exit }
        };
        capture.borrow_mut().remark(&exit.to_string());
        let leftovers = !group.is_empty();
        if leftovers {
            self.tell(Event::Exited { unit: unit.clone(), run, exit, leftovers });
            while !group.is_empty() {
                tokio::select! {
                    () = self.0.reaper.reaped() => {}
                    () = sleep(GROUP_INTERVAL) => {}
                }
            }
            for source in sources {
                source.drain(&capture);
            }
        }
        if let Some(running) = self.0.running.borrow_mut().remove(&key) {
            self.0.register.borrow_mut().remove(running.pid);
            if let Some(stop) = running.stop {
                stop.abort();
            }
            if let Some(terminal) = running.terminal {
                terminal.close();
            }
        }
        self.tell(if leftovers { Event::Gone { unit, run } } else { Event::Exited { unit, run, exit, leftovers } });
    }

    pub(crate) fn capture(&self, file: LogFile, watch: Option<(Regex, Box<dyn FnOnce()>)>) -> Capture {
        Capture::new(file, self.0.clock, Rc::clone(&self.0.scratch), watch)
    }
}

/// What is to be started.
pub(crate) struct Order<'a> {
    pub(crate) unit: &'a UnitId,
    pub(crate) run: Run,
    pub(crate) process: &'a ProcessSpec,
    pub(crate) watch: Option<&'a str>,
    notify: Option<NotifySpec>,
    terminal: bool,
    limits: &'a LimitSpec,
    why: Option<&'a str>,
}

impl Order<'_> {
    /// Why it is started, as the end of a remark.
    pub(crate) fn because(&self) -> String {
        self.why.map_or_else(String::new, |why| format!(": {why}"))
    }
}
