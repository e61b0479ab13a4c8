//! What has changed since the last snapshot.

use store::ObjectReader;

use crate::kind::{Draft, State, Work};
use crate::manifest::Entry;
use crate::sketch::Sketch;
use crate::{Context, Error, Git, Metadata, Resource, Taking, Workspace};

/// How a file differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It has another content, or is of another kind.
    Changed,
    /// It has another mode.
    Mode,
}

impl ChangeKind {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Mode => "mode",
        }
    }
}

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// How.
    pub kind: ChangeKind,
    /// Its path in the resource.
    pub path: String,
}

/// How a resource is, compared with a snapshot.
#[derive(Debug, Clone)]
pub struct ResourceStatus {
    /// The resource.
    pub resource: Resource,
    /// What it holds now; an error when that cannot be found out.
    pub now: Result<State, String>,
    /// Whether the snapshot has it.
    pub is_new: bool,
    /// Whether it is as in the snapshot.
    pub is_changed: bool,
    /// Which files differ; `None` when that cannot be said.
    pub changes: Option<Vec<Change>>,
}

/// How a workspace is, compared with the snapshot that was taken or restored last.
#[derive(Debug)]
pub struct Status {
    /// That snapshot.
    pub since: Option<Taking>,
    /// Each resource.
    pub resources: Vec<ResourceStatus>,
    /// Resources of the snapshot that are no more.
    pub removed: Vec<String>,
    /// The branch that the next snapshot goes on.
    pub branch: Option<String>,
}

impl Status {
    /// Whether anything differs.
    pub fn is_changed(&self) -> bool {
        self.since.is_none()
            || !self.removed.is_empty()
            || self.resources.iter().any(|one| one.is_changed || one.is_new)
    }
}

/// Looks at all resources; changes nothing.
pub fn status(context: &Context<'_>, workspace: &Workspace) -> Result<Status, Error> {
    let metadata = workspace.metadata();
    let current = workspace.current()?;
    let since = last(metadata, current.snapshot.as_deref())?;
    let manifest = since.as_ref().map(|taking| metadata.manifest(&taking.snapshot)).transpose()?;
    let resources = metadata.resources()?;
    let sketch = Sketch::over(workspace.store(context)?);
    let draft = Draft::new(&sketch, &resources.iter().collect::<Vec<_>>()).only_looking();
    let mut all = Vec::new();
    for resource in &resources {
        let work = Work { workspace, resource, context };
        let entry = manifest.as_ref().and_then(|manifest| manifest.entry_of(resource));
        all.push(compare(&work, entry, &draft, &sketch)?);
    }
    let is_known = |resource: &Resource, name: &str| {
        resource.name == name || resource.list(crate::resource::FORMERLY).iter().any(|former| former == name)
    };
    let known = |name: &String| resources.iter().any(|resource| is_known(resource, name));
    let names = manifest.iter().flat_map(|manifest| manifest.entries.iter().map(|entry| entry.name.clone()));
    Ok(Status { since, resources: all, removed: names.filter(|name| !known(name)).collect(), branch: current.branch })
}

/// The taking that is meant by "the last": of the snapshot of this copy, else the newest of all.
pub(crate) fn last(metadata: &Metadata, current: Option<&str>) -> Result<Option<Taking>, Error> {
    if let Some(hash) = current
        && let Some(taking) = metadata.takings_of(hash)?.into_iter().next()
    {
        return Ok(Some(taking));
    }
    Ok(metadata.takings(Some(1))?.into_iter().next())
}

