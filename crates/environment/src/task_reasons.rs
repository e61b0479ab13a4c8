//! `run --why`: which tasks would run, and what has changed since they last did.

use std::collections::{BTreeMap, BTreeSet};

use supervisor::UnitId;

use crate::Error;
use crate::context::{Context, Mode, Target};
use crate::names::find_task;
use crate::session::Session;
use crate::tasks::{self, TaskMadeOf};

/// A task, and why it would run or be skipped.
#[derive(Debug, PartialEq, Eq)]
pub struct TaskReason {
    /// `WORKSPACE/TASK`.
    pub task: String,
    /// Whether it would run.
    pub runs: bool,
    /// Why; what has changed, one thing each.
    pub reasons: Vec<String>,
}

/// Says of a task, and of those that it comes after, whether and why they would run now where they are needed. Nothing is
/// run. They come before those that come after them.
pub fn why_task(context: &Context<'_>, target: &Target, task: &str) -> Result<Vec<TaskReason>, Error> {
    let session = Session::open(context, target, &Mode::LookAt(vec![task.to_owned()]), "run")?;
    let asked = find_task(&session.tree, task)?;
    let due = plan::due_tasks(&session.model, &session.observed, &session.inputs);
    let mut reasons = Vec::new();
    let kept = session.kept_outputs(&due.keys().cloned().collect())?;
    for id in before(&session, &asked) {
        let now = session.task_made_of(&id);
        let (_, name) = session.task(&id);
        let known = tasks::last(&session.task_records(&id), &name)?;
        let changes = known.map(|known| changes(&known.made_of, &now)).unwrap_or_default();
        reasons.push(match due.get(&id) {
            Some(_) if kept.contains_key(&id) && id != asked => {
                let reason = format!("what it makes of these inputs is taken from {}", kept[&id].place());
                TaskReason { task: id.to_string(), runs: false, reasons: vec![reason] }
            }
            Some(reason) if reason == plan::INPUTS_CHANGED && !changes.is_empty() => {
                TaskReason { task: id.to_string(), runs: true, reasons: changes }
            }
            Some(reason) => TaskReason { task: id.to_string(), runs: true, reasons: vec![reason.clone()] },
            None => {
                let files = if now.inputs.len() == 1 { "input is" } else { "inputs are" };
                let reason =
                    format!("its {} {files} unchanged since it succeeded, and what it made is there", now.inputs.len());
                TaskReason { task: id.to_string(), runs: false, reasons: vec![reason] }
            }
        });
    }
    Ok(reasons)
}

/// A task and those that it comes after, each after those that it comes after itself.
fn before(session: &Session<'_>, wanted: &UnitId) -> Vec<UnitId> {
    let mut order = Vec::new();
    let mut seen = BTreeSet::new();
    let mut open = vec![(wanted.clone(), false)];
    while let Some((id, is_done)) = open.pop() {
        if is_done {
            order.push(id);
        } else if let Some(task) = session.model.tasks.get(&id).filter(|_| seen.insert(id.clone())) {
            open.push((id, true));
            open.extend(task.after.iter().rev().map(|condition| (condition.unit.clone(), false)));
        }
    }
    order
}

/// What is otherwise, in words.
fn changes(before: &TaskMadeOf, now: &TaskMadeOf) -> Vec<String> {
    let mut changes = Vec::new();
    if before.words != now.words {
        changes.push("its command, its variables or what they refer to changed".to_owned());
    }
    compare(&before.inputs, &now.inputs, "input", &mut changes);
    compare(&before.tasks, &now.tasks, "task", &mut changes);
    changes
}

fn compare(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>, word: &str, changes: &mut Vec<String>) {
    for name in before.keys().chain(now.keys()).collect::<BTreeSet<_>>() {
        let change = match (before.get(name), now.get(name)) {
            (Some(before), Some(now)) if before == now => continue,
            (Some(_), Some(_)) => "changed",
            (Some(_), None) => "is gone",
            (None, _) => "is new",
        };
        changes.push(format!("{word} {name} {change}"));
    }
}
