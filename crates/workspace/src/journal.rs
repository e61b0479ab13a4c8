//! What a command is about to do, written down before: so that the next one finishes it or takes it back.
//!
//! As long as the mark says `undo`, nothing is decided, and what was moved is moved back. From `redo` on it is decided,
//! and every step that is left is done; each can be done twice.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::git_index::Staged;
use crate::kind::{State, Work};
use crate::workspace::Current;
use crate::{Changes, Context, Error, Workspace, changes, results};

const FILE: &str = "journal.json";
const VERSION: u32 = 1;

/// Whether it is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Not yet: what was begun is taken back.
    Undo,
    /// It is: what is left is done.
    Redo,
}

/// What is committed in the workspace's own repository.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Commit {
    /// Its message.
    pub message: String,
    /// What was checked out when it was decided.
    pub before: Option<String>,
    /// The commit that it comes after, when another was made of the contents.
    pub parent: Option<String>,
    /// What belongs to it.
    pub paths: Vec<String>,
}

/// A resource that gets another content.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Put {
    /// Which.
    pub resource: String,
    /// What it held.
    pub before: State,
    /// What it is to hold.
    pub after: State,
}

/// The journal of one command.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Journal {
    #[serde(rename = "seedbed_workspace_journal")]
    version: u32,
    /// The command, for messages.
    pub command: String,
    /// Whether it is decided.
    pub phase: Phase,
    /// Results that are moved.
    #[serde(default)]
    pub moves: Vec<results::Move>,
    /// Directories that are made for them.
    #[serde(default)]
    pub made: Vec<PathBuf>,
    /// Resources that get another content.
    #[serde(default)]
    pub puts: Vec<Put>,
    /// Resources whose own history goes on.
    #[serde(default)]
    pub keeps: BTreeMap<String, State>,
    /// Files of the metadata.
    #[serde(default)]
    pub files: BTreeMap<String, Option<String>>,
    /// What is committed.
    #[serde(default)]
    pub commit: Option<Commit>,
    /// What `undo` would take back afterwards.
    #[serde(default)]
    pub undo: Option<Undo>,
    /// Where this copy stands afterwards.
    #[serde(default)]
    pub current: Option<Current>,
}

impl Journal {
    /// One that says nothing yet.
    pub fn of(command: &str, phase: Phase) -> Self {
        Self {
            version: VERSION,
            command: command.to_owned(),
            phase,
            moves: Vec::new(),
            made: Vec::new(),
            puts: Vec::new(),
            keeps: BTreeMap::new(),
            files: BTreeMap::new(),
            commit: None,
            undo: None,
            current: None,
        }
    }

    /// Writes it down; durable when it returns.
    pub fn write(&self, workspace: &Workspace) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(self).expect("this type has string keys");
        changes::write(&path(workspace), &text)
    }

    /// Does all that is left, and lets go of the journal. If a resource cannot get its content, those that have got theirs get back
    /// what they held, and nothing has happened.
    pub fn finish(
        mut self,
        workspace: &Workspace,
        context: &Context<'_>,
        staged: Option<&Staged>,
    ) -> Result<(), Error> {
        if let Err(error) = self.put(workspace, context, false) {
            self.phase = Phase::Undo;
            self.write(workspace)?;
            self.undo(workspace, context)?;
            return Err(error);
        }
        Changes::of(workspace.root(), self.files.clone()).apply()?;
        for (name, state) in &self.keeps {
            let resource = workspace.metadata().resource(name)?;
            let work = Work { workspace, resource: &resource, context };
            work.kind()?.keep(&work, state)?;
        }
        if let Some(commit) = &self.commit {
            commit.make(workspace, staged)?;
        }
        if let Some(undo) = &self.undo {
            let text = serde_json::to_string(undo).expect("this type has string keys");
            changes::write(&undo_path(workspace), &text)?;
        }
        if let Some(current) = &self.current {
            workspace.set_current(current)?;
        }
        remove(workspace)
    }

    /// Takes back what was begun, and lets go of the journal.
    pub fn undo(&self, workspace: &Workspace, context: &Context<'_>) -> Result<(), Error> {
        self.put(workspace, context, true)?;
        results::move_back(&self.moves, &self.made)?;
        remove(workspace)
    }

    fn put(&self, workspace: &Workspace, context: &Context<'_>, back: bool) -> Result<(), Error> {
        for put in &self.puts {
            let resource = workspace.metadata().resource(&put.resource)?;
            let work = Work { workspace, resource: &resource, context };
            work.kind()?.put(&work, if back { &put.before } else { &put.after })?;
        }
        Ok(())
    }
}