fn compare(
    work: &Work<'_>,
    entry: Option<&Entry>,
    draft: &Draft<'_>,
    reader: &dyn ObjectReader,
) -> Result<ResourceStatus, Error> {
    let resource = work.resource.clone();
    let now = match work.kind().and_then(|kind| kind.save(work, draft)) {
        Ok(now) => now,
        Err(Error::Interrupted) => return Err(Error::Interrupted),
        Err(error) => {
            let now = Err(with_causes(&error));
            return Ok(ResourceStatus { resource, now, is_new: entry.is_none(), is_changed: true, changes: None });
        }
    };
    let Some(entry) = entry else {
        return Ok(ResourceStatus { resource, now: Ok(now), is_new: true, is_changed: false, changes: None });
    };
    let before = state_of(work.workspace.metadata(), entry, None)?;
    let is_changed = !is_same(work, &before, &now)?;
    let changes = if is_changed { work.kind()?.changes(work, &before, &now, reader)? } else { Some(Vec::new()) };
    Ok(ResourceStatus { resource, now: Ok(now), is_new: false, is_changed, changes })
}

/// Whether two states are equal; those that dws wrote down name commits where we name trees.
pub(crate) fn is_same(work: &Work<'_>, before: &State, now: &State) -> Result<bool, Error> {
    if before.hash == now.hash {
        return Ok(true);
    }
    if work.resource.kind != crate::git_repository::KIND {
        return Ok(false);
    }
    let Some(git) = Git::find(&work.files()?)? else { return Ok(false) };
    let tree = |state: &State| state.hash.as_deref().and_then(|hash| git.tree_of(hash).ok());
    Ok(tree(before).is_some() && tree(before) == tree(now))
}

/// An error with all its causes, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// What a snapshot holds of a resource.
pub(crate) fn state_of(metadata: &Metadata, entry: &Entry, taking: Option<&Taking>) -> Result<State, Error> {
    let content = entry.hash.as_deref().map(|hash| metadata.content(hash)).transpose()?.flatten();
    let commit = taking.and_then(|taking| taking.commits.get(&entry.name).cloned().flatten());
    Ok(State { hash: entry.hash.clone(), content, commit })
}

/// Which files differ between two trees of a store.
pub(crate) fn changes_of_trees(
    before: &State,
    after: &State,
    reader: &dyn ObjectReader,
) -> Result<Option<Vec<Change>>, Error> {
    let (Some(before), Some(after)) = (&before.content, &after.content) else { return Ok(None) };
    let mut all = Vec::new();
    let compared = tree::diff(before, after, reader, &mut |change| {
        let is_directory = |entry: &Option<tree::Entry>| {
            entry.as_ref().is_some_and(|entry| matches!(entry.body, tree::Body::Directory { .. }))
        };
        let modes = (change.before.as_ref().map(|entry| entry.mode), change.after.as_ref().map(|entry| entry.mode));
        let kind = match change.kind {
            tree::ChangeKind::Added if !is_directory(&change.after) => Some(ChangeKind::Added),
            tree::ChangeKind::Removed if !is_directory(&change.before) => Some(ChangeKind::Removed),
            tree::ChangeKind::Content => Some(ChangeKind::Changed),
            tree::ChangeKind::Metadata if modes.0 != modes.1 => Some(ChangeKind::Mode),
            _ => None,
        };
        if let Some(kind) = kind {
            all.push(Change { kind, path: change.path.to_string_lossy().into_owned() });
        }
        Ok(())
    });
    match compared {
        Ok(()) => Ok(Some(all)),
        // Content that is elsewhere can be known to differ, and not in which files.
        Err(tree::TreeError::Store(store::StoreError::NoObject { .. })) => Ok(None),
        Err(source) => Err(Error::tree("")(source)),
    }
}

/// Which files differ between two trees of git.
pub(crate) fn changes_of_git(git: &Git, before: &State, after: &State) -> Result<Option<Vec<Change>>, Error> {
    let (Some(before), Some(after)) = (&before.hash, &after.hash) else { return Ok(None) };
    if !git.has(before)? || !git.has(after)? {
        return Ok(None);
    }
    let kind = |letter| match letter {
        'A' => ChangeKind::Added,
        'D' => ChangeKind::Removed,
        _ => ChangeKind::Changed,
    };
    let files = git.changed_files(before, after)?.into_iter();
    Ok(Some(files.map(|(letter, path)| Change { kind: kind(letter), path }).collect()))
}
