//! Branches of data, and named contents of a resource that are switched.

use std::collections::BTreeMap;

use crate::kind::{State, Work};
use crate::metadata::Author;
use crate::restore::chosen;
use crate::status::{is_same, state_of};
use crate::switch::{Switch, switch};
use crate::workspace::Current;
use crate::{Changes, Context, Error, Metadata, Resource, Role, Workspace, contents, names};

/// What a content is called that nobody has named.
const UNNAMED: &str = "main";

/// What became of a branch.
#[derive(Debug, Clone)]
pub struct Switched {
    /// The snapshot that it leads to, if it has one yet.
    pub snapshot: Option<String>,
    /// Whether it is new.
    pub is_new: bool,
    /// Resources that hold something else now.
    pub changed: Vec<String>,
}

/// Goes to a branch: one that there is, or a new one from here, or from another snapshot. `discard`: also if something has changed
/// since the last snapshot, which `undo` brings back.
pub fn branch(
    context: &Context<'_>,
    workspace: &Workspace,
    name: &str,
    at: Option<&str>,
    discard: bool,
) -> Result<Switched, Error> {
    let _lock = workspace.begin(context)?;
    let metadata = workspace.metadata();
    names::check(name).map_err(|problem| Error::Name {
        what: "branch",
        name: name.to_owned(),
        problem: problem.to_owned(),
    })?;
    let there = metadata.branches()?;
    let stood = workspace.current()?;
    let is_new = !there.contains_key(name);
    if let (false, Some(at)) = (is_new, at) {
        return Err(Error::refused(
            format!("there is a branch '{name}' already"),
            format!("leave out --at {at} to go to it"),
        ));
    }
    let target = match (there.get(name), at) {
        (Some(hash), _) => Some(hash.clone()),
        (None, Some(at)) => Some(metadata.resolve(at)?),
        (None, None) => stood.snapshot.clone(),
    };
    let mut changes = Changes::new(workspace.root());
    if is_new && target.is_some() {
        Metadata::put_branch(&mut changes, name, target.as_deref(), &context.author());
    }
    let resources = metadata.resources()?;
    let mut wanted = Vec::new();
    // A branch from here begins with what is here.
    let stays = is_new && at.is_none();
    if let Some(hash) = target.as_deref().filter(|_| !stays) {
        wanted = chosen(context, workspace, &resources, hash)?;
    }
    let current = Current { snapshot: target.clone(), branch: Some(name.to_owned()), ..stood.clone() };
    let command = format!("Switch to the branch {name}");
    let switched = switch(context, workspace, Switch { command: &command, wanted, changes, current }, |before, _| {
        if discard { Ok(()) } else { refuse_changes(context, workspace, &resources, &stood, before) }
    })?;
    Ok(Switched { snapshot: target, is_new, changed: switched.changed })
}

