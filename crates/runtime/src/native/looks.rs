//! What is run and looked at for a unit beside its process: probes, checks, and the command that asks it to stop.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

use supervisor::{Event, LiveSpec, ProcessSpec, ReadySpec, Run, Signal, UnitId};

use super::Processes;
use crate::group::Group;
use crate::probe;
use crate::spawn::{Lifeline, Spawned, spawn};

/// So much of a probe command's output is looked at for its last line.
const PROBE_TAIL: u64 = 4096;

impl Processes {
    pub(super) fn probe(&self, unit: &UnitId, run: Run, ready: &ReadySpec) {
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

    pub(super) fn check(&self, unit: &UnitId, run: Run, live: &LiveSpec) {
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
    pub(super) fn stop_by_command(&self, unit: &UnitId, run: Run, process: &ProcessSpec) {
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
