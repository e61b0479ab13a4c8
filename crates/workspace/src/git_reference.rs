//! A repository of somebody else at a commit: fetched, checked out, and never changed by us.

use std::fs;

use serde_json::{Map, Value, json};
use store::ObjectReader;

use crate::git_subdirectory::check_objects;
use crate::kind::{Draft, ResourceKind, State, Work};
use crate::status::{Change, changes_of_git};
use crate::{Context, Error, Git};

/// The kind `git-reference`.
pub struct GitReference;

/// The word for it.
pub const KIND: &str = "git-reference";

/// Where it comes from.
const URL: &str = "url";
/// Which branch, tag or commit was asked for.
const REVISION: &str = "revision";

impl ResourceKind for GitReference {
    fn name(&self) -> &'static str {
        KIND
    }

    fn about(&self) -> &'static str {
        "a repository of somebody else at a commit, which is only read"
    }

    fn check(&self, work: &Work<'_>) -> Result<(), Error> {
        let Some(git) = find(work)? else { return Err(missing(work)) };
        let changed = git.run(&["status", "--porcelain", "--untracked-files=no"])?;
        if changed.is_empty() {
            return Ok(());
        }
        let problem = format!("{} has changes, which would be lost", git.directory().display());
        Err(Error::resource(&work.resource.name, problem, "commit them there and add it as `git`, or take them back"))
    }

    fn save(&self, work: &Work<'_>, draft: &Draft<'_>) -> Result<State, Error> {
        if find(work)?.is_none() && !draft.only_looks {
            self.pull(work)?;
        }
        self.check(work)?;
        let git = find(work)?.ok_or_else(|| missing(work))?;
        let commit = git.head()?.ok_or_else(|| missing(work))?;
        Ok(State { hash: Some(git.tree_of(&commit)?), content: None, commit: Some(commit) })
    }

    fn stage(&self, work: &Work<'_>, state: &State) -> Result<bool, Error> {
        if find(work)?.is_none() {
            self.pull(work)?;
        }
        self.check(work)?;
        let git = find(work)?.ok_or_else(|| missing(work))?;
        let Some(commit) = &state.commit else { return Ok(false) };
        if !git.has(commit)? {
            git.run(&["fetch", "-q", "--tags", "origin"])?;
        }
        check_objects(work, &git, state)?;
        Ok(true)
    }

    fn put(&self, work: &Work<'_>, state: &State) -> Result<(), Error> {
        let git = find(work)?.ok_or_else(|| missing(work))?;
        match &state.commit {
            Some(commit) => git.run(&["checkout", "-q", "--detach", commit]).map(drop),
            None => Ok(()),
        }
    }

    fn changes(
        &self,
        work: &Work<'_>,
        before: &State,
        after: &State,
        _reader: &dyn ObjectReader,
    ) -> Result<Option<Vec<Change>>, Error> {
        find(work)?.map_or(Ok(None), |git| changes_of_git(&git, before, after))
    }

    fn pull(&self, work: &Work<'_>) -> Result<bool, Error> {
        let (url, revision) = (work.resource.text(URL).unwrap_or_default(), work.resource.text(REVISION));
        let directory = work.files()?;
        let Some(git) = find(work)? else {
            clone(work.context, &work.resource.name, url, revision, &directory)?;
            return Ok(true);
        };
        self.check(work)?;
        let before = git.head()?;
        git.run(&["fetch", "-q", "--tags", "origin"])?;
        check_out(&git, &work.resource.name, revision)?;
        Ok(git.head()? != before)
    }
}

fn find(work: &Work<'_>) -> Result<Option<Git>, Error> {
    let directory = work.files()?;
    let git = if directory.is_dir() { Git::find(&directory)? } else { None };
    Ok(git.filter(|git| git.prefix.is_empty()).map(|git| work.workspace.working(git, work.context)))
}

fn missing(work: &Work<'_>) -> Error {
    let place = work.files().map(|directory| directory.display().to_string()).unwrap_or_default();
    Error::resource(&work.resource.name, format!("{place} is not there"), "`seedbed pull` fetches it")
}

fn clone(
    context: &Context<'_>,
    name: &str,
    url: &str,
    revision: Option<&str>,
    to: &std::path::Path,
) -> Result<(), Error> {
    let parent = to.parent().expect("a directory is in one");
    fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    context.world.note(&format!("{name} comes from {url}"));
    let outside = Git::outside(parent);
    outside.run(&["clone".as_ref(), "-q".as_ref(), "--".as_ref(), url.as_ref(), to.as_os_str()])?;
    let checked_out = Git::find(to)?.map_or(Ok(()), |git| check_out(&git, name, revision));
    if checked_out.is_err() {
        // It was just made; the error says what is wrong.
        let _ = fs::remove_dir_all(to);
    }
    checked_out
}

/// Checks out what was asked for: a branch of the other side, a tag, or a commit.
fn check_out(git: &Git, name: &str, revision: Option<&str>) -> Result<(), Error> {
    let wanted = revision.unwrap_or("HEAD");
    for candidate in [format!("origin/{wanted}"), wanted.to_owned()] {
        if git.succeeds(&["rev-parse", "-q", "--verify", &format!("{candidate}^{{commit}}")])? {
            return git.run(&["checkout", "-q", "--detach", &candidate]).map(drop);
        }
    }
    Err(Error::resource(name, format!("the repository has no '{wanted}'"), "name a branch, a tag or a commit of it"))
}

/// Fetches the repository of a resource that is being added, and says which commit it is.
pub(crate) fn prepare(
    context: &Context<'_>,
    name: &str,
    directory: &std::path::Path,
    parameters: &mut Map<String, Value>,
) -> Result<(), Error> {
    let text = |key: &str| parameters.get(key).and_then(Value::as_str).map(str::to_owned);
    let (url, revision) = (text(URL).unwrap_or_default(), text(REVISION));
    clone(context, name, &url, revision.as_deref(), directory)?;
    let commit = Git::find(directory)?.map(|git| git.head()).transpose()?.flatten();
    parameters.insert("commit".to_owned(), json!(commit));
    Ok(())
}
