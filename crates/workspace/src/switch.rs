//! Resources get other contents, all or none; what they held can be had back.

use std::collections::BTreeMap;

use crate::journal::{Commit, Journal, Phase, Put, Undo};
use crate::kind::{Draft, State, Work};
use crate::workspace::Current;
use crate::{Changes, Context, Error, Resource, Workspace, contents, find, git_subdirectory, status};

/// What keeps in the store what was replaced.
const UNDO: &str = "workspaces/undo";

/// What is going to change.
pub struct Switch<'a> {
    /// The command, for commits and messages.
    pub command: &'a str,
    /// Resources with what they are to hold, staged already; one without a hash is only saved.
    pub wanted: Vec<(&'a Resource, State)>,
    /// Changes of the metadata that belong to it.
    pub changes: Changes,
    /// Where this copy stands afterwards.
    pub current: Current,
}

/// What has changed.
pub struct Switched {
    /// Resources that hold something else now.
    pub changed: Vec<String>,
}

/// Makes the switch: everything that is there now is saved first. `complete` sees what was there, before anything is decided.
pub fn switch(
    context: &Context<'_>,
    workspace: &Workspace,
    mut wanted: Switch<'_>,
    complete: impl FnOnce(&BTreeMap<String, State>, &mut Changes) -> Result<(), Error>,
) -> Result<Switched, Error> {
    let store = workspace.store(context)?;
    let writer = store.writer()?;
    let resources: Vec<&Resource> = wanted.wanted.iter().map(|(resource, _)| *resource).collect();
    let draft = Draft::new(&writer, &resources);
    let (mut puts, mut before, mut git_paths) = (Vec::new(), BTreeMap::new(), Vec::new());
    for (resource, state) in &wanted.wanted {
        if context.world.is_interrupted() {
            return Err(Error::Interrupted);
        }
        let work = Work { workspace, resource, context };
        let kind = work.kind()?;
        let now = kind.save(&work, &draft)?;
        if state.hash.is_some() && !status::is_same(&work, state, &now)? {
            kind.hold(&work, &now, "undo")?;
            if resource.kind == git_subdirectory::KIND {
                git_paths.extend(resource.text(crate::resource::PATH).map(str::to_owned));
            }
            puts.push(Put { resource: resource.name.clone(), before: now.clone(), after: state.clone() });
        }
        before.insert(resource.name.clone(), now);
    }
    drop(draft);
    let written = writer.finish()?;
    complete(&before, &mut wanted.changes)?;
    let roots: Vec<_> = before.values().filter_map(|state| state.content).collect();
    contents::keep(store, UNDO, &roots, &written.session)?;

    let stood = workspace.current()?;
    let changed: Vec<String> = puts.iter().map(|put| put.resource.clone()).collect();
    let mut journal = Journal::of(wanted.command, Phase::Redo);
    if !changed.is_empty() {
        let states = puts.iter().map(|put| (put.resource.clone(), put.before.clone())).collect();
        let time = context.author().time;
        journal.undo = Some(Undo { command: wanted.command.to_owned(), time, states, current: stood });
    }
    journal.puts = puts;
    journal.files = wanted.changes.files().clone();
    if !wanted.changes.is_empty() || !git_paths.is_empty() {
        let paths = [vec![find::DIRECTORY.to_owned()], git_paths].concat();
        let before = workspace.git()?.head()?;
        journal.commit = Some(Commit { message: wanted.command.to_owned(), before, parent: None, paths });
    }
    journal.current = Some(wanted.current);
    journal.write(workspace)?;
    journal.finish(workspace, context, None)?;
    if !changed.is_empty() {
        contents::replace(store, UNDO, &roots, &written.session)?;
    }
    Ok(Switched { changed })
}
