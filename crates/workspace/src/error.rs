//! What can go wrong with a data workspace.

use std::io;
use std::path::{Path, PathBuf};

/// An error of an operation on a data workspace.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none.
    #[error("{} is not in a data workspace", from.display())]
    NoWorkspace {
        /// Where it was looked for.
        from: PathBuf,
    },
    /// There is one.
    #[error("{} is a data workspace already", root.display())]
    Exists {
        /// Its root.
        root: PathBuf,
    },
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the metadata is not as it should be.
    #[error("{} cannot be understood: {problem}", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// Files could not be saved or brought back.
    #[error("resource {resource}")]
    Tree {
        /// Whose files.
        resource: String,
        /// What is wrong.
        source: tree::TreeError,
    },
    /// Git is not there.
    #[error("cannot run git")]
    NoGit {
        /// What the system said.
        source: io::Error,
    },
    /// Git refused.
    #[error("`git {command}` in {} failed: {said}", directory.display())]
    Git {
        /// What it was asked, without what does not matter.
        command: String,
        /// Where.
        directory: PathBuf,
        /// Its last words.
        said: String,
    },
    /// Another program failed.
    #[error("`{program}` failed: {said}")]
    Program {
        /// What was called.
        program: String,
        /// Its last words.
        said: String,
    },
    /// A name cannot be used.
    #[error("'{name}' cannot be the name of a {what}: {problem}")]
    Name {
        /// Of what.
        what: &'static str,
        /// The name.
        name: String,
        /// Why not.
        problem: String,
    },
    /// A resource has this name.
    #[error("there is a resource '{0}' already")]
    ResourceExists(String),
    /// A resource has these files.
    #[error("{} is in the resource '{resource}' already", path.display())]
    PathTaken {
        /// The path that was asked for.
        path: PathBuf,
        /// Whose it is.
        resource: String,
    },
    /// There is no such resource.
    #[error("there is no resource '{wanted}'")]
    NoResource {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A resource cannot do what is asked.
    #[error("resource {resource}: {problem}")]
    Resource {
        /// Which.
        resource: String,
        /// What is wrong.
        problem: String,
        /// What to do.
        help: Option<String>,
    },
    /// The world failed for a resource.
    #[error("resource {resource}: {problem}")]
    World {
        /// Which.
        resource: String,
        /// What was tried.
        problem: String,
        /// Why it failed.
        source: crate::Failure,
    },
    /// There is no such snapshot.
    #[error("there is no snapshot '{wanted}'")]
    NoSnapshot {
        /// What was asked for.
        wanted: String,
        /// Tags that there are.
        known: Vec<String>,
    },
    /// Several snapshots begin so.
    #[error("several snapshots begin with '{wanted}'")]
    Ambiguous {
        /// What was asked for.
        wanted: String,
        /// Which do.
        found: Vec<String>,
    },
    /// A tag names another snapshot.
    #[error("the tag '{tag}' names the snapshot {snapshot}")]
    TagTaken {
        /// The tag.
        tag: String,
        /// What it names.
        snapshot: String,
    },
    /// Something of a name is not there.
    #[error("there is no {what} '{wanted}'")]
    Unknown {
        /// What: a tag, a branch, a parameter.
        what: &'static str,
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: Vec<String>,
    },
    /// It would be wrong to do this.
    #[error("{problem}")]
    Refused {
        /// Why.
        problem: String,
        /// What to do instead.
        help: Option<String>,
    },
    /// The user wished it to end.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn tree(resource: &str) -> impl FnOnce(tree::TreeError) -> Self {
        move |source| match source {
            tree::TreeError::Interrupted => Self::Interrupted,
            source => Self::Tree { resource: resource.to_owned(), source },
        }
    }

    pub(crate) fn refused(problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Refused { problem: problem.into(), help: Some(help.into()) }
    }

    pub(crate) fn resource(resource: &str, problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Resource { resource: resource.to_owned(), problem: problem.into(), help: Some(help.into()) }
    }
}
