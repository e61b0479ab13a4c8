//! What a snapshot holds comes back, all of it or nothing; results stay.

use std::collections::BTreeSet;

use crate::kind::{State, Work};
use crate::status::state_of;
use crate::switch::{Switch, switch};
use crate::workspace::Current;
use crate::{Changes, Context, Error, Resource, Role, Taking, Workspace, journal};

/// What is restored.
#[derive(Debug, Clone, Default)]
pub struct RestoreOptions<'a> {
    /// A tag, or at least seven digits of a hash.
    pub snapshot: &'a str,
    /// Only these resources, if there are any.
    pub only: &'a [String],
    /// Not these.
    pub leave: &'a [String],
    /// Whether a resource that is in the snapshot or in the workspace alone, or whose content is not kept, is an error.
    pub strict: bool,
}

/// What was restored.
#[derive(Debug, Clone)]
pub struct Restored {
    /// The snapshot.
    pub taking: Taking,
    /// Resources that hold now what they held then, whether or not something had to change.
    pub restored: Vec<String>,
    /// Those of them that held something else before.
    pub changed: Vec<String>,
    /// What was left, each with the reason.
    pub left: Vec<(String, String)>,
}

/// Restores a snapshot. If it fails, everything is as before.
pub fn restore(context: &Context<'_>, workspace: &Workspace, options: &RestoreOptions<'_>) -> Result<Restored, Error> {
    let _lock = workspace.begin(context)?;
    let metadata = workspace.metadata();
    let hash = metadata.resolve(options.snapshot)?;
    let manifest = metadata.manifest(&hash)?;
    let taking = metadata.takings_of(&hash)?.into_iter().next();
    let taking = taking.ok_or_else(|| Error::NoSnapshot { wanted: hash.clone(), known: Vec::new() })?;
    let resources = metadata.resources()?;
    let mut known: BTreeSet<&str> = resources.iter().map(|resource| resource.name.as_str()).collect();
    known.extend(manifest.entries.iter().map(|entry| entry.name.as_str()));
    for name in options.only.iter().chain(options.leave) {
        if !known.contains(name.as_str()) {
            let known = known.into_iter().map(str::to_owned).collect();
            return Err(Error::NoResource { wanted: name.clone(), known });
        }
    }
    let is_meant =
        |name: &String| (options.only.is_empty() || options.only.contains(name)) && !options.leave.contains(name);
    let (mut wanted, mut left) = (Vec::new(), Vec::new());
    let mut leave = |name: &str, why: &str, is_fault: bool| {
        if is_fault && options.strict {
            return Err(Error::resource(name, why, "nothing was changed; without --strict it is left as it is"));
        }
        left.push((name.to_owned(), why.to_owned()));
        Ok(())
    };
    for entry in &manifest.entries {
        let is_there = resources.iter().any(|resource| manifest.entry_of(resource) == Some(entry));
        if !is_there && is_meant(&entry.name) {
            leave(&entry.name, "it is no resource any more", true)?;
        }
    }
    for resource in resources.iter().filter(|resource| is_meant(&resource.name)) {
        let name = &resource.name;
        if resource.role == Role::Results {
            if options.only.contains(name) {
                let help = "nothing was changed; those of each snapshot are in a directory of their own";
                return Err(Error::resource(name, "results are never restored over later ones", help));
            }
            leave(name, "results are never restored over later ones", false)?;
            continue;
        }
        let Some(entry) = manifest.entry_of(resource) else {
            leave(name, "it is not in the snapshot", true)?;
            continue;
        };
        let state = state_of(metadata, entry, Some(&taking))?;
        let work = Work { workspace, resource, context };
        if work.kind()?.stage(&work, &state)? {
            wanted.push((resource, state));
        } else {
            leave(name, "its content is not kept", true)?;
        }
    }
    let restored = wanted.iter().map(|(resource, _)| resource.name.clone()).collect();
    let is_whole = options.only.is_empty() && options.leave.is_empty();
    let stood = workspace.current()?;
    let current = if is_whole { Current { snapshot: Some(hash), ..stood } } else { stood };
    let command = format!("Restore {}", options.snapshot);
    let changes = Changes::new(workspace.root());
    let switched = switch(context, workspace, Switch { command: &command, wanted, changes, current }, |_, _| Ok(()))?;
    Ok(Restored { taking, restored, changed: switched.changed, left })
}

/// What a snapshot holds of resources, staged: of all but results, and of those whose content is kept.
pub(crate) fn chosen<'a>(
    context: &Context<'_>,
    workspace: &Workspace,
    resources: &'a [Resource],
    hash: &str,
) -> Result<Vec<(&'a Resource, State)>, Error> {
    let metadata = workspace.metadata();
    let manifest = metadata.manifest(hash)?;
    let taking = metadata.takings_of(hash)?.into_iter().next();
    let mut wanted = Vec::new();
    for resource in resources.iter().filter(|resource| resource.role != Role::Results) {
        let Some(entry) = manifest.entry_of(resource) else { continue };
        let state = state_of(metadata, entry, taking.as_ref())?;
        let work = Work { workspace, resource, context };
        if work.kind()?.stage(&work, &state)? {
            wanted.push((resource, state));
        }
    }
    Ok(wanted)
}

/// What was undone.
#[derive(Debug, Clone)]
pub struct Undone {
    /// The command that was taken back.
    pub command: String,
    /// When that was, in UTC.
    pub time: String,
    /// Resources that hold again what they held.
    pub resources: Vec<String>,
}

/// Puts back what the last restore, `use` or switch of a branch replaced. Another one takes this back.
pub fn undo(context: &Context<'_>, workspace: &Workspace) -> Result<Undone, Error> {
    let _lock = workspace.begin(context)?;
    let Some(undo) = journal::undoable(workspace)? else {
        return Err(Error::refused(
            "there is nothing to undo",
            "a restore, a `use` and a switch to another branch can be undone, until the next one",
        ));
    };
    let resources = workspace.metadata().resources()?;
    let mut wanted: Vec<(&Resource, _)> = Vec::new();
    for (name, state) in &undo.states {
        let Some(resource) = resources.iter().find(|resource| resource.name == *name) else { continue };
        let work = Work { workspace, resource, context };
        if work.kind()?.stage(&work, state)? {
            wanted.push((resource, state.clone()));
        }
    }
    let command = format!("Undo `{}`", undo.command);
    let changes = Changes::new(workspace.root());
    let wanted = Switch { command: &command, wanted, changes, current: undo.current };
    let switched = switch(context, workspace, wanted, |_, _| Ok(()))?;
    Ok(Undone { command: undo.command, time: undo.time, resources: switched.changed })
}
