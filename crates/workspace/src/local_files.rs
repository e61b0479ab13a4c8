//! Files of this machine, whose whole content is kept in the store.

use store::ObjectReader;
use tree::{RestoreOptions, Rules};

use crate::kind::{Draft, ResourceKind, State, Work};
use crate::sketch::Sketch;
use crate::status::{Change, changes_of_trees};
use crate::{Error, contents};

/// The kind `local-files`.
pub struct LocalFiles;

/// The word for it.
pub const KIND: &str = "local-files";

impl ResourceKind for LocalFiles {
    fn name(&self) -> &'static str {
        KIND
    }

    fn about(&self) -> &'static str {
        "a directory whose whole content is kept in the store"
    }

    fn check(&self, work: &Work<'_>) -> Result<(), Error> {
        let directory = work.files()?;
        if directory.is_dir() {
            return Ok(());
        }
        let problem = format!("{} is no directory", directory.display());
        Err(Error::resource(&work.resource.name, problem, "make it, or `seedbed remove` the resource"))
    }

    fn save(&self, work: &Work<'_>, draft: &Draft<'_>) -> Result<State, Error> {
        self.check(work)?;
        let only_compared = Sketch::that_knows_everything(work.workspace.store(work.context)?);
        let writer = if work.resource.keeps_content() { draft.writer } else { &only_compared };
        let mut cache = work.workspace.stat_cache(&work.resource.name)?;
        if draft.only_looks {
            // What is remembered of files must be of contents that are kept.
            let copy = cache.with_extension("look");
            let copied = std::fs::copy(&cache, &copy).map(drop);
            if copied.is_err() {
                let _ = std::fs::remove_file(&copy);
            }
            cache = copy;
        }
        let saved = tree::save(&work.files()?, &rules(work), &cache, writer, &work.watch())
            .map_err(Error::tree(&work.resource.name))?;
        for hole in &saved.holes {
            let (path, why) = (hole.path.display(), hole.why.as_str());
            work.context.world.note(&format!("not in the snapshot: {}: {path} {why}", work.resource.name));
        }
        let content = work.resource.keeps_content().then_some(saved.root);
        Ok(State { hash: Some(saved.content), content, commit: None })
    }

    fn stage(&self, work: &Work<'_>, state: &State) -> Result<bool, Error> {
        contents::bring(work, state)
    }

    fn put(&self, work: &Work<'_>, state: &State) -> Result<(), Error> {
        let Some(root) = &state.content else { return Ok(()) };
        let options = RestoreOptions {
            only: work.resource.included(),
            leave: work.resource.excluded(),
            ..RestoreOptions::default()
        };
        let store = work.workspace.store(work.context)?;
        let cache = work.workspace.stat_cache(&work.resource.name)?;
        let restored = tree::restore(root, &work.files()?, &cache, store, &options, &tree::unwatched)
            .map_err(Error::tree(&work.resource.name))?;
        if let Some(first) = restored.refused.first() {
            let text = format!("{}: attributes could not be set, of {first} among others", work.resource.name);
            work.context.world.note(&text);
        }
        Ok(())
    }

    fn changes(
        &self,
        _work: &Work<'_>,
        before: &State,
        after: &State,
        reader: &dyn ObjectReader,
    ) -> Result<Option<Vec<Change>>, Error> {
        changes_of_trees(before, after, reader)
    }
}

/// What of the directory is the resource.
pub(crate) fn rules(work: &Work<'_>) -> Rules {
    Rules { include: work.resource.included(), exclude: work.resource.excluded(), ..Rules::default() }
}
