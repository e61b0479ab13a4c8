//! Any program as a step: its inputs are digested before it runs, its outputs after.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use lineage::{Record, Status};
use serde_json::json;

use crate::RecorderError;
use crate::observe::{Undeclared, listed};
use crate::observe_system::observe;
use crate::recorder::Recorder;
use crate::step::{Step, StepSpec};

/// How often the wish to end is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// What is executed.
pub struct Execution<'a> {
    /// The step; its command is executed.
    pub spec: StepSpec,
    /// Where it runs.
    pub directory: PathBuf,
    /// The command that becomes an observed program, if that is wanted: the words of the step's command follow it.
    pub observer: Option<Vec<String>>,
    /// Whether what it prints is talk, since standard output is needed.
    pub is_talk: bool,
    /// Whether the user wants it to end. A program on a terminal hears that itself.
    pub is_interrupted: &'a (dyn Fn() -> bool + Sync),
    /// Whether the wish to end is passed on.
    pub passes_on: bool,
}

/// What became of it.
#[derive(Debug)]
pub struct Executed {
    /// As it was recorded.
    pub record: Record,
    /// How the program ended.
    pub exit_code: i32,
    /// What is told.
    pub warnings: Vec<String>,
    /// What it has read and written beside what it declares, if it was observed.
    pub undeclared: Option<Undeclared>,
}

/// Executes a program as a step. What is told before it runs goes to `tell` at once. An error means that nothing was executed, or that it
/// could not be recorded; how the execution ended stands in its record.
pub fn execute(
    recorder: &mut Recorder<'_>,
    execution: Execution<'_>,
    tell: &dyn Fn(&str),
) -> Result<Executed, RecorderError> {
    let words = execution.spec.command.clone();
    let (mut step, mut warnings) = Step::begin(recorder, execution.spec)?;
    for warning in &warnings {
        tell(warning);
    }
    let mut command = match &execution.observer {
        Some(observer) => command(observer.iter().chain(&words)),
        None => command(words.iter()),
    };
    command.current_dir(&execution.directory);
    if execution.is_talk {
        command.stdout(io::stderr());
    }
    let ended = watched(&mut command, execution.observer.is_some(), execution.is_interrupted, execution.passes_on);
    let (exit_code, accesses) = match ended {
        Ok(ended) => ended,
        Err(error) => {
            step.abort(recorder, Status::Failed, Some(with_cause(&error)))?;
            // The program is the user's, not the one that becomes it.
            let program = words.first().cloned().unwrap_or_default();
            return Err(match error {
                RecorderError::Start { source, .. } => RecorderError::Start { program, source },
                other => other,
            });
        }
    };
    let undeclared = accesses.map(|accesses| {
        accesses.undeclared(recorder.catalogue(), step.record(), |path| path.symlink_metadata().is_ok())
    });
    if let Some(undeclared) = &undeclared {
        step.note("observed", json!(true));
        let mut more = Vec::new();
        if !undeclared.reads.is_empty() {
            more.push(format!("it has read what it does not declare: {}", listed(&undeclared.reads)));
        }
        if !undeclared.unread.is_empty() {
            more.push(format!("it declares to read and has not read: {}", listed(&undeclared.unread)));
        }
        let more = step.warn(more);
        for warning in &more {
            tell(warning);
        }
        warnings.extend(more);
    }
    let failure = if (execution.is_interrupted)() {
        Some((Status::Aborted, "it was interrupted".to_owned()))
    } else if exit_code != 0 {
        Some((Status::Failed, format!("it ended with code {exit_code}")))
    } else {
        let writes = undeclared.as_ref().map(|undeclared| undeclared.writes.as_slice()).unwrap_or_default();
        (!writes.is_empty())
            .then(|| (Status::Failed, format!("it has written what it does not declare: {}", listed(writes))))
    };
    let record = if let Some((status, reason)) = failure {
        step.abort(recorder, status, Some(reason))?
    } else {
        let (record, more) = step.complete(recorder)?;
        for warning in &more {
            tell(warning);
        }
        warnings.extend(more);
        record
    };
    Ok(Executed { record, exit_code, warnings, undeclared })
}

fn command<'a>(mut words: impl Iterator<Item = &'a String>) -> Command {
    let mut command = Command::new(words.next().map(String::as_str).unwrap_or_default());
    command.args(words).stdin(Stdio::inherit());
    command
}

/// Runs a command to its end. Who wants it to end meanwhile is heard by another thread: the one that observes waits for the kernel.
fn watched(
    command: &mut Command,
    is_observed: bool,
    is_interrupted: &(dyn Fn() -> bool + Sync),
    passes_on: bool,
) -> Result<(i32, Option<crate::Accesses>), RecorderError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let fail = |source: io::Error| RecorderError::Start { program: name.clone(), source };
    if is_observed {
        let (code, accesses) = observe(command)?;
        return Ok((code, Some(accesses)));
    }
    let mut child = command.spawn().map_err(fail)?;
    let process = rustix::process::Pid::from_child(&child);
    let (ended, has_ended) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            while has_ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                if passes_on && is_interrupted() {
                    let _ = rustix::process::kill_process(process, rustix::process::Signal::INT);
                    return;
                }
            }
        });
        let status = child.wait();
        drop(ended);
        let status = status.map_err(fail)?;
        Ok((status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1), None))
    })
}

fn with_cause(error: &RecorderError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
