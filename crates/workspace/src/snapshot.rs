//! A snapshot of all resources together: all of it, or nothing.

use std::collections::BTreeMap;

use serde_json::Value;
use store::check_tag;

use crate::journal::{Commit, Journal, Phase};
use crate::kind::{Draft, State, Work};
use crate::manifest::{Entry, Manifest};
use crate::results::Move;
use crate::template::{self, Values};
use crate::workspace::Current;
use crate::{
    Changes, Context, Error, Metadata, Resource, Role, Taking, Workspace, contents, find, git_subdirectory, metadata,
    moment, results,
};

/// What is said of a snapshot.
#[derive(Debug, Clone, Default)]
pub struct SnapshotOptions<'a> {
    /// The word to restore it by.
    pub tag: Option<&'a str>,
    /// What it is.
    pub message: &'a str,
}

/// What was taken.
#[derive(Debug, Clone)]
pub struct Taken {
    /// When, by whom, and the hash.
    pub taking: Taking,
    /// What it holds.
    pub manifest: Manifest,
    /// How many files and directories of results were moved.
    pub moved: usize,
    /// Whether the same state was taken before.
    pub known: bool,
}

/// Takes a snapshot. If it fails, everything is as before; results are where they were.
pub fn snapshot(context: &Context<'_>, workspace: &Workspace, options: &SnapshotOptions<'_>) -> Result<Taken, Error> {
    let _lock = workspace.begin(context)?;
    let metadata = workspace.metadata();
    if let Some(tag) = options.tag {
        check_new_tag(metadata, tag)?;
    }
    let resources = metadata.resources()?;
    if resources.is_empty() {
        return Err(Error::refused("the workspace has no resources", "`seedbed add` adds one"));
    }
    let works: Vec<Work<'_>> = resources.iter().map(|resource| Work { workspace, resource, context }).collect();
    for work in &works {
        work.kind()?.check(work)?;
    }
    let mut taking = begin(context, workspace, options)?;
    let place = free_place(&works, place(context, metadata, &taking)?)?;
    let mut all_results = Vec::new();
    let moves = plan_moves(metadata, &works, &place, &mut all_results)?;
    taking.metrics = results::metrics(all_results);
    taking.results = (!moves.is_empty()).then_some(place);

    let mut journal = Journal::of("snapshot", Phase::Undo);
    journal.made = results::missing_directories(&moves);
    journal.moves = moves;
    if !journal.moves.is_empty() {
        journal.write(workspace)?;
        if let Err(error) = results::carry_out(&journal.moves, &journal.made) {
            journal.undo(workspace, context)?;
            return Err(error);
        }
    }
    match save(context, workspace, &works, &resources, taking, &mut journal) {
        Ok((taken, staged)) => {
            journal.finish(workspace, context, staged.as_ref())?;
            // The snapshot is there: what is not tidied up now is by the next one.
            if let Err(error) = context.world.snapshot_taken() {
                context.world.note(&format!("the records of lineage stay where they were: {error}"));
            }
            Ok(taken)
        }
        Err(error) => {
            if !journal.moves.is_empty() {
                journal.undo(workspace, context)?;
            }
            Err(error)
        }
    }
}

/// Whether a word can be the tag of a new snapshot.
pub(crate) fn check_new_tag(metadata: &Metadata, tag: &str) -> Result<(), Error> {
    check_tag(tag)?;
    match metadata.tagged(tag)? {
        Some(snapshot) => Err(Error::TagTaken { tag: tag.to_owned(), snapshot }),
        None => Ok(()),
    }
}

fn begin(context: &Context<'_>, workspace: &Workspace, options: &SnapshotOptions<'_>) -> Result<Taking, Error> {
    let now = (context.now)();
    let time = match workspace.metadata().form() {
        metadata::Form::Separate => moment::utc(now),
        metadata::Form::Classic => moment::iso(&moment::calendar(now, (context.ahead_of_utc)(now))),
    };
    Ok(Taking {
        snapshot: String::new(),
        time,
        by: context.user.clone(),
        host: workspace.host(context)?,
        message: options.message.to_owned(),
        tags: options.tag.into_iter().map(str::to_owned).collect(),
        number: Some(workspace.metadata().count()? + 1),
        results: None,
        metrics: None,
        commits: BTreeMap::new(),
        branch: workspace.current()?.branch,
    })
}

/// Where the results go, below each results resource.
fn place(context: &Context<'_>, metadata: &Metadata, taking: &Taking) -> Result<String, Error> {
    let said = metadata.parameter(results::TEMPLATE_PARAMETER)?;
    let template = said.as_ref().and_then(Value::as_str).unwrap_or(results::TEMPLATE);
    let now = (context.now)();
    let values = Values {
        user: &taking.by,
        host: &taking.host,
        time: moment::calendar(now, (context.ahead_of_utc)(now)),
        number: taking.number.unwrap_or(1),
        tag: taking.tags.first().map(String::as_str),
    };
    template::check(template).and_then(|()| template::expand(template, &values)).map_err(|problem| {
        let problem = format!("the parameter {} is '{template}': {problem}", results::TEMPLATE_PARAMETER);
        let help = format!("`seedbed config set {} {}`", results::TEMPLATE_PARAMETER, results::TEMPLATE);
        Error::refused(problem, help)
    })
}

