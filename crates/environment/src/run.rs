//! `run`: one task, with what it needs.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use runtime::{LogEntry, LogReader, Stream};

use crate::context::{Context, Mode, Target};
use crate::error::StepFailure;
use crate::material::Material;
use crate::names::find_task;
use crate::report::{StepReport, millis, step_reports};
use crate::session::Session;
use crate::{Error, times};

/// What was run.
#[derive(Debug)]
pub struct RunReport {
    /// `WORKSPACE/TASK`.
    pub task: String,
    /// With which exit code it ended.
    pub exit_code: i32,
    /// Why that is a failure, unless it ended well.
    pub failure: Option<StepFailure>,
    /// What was done, and how long each part took.
    pub steps: Vec<StepReport>,
    /// Milliseconds from the beginning to the end.
    pub total_ms: u64,
}

/// Runs a task in any case, and before it what it needs, as far as that is not there. Each line that it prints is told
/// while it runs. That it ends with an exit code other than 0 is no error of this.
pub fn run(
    context: &Context<'_>,
    target: &Target,
    task: &str,
    on_line: &(dyn Fn(Stream, &str) + Sync),
) -> Result<RunReport, Error> {
    let mut session = Session::open(context, target, &Mode::Run(vec![task.to_owned()]), "run")?;
    let id = find_task(&session.tree, task)?;
    let log = session.model.tasks[&id].process.log.clone();
    let tasks = BTreeSet::from([id.clone()]);
    let outcome = with_output(&log, on_line, || {
        session.execute_with_states(&Material::of("run"), Session::missing_databases, |session| {
            plan::run(&session.model, &session.observed, &session.inputs, &tasks)
        })
    });
    let report = |exit_code, failure, steps| RunReport {
        task: id.to_string(),
        exit_code,
        failure,
        steps,
        total_ms: millis(session.began),
    };
    match outcome {
        Ok((plan, execution)) => {
            if plan.changes_states() || session.has_unsettled() || session.makes_outputs_to_keep(&plan) {
                session.tend_in_background();
            }
            let report = report(0, None, step_reports(&plan, &execution));
            times::append(&session, "run", report.total_ms, &report.steps);
            Ok(report)
        }
        Err(Error::Failed(mut failures)) => match failures.as_mut_slice() {
            // Its output was shown already.
            [StepFailure { step, exit_code: Some(code), last_lines, .. }] if *step == id.as_str() => {
                last_lines.clear();
                Ok(report(*code, failures.pop(), Vec::new()))
            }
            _ => Err(Error::Failed(failures)),
        },
        Err(error) => Err(error),
    }
}

/// Does something, and tells meanwhile what is written to a log.
fn with_output<T>(log: &Path, on_line: &(dyn Fn(Stream, &str) + Sync), work: impl FnOnce() -> T) -> T {
    const PAUSE: Duration = Duration::from_millis(10);
    // What is there is of earlier runs. Without a reader the task runs all the same, and its output is in its log.
    let reader = LogReader::from_tail(log, 0, &|_| true);
    let is_over = AtomicBool::new(false);
    let is_over = &is_over;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let Ok(mut reader) = reader else { return };
            loop {
                let was_over = is_over.load(Ordering::Acquire);
                match reader.next() {
                    Ok(Some(LogEntry::Line(line))) if line.stream != Stream::Remark => on_line(line.stream, &line.text),
                    Ok(Some(_)) => {}
                    Ok(None) if !was_over => std::thread::sleep(PAUSE),
                    Ok(None) | Err(_) => return,
                }
            }
        });
        let outcome = work();
        is_over.store(true, Ordering::Release);
        outcome
    })
}
