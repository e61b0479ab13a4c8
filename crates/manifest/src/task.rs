//! A thing that runs once and ends.

use std::time::Duration;

use indexmap::IndexMap;
use source::{Entry, Place};

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
            watch,
            after,
            timeout: tree.get("timeout").and_then(duration::read),
            place: entry.key_place.clone(),
        })
    }
}
