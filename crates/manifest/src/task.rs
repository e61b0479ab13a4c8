//! A thing that runs once and ends.

use std::time::Duration;

use indexmap::IndexMap;
use source::{Entry, Place, Problem, Tree};

use crate::after::After;
use crate::command::Command;
use crate::file_reference::{self, FileReference};
use crate::reading::Reading;
use crate::watch::Watch;
use crate::{Limits, Template, Workload, duration};

/// A thing that runs once and ends; skipped when its inputs are unchanged.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its name.
    pub name: String,
    /// What is run.
    pub run: Workload,
    /// Variables that are added to the environment that it inherits.
    pub env: IndexMap<String, Template>,
    /// Where it runs, relative to the workspace; its root if there is none.
    pub directory: Option<String>,
    /// How much of the machine it may use.
    pub limits: Limits,
    /// Globs of what it reads; without any it is never skipped.
    pub inputs: Vec<FileReference>,
    /// Globs of what it makes.
    pub outputs: Vec<FileReference>,
    /// Whether what it makes is kept in the store, where those get it who have the same inputs.
    pub keep: bool,
    /// What it waits for.
    pub after: Vec<After>,
    /// Its inputs, if it runs again when they change.
    pub watch: Option<Watch>,
    /// When it is ended with a failure.
    pub timeout: Option<Duration>,
    /// Where its name stands.
    pub place: Place,
}

impl Task {
    pub(crate) fn read(entry: &Entry, reading: &mut Reading<'_>) -> Option<Self> {
        let tree = &entry.value;
        let run = tree.get("run").and_then(|run| Command::read(run, reading)).map(Workload::Process);
        let env = reading.env(tree.get("env"));
        let directory = tree.get("directory").and_then(|directory| file_reference::below(directory, reading));
        let inputs = FileReference::read_globs(tree.get("inputs"), reading);
        let outputs = FileReference::read_globs(tree.get("outputs"), reading);
        let keep = tree.get("keep").and_then(Tree::as_bool).unwrap_or_default();
        if keep {
            check_keep(entry, &inputs, &outputs, reading);
        }
        let watch = tree.get("watch").and_then(|watch| Watch::read_of_task(watch, &inputs, &outputs, reading));
        let after = After::read_all(tree.get("after"), reading);
        After::refuse_restarts(&after, "a task", reading);
        Some(Self {
            name: entry.key.clone(),
            run: run?,
            env,
            directory,
            limits: Limits::default(),
            inputs,
            outputs,
            keep,
            watch,
            after,
            timeout: tree.get("timeout").and_then(duration::read),
            place: entry.key_place.clone(),
        })
    }
}

/// What is kept is known by the inputs, and lies in the workspace of whoever gets it.
fn check_keep(entry: &Entry, inputs: &[FileReference], outputs: &[FileReference], reading: &mut Reading<'_>) {
    let name = &entry.key;
    let outside = outputs.iter().find(|file| file.path.split('/').any(|part| part == ".."));
    let missing = if inputs.is_empty() {
        "declares no `inputs`, by which others would know that they need the same"
    } else if outputs.is_empty() {
        "declares no `outputs` that could be kept"
    } else if outside.is_some() {
        "makes files outside of its workspace, where nobody else has them"
    } else {
        return;
    };
    let place = entry.value.entry("keep").map_or(&entry.key_place, |keep| &keep.value.place);
    let problem = Problem::error("task::keep", format!("the task `{name}` cannot be kept: it {missing}"));
    reading.problems.push(problem.at(place, "this asks for it").help("declare them, or leave `keep` out"));
}
