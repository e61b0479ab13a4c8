//! Native processes: actions in, events out.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use regex::bytes::Regex;
use supervisor::{Action, Event, Exit, LimitSpec, LiveSpec, NotifySpec, ProcessSpec, ReadySpec, Run, Signal, UnitId};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use crate::capture::{Capture, Scratch, Source};
use crate::cgroup::{Cgroup, Cgroups};
use crate::contained::Containers;
use crate::contained_unit::ContainedUnit;
use crate::files::Files;
use crate::gate::Gates;
use crate::group::Group;
use crate::log_file::{LogFile, ROTATE_AT};
use crate::log_line::Stream;
use crate::lookup::SpawnError;
use crate::notify::{NotifySocket, Said};
use crate::reaper::Reaper;
use crate::register::Register;
use crate::spawn::{Lifeline, Spawned, spawn, spawn_in_terminal, spawn_limited};
use crate::terminal::Terminal;
use crate::{Clock, RuntimeError, file_limit, predecessor, probe, sites};

/// Whether a process group is empty is looked at when a child was reaped, and this often for members that are others' children.
const GROUP_INTERVAL: Duration = Duration::from_millis(100);

/// How long what escaped from the units may take to end when asked.
const SWEEP_TIMEOUT: Duration = Duration::from_secs(2);