impl Commit {
    fn make(&self, workspace: &Workspace, staged: Option<&Staged>) -> Result<(), Error> {
        let git = workspace.git()?;
        let head = git.head()?;
        let is_as_decided = head == self.before;
        let base = if is_as_decided { self.parent.clone().or_else(|| head.clone()) } else { head.clone() };
        let staged_here;
        let staged = match staged {
            Some(staged) if is_as_decided => {
                git.stage_more(staged, &self.paths)?;
                staged
            }
            _ => {
                staged_here = git.stage(base.as_deref(), &self.paths)?;
                &staged_here
            }
        };
        let tree = git.tree_of_index(staged)?;
        let commit = git.commit_tree(&tree, base.as_deref(), &self.message)?;
        git.advance(head.as_deref(), &commit, staged, &self.paths)
    }
}

fn path(workspace: &Workspace) -> PathBuf {
    workspace.own().join(FILE)
}

/// What the last command replaced that can be undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// The command.
    pub command: String,
    /// When, in UTC.
    pub time: String,
    /// What each resource held before.
    pub states: BTreeMap<String, State>,
    /// Where this copy stood.
    pub current: Current,
}

fn undo_path(workspace: &Workspace) -> PathBuf {
    workspace.own().join("undo.json")
}

/// What can be undone.
pub fn undoable(workspace: &Workspace) -> Result<Option<Undo>, Error> {
    let path = undo_path(workspace);
    let Some(value) = changes::read_json(&path)? else { return Ok(None) };
    serde_json::from_value(value).map(Some).map_err(|error| Error::Metadata { path, problem: error.to_string() })
}

fn remove(workspace: &Workspace) -> Result<(), Error> {
    let path = path(workspace);
    fs::remove_file(&path).map_err(Error::io("remove", &path))?;
    let parent = path.parent().unwrap_or(Path::new("/"));
    fs::File::open(parent).and_then(|directory| directory.sync_all()).map_err(Error::io("sync", parent))
}

/// Finishes or takes back what a command that was killed has left.
pub fn recover(workspace: &Workspace, context: &Context<'_>) -> Result<(), Error> {
    let path = path(workspace);
    let Some(value) = changes::read_json(&path)? else { return Ok(()) };
    let journal: Journal = serde_json::from_value(value)
        .map_err(|error| Error::Metadata { path: path.clone(), problem: error.to_string() })?;
    if journal.version != VERSION {
        let problem = format!("it is of version {}", journal.version);
        return Err(Error::Metadata { path, problem });
    }
    let done = if journal.phase == Phase::Undo { "taken back" } else { "finished" };
    context.world.note(&format!("a `{}` that was cut off is {done}", journal.command));
    match journal.phase {
        Phase::Undo => journal.undo(workspace, context),
        Phase::Redo => journal.finish(workspace, context, None),
    }
}

impl Workspace {
    /// Makes changes of the metadata and commits them, with further files that belong to the commit, and with where this copy
    /// stands afterwards.
    pub(crate) fn change_with(
        &self,
        context: &Context<'_>,
        command: &str,
        changes: &Changes,
        paths: Vec<String>,
        current: Option<Current>,
    ) -> Result<(), Error> {
        let git = self.git()?;
        let mut journal = Journal::of(command, Phase::Redo);
        journal.files = changes.files().clone();
        let paths = [vec![crate::find::DIRECTORY.to_owned()], paths].concat();
        journal.commit = Some(Commit { message: command.to_owned(), before: git.head()?, parent: None, paths });
        journal.current = current;
        journal.write(self)?;
        journal.finish(self, context, None)
    }
}
