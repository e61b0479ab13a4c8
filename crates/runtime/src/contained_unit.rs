//! Units that are containers: from the start to the removal, with their log, their probes and their events.

use std::cell::RefCell;
use std::rc::Rc;

use regex::bytes::Regex;
use supervisor::{ContainerSpec, Event, Run, Signal, UnitId};
use tokio::task::AbortHandle;

use crate::capture::Capture;
use crate::contained::{Contained, Started, drained, pump, type_all};
use crate::log_file::{LogFile, ROTATE_AT};
use crate::log_line::Stream;
use crate::native::{Order, Processes};
use crate::terminal::Terminal;

/// A unit whose container is not removed yet.
pub(crate) struct ContainedUnit {
    name: String,
    contained: Rc<Contained>,
    capture: Rc<RefCell<Capture>>,
    pub(crate) probe: Option<AbortHandle>,
    /// The command that asks it to stop.
    pub(crate) stop: Option<AbortHandle>,
    pub(crate) terminal: Option<Rc<Terminal>>,
}

impl ContainedUnit {
    pub(crate) fn capture(&self) -> &Rc<RefCell<Capture>> {
        &self.capture
    }
}

impl Processes {
    /// Starts the container of a unit and looks after it until it is removed.
    pub(crate) fn start_contained(&self, order: &Order<'_>, spec: &ContainerSpec) {
        let (processes, unit, spec, log) = (self.clone(), order.unit.clone(), spec.clone(), order.process.log.clone());
        let (run, watch, because) = (order.run, order.watch.map(str::to_owned), order.because());
        tokio::task::spawn_local(async move {
            let failed = |reason: String| Event::SpawnFailed { unit: unit.clone(), run, reason };
            let capture = match processes.capture_of(&unit, run, &log, watch) {
                Ok(capture) => Rc::new(RefCell::new(capture)),
                Err(reason) => return processes.tell(failed(reason)),
            };
            match processes.containers().start(&unit, &spec).await {
                Ok(started) => {
                    capture.borrow_mut().remark(&format!("started container {}{because}", spec.name));
                    processes.look_after(unit, run, spec.name, started, capture).await;
                }
                Err(reason) => {
                    capture.borrow_mut().remark(&reason);
                    processes.tell(failed(reason));
                }
            }
        });
    }

    fn capture_of(
        &self,
        unit: &UnitId,
        run: Run,
        log: &std::path::Path,
        watch: Option<String>,
    ) -> Result<Capture, String> {
        let file = LogFile::open(log, ROTATE_AT).map_err(|error| format!("cannot open {}: {error}", log.display()))?;
        let watch = watch.map(|pattern| Regex::new(&pattern).map_err(|error| error.to_string())).transpose()?;
        let watch = watch.map(|pattern| {
            let (processes, unit) = (self.clone(), unit.clone());
            let tell = move || processes.tell(Event::Probed { unit, run, result: Ok(()) });
            (pattern, Box::new(tell) as Box<dyn FnOnce()>)
        });
        Ok(self.capture(file, watch))
    }

    async fn look_after(&self, unit: UnitId, run: Run, name: String, started: Started, capture: Rc<RefCell<Capture>>) {
        let Started { contained, output, keys, exit } = started;
        let pid = contained.inspection.pid;
        let (terminal, typing) =
            match keys.map(|keys| (Terminal::elsewhere(self.sockets(), &format!("{}.tty", run.0)), keys)) {
                None => (None, None),
                Some((Ok((terminal, said)), keys)) => {
                    (Some(terminal), Some(tokio::task::spawn_local(type_all(keys, said)).abort_handle()))
                }
                Some((Err(error), _)) => {
                    capture.borrow_mut().remark(&format!("nobody can attach to its terminal: {error}"));
                    (None, None)
                }
            };
        let (written, screen) = (Rc::clone(&capture), terminal.clone());
        let pump = tokio::task::spawn_local(pump(output, move |stream, bytes| {
            if let Some(screen) = &screen {
                screen.show(bytes);
            }
            written.borrow_mut().write(stream, bytes);
        }));
        let key = (unit.clone(), run);
        let (own_container, own_capture) = (Rc::clone(&contained), Rc::clone(&capture));
        let (probe, stop) = (None, None);
        let own = ContainedUnit { name, contained: own_container, capture: own_capture, probe, stop, terminal };
        self.contained().borrow_mut().insert(key.clone(), own);
        self.tell(Event::Spawned { unit: unit.clone(), run, pid });
        let (exit, said) = contained.see_off(exit).await;
        drained(pump).await;
        if let Some(unit) = self.contained().borrow_mut().remove(&key) {
            for task in [unit.probe, unit.stop, typing].into_iter().flatten() {
                task.abort();
            }
            if let Some(terminal) = unit.terminal {
                terminal.close();
            }
        }
        let mut capture = capture.borrow_mut();
        for stream in [Stream::Output, Stream::Errors] {
            capture.finish(stream);
        }
        if let Some(said) = said {
            capture.remark(&said);
        }
        capture.remark(&exit.to_string());
        self.tell(Event::Exited { unit, run, exit, leftovers: false });
    }

    /// Sends a signal to the container of a unit; gives whether it has one.
    pub(crate) fn signal_contained(&self, unit: &UnitId, run: Run, signal: Signal) -> bool {
        let all = self.contained().borrow();
        let Some(unit) = all.get(&(unit.clone(), run)) else { return false };
        let (contained, capture) = (Rc::clone(&unit.contained), Rc::clone(&unit.capture));
        tokio::task::spawn_local(async move {
            let sent = contained.signal(signal).await;
            let remark = match sent {
                Ok(()) => format!("sent {signal}"),
                Err(error) => format!("{signal} cannot be sent: {error}"),
            };
            capture.borrow_mut().remark(&remark);
        });
        true
    }

    /// Runs a command in the container of that name; `None`: its health check.
    pub(crate) async fn check_contained(&self, name: &str, command: Option<&[String]>) -> Result<(), String> {
        let contained = {
            let all = self.contained().borrow();
            all.values().find(|unit| unit.name == name).map(|unit| Rc::clone(&unit.contained))
        };
        match contained {
            Some(contained) => contained.check(command).await,
            None => Err("the container does not run".to_owned()),
        }
    }

    /// Whether a port of this machine is one that the engine has for a container: it accepts before the container does.
    pub(crate) fn is_published(&self, port: u16) -> bool {
        self.contained().borrow().values().any(|unit| unit.contained.inspection.published.contains(&port))
    }
}
