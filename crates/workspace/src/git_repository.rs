//! A repository of git of its own, beside or in the workspace.

use store::ObjectReader;

use crate::git_subdirectory::check_objects;
use crate::kind::{Draft, ResourceKind, State, Work};
use crate::status::{Change, changes_of_git};
use crate::{Error, Git};

/// The kind `git`.
pub struct GitRepository;

/// The word for it.
pub const KIND: &str = "git";

/// The branch that is meant.
const BRANCH: &str = "branch";

impl ResourceKind for GitRepository {
    fn name(&self) -> &'static str {
        KIND
    }

    fn about(&self) -> &'static str {
        "a repository of git of its own"
    }

    fn check(&self, work: &Work<'_>) -> Result<(), Error> {
        let git = repository(work)?;
        let branch = git.run(&["rev-parse", "--abbrev-ref", "HEAD"]).unwrap_or_default();
        match work.resource.text(BRANCH) {
            Some(wanted) if !branch.is_empty() && branch != wanted && git.head()?.is_some() => {
                let problem = format!("'{branch}' is checked out, not its branch '{wanted}'");
                let help = format!("`git -C {} switch {wanted}`", git.directory().display());
                Err(Error::resource(&work.resource.name, problem, help))
            }
            _ => Ok(()),
        }
    }

    fn save(&self, work: &Work<'_>, _draft: &Draft<'_>) -> Result<State, Error> {
        self.check(work)?;
        let git = repository(work)?;
        let head = git.head()?;
        let staged = git.stage(head.as_deref(), &all())?;
        let commit = git.commit_tree(&staged.tree, head.as_deref(), "Before a snapshot")?;
        Ok(State { hash: Some(staged.tree), content: None, commit: Some(commit) })
    }

    fn keep(&self, work: &Work<'_>, state: &State) -> Result<(), Error> {
        let git = repository(work)?;
        let Some(commit) = &state.commit else { return Ok(()) };
        let head = git.head()?;
        // Done before this was cut off; or somebody has committed since, and what was made stays reachable by that.
        if head.as_ref() == Some(commit) || head != git.parent(commit)? {
            return Ok(());
        }
        let staged = git.stage(Some(commit), &[])?;
        git.advance(head.as_deref(), commit, &staged, &all())
    }

    fn hold(&self, work: &Work<'_>, state: &State, name: &str) -> Result<(), Error> {
        repository(work)?.hold(state, name)
    }

    fn stage(&self, work: &Work<'_>, state: &State) -> Result<bool, Error> {
        check_objects(work, &repository(work)?, state)?;
        Ok(true)
    }

    fn put(&self, work: &Work<'_>, state: &State) -> Result<(), Error> {
        let git = repository(work)?;
        let Some(hash) = &state.hash else { return Ok(()) };
        // Workspaces of dws name the commit.
        let tree = git.tree_of(hash)?;
        git.switch(".", &tree)?;
        git.commit(&all(), "Restore to a snapshot")?;
        Ok(())
    }

    fn changes(
        &self,
        work: &Work<'_>,
        before: &State,
        after: &State,
        _reader: &dyn ObjectReader,
    ) -> Result<Option<Vec<Change>>, Error> {
        changes_of_git(&repository(work)?, before, after)
    }
}

fn all() -> Vec<String> {
    vec![".".to_owned()]
}

fn repository(work: &Work<'_>) -> Result<Git, Error> {
    let directory = work.files()?;
    let git = if directory.is_dir() { Git::find(&directory)? } else { None };
    match git {
        Some(git) if git.prefix.is_empty() => Ok(work.workspace.working(git, work.context)),
        _ => {
            let problem = format!("{} is no repository of git", directory.display());
            let help = match work.resource.text("url") {
                Some(url) => format!("`git clone {url} {}`", directory.display()),
                None => "make it, or `seedbed remove` the resource".to_owned(),
            };
            Err(Error::resource(&work.resource.name, problem, help))
        }
    }
}