fn plan_moves(
    metadata: &Metadata,
    works: &[Work<'_>],
    place: &str,
    all_results: &mut Vec<(String, Value)>,
) -> Result<Vec<Move>, Error> {
    let said = metadata.parameter(results::EXCLUDE_PARAMETER)?;
    let said = said
        .as_ref()
        .and_then(Value::as_array)
        .map(|list| list.iter().filter_map(|glob| glob.as_str().map(str::to_owned)).collect::<Vec<_>>());
    let globs = said.unwrap_or_else(|| results::EXCLUDED.map(str::to_owned).to_vec());
    let staying = results::patterns(&globs)?;
    let mut moves = Vec::new();
    for work in works.iter().filter(|work| work.resource.role == Role::Results) {
        let Some(directory) = work.kind()?.directory(work).filter(|directory| directory.is_dir()) else { continue };
        match results::read(&directory) {
            Ok(Some(value)) => all_results.push((work.resource.name.clone(), value)),
            Ok(None) => {}
            Err(error) => work.context.world.note(&format!("the metrics are left out: {error}")),
        }
        let is_exported = work.resource.flag(crate::resource::EXPORT).unwrap_or(false);
        moves.extend(results::plan(&directory, place, &staying, is_exported)?);
    }
    Ok(moves)
}

/// A place that no results resource has anything in yet: what lies there already is of another snapshot.
fn free_place(works: &[Work<'_>], place: String) -> Result<String, Error> {
    let mut directories = Vec::new();
    for work in works.iter().filter(|work| work.resource.role == Role::Results) {
        directories.extend(work.kind()?.directory(work));
    }
    let is_free =
        |place: &String| directories.iter().all(|directory| directory.join(place).symlink_metadata().is_err());
    let others = (2_u64..).map(|number| format!("{place}-{number}"));
    Ok(std::iter::once(place.clone()).chain(others).find(is_free).unwrap_or(place))
}

/// Saves all resources, and decides. Nothing that is done here can be seen, but for the journal.
fn save(
    context: &Context<'_>,
    workspace: &Workspace,
    works: &[Work<'_>],
    resources: &[Resource],
    mut taking: Taking,
    journal: &mut Journal,
) -> Result<(Taken, Option<crate::git_index::Staged>), Error> {
    let metadata = workspace.metadata();
    let writer = workspace.store(context)?.writer()?;
    let draft = Draft::new(&writer, &resources.iter().collect::<Vec<_>>());
    let mut states: BTreeMap<&str, State> = BTreeMap::new();
    for work in works {
        if context.world.is_interrupted() {
            return Err(Error::Interrupted);
        }
        states.insert(&work.resource.name, work.kind()?.save(work, &draft)?);
    }
    let entry = |resource: &Resource| Entry {
        name: resource.name.clone(),
        kind: resource.kind.clone(),
        role: resource.role.as_str().to_owned(),
        hash: states[resource.name.as_str()].hash.clone(),
    };
    let manifest = Manifest::new(resources.iter().map(entry).collect());
    taking.snapshot = manifest.hash();
    let known = metadata.manifest(&taking.snapshot).is_ok();
    let git = workspace.git()?;
    let before = git.head()?;
    let message = format!("Snapshot {}", taking.tags.first().unwrap_or(&taking.snapshot));
    let Draft { staged, git_paths, .. } = draft;
    let staged = staged.into_inner();
    let parent = match &staged {
        Some(staged) => Some(git.commit_tree(&staged.tree, before.as_deref(), &format!("{message}: contents"))?),
        None => None,
    };
    for resource in resources {
        let own = states[resource.name.as_str()].commit.clone();
        let of_workspace = || parent.clone().filter(|_| resource.kind == git_subdirectory::KIND);
        taking.commits.insert(resource.name.clone(), own.or_else(of_workspace));
    }
    let written = writer.finish()?;
    let roots: Vec<_> = states.values().filter_map(|state| state.content).collect();
    if !roots.is_empty() {
        contents::keep(workspace.store(context)?, &contents::reference(&taking.snapshot), &roots, &written.session)?;
    }
    let mut changes = Changes::new(workspace.root());
    metadata.put_snapshot(&mut changes, &manifest, resources, &taking)?;
    for state in states.values() {
        if let (Some(hash), Some(root)) = (&state.hash, &state.content)
            && metadata.content(hash)?.is_none()
        {
            Metadata::put_content(&mut changes, hash, root);
        }
    }
    if let Some(branch) = &taking.branch {
        Metadata::put_branch(&mut changes, branch, Some(&taking.snapshot), &context.author());
    }
    let names: Vec<String> = resources.iter().map(|resource| resource.name.clone()).collect();
    let names = (metadata.form() == metadata::Form::Classic).then_some(names.as_slice());
    let lineage = context.world.snapshot_lineage(&taking.snapshot, names).map_err(|error| {
        Error::refused(
            format!("the snapshot cannot carry the lineage: {error}"),
            "nothing was saved; `seedbed lineage table` says whether the lineage can be read",
        )
    })?;
    for (path, text) in lineage {
        changes.write(&path, text);
    }
    let paths = [vec![find::DIRECTORY.to_owned()], git_paths].concat();
    // From here on it is decided.
    let mut decided = Journal::of("snapshot", Phase::Redo);
    decided.keeps = states
        .into_iter()
        .filter(|(_, state)| state.commit.is_some())
        .map(|(name, state)| (name.to_owned(), state))
        .collect();
    decided.files = changes.files().clone();
    decided.commit = Some(Commit { message, before, parent, paths });
    decided.current = Some(Current { snapshot: Some(taking.snapshot.clone()), ..workspace.current()? });
    decided.write(workspace)?;
    let moved = journal.moves.len();
    *journal = decided;
    Ok((Taken { taking, manifest, moved, known }, staged))
}