/// So much of a probe command's output is looked at for its last line.
const PROBE_TAIL: u64 = 4096;

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

    /// Starts the process of a unit and everything that looks after it.
    fn start(&self, order: &Order<'_>) {
        let (unit, run) = (order.unit.clone(), order.run);
        match self.try_start(order) {
            Ok(pid) => self.tell(Event::Spawned { unit, run, pid }),
            Err(error) => {
                let reason = error.told();
                if let Ok(file) = LogFile::open(&order.process.log, ROTATE_AT) {
                    self.capture(file, None).remark(&reason);
                }
                self.tell(Event::SpawnFailed { unit, run, reason });
            }
        }
    }

    fn try_start(&self, order: &Order<'_>) -> Result<u32, SpawnError> {
        let Order { unit, run, process, watch, .. } = *order;
        let watch = watch
            .map(|pattern| Regex::new(pattern).map_err(|_| SpawnError::Pattern { pattern: pattern.to_owned() }))
            .transpose()?
            .map(|pattern| {
                let (processes, unit) = (self.clone(), unit.clone());
                let tell = move || processes.tell(Event::Probed { unit, run, result: Ok(()) });
                (pattern, Box::new(tell) as Box<dyn FnOnce()>)
            });
        let file = LogFile::open(&process.log, ROTATE_AT)
            .map_err(|source| SpawnError::Log { path: process.log.clone(), source })?;
        let failed = |source| SpawnError::System { path: process.program.clone().into(), source };
        let (notify_socket, told) = self.notify_socket(order).map_err(failed)?.unzip();
        let process = told.as_ref().unwrap_or(process);
        let cgroup = limit(order);
        let entrance =
            cgroup.as_ref().ok().and_then(Option::as_ref).map(Cgroup::entrance).transpose().map_err(failed)?;
        let entrance = entrance.as_ref();
        let (Spawned { pid, lifeline }, sources, terminal) = if order.terminal {
            self.launch_in_terminal(process, run, entrance)?
        } else {
            self.launch(process, entrance)?
        };
        let exit = self.0.reaper.exit_of(pid);
        let group = Group::of_leader(pid).expect("a child is not the system's first process");
        let mut capture = self.capture(file, watch);
        capture.remark(&format!("started pid {pid}{}", order.because()));
        if let Err(reason) = &cgroup {
            capture.remark(&format!("its limits do not hold: {reason}"));
        }
        let cgroup = cgroup.ok().flatten();
        if let Err(error) = self.0.register.borrow_mut().add(pid) {
            // The kernel's two ways to end it with the supervisor do not need the register.
            capture.remark(&format!("cannot be written into the register of process groups: {error}"));
        }
        let capture = Rc::new(RefCell::new(capture));
        for source in &sources {
            tokio::task::spawn_local(Rc::clone(source).pump(Rc::clone(&capture)));
        }
        let heartbeat = Rc::<Cell<bool>>::default();
        let notify = notify_socket.map(|socket| self.listen(socket, unit, run, &heartbeat));
        let (probe, stop) = (None, None);
        let running =
            Running { pid, group, capture, probe, notify, heartbeat, terminal, cgroup, stop, _lifeline: lifeline };
        self.0.running.borrow_mut().insert((unit.clone(), run), running);
        let (processes, unit) = (self.clone(), unit.clone());
        tokio::task::spawn_local(async move {
            let exit = exit.await.expect("the reaper tells of every child");
            processes.see_off(unit, run, exit, &sources).await;
        });
        Ok(pid)
    }

    /// Starts a process whose outputs are two pipes.
    fn launch(&self, process: &ProcessSpec, limits: Option<&File>) -> Result<Launched, SpawnError> {
        let failed = |source| SpawnError::System { path: process.program.clone().into(), source };
        let (output, output_end) = io::pipe().map_err(failed)?;
        let (errors, errors_end) = io::pipe().map_err(failed)?;
        let output = Source::new(output, Stream::Output).map_err(failed)?;
        let errors = Source::new(errors, Stream::Errors).map_err(failed)?;
        let spawned = spawn_limited(process, &self.0.directory, None, &output_end, &errors_end, limits)?;
        Ok((spawned, vec![Rc::new(output), Rc::new(errors)], None))
    }

    /// Starts a process in a terminal of its own.
    fn launch_in_terminal(
        &self,
        process: &ProcessSpec,
        run: Run,
        limits: Option<&File>,
    ) -> Result<Launched, SpawnError> {
        let failed = |source| SpawnError::System { path: process.program.clone().into(), source };
        let (terminal, output, end) = Terminal::open(&self.0.sockets, &format!("{}.tty", run.0)).map_err(failed)?;
        let source = Source::of_terminal(Rc::clone(&terminal), output).map_err(failed)?;
        let mut process = process.clone();
        if process.env.get("TERM").is_none_or(|term| term == "dumb") {
            process.env.own.insert("TERM".to_owned(), "xterm-256color".to_owned());
        }
        match spawn_in_terminal(&process, &self.0.directory, &end, limits) {
            Ok(spawned) => Ok((spawned, vec![Rc::new(source)], Some(terminal))),
            Err(error) => {
                terminal.close();
                Err(error)
            }
        }
    }

    /// Makes the socket on which a process says how it is, if it is to have one, and the process that is told of it.
    fn notify_socket(&self, order: &Order<'_>) -> io::Result<Option<(NotifySocket, ProcessSpec)>> {
        let Some(NotifySpec { watchdog }) = order.notify else { return Ok(None) };
        let socket = NotifySocket::open(&self.0.sockets, &order.run.0.to_string())?;
        let mut process = order.process.clone();
        process.env.own.insert("NOTIFY_SOCKET".to_owned(), socket.path().display().to_string());
        if let Some(watchdog) = watchdog {
            process.env.own.insert("WATCHDOG_USEC".to_owned(), watchdog.as_micros().to_string());
        }
        Ok(Some((socket, process)))
    }

    /// Passes on what a process says of itself.
    fn listen(&self, socket: NotifySocket, unit: &UnitId, run: Run, heartbeat: &Rc<Cell<bool>>) -> AbortHandle {
        let (processes, unit) = (self.clone(), unit.clone());
        let tell = move |said| {
            let unit = unit.clone();
            processes.tell(match said {
                Said::Ready => Event::Probed { unit, run, result: Ok(()) },
                Said::Status(text) => Event::Noted { unit, run, text },
                Said::Stopping => Event::Noted { unit, run, text: "it says that it is stopping".to_owned() },
                Said::Alive => return,
            });
        };
        tokio::task::spawn_local(socket.listen(Rc::clone(heartbeat), tell)).abort_handle()
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

    fn probe(&self, unit: &UnitId, run: Run, ready: &ReadySpec) {
        let key = (unit.clone(), run);
        let mut all = self.0.running.borrow_mut();
        let mut contained = self.0.contained.borrow_mut();
        let native = all.get_mut(&key).map(|running| &mut running.probe);
        // One that has ended already says so itself.
        let Some(running) = native.or_else(|| contained.get_mut(&key).map(|unit| &mut unit.probe)) else { return };
        let (processes, unit) = (self.clone(), unit.clone());
        let report = move |result| processes.tell(Event::Probed { unit: unit.clone(), run, result });
        let task = tokio::task::spawn_local(probe::watch(ready.clone(), self.clone(), report));
        *running = Some(task.abort_handle());
    }

    fn check(&self, unit: &UnitId, run: Run, live: &LiveSpec) {
        let key = (unit.clone(), run);
        let mut all = self.0.running.borrow_mut();
        let mut contained = self.0.contained.borrow_mut();
        let native = all.get_mut(&key).map(|running| (&mut running.probe, Rc::clone(&running.heartbeat)));
        let other = contained.get_mut(&key).map(|unit| (&mut unit.probe, Rc::default()));
        let Some((slot, heartbeat)) = native.or(other) else { return };
        let (processes, unit) = (self.clone(), unit.clone());
        let report = move |result| processes.tell(Event::Checked { unit: unit.clone(), run, result });
        let check = probe::check(live.clone(), self.clone(), heartbeat, report);
        *slot = Some(tokio::task::spawn_local(check).abort_handle());
    }

    /// Runs what asks a unit to stop, until the unit is gone or killed.
    fn stop_by_command(&self, unit: &UnitId, run: Run, process: &ProcessSpec) {
        let key = (unit.clone(), run);
        let mut process = process.clone();
        let mut all = self.0.running.borrow_mut();
        let mut contained = self.0.contained.borrow_mut();
        let (slot, capture) = if let Some(running) = all.get_mut(&key) {
            process.env.own.insert("MAINPID".to_owned(), running.pid.to_string());
            (&mut running.stop, Rc::clone(&running.capture))
        } else if let Some(unit) = contained.get_mut(&key) {
            let capture = Rc::clone(unit.capture());
            (&mut unit.stop, capture)
        } else {
            return;
        };
        capture.borrow_mut().remark(&format!("stop command {}", process.program));
        let (processes, unit) = (self.clone(), unit.clone());
        let task = tokio::task::spawn_local(async move {
            if let Err(seen) = processes.run_probe(&process).await {
                capture.borrow_mut().remark(&seen);
                processes.tell(Event::StopCommandFailed { unit, run });
            }
        });
        *slot = Some(task.abort_handle());
    }

    /// Runs the command of a probe; when this is given up, the command is killed.
    pub(crate) async fn run_probe(&self, process: &ProcessSpec) -> Result<(), String> {
        if let Some(container) = &process.container {
            let words: Vec<String> = [&process.program].into_iter().chain(&process.arguments).cloned().collect();
            return self.check_contained(&container.name, Some(&words)).await;
        }
        let mut output = self.probe_output().map_err(|error| format!("cannot keep the probe's output: {error}"))?;
        let Spawned { pid, lifeline } =
            spawn(process, &self.0.directory, None, &output, &output).map_err(|error| error.told())?;
        let exit = self.0.reaper.exit_of(pid);
        let guard = Killed { group: Group::of_leader(pid), _lifeline: lifeline };
        let exit = exit.await.expect("the reaper tells of every child");
        drop(guard);
        if exit.is_success() {
            return Ok(());
        }
        let said = last_line(&mut output).map_or_else(String::new, |line| format!(": {line}"));
        Err(format!("the command {} {exit}{said}", process.program))
    }

    /// Makes a file without a name, which is gone when both ends are closed, and which no output can fill as it could a pipe.
    fn probe_output(&self) -> io::Result<File> {
        let path = self.0.directory.join("probe-output");
        let file = OpenOptions::new().read(true).append(true).create(true).truncate(false).open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(file)
    }

    pub(crate) fn capture(&self, file: LogFile, watch: Option<(Regex, Box<dyn FnOnce()>)>) -> Capture {
        Capture::new(file, self.0.clock, Rc::clone(&self.0.scratch), watch)
    }
}

/// Makes the group of the kernel that limits a unit; none if nothing is limited. The error says why it cannot be.
fn limit(order: &Order<'_>) -> Result<Option<Cgroup>, String> {
    if order.limits.is_empty() {
        return Ok(None);
    }
    let group = Cgroups::find_all(&[*order.limits])?.make(order.run, order.limits);
    group.map(Some).map_err(|error| error.to_string())
}

/// A process that was started, its outputs, and its terminal if it has one.
type Launched = (Spawned, Vec<Rc<Source>>, Option<Rc<Terminal>>);

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

/// A process group that is killed when nobody waits for it any more.
struct Killed {
    group: Option<Group>,
    _lifeline: Lifeline,
}

impl Drop for Killed {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            group.signal(Signal::Kill);
        }
    }
}

fn last_line(file: &mut File) -> Option<String> {
    let end = file.seek(SeekFrom::End(0)).ok()?;
    file.seek(SeekFrom::Start(end.saturating_sub(PROBE_TAIL))).ok()?;
    let mut text = Vec::new();
    file.read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text);
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned)
}
