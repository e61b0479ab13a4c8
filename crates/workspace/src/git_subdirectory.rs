//! A directory of the workspace's own repository: git keeps the content.

use store::ObjectReader;

use crate::kind::{Draft, ResourceKind, State, Work};
use crate::resource::PATH;
use crate::status::{Change, changes_of_git};
use crate::{Error, Git};

/// The kind `git-subdirectory`.
pub struct GitSubdirectory;

/// The word for it.
pub const KIND: &str = "git-subdirectory";

impl ResourceKind for GitSubdirectory {
    fn name(&self) -> &'static str {
        KIND
    }

    fn about(&self) -> &'static str {
        "a directory of the workspace's own repository; git keeps the content"
    }

    fn check(&self, work: &Work<'_>) -> Result<(), Error> {
        let path = work.resource.text(PATH).unwrap_or_default();
        let is_below = !path.is_empty() && !path.starts_with('/') && !path.split('/').any(|part| part == "..");
        if is_below {
            return Ok(());
        }
        let problem = "its path is not below the root of the workspace";
        Err(Error::resource(&work.resource.name, problem, "add it as `local-files`, or as `git` if it is a repository"))
    }

    fn save(&self, work: &Work<'_>, draft: &Draft<'_>) -> Result<State, Error> {
        self.check(work)?;
        let tree = &draft.staged(work.workspace)?.tree;
        let hash = work.workspace.git()?.subtree(tree, path(work))?;
        Ok(State { hash: Some(hash), content: None, commit: None })
    }

    fn hold(&self, work: &Work<'_>, state: &State, name: &str) -> Result<(), Error> {
        work.workspace.git()?.hold(state, &format!("{name}/{}", work.resource.name))
    }

    fn stage(&self, work: &Work<'_>, state: &State) -> Result<bool, Error> {
        check_objects(work, work.workspace.git()?, state)?;
        Ok(true)
    }

    fn put(&self, work: &Work<'_>, state: &State) -> Result<(), Error> {
        let Some(tree) = &state.hash else { return Ok(()) };
        work.workspace.git()?.switch(path(work), tree)
    }

    fn changes(
        &self,
        work: &Work<'_>,
        before: &State,
        after: &State,
        _reader: &dyn ObjectReader,
    ) -> Result<Option<Vec<Change>>, Error> {
        changes_of_git(work.workspace.git()?, before, after)
    }
}

fn path<'a>(work: &'a Work<'_>) -> &'a str {
    work.resource.text(PATH).unwrap_or(".")
}

/// That git has all that a state consists of.
pub(crate) fn check_objects(work: &Work<'_>, git: &Git, state: &State) -> Result<(), Error> {
    let Some(tree) = &state.hash else { return Ok(()) };
    if git.has(tree)? && git.is_whole(tree)? {
        return Ok(());
    }
    let problem = format!("{} has not all of what it held ({tree})", git.directory().display());
    Err(Error::resource(&work.resource.name, problem, "nothing was changed; `git fetch` brings what others have"))
}
