//! The start of a process, with everything that looks after it.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io;
use std::rc::Rc;

use regex::bytes::Regex;
use supervisor::{Event, NotifySpec, ProcessSpec, Run, UnitId};
use tokio::task::AbortHandle;

use super::{Order, Processes, Running};
use crate::capture::Source;
use crate::cgroup::{Cgroup, Cgroups};
use crate::group::Group;
use crate::log_file::{LogFile, ROTATE_AT};
use crate::log_line::Stream;
use crate::lookup::SpawnError;
use crate::notify::{NotifySocket, Said};
use crate::spawn::{Spawned, spawn_in_terminal, spawn_limited};
use crate::terminal::Terminal;

impl Processes {
    /// Starts the process of a unit and everything that looks after it.
    pub(super) fn start(&self, order: &Order<'_>) {
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
