//! What a kind of resource can do: one trait, and the list of the kinds.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use store::{ObjectId, ObjectWriter, Snapshot};

use crate::api::Api;
use crate::database::Database;
use crate::git_index::Staged;
use crate::git_reference::GitReference;
use crate::git_repository::GitRepository;
use crate::git_subdirectory::GitSubdirectory;
use crate::http::Http;
use crate::local_files::LocalFiles;
use crate::rclone::Rclone;
use crate::status::Change;
use crate::{Context, Error, Resource, Workspace};

/// What a resource holds at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Equal for equal contents, on every machine. `None` for a resource that cannot say.
    pub hash: Option<String>,
    /// Where the content is in the store of the workspace, if it is there.
    #[serde(default, with = "object_text")]
    pub content: Option<ObjectId>,
    /// The commit of git that has it, for what is in git.
    #[serde(default)]
    pub commit: Option<String>,
}

/// What a kind works with: the workspace and one resource of it.
pub struct Work<'a> {
    /// The workspace.
    pub workspace: &'a Workspace,
    /// The resource.
    pub resource: &'a Resource,
    /// The world.
    pub context: &'a Context<'a>,
}

/// What is saved together: the writer of contents, and the files of git as they are.
pub struct Draft<'a> {
    /// Where contents are put.
    pub writer: &'a dyn ObjectWriter,
    /// Whether it is only looked at, and nothing that is remembered may change.
    pub(crate) only_looks: bool,
    /// All directories of the workspace's own repository that are saved with it.
    pub(crate) git_paths: Vec<String>,
    pub(crate) staged: OnceCell<Staged>,
    /// What environments have saved of all their databases, by the names of the environments.
    pub(crate) environments: RefCell<BTreeMap<String, Snapshot>>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(writer: &'a dyn ObjectWriter, resources: &[&Resource]) -> Self {
        let in_git = resources.iter().filter(|resource| resource.kind == crate::git_subdirectory::KIND);
        let git_paths = in_git.filter_map(|resource| resource.text(crate::resource::PATH).map(str::to_owned)).collect();
        Self { writer, only_looks: false, git_paths, staged: OnceCell::new(), environments: RefCell::default() }
    }

    /// Nothing comes of it.
    pub(crate) fn only_looking(self) -> Self {
        Self { only_looks: true, ..self }
    }

    /// The files of the workspace's own repository as they are now.
    pub(crate) fn staged(&self, workspace: &Workspace) -> Result<&Staged, Error> {
        if let Some(staged) = self.staged.get() {
            return Ok(staged);
        }
        let git = workspace.git()?;
        let staged = git.stage(git.head()?.as_deref(), &self.git_paths)?;
        Ok(self.staged.get_or_init(|| staged))
    }
}

/// A kind of resource. Everything is repeatable: what was cut off is done again, from whatever is there.
pub trait ResourceKind: Sync {
    /// The word for it.
    fn name(&self) -> &'static str;

    /// What a person may want to know of it, in a line.
    fn about(&self) -> &'static str;

    /// Says what is wrong with a resource that is to be added, or why it cannot be saved now; changes nothing.
    fn check(&self, work: &Work<'_>) -> Result<(), Error>;

    /// Saves what the resource holds now: as objects of the draft's writer, or as objects of git that nobody sees yet.
    fn save(&self, work: &Work<'_>, draft: &Draft<'_>) -> Result<State, Error>;

    /// Makes what was saved part of the resource's own history, after the snapshot has been decided.
    fn keep(&self, _work: &Work<'_>, _state: &State) -> Result<(), Error> {
        Ok(())
    }

    /// Keeps what was saved of it, under a name, until the next that is kept under that name; contents in the store are kept by who calls.
    fn hold(&self, _work: &Work<'_>, _state: &State, _name: &str) -> Result<(), Error> {
        Ok(())
    }

    /// Fetches and checks all that a later [`ResourceKind::put`] needs, and changes nothing that can be seen. `false`: there is
    /// nothing that could be put, since content of this resource is not kept.
    fn stage(&self, work: &Work<'_>, state: &State) -> Result<bool, Error>;

    /// Makes the resource hold what the state says; whatever it holds is replaced.
    fn put(&self, work: &Work<'_>, state: &State) -> Result<(), Error>;

    /// Brings what the other side of the resource has, if it has another side; `false`: nothing came.
    fn pull(&self, _work: &Work<'_>) -> Result<bool, Error> {
        Ok(false)
    }

    /// Sends what it holds to its other side, if it has one and that takes it; `false`: nothing was sent.
    fn push(&self, _work: &Work<'_>) -> Result<bool, Error> {
        Ok(false)
    }

    /// Which files differ between two states of it, in the order of their paths. `None`: it cannot be said.
    fn changes(
        &self,
        work: &Work<'_>,
        before: &State,
        after: &State,
        reader: &dyn store::ObjectReader,
    ) -> Result<Option<Vec<Change>>, Error>;

    /// Where its files are on this machine, if it has files here.
    fn directory(&self, work: &Work<'_>) -> Option<PathBuf> {
        work.resource.directory(work.workspace.root())
    }
}

/// All kinds; a new one is a file and a line here.
static KINDS: [&dyn ResourceKind; 8] =
    [&LocalFiles, &GitSubdirectory, &GitRepository, &GitReference, &Rclone, &Http, &Api, &Database];

/// All kinds.
pub fn kinds() -> &'static [&'static dyn ResourceKind] {
    &KINDS
}

/// The kind of this name.
pub fn kind(name: &str) -> Option<&'static dyn ResourceKind> {
    KINDS.into_iter().find(|kind| kind.name() == name)
}

impl Work<'_> {
    /// The kind of the resource.
    pub(crate) fn kind(&self) -> Result<&'static dyn ResourceKind, Error> {
        kind(&self.resource.kind).ok_or_else(|| {
            let known: Vec<_> = KINDS.iter().map(|kind| kind.name()).collect();
            let problem = format!("this program does not know the kind '{}'", self.resource.kind);
            Error::resource(&self.resource.name, problem, format!("it knows {}", known.join(", ")))
        })
    }

    /// Where its files are; an error when it has no path.
    pub(crate) fn files(&self) -> Result<PathBuf, Error> {
        let directory = self.resource.directory(self.workspace.root());
        directory.ok_or_else(|| {
            let help = "`seedbed config set --resource NAME path DIRECTORY` says where its files are on this machine";
            Error::resource(&self.resource.name, "it has no path here", help)
        })
    }

    /// Tells how far its files are, and whether to go on.
    pub(crate) fn watch(&self) -> impl Fn(tree::Progress) -> std::ops::ControlFlow<()> + Sync + '_ {
        let (world, name) = (self.context.world, &self.resource.name);
        move |progress| {
            world.files(name, progress.entries, progress.bytes);
            if world.is_interrupted() { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
        }
    }
}

/// Ids of objects as text.
mod object_text {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
    use store::ObjectId;

    #[expect(clippy::ref_option, reason = "serde wants it so")]
    pub fn serialize<S: Serializer>(id: &Option<ObjectId>, serializer: S) -> Result<S::Ok, S::Error> {
        id.as_ref().map(ToString::to_string).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ObjectId>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose()
    }
}
