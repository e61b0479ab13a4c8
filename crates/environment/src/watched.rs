//! Tasks that have run by themselves since a file changed, when no command was there to write it down.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use plan::TaskObserved;
use supervisor::{UnitId, UnitState, UnitStatus};

use crate::{Error, Session, inputs, tasks};

/// How much earlier than it happened a change may be dated: file systems round their times.
const ROUNDING_MS: u64 = 20;

/// A run of a task that succeeded, in milliseconds since 1970.
#[derive(Clone, Copy)]
struct TaskRun {
    began_ms: u64,
    ended_ms: u64,
}

impl Session<'_> {
    /// Takes what watched tasks have done by themselves for done, if they have read the files as they are now. A command that
    /// may change something writes it down.
    pub(crate) fn take_over_watched(&mut self) -> Result<(), Error> {
        let runs: Vec<(UnitId, TaskRun)> = self
            .statuses
            .iter()
            .filter(|status| {
                let task = self.model.tasks.get(&status.id).filter(|task| task.watch.is_some());
                task.is_some_and(|task| task.identity().as_str() == status.digest)
            })
            .filter_map(|status| Some((status.id.clone(), TaskRun::of(status)?)))
            .collect();
        for (id, run) in runs {
            let key = plan::task_keys(&self.model, &self.inputs).remove(&id).expect("each task has a key");
            let done = TaskObserved { key: key.clone(), missing_output: None, changed_output: None };
            if self.observed.tasks.get(&id) != Some(&done) && self.is_latest(&id, run)? {
                if self.lock.is_some() {
                    self.task_succeeded(&id, &key)?;
                }
                self.observed.tasks.insert(id, done);
            }
        }
        Ok(())
    }

    /// Whether what a task reads has not changed since this run began, and what it makes not since it ended.
    fn is_latest(&self, id: &UnitId, run: TaskRun) -> Result<bool, Error> {
        let (workspace, name) = self.task(id);
        let now = self.task_made_of(id);
        let before = tasks::last(&self.task_records(id), &name)?.map(|record| record.made_of);
        // If those that it comes after are others now, it has not seen what they make.
        if before.map_or(!now.tasks.is_empty(), |before| before.tasks != now.tasks) {
            return Ok(false);
        }
        let patterns = self.outputs_of(id);
        if inputs::first_missing(&workspace, patterns.iter().copied())?.is_some() {
            return Ok(false);
        }
        let made = inputs::made(&workspace, patterns)?;
        let is_read = |name: &String| is_older(&workspace.join(name.trim_start_matches('/')), run.began_ms);
        Ok(now.inputs.keys().all(is_read)
            && made.iter().all(|(_, path)| is_older(path, run.ended_ms + 2 * ROUNDING_MS)))
    }
}

impl TaskRun {
    /// The last run of a unit; nothing if there was none, or it did not succeed.
    fn of(status: &UnitStatus) -> Option<Self> {
        let took_ms = status.ready_ms.filter(|_| status.state == UnitState::Succeeded)?;
        let ended_ms = status.since.as_millis();
        Some(Self { began_ms: ended_ms.checked_sub(took_ms)?, ended_ms })
    }
}

/// Whether a file was last changed before a moment. The system's own time of a change is meant, which nobody sets.
fn is_older(file: &Path, moment_ms: u64) -> bool {
    let Ok(stat) = fs::symlink_metadata(file) else { return false };
    let changed_ms = stat.ctime() * 1000 + stat.ctime_nsec() / 1_000_000;
    u64::try_from(changed_ms).is_ok_and(|changed_ms| changed_ms + ROUNDING_MS < moment_ms)
}