/// Fails when resources differ from the snapshot where this copy stands.
fn refuse_changes(
    context: &Context<'_>,
    workspace: &Workspace,
    resources: &[Resource],
    stood: &Current,
    now: &BTreeMap<String, State>,
) -> Result<(), Error> {
    let manifest = stood.snapshot.as_deref().map(|hash| workspace.metadata().manifest(hash)).transpose()?;
    let mut changed = Vec::new();
    for resource in resources {
        let Some(now) = now.get(&resource.name) else { continue };
        let entry = manifest.as_ref().and_then(|manifest| manifest.entry_of(resource));
        let is_saved = match entry {
            None => false,
            Some(entry) => {
                is_same(&Work { workspace, resource, context }, &state_of(workspace.metadata(), entry, None)?, now)?
            }
        };
        if !is_saved {
            changed.push(resource.name.clone());
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    let problem = format!("{} changed since the last snapshot", changed.join(", "));
    Err(Error::refused(
        problem,
        "nothing was changed; take a snapshot, or say --discard, which `seedbed undo` takes back",
    ))
}

/// Removes a branch; its snapshots stay.
pub fn delete_branch(context: &Context<'_>, workspace: &Workspace, name: &str) -> Result<(), Error> {
    let _lock = workspace.begin(context)?;
    let known = workspace.metadata().branches()?;
    if !known.contains_key(name) {
        let known = known.into_keys().collect();
        return Err(Error::Unknown { what: "branch", wanted: name.to_owned(), known });
    }
    let mut changes = Changes::new(workspace.root());
    Metadata::put_branch(&mut changes, name, None, &context.author());
    let stood = workspace.current()?;
    let current = (stood.branch.as_deref() == Some(name)).then_some(Current { branch: None, ..stood });
    workspace.change_with(context, &format!("Delete the branch {name}"), &changes, Vec::new(), current)
}

/// A resource whose contents have names.
#[derive(Debug, Clone)]
pub struct Sets {
    /// The resource.
    pub resource: String,
    /// The name of what it holds.
    pub current: String,
    /// All names, with the hashes of the others.
    pub all: BTreeMap<String, Option<String>>,
}

/// The named contents of all resources that have some.
pub fn sets(workspace: &Workspace) -> Result<Vec<Sets>, Error> {
    let stood = workspace.current()?;
    let mut all = Vec::new();
    for resource in workspace.metadata().resources()? {
        let known = workspace.metadata().sets(&resource.name)?;
        if known.is_empty() {
            continue;
        }
        let current = stood.sets.get(&resource.name).cloned().unwrap_or_else(|| UNNAMED.to_owned());
        let mut names: BTreeMap<_, _> = known.into_iter().map(|(name, state)| (name, state.hash)).collect();
        names.entry(current.clone()).or_insert(None);
        all.push(Sets { resource: resource.name, current, all: names });
    }
    Ok(all)
}

/// What became of `use`.
#[derive(Debug, Clone)]
pub struct Used {
    /// The resource.
    pub resource: String,
    /// The name of what it held, under which that is kept.
    pub before: String,
    /// Whether what it holds has changed.
    pub changed: bool,
}

/// Lets a resource hold the content of a name; what it holds is kept under the name that it has. `new`: a name that there is not,
/// which begins with what is there. Nothing else is touched.
pub fn use_set(
    context: &Context<'_>,
    workspace: &Workspace,
    name: &str,
    resource: Option<&str>,
    new: bool,
) -> Result<Used, Error> {
    let _lock = workspace.begin(context)?;
    let metadata = workspace.metadata();
    names::check(name).map_err(|problem| Error::Name {
        what: "data set",
        name: name.to_owned(),
        problem: problem.to_owned(),
    })?;
    let resource = meant(metadata, name, resource, new)?;
    let stood = workspace.current()?;
    let before = stood.sets.get(&resource.name).cloned().unwrap_or_else(|| UNNAMED.to_owned());
    let known = metadata.sets(&resource.name)?;
    let work = Work { workspace, resource: &resource, context };
    let mut wanted = Vec::new();
    match known.get(name) {
        _ if before == name => return Ok(Used { resource: resource.name, before, changed: false }),
        Some(_) if new => {
            return Err(Error::refused(
                format!("{} has a data set '{name}' already", resource.name),
                "leave out --new to use it",
            ));
        }
        Some(state) => {
            if !work.kind()?.stage(&work, state)? {
                return Err(Error::resource(&resource.name, "its content is not kept", "add it without --no-content"));
            }
            wanted.push((&resource, state.clone()));
        }
        None if new => {
            let state = State { hash: None, content: None, commit: None };
            // Nothing is put: it is only saved what is there.
            wanted.push((&resource, state));
        }
        None => {
            let known = known.into_keys().collect();
            return Err(Error::Unknown { what: "data set", wanted: name.to_owned(), known });
        }
    }
    let mut sets = stood.sets.clone();
    sets.insert(resource.name.clone(), name.to_owned());
    let command = format!("Use {name} for {}", resource.name);
    let wanted = Switch {
        command: &command,
        wanted,
        changes: Changes::new(workspace.root()),
        current: Current { sets, ..stood },
    };
    let author = context.author();
    let switched = switch(context, workspace, wanted, |now, changes| {
        keep(context, &work, &before, &now[&resource.name], changes, &author)
    })?;
    Ok(Used { changed: !switched.changed.is_empty(), resource: resource.name.clone(), before })
}

/// Keeps what a resource holds under a name.
fn keep(
    context: &Context<'_>,
    work: &Work<'_>,
    name: &str,
    now: &State,
    changes: &mut Changes,
    author: &Author,
) -> Result<(), Error> {
    let store = work.workspace.store(context)?;
    if let (Some(root), Some(hash)) = (&now.content, &now.hash) {
        let writer = store.writer()?;
        let reference = format!("workspaces/sets/{}/{name}", work.resource.name);
        contents::replace(store, &reference, &[*root], &writer.finish()?.session)?;
        Metadata::put_content(changes, hash, root);
    }
    work.kind()?.hold(work, now, &format!("set-{name}"))?;
    Metadata::put_set(changes, &work.resource.name, name, now, author);
    Ok(())
}

/// The resource that is meant: the one that is named; else the one that has such a content, or the only one with source data.
fn meant(metadata: &Metadata, name: &str, resource: Option<&str>, new: bool) -> Result<Resource, Error> {
    if let Some(resource) = resource {
        return metadata.resource(resource);
    }
    let mut all = metadata.resources()?;
    if !new {
        let mut having = Vec::new();
        for resource in &all {
            if metadata.sets(&resource.name)?.contains_key(name) {
                having.push(resource.clone());
            }
        }
        if having.len() == 1 {
            return Ok(having.remove(0));
        }
    }
    all.retain(|resource| resource.role == Role::SourceData);
    if all.len() == 1 {
        return Ok(all.remove(0));
    }
    let names: Vec<_> = all.into_iter().map(|resource| resource.name).collect();
    let help = format!("name one with --resource: {}", names.join(", "));
    Err(Error::refused("it is not clear whose data set is meant", help))
}
